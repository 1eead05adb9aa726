#!/bin/bash
# The gateway's answer that a trace is open never arrives: prt submit asks again and is given the same trace.
. ./farm.sh

farm_up --workers qa=0,judge=0

python3 - "$url" "$work/port" <<'P' &
import socket, sys, threading, urllib.parse
at = urllib.parse.urlparse(sys.argv[1])
server = socket.create_server(("127.0.0.1", 0))
lost = []

def pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)

def serve(client):
    gateway = socket.create_connection((at.hostname, at.port))
    begun = client.recv(65536)
    gateway.sendall(begun)
    threading.Thread(target=pump, args=(client, gateway), daemon=True).start()
    if begun.startswith(b"POST /v1/traces ") and not lost:
        lost.append(gateway.recv(65536))
        client.shutdown(socket.SHUT_RDWR)
        return
    pump(gateway, client)

with open(sys.argv[2], "w") as file:
    print(server.getsockname()[1], file=file)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
P
proxy=$!
also_end() { kill $proxy 2>/dev/null || true; }
wait_until test -s "$work/port"

trace=$(PRT_GATEWAY_URL=http://127.0.0.1:$(cat "$work/port") prt submit "$examples/one_line_fix")
expect "$(db "SELECT string_agg(trace_id, ' ') FROM traces")" = "$trace"
