#!/bin/bash
# An empty list of choices.
. ./farm.sh
. ./judge.sh

judge_farm empty-choices
judged_one
expect_unscored "no choices"
no_dead_letters
