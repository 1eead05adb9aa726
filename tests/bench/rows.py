# SPDX-License-Identifier: MIT
"""The rows of tests/bench/run: what is measured, its goal and how. Each is measured in a farm of its own."""
import json
import os
import signal
import socket
import statistics
import subprocess
import threading
import time

import parts
from bench_farm import FARM, KEY, OURS, ROOT, Connection, Farm, chunk, request, share

ALL = "validate=%d,finalize=1,qa=0,judge=0"
BUSY = ("--connections", 512)  # two batches of validate's: no batch waits to be filled
CALM = ("--rate", 1000, "--connections", 256)
MIB = 1 << 20


def cpu(seconds, events):
    """Cost of an event where batches are full, and beside it what its parts cost alone."""
    with Farm() as farm:
        result = farm.bench("--events", events, "--seconds", seconds, "--raw", *BUSY)
        figures = {"us": share(result)}
        figures.update({name: share(result, (name,)) for name in FARM})
        figures.update(parts.measure(farm, events, result["raw_publisher_cpu_us_per_chunk"], figures["us"]))
        return figures


def latency(seconds):
    """In a farm that has been up for some minutes; beside it the first seconds of a new one."""
    with Farm() as farm:
        new = farm.bench("--events", 10, "--seconds", seconds, *CALM)
        farm.use_wal_again()
        result = farm.bench("--events", 10, "--seconds", seconds, *CALM)
    return {"p50 ms": result["p50_ms"], "p99 ms": result["p99_ms"], "max ms": result["max_ms"],
            "CPU us an event": share(result), "new farm p50 ms": new["p50_ms"], "p99 ms of it": new["p99_ms"]}


def rate(seconds, events):
    with Farm(ALL % 2) as farm:
        result = farm.bench("--events", events, "--seconds", seconds, *BUSY)
    return {"events/s": result["events_per_s"], "p99 ms": result["p99_ms"]}


