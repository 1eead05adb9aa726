#!/bin/sh
# At 600 lines a C file is two files.
. ./tree.sh
for file in $(sources '*.c' '*.h'); do
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || complain "$file has $lines lines"
done
exit $wrong
