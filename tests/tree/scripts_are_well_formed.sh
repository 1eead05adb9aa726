#!/bin/sh
# Every shell script parses, and those that are run may be run.
. ./tree.sh
for file in $(sources 'tests/*' 'deploy/*' '.ci/*' 'examples/*' | xargs grep -lE '^#!/bin/(ba)?sh' 2>/dev/null); do
    case $(head -n 1 "$file") in *bash*) shell=bash ;; *) shell=sh ;; esac
    $shell -n "$file" || complain "$file does not parse"
done
exit $wrong
