#!/bin/bash
# The refusal member of the message is set.
. ./farm.sh
. ./judge.sh

judge_farm refusal
judged_one
expect_unscored "refused"
no_dead_letters
