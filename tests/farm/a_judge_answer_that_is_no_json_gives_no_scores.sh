#!/bin/bash
# The server answers 200 with a web page.
. ./farm.sh
. ./judge.sh

judge_farm garbage
judged_one
expect_unscored "no JSON object"
no_dead_letters
