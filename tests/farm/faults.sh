# What the tests of faults share; not a test. Source it after farm.sh.
#
# $work/ledger holds what clients were answered; see tests/lib/ledger.py.

ledger() { python3 "$root/tests/lib/ledger.py" "$1" "$url" "$key" "$work/ledger" "${@:2}"; }

# Clients that go on until load_end. Options are those of ledger.py load.
load_begin() {
    rm -f "$work/enough"
    ledger load --stop "$work/enough" "$@" >"$work/load" 2>"$work/load.err" &
    loader=$!
    wait_until load_flows 20
}

lines_of_ledger() { wc -l <"$work/ledger"; }

# At least so many more answers than before.
load_flows() { [ -s "$work/ledger" ] && [ "$(lines_of_ledger)" -ge $((${load_before:-0} + $1)) ]; }
load_goes_on() {
    load_before=$(lines_of_ledger)
    wait_until load_flows "${1:-20}"
}

load_end() {
    touch "$work/enough"
    wait "$loader" || { cat "$work/load" "$work/load.err"; return 1; }
}

# Every event of the ledger exactly once, and nothing else in the whole database.
expect_ledger_true() {
    ledger check >"$work/checked" 2>"$work/differ" || {
        cat "$work/load" "$work/checked" "$work/differ" 2>/dev/null
        return 1
    }
    expect "$(db "SELECT coalesce(sum(octet_length(event_keys)), 0) / 16 FROM trace_chunks")" = "$(jq .events "$work/checked")"
    expect "$(db "SELECT count(*) FROM trace_chunks")" = "$(jq .chunks "$work/checked")"
    expect "$(db "SELECT count(*) FROM trace_chunks WHERE status <> 'chained'")" = 0
    expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0
    touch "$work/load"
    echo "load $(cat "$work/load"); stored $(cat "$work/checked")"
}

# An S3 store whose answers go through a proxy that does what the one word in $work/mode says: pass, refuse,
# busy, stall, cut, slow. Sets what a farm needs to use it.
store_behind_proxy() {
    local name value endpoint
    coproc STORE { exec "$root/tests/lib/s3-server" 2>"$work/s3.err"; }
    while read -r name value <&"${STORE[0]}"; do
        case $name in
        endpoint) endpoint=$value ;;
        access_key) export PRT_S3_ACCESS_KEY=$value ;;
        secret_key) export PRT_S3_SECRET_KEY=$value ;;
        region) export PRT_S3_REGION=$value ;;
        ready) break ;;
        esac
    done
    [ "${name:-}" = ready ] || { cat "$work/s3.err"; exit 1; }
    exec {store_lives}>&"${STORE[1]}"
    echo pass >"$work/mode"
    exec {proxy_lives}<> <(:)
    mkfifo "$work/proxy.in"
    python3 "$root/tests/lib/bad_proxy.py" "$endpoint" "$work/mode" <"$work/proxy.in" >"$work/proxy" 2>"$work/proxy.err" &
    exec {proxy_lives}>"$work/proxy.in"
    wait_until grep -q port "$work/proxy"
    export PRT_BLOB_URL="s3://127.0.0.1:$(cut -d ' ' -f 2 "$work/proxy")"
}
