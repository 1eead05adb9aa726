#!/bin/sh
# Nothing new at the top: everything has its place below.
. ./tree.sh
allowed="CMakeLists.txt LICENSE README.md common deploy examples gateway k8s schemas tests workers"
for entry in $(sources . | cut -d/ -f1 | sort -u); do
    case $entry in .*) continue ;; esac
    case " $allowed " in *" $entry "*) ;; *) complain "$entry does not belong at the top" ;; esac
done
for file in $(sources common | awk -F/ 'NF == 2'); do complain "$file lies loose in common/"; done
exit $wrong
