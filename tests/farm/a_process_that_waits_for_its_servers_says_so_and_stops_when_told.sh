#!/bin/bash
# Also as the first process of a container, which no signal ends that it does not catch: a rollout would wait
# out its grace period for each.
. ./farm.sh

unshare --pid --fork true 2>/dev/null || { echo "no process namespace of its own (not root?)"; exit 77; }
outer="" inner=""
also_end() { kill -9 ${inner:-$outer} 2>/dev/null || true; }
first_process() { inner=$(pgrep -P $outer -x "$1"); }
gone() { ! kill -TERM "$inner" 2>/dev/null; } # again: it may be about to read its settings

for command in "prt-worker judge" prt-gateway; do
    PRT_NATS_URL=nats://127.0.0.1:9 PRT_POSTGRES_URL=host=/nonexistent PRT_BLOB_URL=file://$work/blobs PRT_HTTP_PORT=0 \
        PRT_TOKEN_KEY=$(printf '%064d' 1) unshare --pid --fork "$build"/$command >"$work/log" 2>&1 &
    outer=$!
    wait_until first_process "${command% *}"
    wait_until grep -q '"event":"servers waited for".*NATS at nats://127.0.0.1:9' "$work/log"
    WAIT_SECONDS=5 wait_until gone
    code=0
    wait $outer || code=$?
    expect "$command ends with $code" = "$command ends with 143"
    expect "$(grep -c 'servers waited for' "$work/log")" = 1
done
