#!/bin/sh
# A row of config.def that no program reads, or a PRT_ name in deploy/ and k8s/ that is no row, is a lie.
. ./tree.sh
names=$(sed -n 's/^CONFIG( *\([a-z0-9_]*\),.*/\1/p' schemas/config.def)
for name in $names; do
    sources '*.c' | grep -v '^common/config/' | xargs grep -qE "(->|\.)$name\b" || complain "no program reads the setting $name"
done
used=$(sources 'deploy/*' 'k8s/*' README.md | xargs grep -ohE 'PRT_[A-Z0-9_]+' 2>/dev/null | sort -u | grep -vE '^PRT_(INGEST|WORK|RESULT|DEAD|TRIES|SANITIZE|FUZZ|TEST_.*)$' || true)
for variable in $used; do
    name=$(echo "${variable#PRT_}" | tr 'A-Z' 'a-z' | sed 's/_file$//')
    echo "$names" | grep -qx "$name" || echo "$names" | grep -qx "$(echo "${variable#PRT_}" | tr 'A-Z' 'a-z')" || case $variable in *_) ;; *) complain "$variable is no setting" ;; esac
done
exit $wrong
