#!/bin/bash
# /metrics, /healthz and /readyz of the gateway and of each worker answer what looks at them: with the headers that
# Prometheus sends, several at once.
. ./farm.sh

farm_up
worker() { echo "http://127.0.0.1:$(sed -n 's/.*"metrics_port":\([0-9]*\).*/\1/p' "$work/var/log/worker-$1-1.log" | tail -n 1)"; }
long=$(printf '%04000d' 0)
for at in "$url" "$(worker validate)" "$(worker finalize)" "$(worker qa)" "$(worker judge)"; do
    for path in metrics healthz readyz; do
        curl -sS --no-progress-meter --parallel --parallel-immediate -H "X-Long: $long" -H 'Accept-Encoding: gzip' \
            -H 'Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1' \
            -o "$work/#1.text" -w '%{http_code}\n' "$at/$path?look=[1-16]" >"$work/codes"
        expect "$at/$path $(sort "$work/codes" | uniq -c | tr -s ' ')" = "$at/$path  16 200"
    done
    curl -sS "$at/metrics" >"$work/metrics"
    grep -q '^prt_process_memory_bytes' "$work/metrics"
done
