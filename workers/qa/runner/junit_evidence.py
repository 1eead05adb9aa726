# SPDX-License-Identifier: MIT
"""What a program's own test process tells of its tests, held against the report. Imported by junit_perform.py.

A runner with evidence has something loaded into the test process before the code under test (for node: node_evidence.cjs).
It opens two pipes, which lose their names then, and tells: begun; want NAME, answered by 1 or 0; call WAY HOW LATER, from
inside of the test's own call; done LEFT CHANGED, as the process ends. The report comes from another process.
"""

import collections
import html
import json
import os
import random
import tempfile
import threading

SENTINELS = 7
LINES_MOST = 400000


def key_of(way):
    """Reports do not keep white space in names as it was, and node's escapes quotes twice."""
    return tuple("".join(html.unescape(str(name)).split()) for name in way)


class Evidence:
    def __init__(self, path):
        self.path, self.dir = path, tempfile.mkdtemp()
        lot = random.SystemRandom()
        self.names = [f"{lot.choice('abcdefgh')}{lot.getrandbits(44):011x}" for _ in range(SENTINELS)]
        self.holding = set(lot.sample(self.names, 2))  # the others break
        self.asked, self.lines, self.wrong = set(), [], None
        with open(self.dir + "/names", "w", encoding="ascii") as file:
            file.write("\n".join(self.names))
        for name in ("told", "answers"):
            os.mkfifo(f"{self.dir}/{name}", 0o600)
        self.told = os.open(self.dir + "/told", os.O_RDWR)
        self.answers = os.open(self.dir + "/answers", os.O_RDWR)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def env(self):
        return {"PRT_EVIDENCE": self.dir, "PRT_EVIDENCE_FILE": os.path.abspath(self.path)}

    def read(self):
        rest = b""
        while True:
            *whole, rest = (rest + os.read(self.told, 65536)).split(b"\n")
            for line in whole:
                if line == b"":  # ours: the program has ended
                    return
                if len(self.lines) < LINES_MOST:
                    self.take(line)
                else:
                    self.wrong = "too much was told"

    def take(self, line):
        try:
            told = json.loads(line)
            if told[0] == "want":
                if told[1] in self.asked or told[1] not in self.names:
                    self.wrong = "a sentinel was asked for by somebody else"
                self.asked.add(told[1])
                os.write(self.answers, b"1" if told[1] in self.holding else b"0")
            self.lines.append(told)
        except (ValueError, LookupError, TypeError):
            self.wrong = f"not understood: {line[:80]!r}"

    def end(self):
        os.write(self.told, b"\n\n")
        self.reader.join(10)
        os.close(self.told)
        os.close(self.answers)

    def calls(self, rows, foul):
        """Counts of what was reached and what failed by the way to it; sentinels and the end looked at."""
        if self.wrong is not None:
            raise foul("protocol", f"{self.path}: {self.wrong}")
        reached, failed = collections.Counter(), collections.Counter()
        self.ways = {}
        for word, *told in self.lines:
            if word == "call":
                way, how, later = told  # later: it may fail
                if how == "reached":
                    reached[key_of(way)] += 1
                elif not later:
                    failed[key_of(way)] += 1
                    self.ways[key_of(way)] = way
            elif word == "done" and told[1] is not None:
                raise foul("machinery", f"{told[1]} is not what it was when the run began")
        ends = [told for word, *told in self.lines if word == "done"]
        bad = any(state in ("failure", "error") for *_, state, _, _ in self.own(rows))
        if len(ends) != 1 or ends[0][0]:
            if not bad:
                raise foul("ended", f"{self.path}: its process ended before its tests did")
            return reached, failed  # it died of something, and the report says so
        self.sentinels(rows, foul)
        return reached, failed

    def sentinels(self, rows, foul):
        seen = {name: state for _, name, state, *_ in rows if name in self.names}
        for name in self.names:
            state = seen.get(name)
            if name not in self.asked and state in ("failure", "error"):
                continue  # a hook of all tests failed before it
            if name not in self.asked or state != ("passed" if name in self.holding else "failure"):
                raise foul("sentinel", f"{self.path}: one that must {'pass' if name in self.holding else 'fail'}: {state}")

    def own(self, rows):
        return [row for row in rows if row[1] not in self.names]

    def check(self, rows, foul):
        """The rows without sentinels, and a row for what failed and is told of nowhere; or a foul."""
        reached, failed = self.calls(rows, foul)
        own = self.own(rows)
        states = collections.defaultdict(list)
        for suites, name, state, *_ in own:
            states[key_of((*suites, name))].append(state)
        for key, seen in states.items():
            if seen.count("passed") > reached[key]:
                how = "failed" if failed[key] else "was not made"
                raise foul("evidence", f"{self.path}: {'::'.join(key)} is reported as passed, but its call {how}")
            if failed[key] > sum(state in ("failure", "error") for state in seen):
                raise foul("evidence", f"{self.path}: {'::'.join(key)} is reported as {seen[0]}, but its call failed")
        for key in failed:
            if key not in states and not set(key) & set(self.names):  # it has subtests: node tells of those alone
                own.append((tuple(self.ways[key][:-1]), self.ways[key][-1], "failure", "its own call failed", 0.0))
        return own
