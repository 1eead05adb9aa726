#!/bin/bash
# Five of six are no result; the missing one is not made up.
. ./farm.sh
. ./judge.sh

judge_farm missing
judged_one
expect_unscored "efficiency is missing"
no_dead_letters
