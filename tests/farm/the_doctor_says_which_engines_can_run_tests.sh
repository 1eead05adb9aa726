#!/bin/bash
# prt qa-doctor finds the engine that works, shows its limits and names a remedy for what does not work.
. ./farm.sh

doctor() { code=0; prt --json qa-doctor "$@" >"$work/doctor" 2>"$work/said" || code=$?; }
[ "$(id -u)" -eq 0 ] || { echo "runc needs root"; exit 77; }

doctor --engine runc
expect "$code" = 1
expect "$(jq -r '.engines[0].works, .engines[0].remedy' "$work/doctor")" = "$(printf 'false\nprt qa-image')"

prt qa-image >/dev/null
doctor --engine runc
expect "$code" = 0
expect "$(jq -c '[.engines[0] | .works, all(.limits[]; .held), (.limits | length > 12), .start_ms > 0]' "$work/doctor")" = '[true,true,true,true]'

expect "$(jq -r '.engines[0].build_network' "$work/doctor")" = host
expect "$(prt qa-doctor --engine runc | grep -c 'loopback')" = 1
PRT_QA_BUILD_NETWORK=off doctor --engine runc
expect "$(jq -r '.engines[0].build_network' "$work/doctor")" = none
expect "$(PRT_QA_BUILD_NETWORK=off prt qa-doctor --engine runc | grep -c 'loopback')" = 0

PRT_SANDBOX=podman doctor --engine runc # asked by name: what is set is not in question
expect "$code" = 0
doctor --engine lxc
expect "$code" = 2
