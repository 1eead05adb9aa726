# SPDX-License-Identifier: MIT
"""unittest in the current directory, telling the witness what happens. Imported by witness.py."""

import os
import sys
import time
import traceback
import unittest

from prt_perform import changed, chooser, paths, prints, sentinel_make, shown, teller, witnessed

TRIES = ([],)


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def name_of(test):
    return shown(address_of(test))


def address_of(test):
    """tests.test_a.TestB.test_c as tests/test_a.py::TestB::test_c."""
    kind = type(test)
    method = getattr(test, "_testMethodName", None)
    if method is None:
        return str(test.id())
    if kind.__module__ == "unittest.loader":  # a file that could not be imported
        return method.replace(".", "/") + ".py"
    return f"{kind.__module__.replace('.', '/')}.py::{kind.__qualname__.replace('.', '::')}::{method}"


class Result(unittest.TestResult):
    """Tells of each test as it goes; of a subtest that fails, as of its test."""

    def __init__(self, tell, ask, numbers, sentinels):
        super().__init__()
        self.tell, self.ask, self.numbers, self.sentinels = tell, ask, numbers, sentinels
        self.bad, self.begun, self.unset = 0, set(), {}

    def startTest(self, test):
        super().startTest(test)
        number, tell = self.numbers[test], self.tell
        self.start = time.monotonic()
        self.begun.add(test)
        tell("begin", number)
        if test in self.sentinels:
            sys.modules[type(test).__module__].WANT = self.ask(number)
        method = getattr(test, test._testMethodName)
        setattr(test, test._testMethodName, witnessed(method, lambda how: tell("call", number, how), unittest.SkipTest))

    def put(self, test, outcome, expected=False, text=""):
        if isinstance(test, unittest.case._SubTest):
            test = test.test_case
        if test not in self.numbers:  # setUpClass or setUpModule, as "setUpClass (test_a.TestB)"
            self.unset[str(test).partition("(")[2].rstrip(")")] = (outcome, text)
            self.tell("broken", shown(str(test)), "skipped" if outcome == "skipped" else "error", text)
        else:
            self.tell("report", self.numbers[test], "call", outcome, expected, time.monotonic() - self.start, text)
        self.bad += outcome not in ("passed", "skipped")

    def addSuccess(self, test):
        self.put(test, "passed")

    def addFailure(self, test, err):
        self.put(test, "failed", text="".join(traceback.format_exception(*err)))

    addError = addFailure

    def addSkip(self, test, reason):
        self.put(test, "skipped", text=str(reason))

    def addExpectedFailure(self, test, err):
        self.put(test, "skipped", True, "expected failure")

    def addUnexpectedSuccess(self, test):
        self.put(test, "failed", text="an unexpected success")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.put(test, "failed", text="".join(traceback.format_exception(*err)))

    def stopTest(self, test):
        super().stopTest(test)
        self.tell("end", self.numbers[test])

    def rest(self, planned):
        """Tests whose class or module could not be set up, or asked to be skipped, were never begun."""
        self.start = time.monotonic()
        for test in planned:
            if test not in self.begun:
                self.tell("begin", self.numbers[test])
                kind = type(test)
                outcome, text = (self.unset.get(f"{kind.__module__}.{kind.__qualname__}") or self.unset.get(kind.__module__)
                                 or ("failed", "it did not run"))
                self.tell("report", self.numbers[test], "setup", outcome, False, 0, text)
                self.tell("end", self.numbers[test])
                self.bad += outcome != "skipped"


def load(loader, tests):
    own = list(flat(loader.discover(".", "test*.py", ".")))
    chosen = chooser(tests)
    return [test for test in own if chosen(name_of(test))] if tests else own


def sentinel():
    return sentinel_make()


def perform(end, options):
    tell, ask, order = teller(end)
    paths()
    loader = unittest.TestLoader()
    own = load(loader, order["tests"])
    sys.path.append(os.path.dirname(order["sentinel"]))
    mine = list(flat(loader.loadTestsFromName(os.path.basename(order["sentinel"])[:-3])))
    planned = mine[:1] + own + mine[1:]
    for test in planned:
        tell("item", name_of(test))
    tell("planned")
    result = Result(tell, ask, {test: number for number, test in enumerate(planned)}, mine)
    unittest.TestSuite(planned).run(result)
    result.rest(planned)
    name = changed(BEFORE)
    if name is not None:
        tell("changed", name)
    tell("done", 1 if result.bad else 0)


BEFORE = prints("unittest", "prt_perform", "unittest_perform")
