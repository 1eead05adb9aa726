#!/bin/bash
# Compressed, as many proxies send it.
. ./farm.sh
. ./judge.sh

judge_farm gzip
judged_one
expect_scores 4
expect "$(model_server asked/gzip)" = 1
