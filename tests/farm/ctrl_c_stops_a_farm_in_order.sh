#!/bin/bash
# A terminal tells every process of its foreground that Ctrl-C was pressed. The servers of a farm go when its
# workers have put down what they hold, and not at once.
. ./farm.sh

setsid env --default-signal=INT "$build/prt" --data "$work/var" up --port 0 --workers qa=0,judge=0 >"$work/up" 2>&1 9>&- &
farm=$!
wait_until grep -q 'Ctrl-C stops all' "$work/up"
worker=$(pid_of worker-validate-1)
servers="$(pid_of nats-server) $(pid_of postgres)"
also_end() { kill -CONT "$worker" 2>/dev/null || true; }
kill -STOP "$worker"
kill -INT -- "-$farm"
gateway_gone() { ! kill -0 "$(pid_of gateway)"; }
wait_until gateway_gone
for server in $servers; do kill -0 "$server"; done
if grep -i 'shutdown\|shutting down' "$work/var/log/nats-server.log" "$work/var/log/postgres.log"; then exit 1; fi
kill -CONT "$worker"
code=0
wait $farm || code=$?
expect $code = 0
for server in $servers; do if kill -0 "$server" 2>/dev/null; then echo "$server is still there"; exit 1; fi; done
[ ! -e "$work/var/up.json" ]
