# SPDX-License-Identifier: MIT
"""What three parts of an ingest cost alone on this machine, now: the least that ours could cost, and how this
machine compares with the one the goals were set on."""
import os
import re
import struct
import subprocess

from bench_farm import spent

ROWS, ROWS_A_COPY = 100000, 2500
# us of CPU on the machine of the goals: publish of a chunk with so many events by client and server, a row by COPY into a
# table with one index, SHA-256 of 500 bytes.
PUBLISH_THEN, COPY_THEN, HASH_THEN = {10: 24.5, 100: 152}, 3.0, 0.69
HASHES = 2  # an event: chain and segment


def copy_us(farm):
    """CPU of PostgreSQL for a row an event, COPYed into a table with an index by trace and id: the usual way, which the
    goals were reckoned with."""
    farm.database("CREATE TABLE alone (trace_no bigint NOT NULL, seq bigint NOT NULL, event_key uuid NOT NULL,"
                  " UNIQUE (trace_no, event_key))")
    paths = []
    for first in range(0, ROWS, ROWS_A_COPY):
        paths.append("%s/alone.%d" % (farm.work, first))
        with open(paths[-1], "wb") as out:
            out.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for seq in range(first, first + ROWS_A_COPY):
                out.write(struct.pack("!hiqiqi16s", 3, 8, 1 + seq % 256, 8, seq, 16, os.urandom(16)))
            out.write(b"\xff\xff")
    before = farm.cpu()
    farm.database("; ".join("COPY alone FROM '%s' (FORMAT binary)" % path for path in paths))
    used = spent(before, farm.cpu())["postgres"]
    farm.database("DROP TABLE alone")
    return used * 1e6 / ROWS


def hash_us():
    said = subprocess.run(["openssl", "speed", "-seconds", "1", "-bytes", "500", "-evp", "sha256", "-mr"], check=True,
                          capture_output=True, text=True).stdout
    return 500e6 / float(re.search(r"^\+F:.*:([\d.]+)$", said, re.M).group(1))


def measure(farm, events, publish_us, ours_us):
    copy, hash_ = copy_us(farm), hash_us()
    alone = publish_us / events + copy + HASHES * hash_
    then = PUBLISH_THEN[events] / events + COPY_THEN + HASHES * HASH_THEN
    return {"publish us a chunk": publish_us, "COPY us a row": copy, "SHA-256 us": hash_,
            "over these parts alone": ours_us / alone, "this machine over that of the goals": alone / then}
