# SPDX-License-Identifier: MIT
"""check_document.py FILE KEYBYTE - recomputes a stored document's chain, Merkle tree and leaf hashes
from its lines with the standard library alone. KEYBYTE (hex) repeated 32 times is the chain key."""
import hashlib
import hmac
import json
import sys


def tree(leaves):
    """RFC 6962: the largest power of two below n goes left."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return hashlib.sha256(b"\x01" + tree(leaves[:left]) + tree(leaves[left:])).digest()


path, key = sys.argv[1], bytes.fromhex(sys.argv[2]) * 32
data = open(path, "rb").read()
document = json.loads(data)
body = data.split(b'"events":[\n', 1)[1].split(b"\n],", 1)[0]
lines = body.split(b",\n") if body else []

assert [json.loads(line) for line in lines] == document["events"], "the lines are not the events"
head = hmac.digest(key, b"prt-chain-v1\0" + document["trace_id"].encode(), "sha256")
for line in lines:
    canonical = json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical.encode() == line, "a line is not canonical"
    head = hmac.digest(key, head + line, "sha256")
leaves = [hashlib.sha256(b"\x00" + line).digest() for line in lines]
integrity = document["integrity"]
assert integrity["event_hash_chain"] == head.hex(), "chain"
assert integrity["leaf_hashes"] == [leaf.hex() for leaf in leaves], "leaves"
assert integrity["merkle_root"] == tree(leaves).hex(), "tree"
assert document["metrics"]["num_events"] == len(lines), "number"
