#!/bin/sh
# The instructions of the hot loops on fixed input are within 5 % of the committed baseline.
. ./tree.sh
exec tests/bench/count
