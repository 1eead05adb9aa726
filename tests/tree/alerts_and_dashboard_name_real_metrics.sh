#!/bin/sh
# A series that no process has makes an alert that never fires; a metric nobody looks at is a cost.
. ./tree.sh
exec python3 tests/tree/deploy.py metrics
