#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An outside ledger: what was a farm told, what did it answer, and does it hold exactly that?

    ledger.py load URL KEY FILE [--clients N] [--traces N] [--chunks N] [--body-bytes N] [--pause-ms N]
                   [--stop PATH]
        Many clients at once open traces and post their chunks, in order and out of it, some with
        "Prefer: respond-async", some twice at the same time. They repeat a request, with the same
        chunk id, only on 429, 502, 503, 504 and broken connections, until it is answered; any other
        answer but 2xx is a failure. Each 2xx becomes a line of FILE. Every trace is completed. Each
        client opens --traces traces, or as many as it can until PATH exists.
        Prints what happened as one JSON object.

    ledger.py check URL KEY FILE
        Waits until the farm has worked off what it accepted, as long as it gets on; then every event of FILE must be in its
        trace exactly once, in the order of seq, unchanged; every chunk must have a verdict that says
        so; the documents must hold the same lines; and the traces nothing else.
        Prints what it compared as one JSON object; exits 1 and names the differences.
"""
import argparse
import collections
import concurrent.futures
import http.client
import json
import os
import random
import sys
import threading
import time
import urllib.parse

RETRIED = (429, 502, 503, 504)
PATIENCE_S = 120
STILL_S = 45  # so long may a farm be seen to do nothing at all before what is missing counts as lost
ANSWER_S = 20


class Farm:
    """One client's connection; every thread has its own."""

    def __init__(self, url, tally=None):
        at = urllib.parse.urlparse(url)
        self.host, self.port = at.hostname, at.port
        self.connection = None
        self.tally = tally if tally is not None else collections.Counter()

    def once(self, method, path, token, body=None, headers=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S)
        sent = {"Authorization": "Bearer " + token, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except BaseException:
            self.connection.close()
            self.connection = None
            raise

    def ask(self, method, path, token, body=None, headers=None, accept=()):
        """Repeats what the contract says may be repeated. Returns (status, body)."""
        deadline = time.monotonic() + PATIENCE_S
        pause = 0.05
        while True:
            try:
                status, fields, text = self.once(method, path, token, body, headers)
                if status < 300 or status in accept:
                    return status, text
                self.tally[str(status)] += 1
                if status not in RETRIED:
                    return status, text
                if status in (429, 503) and fields.get("Retry-After") is None:
                    return status, b"no Retry-After: " + text
                why = "%d %s" % (status, text[:300])
            except (OSError, http.client.HTTPException) as problem:
                self.tally["broken"] += 1
                why = repr(problem)
            if time.monotonic() > deadline:
                raise SystemExit("%s %s: no answer in %d s: %s" % (method, path, PATIENCE_S, why))
            # Shorter than Retry-After asks: the outage is what is being tested.
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 1.5, 0.5)


def event_of(dice, seq, body_bytes):
    text = "%032x" % dice.getrandbits(128)
    return {"id": "e%d-%s" % (seq, text[:8]), "seq": seq, "ts_client_s": 1772524821.25 + seq, "type": "cmd_run",
            "cmd": "echo %s %s" % (text, "x" * dice.randrange(body_bytes)), "exit_code": seq % 3}


def chunks_of(dice, count, body_bytes):
    seq = 0
    for number in range(count):
        events = []
        for _ in range(dice.randint(1, 8)):
            events.append(event_of(dice, seq, body_bytes))
            seq += dice.choice((1, 1, 1, 2))
        yield {"chunk_id": "chunk-%d" % number, "chunk_seq": number, "events": events}


class Load:
    def __init__(self, options):
        self.options = options
        self.file = open(options.file, "a", buffering=1)
        self.lock = threading.Lock()
        self.tally = collections.Counter()
        self.failures = []
        self.slowest_s = 0.0

    def note(self, line):
        with self.lock:
            self.file.write(json.dumps(line) + "\n")

    def fail(self, what):
        with self.lock:
            self.failures.append(what)

    def post(self, farm, trace, token, chunk, how):
        began = time.monotonic()
        status, text = farm.ask("POST", "/v1/traces/%s/events:ingest" % trace, token, json.dumps(chunk),
                                {"Prefer": how} if how else {})
        if status not in (200, 202):
            self.fail("%s %s: %d %s" % (trace, chunk["chunk_id"], status, text[:400]))
            return
        self.note({"trace": trace, "token": token, "chunk": chunk, "http": status})
        with self.lock:
            self.tally["chunks_%d" % status] += 1
            self.tally["said_" + json.loads(text)["status"]] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    def trace(self, farm, helper, dice):
        status, text = farm.ask("POST", "/v1/traces", self.options.key, json.dumps(
            {"participant_id": "p", "task_id": "ledger", "task_title": "t"}),
            {"Idempotency-Key": "%032x" % dice.getrandbits(128)})
        if status != 201:
            self.fail("opening a trace: %d %s" % (status, text[:400]))
            return
        opened = json.loads(text)
        trace, token = opened["trace_id"], opened["upload_token"]
        chunks = list(chunks_of(dice, dice.randint(1, self.options.chunks), self.options.body_bytes))
        for i in range(len(chunks) - 1):  # neighbours change places
            if dice.random() < 0.2:
                chunks[i], chunks[i + 1] = chunks[i + 1], chunks[i]
        for chunk in chunks:
            time.sleep(dice.uniform(0, self.options.pause_ms / 1000))
            how = dice.choice((None, None, "wait=1", "respond-async"))
            if dice.random() < 0.1:
                twin = threading.Thread(target=self.post, args=(helper, trace, token, chunk, how))
                twin.start()
                self.post(farm, trace, token, chunk, how)
                twin.join()
            else:
                self.post(farm, trace, token, chunk, how)
        status, text = farm.ask("POST", "/v1/traces/%s/complete" % trace, token,
                                json.dumps({"num_chunks": len(chunks)}), {"Prefer": "respond-async"})
        if status not in (200, 202):
            self.fail("%s complete: %d %s" % (trace, status, text[:400]))
            return
        self.note({"trace": trace, "complete": True})

    def client(self, number):
        dice = random.Random("%d %d" % (self.options.seed, number))
        tally = collections.Counter()
        farm, helper = Farm(self.options.url, tally), Farm(self.options.url, tally)
        done = 0
        while not self.failures and (not os.path.exists(self.options.stop) if self.options.stop
                                     else done < self.options.traces):
            self.trace(farm, helper, dice)
            done += 1
        with self.lock:
            self.tally.update({"refused_or_" + key if key == "broken" else "answered_" + key: n
                               for key, n in tally.items()})
            self.tally["traces"] += done

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(self.options.clients) as pool:
            for future in [pool.submit(self.client, i) for i in range(self.options.clients)]:
                future.result()
        print(json.dumps({**self.tally, "slowest_s": round(self.slowest_s, 2), "failures": self.failures[:10]}))
        return 1 if self.failures else 0


