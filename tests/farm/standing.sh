# What the tests share in which a validate worker stands still with a chunk in its hands; not a test.
# Source it after farm.sh.

# One that stands still holds no more than the chunk.
farm_up_to_stop() {
    export PRT_BATCH_MESSAGES=1
    farm_up --workers qa=0,judge=0
    stopped=$(pid_of worker-validate-1)
    beside=""
}

also_end() {
    kill -CONT "${stopped:-}" 2>/dev/null || true
    [ -z "${beside:-}" ] || kill -9 "$beside" 2>/dev/null || true
}

# Another validate worker, beside the one that stands still.
start_beside() {
    (
        set -a
        . "$work/var/farm.env"
        PRT_METRICS_PORT=0 exec "$build/prt-worker" validate >"$work/var/log/validate-beside.log" 2>&1 9>&-
    ) &
    beside=$!
}

open_trace() {
    api POST /v1/traces -H 'Content-Type: application/json' -d '{"participant_id":"p","task_id":"T-1","task_title":"t",
        "repo_origin":"https://example.org/r.git","start_commit":"abc"}' >/dev/null
    trace=$(jq -r .trace_id "$work/answer")
    token=$(jq -r .upload_token "$work/answer")
}

# post ROUTE BODY [PREFER]: to the open trace.
post() {
    api POST "/v1/traces/$trace/$1" -H 'Content-Type: application/json' -H "Prefer: ${3:-wait=10}" -d "$2" >/dev/null
}

chunk() { echo "{\"chunk_id\":\"c-$1\",\"chunk_seq\":$1,\"events\":[{\"id\":\"e-$1\",\"seq\":$1,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"make\",\"exit_code\":0}]}"; }

stage() { prt --json status | jq -r --arg field "$1" '.stages[] | select(.stage == "validate") | .[$field]'; }
