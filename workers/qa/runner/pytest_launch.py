# SPDX-License-Identifier: MIT
"""Runs pytest in the current directory, with two sentinel tests beside the workspace's own.

usage: python3 -I pytest_launch.py SENTINEL_FILE REPORT [--plain]

Started with -I, so that nothing of the workspace is on the path before pytest itself is imported. --plain drops the
workspace's own addopts: they may name plugins that are not loaded here. The file `selection` beside this one, if it is
there, holds pytest arguments that say which tests to run: paths, node ids, and the options of SELECTS.
"""

import os
import shlex
import sys

import pytest

SENTINEL, REPORT = sys.argv[1:3]
PLAIN = "--plain" in sys.argv[3:]
SELECTION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "selection")
SELECTS = ("-k", "-m", "--deselect", "--ignore", "--ignore-glob")
CHANGES_NOTHING = ("-q", "-qq", "-v", "-vv", "-s", "--quiet", "--verbose")
DEPS = "/prt/deps"
ROOM = REPORT + ".room"
ROOM_BYTES = 4 << 20


class Sentinels:
    """Adds the sentinel file to whatever is collected, and keeps it in, last."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        config.args = [*config.args, SENTINEL]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        mine = [item for item in items if str(item.path) == SENTINEL]
        yield
        items[:] = [item for item in items if item not in mine] + mine

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self):
        """Tests that filled the disk failed at that; the report of it still has room."""
        if os.path.exists(ROOM):
            os.remove(ROOM)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        got = yield
        report = got.get_result()
        if call.excinfo is not None and report.outcome == "passed" and not hasattr(report, "wasxfail"):
            print(f"\n({item.nodeid} raised {call.excinfo.typename} and was reported as passed)", flush=True)
            os._exit(0)  # no honest run ends with 0: the failing sentinel sees to that


def paths():
    """As `python3 -m pytest` would have them; dependencies come before the base's packages."""
    here = os.getcwd()
    first = [here] + [path for path in [os.path.join(here, "src")] if os.path.isdir(path)]
    deps = [DEPS] if os.path.isdir(DEPS) and os.listdir(DEPS) else []
    at = next((i for i, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[at:at] = deps
    sys.path[0:0] = first
    os.environ["PYTHONPATH"] = os.pathsep.join(first + deps)


def selected():
    """What was selected, as arguments of pytest. An option that is no selection could change how the report is made."""
    if not os.path.exists(SELECTION):
        return []
    with open(SELECTION, encoding="utf-8") as file:
        words = iter(shlex.split(file.read()))
    chosen = []
    for word in words:
        name = word.split("=")[0]
        if not word.startswith("-"):
            chosen.append(word)
        elif name in SELECTS:
            chosen += [word] if "=" in word else [word, next(words)]
        elif word not in CHANGES_NOTHING:
            raise ValueError(f"{word} selects no tests")
    return chosen


def main():
    try:
        chosen = selected()
    except (ValueError, StopIteration) as why:
        print(f"(the selection is not understood: {why})", flush=True)
        return pytest.ExitCode.USAGE_ERROR
    paths()
    with open(ROOM, "wb") as room:
        room.write(bytes(ROOM_BYTES))
    options = ["-p", "no:cacheprovider", "--color=no", "--maxfail=0", "--continue-on-collection-errors",
               "-o", "junit_family=xunit1", "--junitxml=" + REPORT]
    sys.argv = ["pytest"]
    return pytest.main(options + (["-o", "addopts="] if PLAIN else []) + chosen, plugins=[Sentinels()])


sys.exit(main())
