#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Very many connections to a farm at once, well-behaved, slow and vanishing ones.

    crowd.py URL KEY LEDGER [--connections N] [--traces N] [--slow N] [--vanishing N]

Opens --traces traces and keeps them all open: each gets its chunks one after the other, over
--connections connections that stay open. Meanwhile --slow more connections send a chunk byte by byte and never end
it, and --vanishing others are reset in the middle of a large one, again and again. When the crowd is
through, one client alone posts more chunks beside the slow and the vanishing ones. What is answered 2xx
goes to LEDGER, for ledger.py check. Prints one JSON object: how long requests took, in the crowd and of
that one client, and how the slow ones ended.
"""
import argparse
import asyncio
import json
import random
import socket
import struct
import time
import urllib.parse

from ledger import RETRIED, chunks_of

PATIENCE_S = 120
LARGE = 1000000
ALONE = 60


class Client:
    def __init__(self, at, key):
        self.at, self.key = at, key
        self.reader = self.writer = None

    def head(self, method, path, token, size):
        return ("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                "Content-Length: %d\r\n\r\n" % (method, path, self.at.netloc, token, size)).encode()

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(self.at.hostname, self.at.port)

    async def once(self, method, path, token, body):
        if self.writer is None:
            await self.connect()
        self.writer.write(self.head(method, path, token, len(body)) + body)
        fields = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        size = next(int(f.split(":")[1]) for f in fields if f.lower().startswith("content-length:"))
        text = await self.reader.readexactly(size)
        if any(f.lower() == "connection: close" for f in fields):
            self.writer.close()
            self.writer = None
        return int(fields[0].split()[1]), text

    async def ask(self, method, path, token, value):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status = None
            try:
                status, text = await self.once(method, path, token, json.dumps(value).encode())
            except (OSError, asyncio.IncompleteReadError) as problem:
                if self.writer is not None:
                    self.writer.close()
                self.writer, text = None, repr(problem)
            if status is not None and status not in RETRIED or time.monotonic() > deadline:
                return status, text
            await asyncio.sleep(random.uniform(0.05, 0.3))


class Crowd:
    def __init__(self, options):
        self.options = options
        self.at = urllib.parse.urlparse(options.url)
        self.file = open(options.ledger, "a")
        self.seconds = []
        self.enough = asyncio.Event()
        self.slow_ended = {}
        self.vanished = 0
        self.connected = 0
        self.everybody = asyncio.Event()
        self.opened = 0
        self.all_open = asyncio.Event()

    async def open(self, client):
        status, text = await client.ask("POST", "/v1/traces", self.options.key,
                                        {"participant_id": "p", "task_id": "crowd", "task_title": "t"})
        if status != 201:
            raise RuntimeError("open: %s %s" % (status, text[:200]))
        opened = json.loads(text)
        return opened["trace_id"], opened["upload_token"]

    async def post(self, client, trace, token, chunk):
        began = time.monotonic()
        status, text = await client.ask("POST", "/v1/traces/%s/events:ingest" % trace, token, chunk)
        if status not in (200, 202):
            raise RuntimeError("chunk: %s %s" % (status, text[:200]))
        self.file.write(json.dumps({"trace": trace, "token": token, "chunk": chunk}) + "\n")
        return time.monotonic() - began

    async def good(self, number):
        dice = random.Random(number)
        client = Client(self.at, self.options.key)
        await client.connect()
        self.connected += 1
        if self.connected == self.options.connections:
            self.everybody.set()
        await self.everybody.wait()
        traces = []
        for _ in range(self.options.traces // self.options.connections):
            traces.append((*await self.open(client), list(chunks_of(dice, 2, 100))))
        self.opened += 1
        if self.opened == self.options.connections:
            self.all_open.set()
        await self.all_open.wait()
        for turn in range(2):
            for trace, token, chunks in traces:
                self.seconds.append(await self.post(client, trace, token, chunks[turn]))
        client.writer.close()

    async def alone(self):
        client = Client(self.at, self.options.key)
        trace, token = await self.open(client)
        return [await self.post(client, trace, token, chunk) for chunk in chunks_of(random.Random(), ALONE, 100)]

    async def begin(self, trace, token):
        client = Client(self.at, self.options.key)
        await client.connect()
        client.writer.write(client.head("POST", "/v1/traces/%s/events:ingest" % trace, token, LARGE))
        return client

    async def slow(self, trace, token):
        while not self.enough.is_set():
            client = await self.begin(trace, token)
            answer = asyncio.ensure_future(client.reader.read(100))
            try:
                while not answer.done():
                    client.writer.write(b" ")
                    await asyncio.wait((answer,), timeout=0.2)
                how = answer.result()[9:12].decode() or "closed"
            except OSError:
                how = "closed"
            self.slow_ended[how] = self.slow_ended.get(how, 0) + 1
            client.writer.close()

    async def vanishing(self, trace, token):
        while not self.enough.is_set():
            client = await self.begin(trace, token)
            client.writer.write(b" " * (LARGE // 2))
            await client.writer.drain()
            client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                              struct.pack("ii", 1, 0))
            client.writer.close()
            self.vanished += 1
            await asyncio.sleep(0.2)

    async def run(self):
        target = await self.open(Client(self.at, self.options.key))
        others = [asyncio.ensure_future(self.slow(*target)) for _ in range(self.options.slow)]
        others += [asyncio.ensure_future(self.vanishing(*target)) for _ in range(self.options.vanishing)]
        await asyncio.gather(*(self.good(i) for i in range(self.options.connections)))
        alone = sorted(await self.alone())
        self.enough.set()
        await asyncio.gather(*others)
        self.file.close()
        took = sorted(self.seconds)
        print(json.dumps({"requests": len(took), "p50_s": round(took[len(took) // 2], 3),
                          "p99_s": round(took[len(took) * 99 // 100], 3), "most_s": round(took[-1], 3),
                          "alone_p50_s": round(alone[len(alone) // 2], 3), "alone_most_s": round(alone[-1], 3),
                          "slow_ended": self.slow_ended, "vanished": self.vanished}))


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("ledger")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--traces", type=int, default=2000)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--vanishing", type=int, default=20)
    await Crowd(parser.parse_args()).run()


if __name__ == "__main__":
    asyncio.run(main())
