#!/bin/bash
# A seventh dimension: the model follows another rubric.
. ./farm.sh
. ./judge.sh

judge_farm extra
judged_one
expect_unscored "unknown member"
no_dead_letters
