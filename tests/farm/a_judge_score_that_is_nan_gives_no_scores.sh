#!/bin/bash
# NaN is no JSON, and no number to compute with.
. ./farm.sh
. ./judge.sh

judge_farm nan
judged_one
expect_unscored "no JSON object"
no_dead_letters
