# SPDX-License-Identifier: MIT
"""A farm of its own for a benchmark, a cheap client, and what the farm's processes cost."""
import atexit
import contextlib
import json
import os
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("PRT_TEST_BUILD", os.path.join(ROOT, "build/release"))
KEY = "dev_token_12345"
PATIENCE_S = 900  # with any one command
TICKS = os.sysconf("SC_CLK_TCK")
OURS = ("gateway", "worker-validate")
FARM = ("gateway", "nats-server", "postgres", "worker-validate")
HEAD = (b"%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
        b"%sContent-Length: %d\r\n\r\n%s")
DOCUMENT_EVENTS = 1000  # a chunk
DIFF = "--- a/src/module.py\\n+++ b/src/module.py\\n@@ -1,4 +1,4 @@\\n" + "+    total += weight * value\\n" * 8
EVENT = ('{"id":"%d-%d","seq":%d,"ts_client_s":%d.25,"type":"file_edit","file_path":"src/module_%d.py",'
         '"buffer_hash_after":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",'
         '"diff_unified":"' + DIFF + '"}')


def request(method, path, token, body=b"", fields=b""):
    return HEAD % (method.encode(), path.encode(), token.encode(), fields, len(body), body)


def chunk(trace, token, number, events, fields=b""):
    """Chunk `number` of a trace, of so many events of about 500 bytes each."""
    list_ = ",".join(EVENT % (seq, number, seq, 1770000000 + seq, seq % 37)
                     for seq in range(number * events, (number + 1) * events))
    body = '{"chunk_id":"c%d","chunk_seq":%d,"events":[%s]}' % (number, number, list_)
    return request("POST", "/v1/traces/%s/events:ingest" % trace, token, body.encode(), fields)


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent, self.head, self.left, self.status = b"", b"", None, 0

    def send(self, whole):
        self.sent, self.head, self.left = whole, b"", None
        self.socket.sendall(whole)

    def receive(self, room):
        """True when the answer is whole. Its body is not kept but for the first piece."""
        got = self.socket.recv_into(room)
        if got == 0:
            raise ConnectionError("the gateway closed a connection")
        if self.left is None:
            self.head += bytes(room[:got])
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.head, self.body = self.head[:end + 2], self.head[end + 4:]
            self.status = int(self.head[9:12])
            at = self.head.lower().index(b"content-length:") + 15
            self.left = int(self.head[at:self.head.index(b"\r\n", at)]) - len(self.body)
        else:
            self.left -= got
        return self.left == 0


def empty(directory):
    """Frees the disk and keeps the files: ext4 without a journal looks, for each new file, past all that were removed
    within the last minutes, and the next farm would pay for this one."""
    for path, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                if not os.path.islink(os.path.join(path, name)):
                    os.truncate(os.path.join(path, name), 0)


