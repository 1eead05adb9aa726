#!/bin/sh
# The rules of schemas/redact.def find next to nothing in Python's own library, as files and as the diffs that add
# them, and little but the samples of the tests in the history of this tree; and the measure itself would tell.
. ./tree.sh
export PRT_TEST_BUILD="${PRT_TEST_BUILD:-$root/build/sanitized}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')

# Without the tests and what else is installed: a find or two, examples of passwords.
find "$library" \( -name site-packages -o -name dist-packages -o -name 'test*' \) -prune -o -name '*.py' -print |
    xargs tests/bench/redact --added --most 0.5 || complain "the rules take too much out of $library"

# 1.6 a MB, nearly all of them in tests.
[ ! -e .git ] || tests/bench/redact --most 3 "$root" || complain "the rules take too much out of this tree's diffs"

yes 'DB_PASSWORD=hunter2x' | head -n 100 >"$work/settings"
! tests/bench/redact --added --most 0.2 "$work/settings" >"$work/said" || complain "a file of passwords passed"
[ "$(grep -c '100 finds' "$work/said")" = 2 ] || complain "of 100 passwords in a file and in its diff were found: $(cat "$work/said")"
exit $wrong
