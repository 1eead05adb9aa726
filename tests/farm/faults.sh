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
    expect "$(db "SELECT count(*) FROM trace_events")" = "$(jq .events "$work/checked")"
    expect "$(db "SELECT count(*) FROM trace_chunks")" = "$(jq .chunks "$work/checked")"
    expect "$(db "SELECT count(*) FROM trace_chunks WHERE status <> 'chained'")" = 0
    expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0
    touch "$work/load"
    echo "load $(cat "$work/load"); stored $(cat "$work/checked")"
}