class Farm:
    """prt up in a directory of its own, for the time of a `with`."""

    def __init__(self, workers="validate=1,finalize=1,qa=0,judge=0", s3=False, **settings):
        self.work = tempfile.mkdtemp(prefix="prt-bench.", dir="/tmp")
        os.chmod(self.work, 0o755)
        self.s3, self.store = s3, None
        self.environment = dict({name: value for name, value in os.environ.items() if not name.startswith("PRT_")},
                                **settings)
        self.workers = workers

    def prt(self, *argv):
        done = subprocess.run([BUILD + "/prt", "--data", self.work + "/var", *argv], env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            raise SystemExit("prt %s ended with %d:\n%s%s" % (argv[0], done.returncode, done.stdout, done.stderr))
        return done.stdout

    def start_store(self):
        self.store = subprocess.Popen([ROOT + "/tests/lib/s3-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        said = {}
        for line in self.store.stdout:
            name, _, value = line.strip().partition(" ")
            said[name] = value
            if name == "ready":
                break
        self.environment.update(PRT_BLOB_URL="s3://" + said["endpoint"], PRT_S3_REGION=said["region"],
                                PRT_S3_ACCESS_KEY=said["access_key"], PRT_S3_SECRET_KEY=said["secret_key"])

    def __enter__(self):
        try:
            if self.s3:
                self.start_store()
            self.prt("up", "--port", "0", "--detach", "--workers", self.workers)
        except BaseException:
            self.__exit__()
            raise
        for line in open(self.work + "/var/farm.env"):
            name, _, value = line.strip().partition("=")
            if name == "PRT_GATEWAY_URL":
                at = urllib.parse.urlparse(value)
                self.address = (at.hostname, at.port)
        return self

    def __exit__(self, *_):
        subprocess.run([BUILD + "/prt", "--data", self.work + "/var", "down"], env=self.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if self.store is not None:
            self.store.stdin.close()
            self.store.wait()
        empty(self.work)
        atexit.register(shutil.rmtree, self.work, ignore_errors=True)

    # ---- what its processes cost ----

    def processes(self):
        """{name: [pid, its descendants ...]}"""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    parent = int(open("/proc/%s/stat" % entry).read().rsplit(")", 1)[1].split()[1])
                    children.setdefault(parent, []).append(int(entry))

        def below(pid):
            return [pid] + [one for child in children.get(pid, []) for one in below(child)]
        return {row["name"]: below(row["pid"]) for row in json.load(open(self.work + "/var/up.json"))}

    def cpu(self):
        """CPU seconds so far by name; processes that ended and were waited for are counted too."""
        sums = {}
        for name, pids in self.processes().items():
            for pid in pids:
                with contextlib.suppress(OSError):
                    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
                    sums[name] = sums.get(name, 0) + sum(map(int, fields[11:15])) / TICKS
        return sums

    def status(self, name, field):
        """A field of /proc/<pid>/status in bytes: VmRSS, VmHWM (the peak)."""
        pid = self.processes()[name][0]
        for line in open("/proc/%d/status" % pid):
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise SystemExit("%s has no %s" % (name, field))

    def database(self, sql):
        return subprocess.run(["psql", "-h", self.work + "/var/run", "-U", "prt", "-d", "prt", "-AtXqc", sql],
                              check=True, capture_output=True, text=True).stdout.strip()

    def use_wal_again(self):
        """As after the first checkpoints: 256 MB of WAL files are there to be used again. A new database makes each of
        them anew, full of zeros, and every commit waits for that, some 20 ms."""
        self.database("DO $$ BEGIN FOR i IN 1..64 LOOP PERFORM pg_logical_emit_message(false, 'bench', 'x'),"
                      " pg_switch_wal(); END LOOP; END $$")
        self.database("CHECKPOINT")
        kept = int(self.database("SELECT sum(size) FROM pg_ls_waldir()"))
        if kept < 200 * 2**20:
            raise SystemExit("only %d MiB of WAL files are there to be used again" % (kept / 2**20))

    # ---- load ----

    def bench(self, *arguments):
        return json.loads(self.prt("bench", "--json", *map(str, arguments)))

    def ask(self, method, path, token=KEY, body=None, **fields):
        made = urllib.request.Request("http://%s:%d%s" % (*self.address, path), method=method,
                                      data=None if body is None else json.dumps(body).encode(), headers=fields)
        made.add_header("Authorization", "Bearer " + token)
        made.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(made) as answer:
            return json.load(answer)

    def open_traces(self, count, connections=64):
        """[(trace id, upload token)]"""
        traces = []
        body = b'{"participant_id":"p","task_id":"bench","task_title":"bench"}'
        self.load((request("POST", "/v1/traces", KEY, body) for _ in range(count)), connections,
                  lambda connection: traces.append(connection.body))
        return [(one["trace_id"], one["upload_token"]) for one in map(json.loads, traces)]

    def load(self, requests, connections, answered=lambda connection: None, seconds=None):
        """Sends them all, each connection one at a time (or as many as `seconds` allow). Those the farm puts off
        are sent again; any other answer than 2xx ends the benchmark. Returns (answers, seconds)."""
        selector = selectors.DefaultSelector()
        room = memoryview(bytearray(1 << 18))
        requests = iter(requests)
        began, answers, busy = time.monotonic(), 0, 0
        for _ in range(connections):
            whole = next(requests, None)
            if whole is None:
                break
            connection = Connection(self.address)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(whole)
            busy += 1
        while busy > 0:
            for key, _ in selector.select():
                connection = key.data
                if not connection.receive(room):
                    continue
                if connection.status in (429, 503):
                    time.sleep(0.01)
                    connection.send(connection.sent)
                    continue
                if connection.status not in (200, 201, 202):
                    raise SystemExit("the farm answers %r" % (connection.head + connection.body[:500]))
                answers += 1
                answered(connection)
                late = seconds is not None and time.monotonic() - began > seconds
                whole = None if late else next(requests, None)
                if whole is None:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                    busy -= 1
                else:
                    connection.send(whole)
        return answers, time.monotonic() - began

    def wait_for(self, what, there, seconds):
        deadline = time.monotonic() + seconds
        while not there():
            if time.monotonic() > deadline:
                raise SystemExit("after %d s still waiting for %s" % (seconds, what))
            time.sleep(0.05)

    def wait(self, sql, value, seconds=600):
        self.wait_for("%s to be %s" % (sql, value), lambda: self.database(sql) == value, seconds)

    def metric(self, name):
        """The gateway's."""
        with urllib.request.urlopen("http://%s:%d/metrics" % self.address) as answer:
            for line in answer.read().decode().splitlines():
                if line.split("{")[0].split(" ")[0] == name:
                    return float(line.split()[-1])
        raise SystemExit("the gateway has no metric " + name)

    def finalized(self, trace):
        """Completes it, waits for its document, and returns the finalizer's own words on it. They are waited for in its
        log: a psql each 50 ms took two fifths of a core from the finalizer."""
        said = []

        def told():
            for line in open(self.work + "/var/log/worker-finalize-1.log"):
                if '"trace finalized"' in line and trace[0] in line:
                    said.append(json.loads(line))
            return said
        self.ask("POST", "/v1/traces/%s/complete" % trace[0], trace[1], {}, Prefer="respond-async")
        self.wait_for("the finalizer's words on " + trace[0], told, 600)
        self.wait("SELECT finalized_us IS NOT NULL FROM traces WHERE trace_id = '%s'" % trace[0], "t")
        return said[0]

    def document(self, megabytes, before=lambda: None):
        """Fills a trace with events of about 500 bytes and completes it: (its finalizer's words on it, CPU s of the
        finalizer, the trace). `before` is called between."""
        chunks = max(1, round(megabytes * 1e6 / (DOCUMENT_EVENTS * 545)))
        trace = self.open_traces(1)[0]
        self.load((chunk(*trace, number, DOCUMENT_EVENTS) for number in range(chunks)), 4)
        self.wait("SELECT num_events FROM traces WHERE trace_id = '%s'" % trace[0], str(chunks * DOCUMENT_EVENTS))
        used = self.cpu()
        before()
        said = self.finalized(trace)
        return said, spent(used, self.cpu())["worker-finalize-1"], trace


def share(result, names=FARM):
    """CPU us an event of these processes, by what prt bench said."""
    return sum(one["cpu_s_per_million_events"] for one in result["processes"] if one["process"].startswith(names))


def spent(before, after):
    return {name: after[name] - before.get(name, 0) for name in after}


def row(name, value, unit):
    print("%s\t%.4g\t%s" % (name, value, unit), flush=True)


def load_average():
    return float(open("/proc/loadavg").read().split()[0])


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return "machine: %d cores of %s, load %.1f before" % (os.cpu_count(), model, load_average())
