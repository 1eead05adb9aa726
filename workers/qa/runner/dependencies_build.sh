# SPDX-License-Identifier: MIT
# Puts what the files in /prt/in/project depend on into one tar archive on standard output; nothing if
# there is nothing. Wheels only: no code of a package runs here.
set -e
python3 -I /prt/in/dependencies.py /prt/in/project >/tmp/requirements.txt
[ -s /tmp/requirements.txt ] || exit 0
echo "dependencies:" >&2
cat /tmp/requirements.txt >&2
python3 -m pip install --disable-pip-version-check --no-input --no-cache-dir --only-binary :all: \
    --no-compile --target /tmp/deps -r /tmp/requirements.txt >&2
# Compiled by hash: the times of files do not survive the way into the cache, and there it is read-only.
python3 -m compileall -q --invalidation-mode unchecked-hash /tmp/deps >&2 ||
    echo "(some files could not be compiled)" >&2
tar -C /tmp/deps -c .
