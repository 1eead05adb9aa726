# SPDX-License-Identifier: MIT
"""pytest in the current directory, telling the witness what happens. Imported by witness.py."""

import importlib
import os
import shlex
import sys
import unittest

import pytest
from _pytest.config import default_plugins

from prt_perform import changed, chosen, paths, prints, sentinel_make, teller, witnessed

for plugin in default_plugins:
    importlib.import_module("_pytest." + plugin)

# The second time without the workspace's own addopts: they may name plugins that are not loaded here.
TRIES = ([], ["-o", "addopts="])
SELECTS = ("-k", "-m", "--deselect", "--ignore", "--ignore-glob")
CHANGES_NOTHING = ("-q", "-qq", "-v", "-vv", "-s", "--quiet", "--verbose")
SKIPS = (pytest.skip.Exception, unittest.SkipTest)
RAISES = """
    def test_{raises}(self):
        with pytest.raises(ZeroDivisionError):
            1 / (not WANT)
"""
BEFORE = prints("_pytest", "pytest", "pluggy", "unittest")


class Teller:
    """The plugin: adds the sentinels, narrows to the selection, tells what happens."""

    def __init__(self, tell, ask, tests):
        self.tell, self.ask, self.tests = tell, ask, tests
        self.sentinel = sentinel_make("import pytest\n", RAISES)
        self.numbers, self.now, self.hidden = {}, None, set()

    def is_sentinel(self, item):
        return str(item.path) == self.sentinel

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        files = [path for path in dict.fromkeys(test.partition("::")[0] for test in self.tests) if os.path.exists(path)]
        config.args = [*(files if self.tests else config.args), self.sentinel]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        mine = [item for item in items if self.is_sentinel(item)]
        yield
        rest = [item for item in items if not self.is_sentinel(item)]
        if self.tests:
            rest = [item for item in rest if chosen(item.nodeid, self.tests)]
        items[:] = mine[:1] + rest + mine[1:]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session):
        for item in session.items:
            self.numbers[item] = len(self.numbers)
            if self.is_sentinel(item):
                self.hidden.add(item.nodeid)
            self.tell("item", item.nodeid, self.is_sentinel(item))
        self.tell("planned")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report):
        if report.outcome != "passed":
            self.tell("broken", report.nodeid, report.outcome, str(report.longrepr))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self.now = self.numbers[item]
        self.tell("begin", self.now)
        yield
        self.tell("end", self.now)
        self.now = None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item):
        number, tell = self.now, self.tell
        if self.is_sentinel(item):
            item.module.WANT = self.ask(number)
        name = "obj" if isinstance(item, pytest.Function) else "runtest"
        first = getattr(item, name)
        setattr(item, name, witnessed(first, lambda how: tell("call", number, how), SKIPS))
        yield
        if name == "obj":
            item.obj = first
        else:
            del item.runtest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if self.now is not None:
            self.tell("report", self.now, report.when, report.outcome, hasattr(report, "wasxfail"), report.duration,
                      "" if report.outcome == "passed" else report.longreprtext[:8192])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        self.hide(session.config.pluginmanager.get_plugin("terminalreporter"))
        name = changed(BEFORE)
        if name is not None:
            self.tell("changed", name)

    def hide(self, terminal):
        """What is printed is for people: it counts the workspace's tests only."""
        for key, reports in list(getattr(terminal, "stats", {}).items()):
            terminal.stats[key] = [one for one in reports if getattr(one, "nodeid", "") not in self.hidden]


def selected(selection):
    """What a test_run event says was run, as arguments. An option that selects nothing could change how pytest reports."""
    words = iter(shlex.split(selection or ""))
    arguments = []
    for word in words:
        name = word.split("=")[0]
        if not word.startswith("-"):
            arguments.append(word)
        elif name in SELECTS:
            arguments += [word] if "=" in word else [word, next(words)]
        elif word not in CHANGES_NOTHING:
            raise ValueError(f"{word} selects no tests")
    return arguments


def perform(end, options):
    tell, ask, order = teller(end)
    try:
        options = options + selected(order["selection"])
    except (ValueError, StopIteration) as why:
        print(f"(the selection is not understood: {why})", flush=True)
        tell("done", int(pytest.ExitCode.USAGE_ERROR))
        return
    paths()
    sys.argv = ["pytest"]
    fixed = ["-p", "no:cacheprovider", "--color=no", "--maxfail=0", "--continue-on-collection-errors"]
    tell("done", int(pytest.main([*fixed, *options], plugins=[Teller(tell, ask, order["tests"])])))