def respond_async(seconds):
    """What respond-async is for: the gateway acknowledges while validate stands still, as the raw publisher has
    nobody behind it either. Beside it the same while validate works on what comes."""
    load = ("--events", 10, "--seconds", seconds // 2, "--raw", *BUSY)
    with Farm() as farm:
        rounds = sorted((farm.bench("--outage", *load) for _ in range(3)), key=lambda one: one["ratio_to_raw_publisher"])
        alone, working = rounds[1], farm.bench("--async", *load)
    return {"ratio": alone["ratio_to_raw_publisher"], "raw/s": alone["raw_publisher_chunks_per_s"],
            "ours/s": alone["chunks_per_s"], "ratio while validate works": working["ratio_to_raw_publisher"],
            "ours/s while validate works": working["chunks_per_s"]}


def copying(path):
    """MB/s of copying a file, syncing the copy and taking its SHA-256, by the system's own programs, at once."""
    copy = path + ".copy"
    began = time.monotonic()
    digest = subprocess.Popen(["sha256sum", path], stdout=subprocess.DEVNULL)
    subprocess.run(["dd", "if=" + path, "of=" + copy, "bs=1M", "conv=fsync"], check=True, stderr=subprocess.DEVNULL)
    digest.wait()
    took = time.monotonic() - began
    size = os.path.getsize(copy)
    os.remove(copy)
    return size / 1e6 / took


def finalize(_):
    with Farm() as farm:
        said, used, trace = farm.document(500)
        size = said["bytes"] / 1e6
        path = os.path.join(farm.work, "var/blobs/pr-telemetry-traces", trace[0], "trace.json")
        return {"MB/s": size / said["took_ms"] * 1e3, "MiB": farm.status("worker-finalize-1", "VmHWM") / MIB,
                "MB": size, "MB/s of CPU": size / used, "dd and sha256sum MB/s": copying(path)}


def read_for(seconds, address, asked):
    """How often it was answered, with a body that is read and forgotten: this costs little beside the copying."""
    until, count, room = time.monotonic() + seconds, 0, memoryview(bytearray(MIB))
    connection = Connection(address)
    while time.monotonic() < until:
        connection.send(asked)
        while not connection.receive(room):
            pass
        if connection.status != 200:
            raise RuntimeError("the farm answers %r" % connection.head)
        count += 1
    connection.socket.close()
    return count


def get(seconds):
    with Farm() as farm:
        said, _, trace = farm.document(1)
        asked = request("GET", "/v1/traces/" + trace[0], KEY)
        before, counts = farm.cpu()["gateway"], []
        threads = [threading.Thread(target=lambda: counts.append(read_for(seconds, farm.address, asked)))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(counts) != len(threads):
            raise RuntimeError("a reader failed")
        return {"requests/s": sum(counts) / seconds, "MB": said["bytes"] / 1e6,
                "gateway us": (farm.cpu()["gateway"] - before) * 1e6 / sum(counts)}


def waiting(_):
    """1,000 chunks whose verdict does not come, because validate stands still."""
    with Farm(PRT_VERDICT_WAIT="30s") as farm:
        traces = farm.open_traces(1000)
        validate = farm.processes()["worker-validate-1"][0]
        os.kill(validate, signal.SIGSTOP)
        try:
            connections = []
            for trace in traces:
                connections.append(Connection(farm.address))
                connections[-1].send(chunk(*trace, 0, 10))
            farm.wait_for("1,000 waiting requests", lambda: farm.metric("prt_http_requests_waiting") == 1000, 30)
            return {"MiB": farm.status("gateway", "VmRSS") / MIB}
        finally:
            os.kill(validate, signal.SIGCONT)


def in_turns(first, second, rounds=3):
    """Medians of what two loads cost, measured in turns: neither meets another machine than the other."""
    costs = [(share(first()), share(second())) for _ in range(rounds)]
    return (statistics.median(one for one, _ in costs), statistics.median(two for _, two in costs),
            statistics.median(two / one for one, two in costs))


def long_trace(seconds):
    """In one farm, so that the tables are as large for both. What is long is filled without waiting for verdicts."""
    load = ("--connections", 2, "--events", 100, "--seconds", seconds // 2)
    with Farm(PRT_TRACE_EVENTS_MAX="100000000") as farm:
        kept = farm.work + "/long"
        farm.bench("--connections", 2, "--events", 400, "--seconds", 1, "--async", "--warm-events", 1000000,
                   "--keep", kept)
        short, long, ratio = in_turns(lambda: farm.bench(*load, "--traces", 200 * seconds),
                                      lambda: farm.bench(*load, "--keep", kept))
    return {"ratio": ratio, "short us": short, "long us": long}


def open_traces(seconds):
    """In two farms, of which one rests while the other is measured."""
    load = ("--connections", 100, "--events", 10, "--seconds", seconds // 2)
    with Farm() as few, Farm() as many:
        one, other = few.work + "/few", many.work + "/many"
        many.bench("--connections", 256, "--traces", 100000, "--seconds", 1, "--keep", other)
        few_us, many_us, ratio = in_turns(lambda: few.bench(*load, "--keep", one),
                                          lambda: many.bench(*load, "--keep", other))
    return {"ratio": ratio, "few us": few_us, "many us": many_us}


def two_workers(seconds):
    """How fast a backlog goes, while neither load generator nor gateway have anything to do: in two farms, of which
    one rests while the other is measured. Of so many traces that the batches which are in hand at a time have few in
    common; beside it of few, where one worker waits for the other."""
    many = ("--outage", "--events", 100, "--seconds", seconds // 2, "--connections", 512, "--traces", 4096)
    few = ("--outage", "--events", 100, "--seconds", seconds // 2, "--connections", 256)
    rate, cores = "caught_up_events_per_s", "caught_up_cores"
    with Farm(ALL % 1) as one, Farm(ALL % 2) as two:
        alone, both = one.bench(*many), two.bench(*many)
        one_few, two_few = one.bench(*few), two.bench(*few)
    return {"ratio": both[rate] / alone[rate], "one/s": alone[rate], "two/s": both[rate],
            "cores busy with one": alone[cores], "with two": both[cores], "ratio with 256 traces": two_few[rate] / one_few[rate]}


def s3(seconds):
    load = ("--events", 10, "--seconds", seconds, *BUSY)
    with Farm() as farm:
        file = share(farm.bench(*load), OURS)
    with Farm(s3=True) as farm:
        remote = share(farm.bench(*load), OURS)
        objects = int(farm.database("SELECT count(*) FROM segments"))
        chunks = int(farm.database("SELECT count(*) FROM trace_chunks"))
    return {"ratio": remote / file, "file us": file, "s3 us": remote, "PUTs / 1,000": 1000 * objects / chunks}


SESSION = {"session": {"participant_id": "p", "consent": {"rationales": True, "commands": True, "snapshots": True}},
           "task": {"id": "t", "title": "large"},
           "repo": {"origin": "https://example.org/r.git", "start_commit": "0" * 40}}
CHUNK = {"chunk_id": "c", "chunk_seq": 0, "events": [{"id": "e", "seq": 0, "ts_client_s": 1, "type": "cmd_run",
                                                      "cmd": "pytest", "exit_code": 1}]}


def session_put(directory, files):
    """A session whose workspace has one test and that many files of 1 MiB, which a packer makes 64 times smaller."""
    for name in ("chunks", "after"):
        os.makedirs(os.path.join(directory, name))
    for path, value in (("session.json", SESSION), ("chunks/0.json", CHUNK)):
        with open(os.path.join(directory, path), "w") as file:
            json.dump(value, file)
    with open(os.path.join(directory, "after/test_it.py"), "w") as file:
        file.write("def test_it():\n    assert True\n")
    for i in range(files):
        with open(os.path.join(directory, "after/data%d" % i), "wb") as file:
            file.write(os.urandom(MIB // 64))
            file.truncate(MIB)


def qa_memory(_):
    base = subprocess.run([os.path.join(ROOT, "deploy/images/make-base")], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()
    with Farm("validate=1,finalize=1,qa=1,judge=0", PRT_SANDBOX="runc", PRT_QA_WARM="2",
              PRT_QA_BASE_ROOTFS=base) as farm:
        before = farm.status("worker-qa-1", "VmHWM") / MIB
        session_put(os.path.join(farm.work, "session"), 500)
        farm.prt("submit", os.path.join(farm.work, "session"))
        farm.wait("SELECT count(*) FROM qa_results", "1", 300)
        status = farm.database("SELECT status FROM qa_results")
        if status != "passed":
            raise RuntimeError("the tests ended as %s" % status)
        return {"MiB": farm.status("worker-qa-1", "VmHWM") / MIB, "before": before}


MANY = """import unittest
from a import right
class TestMany(unittest.TestCase): pass
def one(n): return lambda self: self.assertTrue(n % 1000 or right)
for n in range(20000): setattr(TestMany, f"test_many_that_have_a_name_as_people_give_them_{n}", one(n))
"""


def qa_thousands(_):
    """20,000 tests before and after a fix that mends twenty of them."""
    base = subprocess.run([os.path.join(ROOT, "deploy/images/make-base")], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()
    with Farm("validate=1,finalize=1,qa=1,judge=0", PRT_SANDBOX="runc", PRT_QA_TIME="1h", PRT_QA_BASE_ROOTFS=base) as farm:
        before = farm.status("worker-qa-1", "VmHWM") / MIB
        session = os.path.join(farm.work, "session")
        session_put(session, 0)
        os.remove(os.path.join(session, "after/test_it.py"))
        for name, right in (("before", 0), ("after", 1)):
            os.makedirs(os.path.join(session, name), exist_ok=True)
            for path, text in (("a.py", "right = %d\n" % right), ("test_many.py", MANY)):
                with open(os.path.join(session, name, path), "w") as file:
                    file.write(text)
        trace = farm.prt("submit", session).strip()
        farm.wait("SELECT count(*) FROM qa_results", "1", 800)
        status, row = farm.database("SELECT status, pg_column_size(q.*) FROM qa_results q").split("|")
        if status != "passed":
            raise RuntimeError("the tests ended as %s" % status)
        return {"MiB": farm.status("worker-qa-1", "VmHWM") / MIB, "before": before, "row KB": int(row) / 1000,
                "document KB": len(farm.prt("view", trace, "--json")) / 1000}


class Row:
    def __init__(self, what, goals, limit, measure, takes_s, once=False):
        self.what, self.goals, self.limit, self.measure = what, goals, limit, measure
        self.takes_s, self.once = takes_s, once  # about, on an idle machine; measured but once a table


SUSTAINED_S = 60
ROWS = {
    "cpu_10": Row("CPU an event, 10 a chunk, 512 connections", {"us": ("<=", 28)},
                  "the gateway's and nats-server's share of a message; rows and plans of small batches",
                  lambda seconds: cpu(seconds, 10), 30),
    "cpu_100": Row("CPU an event, 100 a chunk, 512 connections", {"us": ("<=", 18)},
                   "canonical bytes and hashes", lambda seconds: cpu(seconds, 100), 30),
    "latency": Row("verdict at 1,000 chunks/s", {"p50 ms": ("<=", 5), "p99 ms": ("<=", 25)},
                   "three ways to the database and its sync for two or three chunks; the cores, which all share",
                   latency, 35),
    "async": Row("respond-async over a raw publisher, while validate stands still", {"ratio": (">=", 0.45)},
                 "HTTP and JSON share the cores with the broker and the load generator; the raw publisher"
                 " has neither", respond_async, 40),
    "finalize": Row("document of 500 MB in events of 600 bytes", {"MB/s": (">=", 200), "MiB": ("<=", 96)},
                    "two threads: one chains the lines, one makes the tree, hashes and writes", finalize, 45),
    "get": Row("GET of a 1 MB document", {"requests/s": (">=", 500)}, "copying, and the reading client", get, 18),
    "waiting": Row("gateway with 1,000 connections waiting", {"MiB": ("<=", 96)},
                   "the exchange of each, and its head", waiting, 15, once=True),
    "qa_memory": Row("qa worker, two warm containers, a workspace of 500 MiB", {"MiB": ("<=", 64)},
                     "libraries; it grows by nothing", qa_memory, 60, once=True),
    "qa_thousands": Row("qa worker, 20,000 tests before and after", {"MiB": ("<=", 64)},
                        "names of tests, once a run", qa_thousands, 120, once=True),
    "two_workers": Row("2 validate workers over 1, catching up with 4,096 traces", {"ratio": (">=", 1.5)},
                       "two cores, which PostgreSQL and nats-server share; of few traces the chunks that one worker"
                       " has before the other's", two_workers, 60),
    "s3": Row("S3 instead of file, CPU of ours", {"ratio": ("<=", 1.3), "PUTs / 1,000": ("<=", 20)},
              "hashing and sending each segment", s3, 45),
    "long_trace": Row("trace of 1,000,000 events over one of 100", {"ratio": ("<=", 1.1)},
                      "the ids of a long trace are not in the cache", long_trace, 120, once=True),
    "open_traces": Row("100,000 open traces over 100", {"ratio": ("<=", 1.2)},
                       "rows and index pages that are not in the cache", open_traces, 150, once=True),
    "rate_10": Row("events/s, 10 a chunk, sustained", {"events/s": (">=", 45000)},
                   "the cores, which the load generator shares", lambda _: rate(SUSTAINED_S, 10), 75, once=True),
    "rate_100": Row("events/s, 100 a chunk, sustained", {"events/s": (">=", 80000)},
                    "the cores, which the load generator shares", lambda _: rate(SUSTAINED_S, 100), 75, once=True),
}
