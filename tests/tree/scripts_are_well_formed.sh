#!/bin/sh
# Every shell script parses, and no check in a test is one that set -e lets pass: "! command" ends no shell by itself.
. ./tree.sh
for file in $(sources 'tests/*' 'deploy/*' '.ci/*' 'examples/*' | xargs grep -lE '^#!/bin/(ba)?sh' 2>/dev/null); do
    case $(head -n 1 "$file") in *bash*) shell=bash ;; *) shell=sh ;; esac
    $shell -n "$file" || complain "$file does not parse"
done
bare=$(grep -nE '^[[:space:]]*! ' tests/farm/*.sh tests/tree/*.sh | grep -v '||') &&
    complain "these may be false and nobody learns of it, say || exit 1: $bare"
exit $wrong
