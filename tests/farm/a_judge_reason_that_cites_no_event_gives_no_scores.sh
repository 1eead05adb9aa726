#!/bin/bash
# Evidence that is not there is none.
. ./farm.sh
. ./judge.sh

judge_farm citation
judged_one
expect_unscored "cites event 999999"
no_dead_letters
