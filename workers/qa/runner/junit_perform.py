# SPDX-License-Identifier: MIT
"""Any program that prints a JUnit XML report, one test file at a time. Imported by witness.py.

The program runs beside the witness, which reads the report from a pipe. Each run has a sentinel file beside the test file,
in which one test passes and one fails: they show that the program still tells one from the other. Whether the test file's
own process told the program the truth is what a runner's evidence shows, where it has one (junit_evidence.py).
"""

import fnmatch
import glob
import os
import random
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from junit_evidence import Evidence

REPORT_MOST = 32 << 20
SKIPPED_FOLDERS = {".git", "node_modules", "vendor", "target", "dist", "build"}
STATES = ("error", "failure", "skipped")


def fits(path, patterns):
    """As pattern.h has it."""
    for pattern in patterns.split("|"):
        if pattern.endswith("/"):
            if any(fnmatch.fnmatchcase(part, pattern[:-1]) for part in path.split("/")[:-1]):
                return True
        elif fnmatch.fnmatchcase(path if "/" in pattern else os.path.basename(path), pattern):
            return True
    return False


def files_of(order):
    found = []
    ends = tuple(order["ends"].split("|"))
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), ".")
            if name.endswith(ends) and fits(path, order["patterns"]) and not os.path.islink(path):
                found.append(path)
    wanted = {test.partition("::")[0] for test in order["tests"]}
    return [path for path in found if not wanted or path in wanted]


def sentinel_make():
    """/prt/in/sentinel.* under a new name, with names for its two tests that nobody knows yet."""
    names = [f"{random.SystemRandom().getrandbits(64):016x}" for _ in range(2)]
    [source] = glob.glob("/prt/in/*_sentinel.*")
    path = os.path.join(tempfile.mkdtemp(), names[0][:8] + os.path.basename(source).partition("_sentinel")[2])
    with open(source, encoding="ascii") as file, open(path, "w", encoding="ascii") as copy:
        copy.write(file.read().replace("@HOLDS@", names[0]).replace("@BREAKS@", names[1]))
    return path, names


def program_run(command, files, env):
    """What it printed; its status."""
    with subprocess.Popen([*command, *files], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          env={**os.environ, **env}) as program:
        said = program.stdout.read(REPORT_MOST)
        program.stdout.close()
    return said, program.returncode


def cases_of(element, suites=()):
    """(suites above it, name, state, text, seconds) of each test case."""
    for child in element:
        if child.tag == "testsuite":
            yield from cases_of(child, (*suites, child.get("name", "")))
        elif child.tag == "testcase":
            bad = next((part for part in child if part.tag in STATES), None)
            text = "" if bad is None else bad.get("message") or (bad.text or "").strip()
            yield suites, child.get("name", ""), "passed" if bad is None else bad.tag, text, float(child.get("time") or 0)


def file_run(command, env, path, is_test, foul):
    """The rows of one file, sentinels taken out; foul(kind, words) when they are not as they must be."""
    sentinel, (holds, breaks) = sentinel_make()
    evidence = Evidence(path) if env else None
    said, status = program_run(command, [path, sentinel], {**env, **evidence.env()} if evidence else {})
    if evidence:
        evidence.end()
    try:
        cases = list(cases_of(xml.etree.ElementTree.fromstring(said)))
    except (xml.etree.ElementTree.ParseError, ValueError) as why:
        raise foul("protocol", f"{path}: no report: {why}") from why
    seen = {name: state for _, name, state, *_ in cases if name in (holds, breaks)}
    if seen != {holds: "passed", breaks: "failure"}:
        raise foul("sentinel", f"{path}: {seen}")
    if status == 0:
        raise foul("ended", f"{path}: status 0, though a sentinel fails")
    if evidence:
        cases = evidence.check([case for case in cases if case[1] not in (holds, breaks)], foul)
    rows = [("::".join([path, *suites, name]), state, text, seconds) for suites, name, state, text, seconds in cases
            if name not in (holds, breaks)]
    # A file of which no test is told has a case of its own name instead, passed if it ended well. That is no test.
    own = [row for row in rows if row[0].partition("::")[2] not in (path, os.path.abspath(path))]
    print(f"{path}: {len(own)} tests, {sum(state != 'passed' for _, state, *_ in own)} not passed", file=sys.stderr, flush=True)
    # With evidence there are sentinels among its own tests: it is not told of itself, unless it ends badly.
    well = (rows or evidence) and all(state == "passed" for _, state, *_ in rows)
    if own or well and not is_test:
        return own
    return [(path, "error", "it ran no test" if not rows or rows[0][1] == "passed" else rows[0][2], 0.0)]


def lacks(order):
    """Is the program missing in the image?"""
    program = order["command"].split()[0]
    if shutil.which(program) is None:
        print(f"(the image has no {program})", file=sys.stderr, flush=True)
        return True
    return False


def direct(order, foul):
    """The rows of all files. Imports nothing of the workspace."""
    command = order["command"].split()
    env = dict(word.split("=", 1) for word in order["evidence"].split())
    names = "|".join(pattern for pattern in order["patterns"].split("|") if not pattern.endswith("/"))
    rows = []
    for path in files_of(order):
        rows += file_run(command, env, path, fits(path, names), foul)
    return rows
