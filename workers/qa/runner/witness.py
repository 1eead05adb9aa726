# SPDX-License-Identifier: MIT
"""Has the tests run in a child, and writes the report that the child cannot write.

usage: python3 -s witness.py PERFORMER

The code under test lives in the child: same interpreter as its tests, same uid as everything here. What it must not be
able to do is speak for them. So this process never imports anything of the workspace, cannot be looked into (it is not
dumpable: no /proc/PID/mem, fd or environ for others of its uid; gVisor denies them mem alone, and that is where the nonce
is), is the only one that holds the result's pipe, and the only one that has read /prt/in/order, which the worker empties
before any code under test has started: it hears "ready", empties the order, and hears "begun" before that start. The report
ends in a seal made with the order's nonce. Who kills this process, or writes into the pipe by another way, leaves no sealed
report.

The child tells what happens as it happens (see Ledger); each passed test needs evidence besides its outcome.

What this cannot show: that code in the child, written against these very files, did not forge all of it. Nobody can come
between the child and us: its end of the socket is looked at from here. But it shares an interpreter with what tells us, and
whatever that knows, it can know; what it would have to do is to rewrite what the plugin's closures hold and to leave the
sentinels alone. And a value that equals everything passes an honest test honestly.
"""

import sys

import ctypes
import hashlib
import importlib
import json
import os
import random
import signal
import socket
import time

INPUTS = "/prt/in/"
DUMPABLE, WITHDRAWN_S, LINE_MOST, TEXT_MOST, NAME_MOST = 4, 30, 1 << 20, 4 << 20, 1024

# The words of workers/qa/report/verdict.c for how a run ended.
EXIT_REPORT, EXIT_USAGE, EXIT_LOST, EXIT_LACKING = 1, 4, 97, 98
EXIT_FOUL = {"protocol": 80, "evidence": 81, "sentinel": 82, "machinery": 83, "ended": 84}


class Foul(Exception):
    """The child told something that no honest run tells: (kind, words)."""


class Ledger:
    """What the child has said, held against what an honest run says.

    It says: item ID..., planned; for each item begin, call, reports, end; done. `call` is told from inside of the test's
    own call, around the innermost thing there is: "reached" its end, or what it raised. An outcome that does not fit to it
    was made up by somebody else. A sentinel is an item of ours whose outcome is drawn here when it asks; which items are
    sentinels is known here by their names, and not told.
    """

    def __init__(self, nonce, names):
        self.nonce, self.names = nonce, set(names)
        self.items, self.cases, self.broken, self.sentinels = [], {}, [], {}
        self.open = self.status = None
        self.planned, self.text_left = False, TEXT_MOST
        self.lot = random.SystemRandom()

    def take(self, word, *told):
        if self.status is not None:
            raise Foul("protocol", f"{word!r} after the end")
        getattr(self, "on_" + word)(*told)

    def named(self, name):
        """Our own side cuts long names (shown)."""
        if not isinstance(name, str) or len(name) > NAME_MOST:
            raise Foul("protocol", f"a name without end: {str(name)[:80]!r}")
        return name

    def on_item(self, name):
        if self.planned:
            raise Foul("protocol", f"{name!r} was added late")
        own = "::".join(self.named(name).split("::")[-2:])
        if own in self.names:
            self.names.remove(own)
            self.sentinels[len(self.items)] = None
        self.items.append(name)

    def on_planned(self):
        self.planned = True
        drawn = list(self.sentinels)
        self.lot.shuffle(drawn)
        self.holding = set(drawn[:2])  # the others break: each way to fail must still fail

    def on_begin(self, number):
        if not self.planned or self.open is not None or not 0 <= number < len(self.items):
            raise Foul("protocol", "a test began out of order")
        self.open = number
        self.cases.setdefault(number, {"call": None, "reports": [], "ended": False, "s": 0.0})

    def case(self, number):
        if self.open != number:
            raise Foul("protocol", "told of a test that does not run")
        return self.cases[number]

    def want(self, number):
        self.case(number)
        if number not in self.sentinels or self.sentinels[number] is not None:
            raise Foul("sentinel", "a sentinel was asked for by somebody else")
        self.sentinels[number] = number in self.holding
        return self.sentinels[number]

    def on_call(self, number, how):
        case = self.case(number)
        if case["call"] not in (None, how):
            raise Foul("evidence", f"{self.items[number]} ended twice: {case['call']}, then {how}")
        case["call"] = how

    def on_report(self, number, when, outcome, expected, seconds, text):
        case = self.case(number)
        text = str(text)[: min(8192, self.text_left)]
        self.text_left -= len(text)
        case["s"] += float(seconds)
        case["reports"].append((when, outcome, bool(expected), text))

    def on_end(self, number):
        self.case(number)["ended"] = True
        self.open = None

    def on_broken(self, name, state, text):
        self.broken.append((self.named(name), "skipped" if state == "skipped" else "error", str(text)[:8192]))

    def on_changed(self, name):
        raise Foul("machinery", f"{name} is not what it was when the run began")

    def on_done(self, status):
        self.status = int(status)

    def state(self, number):
        """(state, text) of one test, or Foul."""
        case, name = self.cases[number], self.items[number]
        reports = {when: (outcome, expected, text) for when, outcome, expected, text in case["reports"]}
        bad = [(when, text) for when, outcome, _, text in case["reports"] if outcome not in ("passed", "skipped")]
        call = reports.get("call")
        if call is not None and call[0] == "passed" and case["call"] != "reached":
            raise Foul("evidence", f"{name} is reported as passed, but its call {case['call'] or 'was not made'}")
        if call is not None and call[0] == "skipped" and case["call"] == "failed" and not call[1]:
            raise Foul("evidence", f"{name} is reported as skipped, but its call failed")
        if bad:
            return ("failure" if bad[0][0] == "call" else "error"), bad[0][1]
        skipped = [text for outcome, _, text in reports.values() if outcome == "skipped"]
        if skipped:
            return "skipped", skipped[0]
        if call is None:
            raise Foul("evidence", f"{name} was never called")
        return "passed", ""

    def judge(self):
        """The report's rows (name, state, text, seconds); Foul when the run cannot have been an honest one."""
        rows = []
        for number in range(len(self.items)):
            if number not in self.cases or not self.cases[number]["ended"]:
                raise Foul("ended", f"{self.items[number]} was planned and did not run")
            state, text = self.state(number)
            if number not in self.sentinels:
                rows.append((self.items[number], state, text, self.cases[number]["s"]))
            elif self.sentinels[number] is None or (state == "passed") != self.sentinels[number]:
                raise Foul("sentinel", f"a sentinel that must {'pass' if self.sentinels[number] else 'fail'}: {state}")
        if self.names:
            raise Foul("sentinel", "the sentinels were left out")
        if self.status == 0:
            raise Foul("ended", "status 0, though sentinels fail")
        rows += [(name, state, text, 0.0) for name, state, text in self.broken]
        return rows + sentinel_rows(self.nonce)


