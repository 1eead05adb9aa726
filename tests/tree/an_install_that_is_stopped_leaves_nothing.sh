#!/bin/sh
# deploy/install keeps Debian from starting servers while it installs. Stopped in the middle, not for ever.
. ./tree.sh
unshare -m true 2>/dev/null || { echo "no mount namespace of its own (not root?)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/tmp"
# Nothing is installed; and in the middle of installing somebody stops who installs.
printf '#!/bin/sh\nexit 1\n' >"$work/bin/dpkg-query"
printf '#!/bin/sh\n[ -x /usr/sbin/policy-rc.d ] && touch %s/guarded\nkill -$SIGNAL $PPID\nsleep 0.2\n' "$work" \
    >"$work/bin/apt-get"
chmod +x "$work/bin/"*
for signal in TERM HUP; do
    rm -f "$work/guarded"
    # shellcheck disable=SC2016 # of the shell inside
    SIGNAL=$signal unshare -m sh -c 'mount -t tmpfs none /usr/sbin && mkdir -p /etc/postgresql-common &&
        mount -t tmpfs none /etc/postgresql-common || exit 77
        PATH=$1/bin:$PATH TMPDIR=$1/tmp deploy/install run >"$1/said" 2>&1
        ls -A /usr/sbin >"$1/left"' sh "$work" || { echo "nothing can be mounted here"; exit 77; }
    [ -e "$work/guarded" ] || complain "SIG$signal: servers would have been started: $(cat "$work/said")"
    [ ! -s "$work/left" ] || complain "SIG$signal: /usr/sbin/$(cat "$work/left") is left behind"
    [ -z "$(ls -A "$work/tmp")" ] || complain "SIG$signal: $(ls -A "$work/tmp") is left in TMPDIR"
done
exit $wrong
