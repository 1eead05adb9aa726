#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A TCP proxy on loopback that does to connections what a bad day does.

    bad_proxy.py HOST:PORT MODE_FILE

Prints "port N", then serves until its standard input closes. The word in MODE_FILE, read again all the
time, says how: pass; refuse (connections are reset at once); stall (accepted, nothing goes through);
cut (reset in the middle of what is sent); busy (every request is answered 503); deny (403); slow (a second late).
"""
import random
import socket
import struct
import sys
import threading
import time

def answer(status, code):
    body = b'<?xml version="1.0"?><Error><Code>%s</Code><Message>Please wait.</Message></Error>' % code
    return (b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (status, len(body), body))


ANSWERS = {"busy": answer(b"503 Slow Down", b"SlowDown"), "deny": answer(b"403 Forbidden", b"AccessDenied")}


def reset(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError:
        pass


class Proxy:
    def __init__(self, upstream, mode_file):
        host, port = upstream.rsplit(":", 1)
        self.upstream = (host, int(port))
        self.mode_file = mode_file

    def mode(self):
        with open(self.mode_file) as file:
            return file.read().strip()

    def pump(self, source, target):
        left = random.randrange(200, 3000)  # until a cut
        try:
            while True:
                data = source.recv(65536)
                while self.mode() == "stall":
                    time.sleep(0.02)
                if self.mode() == "slow":
                    time.sleep(1)
                if self.mode() == "refuse" or self.mode() in ANSWERS:
                    break
                if self.mode() == "cut":
                    target.sendall(data[:left])
                    left -= len(data)
                    if left <= 0:
                        break
                else:
                    target.sendall(data)
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
        except OSError:
            pass
        reset(source)
        reset(target)

    def serve(self, client):
        mode = self.mode()
        if mode == "refuse":
            reset(client)
            return
        if mode in ANSWERS:
            try:
                client.settimeout(5)
                client.recv(65536)
                client.sendall(ANSWERS[mode])
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
                client.close()
            except OSError:
                pass
            return
        try:
            server = socket.create_connection(self.upstream, timeout=10)
            server.settimeout(None)
        except OSError:
            reset(client)
            return
        threading.Thread(target=self.pump, args=(server, client), daemon=True).start()
        self.pump(client, server)

    def run(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        print("port %d" % listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()


def main():
    proxy = Proxy(sys.argv[1], sys.argv[2])
    threading.Thread(target=proxy.run, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