def sentinel_rows(nonce):
    """What the worker looks for in the report."""
    own = "Sentinel" + nonce
    return [(own + "::test_holds", "passed", "", 0.0), (own + "::test_breaks", "failure", "", 0.0)]


def escape(text):
    """For XML 1.0: what it cannot hold is shown as #xNN."""
    out = []
    for char in text:
        code = ord(char)
        if code < 32 and char not in "\t\n\r" or code == 127 or 0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF):
            out.append("#x%02X" % code)
        else:
            out.append({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
                       .get(char, char))
    return "".join(out)


def address(name):
    """pytest's "tests/test_a.py::TestB::test_c[x::y]" as JUnit's file, classname and name."""
    head, bracket, parameters = name.partition("[")
    parts = head.split("::")
    if len(parts) < 2 or not parts[0].endswith(".py"):
        return f'name="{escape(name)}"'
    dotted = ".".join([parts[0][:-3].replace("/", "."), *parts[1:-1]])
    return (f'file="{escape(parts[0])}" classname="{escape(dotted)}" '
            f'name="{escape(parts[-1] + bracket + parameters)}"')


def report(runner, rows):
    yield f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="{runner}" tests="{len(rows)}">\n'
    for name, state, text, seconds in rows:
        yield f'<testcase {address(name)} time="{seconds:.3f}"'
        yield "/>\n" if state == "passed" else f"><{state}>{escape(text)}</{state}></testcase>\n"
    yield "</testsuite></testsuites>\n"


def seal_write(out, nonce, chunks):
    """The report, and the line nobody else can write: SHA-256 of nonce, SHA-256 of the report, nonce."""
    body = hashlib.sha256()
    with os.fdopen(out, "wb") as file:
        for chunk in chunks:
            data = chunk if isinstance(chunk, bytes) else chunk.encode("utf-8", "replace")
            body.update(data)
            file.write(data)
        seal = hashlib.sha256(f"{nonce}{body.hexdigest()}{nonce}".encode()).hexdigest()
        file.write(f"<!--{seal}-->\n".encode())


def dumpable(flag):
    if ctypes.CDLL(None).prctl(DUMPABLE, flag, 0, 0, 0) != 0:
        sys.exit(EXIT_LACKING)


def order_take(out, lacks):
    """Reads the order and has the worker withdraw it. Nothing of the workspace has run yet: "begun" says that it may now.

    From then on no exit status of this process is believed to tell of the sandbox or the image.
    """
    with open(INPUTS + "order", encoding="utf-8") as file:
        order = json.load(file)
    os.write(out, b"ready\n")
    until = time.monotonic() + WITHDRAWN_S
    while os.stat(INPUTS + "order").st_size != 0:
        if time.monotonic() > until:
            print("the worker did not withdraw the order", file=sys.stderr, flush=True)
            sys.exit(EXIT_LOST)
        time.sleep(0.0005)
    if lacks is not None and lacks(order):
        sys.exit(EXIT_LACKING)
    os.write(out, b"begun\n")
    return order


class Child:
    """A process that waits for its orders; made before this one knows a secret."""

    def __init__(self, perform, options, out, others):
        self.end, theirs = socket.socketpair()
        self.number = theirs.fileno()
        self.held = self.holds(os.getpid())
        self.pid = os.fork()
        if self.pid == 0:
            for shut in [self.end.detach(), out, *[other.end.fileno() for other in others]]:
                os.close(shut)
            dumpable(1)
            orders = theirs.recv(1)
            if orders:
                perform(theirs, options)
                theirs.recv(1)  # until we were looked at
            os._exit(0)
        theirs.close()

    def holds(self, pid):
        """What the process has where it was given its end; None where this kernel does not show it."""
        try:
            return os.readlink(f"/proc/{pid}/fd/{self.number}")
        except OSError:
            return None

    def look(self, over):
        """Is what comes from there told by the child, or by somebody who took the place of its socket?

        A child that ends has none; it is asked for once more when all is said (over), and waits for that.
        """
        seen = self.holds(self.pid)
        if seen != self.held and (over or seen is not None):
            raise Foul("machinery", "the socket that tells of the tests was replaced")

    def send(self, value):
        try:
            self.end.sendall(json.dumps(value).encode() + b"\n")
        except OSError:
            pass  # it is gone: its end says more

    def ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def lines(self):
        rest = b""
        self.end.settimeout(0.2)
        while True:
            try:
                got = self.end.recv(65536)
            except TimeoutError:
                if not self.ended():  # what it left running may hold the socket open
                    continue
                got = b""
            except OSError:
                got = b""
            if not got:
                return
            self.look(over=False)
            *whole, rest = (rest + got).split(b"\n")
            if len(rest) > LINE_MOST:
                raise Foul("protocol", "a line without end")
            for line in whole:
                yield line

    def stop(self):
        """How it ended; whatever it does now changes nothing any more."""
        self.end.close()
        until = time.monotonic() + 5
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def listen(child, ledger):
    for line in child.lines():
        try:
            told = json.loads(line)
            if told[0] == "want":
                child.send(ledger.want(told[1]))
            else:
                ledger.take(*told)
        except Foul:
            raise
        except Exception as why:  # nothing that our own side of the child says looks like this
            raise Foul("protocol", f"not understood: {line[:80]!r} ({type(why).__name__})") from why
        if ledger.status is not None:
            child.look(over=True)
            return


def run(child, order, sentinel):
    """(exit status, rows): rows is None where there is no report."""
    path, names = sentinel
    ledger = Ledger(order["nonce"], names)
    child.send({**{key: value for key, value in order.items() if key != "nonce"}, "sentinel": path})
    listen(child, ledger)
    code = child.stop()
    if ledger.status is None:
        if code < 0:
            return 128 - code, None
        raise Foul("ended", f"the tests' process ended with {code} before its tests did")
    return ledger.status, ledger.judge() if ledger.status in (0, EXIT_REPORT) else None


def with_child(children, order, sentinel):
    """Python's runners: one child, or the next one where the first refused its arguments."""
    for child in children:
        child.end.send(b"!")
        status, rows = run(child, order, sentinel())
        if status != EXIT_USAGE or child is children[-1]:
            return status, rows
        print("(it refused its arguments; once more without the workspace's own addopts)", file=sys.stderr, flush=True)
    raise AssertionError


def directly(performer, order):
    """A program that prints JUnit XML: each file has had its own sentinels; the report needs ours."""
    return EXIT_REPORT, performer.direct(order, Foul) + sentinel_rows(order["nonce"])


def witness(runner):
    performer = importlib.import_module(runner + "_perform")
    sys.path[:] = [path for path in sys.path if path.rstrip("/") != INPUTS.rstrip("/")]
    dumpable(0)
    out = os.dup(1)  # not inherited by programs
    os.dup2(2, 1)
    children = []
    for options in getattr(performer, "TRIES", ()):
        children.append(Child(performer.perform, options, out, children))
    order = order_take(out, getattr(performer, "lacks", None))
    try:
        status, rows = with_child(children, order, performer.sentinel) if children else directly(performer, order)
    except Foul as foul:
        print(f"\n(tampered: {foul.args[0]}: {foul.args[1]})", file=sys.stderr, flush=True)
        return EXIT_FOUL[foul.args[0]]
    if rows is not None:
        seal_write(out, order["nonce"], report(runner, rows))
    return status


if __name__ == "__main__":
    os._exit(witness(sys.argv[1]))