class Book:
    """What one trace must hold."""

    def __init__(self):
        self.chunks = {}  # id: chunk
        self.token = None
        self.completed = False

    def events(self):
        return [event for chunk in sorted(self.chunks.values(), key=lambda c: c["chunk_seq"])
                for event in chunk["events"]]


def read_books(path):
    books = collections.defaultdict(Book)
    for text in open(path):
        line = json.loads(text)
        book = books[line["trace"]]
        if line.get("complete"):
            book.completed = True
        else:
            book.chunks[line["chunk"]["chunk_id"]] = line["chunk"]
            book.token = line["token"]
    return books


def differences(want, have):
    """Of two lists of events; those of the farm carry more fields."""
    have_ids = collections.Counter(event["id"] for event in have)
    for event in want:
        if have_ids[event["id"]] != 1:
            yield "event %s (seq %d) is there %d times" % (event["id"], event["seq"], have_ids[event["id"]])
    for key in have_ids - collections.Counter(event["id"] for event in want):
        yield "event %s is there and was never accepted" % key
    for one, other in zip(want, have):
        if any(other.get(name) != value for name, value in one.items()):
            yield "in the place of event %s (seq %d) stands %s" % (one["id"], one["seq"], json.dumps(other)[:200])
            break
    if [event["seq"] for event in have] != sorted({event["seq"] for event in have}):
        yield "the events are not in the order of seq"


class Getting:
    """Whether the farm gets on, seen over all traces: a slow one may take its time, a dead one may not."""

    def __init__(self):
        self.last = time.monotonic()
        self.seen = {}

    def saw(self, what, state):
        if self.seen.setdefault(what, state) != state:
            self.seen[what] = state
            self.last = time.monotonic()

    def stands_still(self):
        return time.monotonic() - self.last > STILL_S


def check_trace(options, getting, trace, book):
    farm = Farm(options.url)
    want = book.events()
    while True:
        status, text = farm.ask("GET", "/v1/traces/%s/events.ndjson" % trace, options.key, accept=(404,))
        lines = text.splitlines() if status == 200 else []
        getting.saw((trace, "lines"), len(lines))
        if len(lines) >= len(want) or getting.stands_still():
            break
        time.sleep(0.1)
    found = list(differences(want, [json.loads(line) for line in lines]))
    added = 0
    for name in book.chunks:
        status, text = farm.ask("GET", "/v1/traces/%s/chunks/%s" % (trace, name), book.token, accept=(404,))
        verdict = json.loads(text)
        added += verdict.get("events_added", 0)
        if status != 200 or verdict["status"] != "success":
            found.append("chunk %s: %d %s" % (name, status, text[:300]))
    if added != len(want):
        found.append("the chunks' verdicts add up to %d events, accepted were %d" % (added, len(want)))
    if book.completed:
        while True:
            status, text = farm.ask("GET", "/v1/traces/%s" % trace, options.key, accept=(404,))
            getting.saw((trace, "document"), status)
            if status == 200 or getting.stands_still():
                break
            time.sleep(0.1)
        document = json.loads(text)
        if status != 200:
            found.append("not finalized: %d %s" % (status, text[:200]))
        elif document["events"] != [json.loads(line) for line in lines]:
            found.append("the document holds other events")
        elif document["integrity"]["missing_chunks"]:
            found.append("the document misses chunks %s" % document["integrity"]["missing_chunks"])
    return ["%s: %s" % (trace, what) for what in found], len(want), len(book.chunks)


def check(options):
    books = read_books(options.file)
    found, events, chunks = [], 0, 0
    getting = Getting()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for problems, event_count, chunk_count in pool.map(lambda item: check_trace(options, getting, *item),
                                                           list(books.items())):
            found += problems
            events += event_count
            chunks += chunk_count
    print(json.dumps({"traces": len(books), "chunks": chunks, "events": events, "differences": len(found)}))
    for line in found[:40]:
        print(line, file=sys.stderr)
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("load", "check"))
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("file")
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--traces", type=int, default=4, help="each client opens")
    parser.add_argument("--chunks", type=int, default=8, help="most of a trace")
    parser.add_argument("--body-bytes", type=int, default=400, help="most of an event's text")
    parser.add_argument("--pause-ms", type=int, default=60, help="most, between a client's chunks")
    parser.add_argument("--stop", help="go on until this file exists")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return Load(options).run() if options.what == "load" else check(options)


if __name__ == "__main__":
    sys.exit(main())
