#!/bin/sh
# Licence line, guards, line length, and the words and calls that have no place here.
. ./tree.sh
for file in $(sources '*.c' '*.h' | grep -v '^examples/'); do
    head -n 1 "$file" | grep -q 'SPDX-License-Identifier: MIT' || complain "$file: no licence line"
done
long=$(sources '*.c' '*.h' | grep -v '^examples/' | xargs awk 'length($0) > 200 { print FILENAME ":" FNR }' | head)
[ -z "$long" ] || complain "over 200 columns: $long"
# Reading the environment is config's job; spawning children, the command line's.
getenvs=$(sources '*.c' | grep -vE '^(common/config|common/farm/ready.c|gateway/cli|tests|examples)/?' | xargs grep -ln 'getenv(' || true)
[ -z "$getenvs" ] || complain "getenv outside config: $getenvs"
# A test waits for a state, never for a time.
sleeps=$(sources 'tests/*' | grep -vE '^tests/(tree|bench|lib)/' | xargs grep -nE '(^|[^_a-z.])(sleep|usleep|nanosleep) ?\(?[0-9]' 2>/dev/null || true)
[ -z "$sleeps" ] || complain "a test that sleeps: $sleeps"
open=$(sources '*.c' '*.h' '*.sh' '*.js' '*.py' | grep -v '^tests/tree/' | xargs grep -nE 'TODO|FIXME|XXX' 2>/dev/null | grep -v 'XXXXXX' || true)
[ -z "$open" ] || complain "left open: $open"
merging=$(git -C "$root" grep -nE '^(<{7} |>{7} |={7}$)' -- . ':!*.md' || true)
[ -z "$merging" ] || complain "two sides of a merge: $merging"
exit $wrong
