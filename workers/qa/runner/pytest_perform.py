# SPDX-License-Identifier: MIT
"""pytest in the current directory, telling the witness what happens. Imported by witness.py."""

import importlib
import os
import shlex
import sys
import unittest

import pytest
from _pytest.config import default_plugins

from prt_perform import changed, chooser, paths, prints, sentinel_make, shown, teller, witnessed

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


def sentinel():
    return sentinel_make("import pytest\n", RAISES)


def plugin_make(tell, ask, tests, sentinel):
    """The plugin: adds the sentinels, narrows to the selection, tells what happens.

    What it works with is in its closures: no attribute of it, or of a module, has to be believed.
    """
    numbers, hidden, running, chosen = {}, set(), [], chooser(tests)
    witness, changes, function, skips = witnessed, changed, pytest.Function, SKIPS

    def is_sentinel(item):
        return str(item.path) == sentinel

    class Teller:
        @pytest.hookimpl(trylast=True)
        def pytest_configure(self, config):
            files = [path for path in dict.fromkeys(test.partition("::")[0] for test in tests) if os.path.exists(path)]
            config.args = [*(files if tests else config.args), sentinel]

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(self, items):
            mine = [item for item in items if is_sentinel(item)]
            yield
            rest = [item for item in items if not is_sentinel(item)]
            if tests:
                rest = [item for item in rest if chosen(shown(item.nodeid))]
            items[:] = mine[:1] + rest + mine[1:]

        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(self, session):
            for item in session.items:
                numbers[item] = len(numbers)
                tell("item", shown(item.nodeid))
                if is_sentinel(item):
                    hidden.add(item.nodeid)
                    item.repr_failure = repr  # nobody reads how it failed
            tell("planned")

        @pytest.hookimpl(tryfirst=True)
        def pytest_collectreport(self, report):
            if report.outcome != "passed":
                tell("broken", shown(report.nodeid), report.outcome, str(report.longrepr))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item):
            running[:] = [numbers[item]]
            tell("begin", numbers[item])
            yield
            tell("end", numbers[item])
            running.clear()

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_call(self, item):
            number = numbers[item]
            if is_sentinel(item):
                item.module.WANT = ask(number)
            name = "obj" if isinstance(item, function) else "runtest"
            first = getattr(item, name)
            setattr(item, name, witness(first, lambda how: tell("call", number, how), skips))
            yield
            if name == "obj":
                item.obj = first
            else:
                del item.runtest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(self, report):
            if running:
                tell("report", running[0], report.when, report.outcome, hasattr(report, "wasxfail"), report.duration,
                     "" if report.outcome == "passed" else report.longreprtext[:8192])

        @pytest.hookimpl(tryfirst=True)
        def pytest_sessionfinish(self, session):
            self.hide(session.config.pluginmanager.get_plugin("terminalreporter"))
            name = changes(BEFORE)
            if name is not None:
                tell("changed", name)

        def hide(self, terminal):
            """What is printed is for people: it counts the workspace's tests only."""
            for key, reports in list(getattr(terminal, "stats", {}).items()):
                terminal.stats[key] = [one for one in reports if getattr(one, "nodeid", "") not in hidden]

    return Teller()


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
    tell("done", int(pytest.main([*fixed, *options], plugins=[plugin_make(tell, ask, order["tests"], order["sentinel"])])))


BEFORE = prints("_pytest", "pytest", "pluggy", "unittest", "prt_perform", "pytest_perform")
