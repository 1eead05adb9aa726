#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sends one session to a farm many times, each time in another order, and compares the documents.

    shuffle.py URL KEY [--rounds N] [--seed N]

A session's events are cut into chunks once; each round sends those chunks to a trace of its own:
shuffled, some of them repeated, over several connections at once, waited for or not. The documents
must be the same bytes, but for the trace's id, the server's times and the hashes over them, which must
be those of their own document (prt verify does that; here the chain's inputs are compared).
"""
import argparse
import concurrent.futures
import json
import random
import sys

from ledger import Farm, event_of

OWN = ("trace_id", "created_at", "completed_at", "integrity", "events")
OWN_INTEGRITY = ("event_hash_chain", "merkle_root", "signature", "leaf_hashes", "envelope_signature")


def session(dice):
    events = [event_of(dice, seq, 300) for seq in range(60)]
    chunks = []
    while events:
        size = dice.randint(1, 7)
        chunks.append({"chunk_id": "c%d" % len(chunks), "chunk_seq": len(chunks), "events": events[:size]})
        events = events[size:]
    # A repeated event, a bad one and one that comes too late are part of what must not depend on order.
    chunks[3]["events"].append(dict(chunks[1]["events"][0]))
    chunks[4]["events"].append({"id": "bad", "seq": 900, "ts_client_s": 1, "type": "no_such_type"})
    chunks[5]["events"].insert(0, {**chunks[0]["events"][0], "id": "late"})
    return chunks


def send(url, key, chunks, dice):
    farm = Farm(url)
    status, text = farm.ask("POST", "/v1/traces", key,
                            json.dumps({"participant_id": "p", "task_id": "shuffle", "task_title": "t"}))
    assert status == 201, text
    opened = json.loads(text)
    trace, token = opened["trace_id"], opened["upload_token"]
    order = chunks + dice.sample(chunks, len(chunks) // 2)
    dice.shuffle(order)
    lanes = [order[i::4] for i in range(4)]
    how = dice.choice(({}, {"Prefer": "respond-async"}))

    def lane(bodies):
        mine = Farm(url)
        for body in bodies:
            status, text = mine.ask("POST", "/v1/traces/%s/events:ingest" % trace, token, json.dumps(body), how)
            assert status in (200, 202), text
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        for future in [pool.submit(lane, bodies) for bodies in lanes]:
            future.result()
    status, text = farm.ask("POST", "/v1/traces/%s/complete" % trace, token, json.dumps({"num_chunks": len(chunks)}),
                            {"Prefer": "wait=30"})
    assert status == 200, text
    status, text = farm.ask("GET", "/v1/traces/%s" % trace, key)
    assert status == 200, text
    document = json.loads(text)
    verdicts = []
    for chunk in chunks:
        status, text = farm.ask("GET", "/v1/traces/%s/chunks/%s" % (trace, chunk["chunk_id"]), token)
        verdicts.append((status, {**json.loads(text)}))
    return document, verdicts


def comparable(document, verdicts):
    events = [{name: value for name, value in event.items() if name != "ts_server_s"} for event in document["events"]]
    integrity = {name: value for name, value in document["integrity"].items() if name not in OWN_INTEGRITY}
    rest = {name: value for name, value in document.items() if name not in OWN}
    return json.dumps([rest, integrity, events, list(document), [list(event) for event in document["events"]],
                       verdicts], sort_keys=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    dice = random.Random(options.seed)
    chunks = session(dice)
    documents, seen = [], set()
    for _ in range(options.rounds):
        document, verdicts = send(options.url, options.key, chunks, dice)
        seen.add(comparable(document, verdicts))
        documents.append(document)
    print("seed %d: %d documents of %d events, %d of them different" %
          (options.seed, len(documents), len(documents[0]["events"]), len(seen) - 1))
    if len(seen) != 1:
        for text in list(seen)[:2]:
            print(text, file=sys.stderr)
        return 1
    return 0 if len(documents[0]["events"]) == 60 else 1


if __name__ == "__main__":
    sys.exit(main())
