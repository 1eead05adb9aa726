#!/bin/bash
# The proxy comes from the environment, the certificate to trust from PRT_JUDGE_CA_FILE; the name is one that
# only the proxy knows.
. ./farm.sh
. ./judge.sh

model_up
judge_url=https://judge.test/v1
export https_proxy=http://127.0.0.1:$model_port PRT_JUDGE_CA_FILE=$model_ca_file
judge_farm good
judged_one
expect_scores 4
expect "$(model_server connected/judge.test:443)" = 1
