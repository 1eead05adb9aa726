#!/bin/bash
# Also as the first process of a container, which no signal ends that it does not catch: a rollout would wait
# out its grace period for each.
. ./farm.sh

unshare --pid --fork true 2>/dev/null || { echo "no process namespace of its own (not root?)"; exit 77; }
PRT_NATS_URL=nats://127.0.0.1:9 PRT_POSTGRES_URL=host=/nonexistent PRT_BLOB_URL=file://$work/blobs \
    unshare --pid --fork "$build/prt-worker" judge >"$work/log" 2>&1 &
outer=$!
also_end() { kill -9 "${worker:-$outer}" 2>/dev/null || true; }
first_process() { worker=$(pgrep -P $outer -x prt-worker); }
wait_until first_process
gone() { ! kill -TERM "$worker" 2>/dev/null; } # again: it may be about to read its settings
WAIT_SECONDS=5 wait_until gone
code=0
wait $outer || code=$?
expect $code = 143
