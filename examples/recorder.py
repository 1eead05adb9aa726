"""Replays a bug-fixing session in a scratch directory and records what really happened.

A story is a function that is given a Recorder and acts on it: it writes notes, runs commands and tests, edits files,
commits. Every diff, hash, count, exit code, output and commit id in the recorded session is taken from the act itself;
only the words and the clock are the story's own.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

# Loaded into pytest; writes the outcome of every test by its node id.
OUTCOMES_PLUGIN = '''
import json, os
outcomes = {}
def pytest_runtest_logreport(report):
    if report.failed:
        outcomes[report.nodeid] = "failed" if report.when == "call" else "error"
    elif report.skipped:
        outcomes[report.nodeid] = "skipped"
    elif report.when == "call":
        outcomes[report.nodeid] = "passed"
def pytest_collectreport(report):
    if report.failed:
        outcomes[report.nodeid] = "error"
def pytest_sessionfinish():
    with open(os.environ["OUTCOMES_FILE"], "w") as file:
        json.dump(outcomes, file)
'''


def scratch_env(home):
    """The same surroundings on every machine: no settings of the user's, no caches, a fixed language and time zone."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "COLUMNS": "100",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def run_tests(tree, selection=None):
    """Runs pytest in a tree: ({node id: outcome}, JUnit XML)."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "outcomes_plugin.py").write_text(OUTCOMES_PLUGIN)
        env = scratch_env(scratch)
        env["PYTHONPATH"] = scratch
        env["OUTCOMES_FILE"] = f"{scratch}/outcomes.json"
        argv = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "outcomes_plugin"]
        argv += [f"--junitxml={scratch}/report.xml", "-o", "junit_family=xunit2"]
        argv += shlex.split(selection or "")
        done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"pytest {selection or ''} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        outcomes = json.loads(Path(env["OUTCOMES_FILE"]).read_text())
        return outcomes, Path(f"{scratch}/report.xml").read_bytes()


def of(outcomes, *wanted):
    return sorted(test for test, outcome in outcomes.items() if outcome in wanted)


def copy_tree(source, target):
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and ".pytest_cache" not in path.parts:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            copy.chmod(0o644)


class Recorder:
    """One session. Every act takes `after`: the seconds since the act before it."""

    def __init__(self, before, session, task, repo, environment):
        self._scratch = tempfile.TemporaryDirectory()
        self.tree = Path(self._scratch.name) / "tree"
        self._env = scratch_env(self._scratch.name)
        self._before = before
        self._now = float(session["client_clock"]["start_unix_s"])
        self._author = session["participant_id"]
        self._events = 0
        self.chunks = []
        self.chunk()

        copy_tree(before, self.tree)
        self._git("init", "-q", "--initial-branch", repo["branch"])
        self._outcomes_before = run_tests(self.tree)[0]
        self.head = self._commit("Start of the session", None)
        task = {**task, "known_failing_tests": of(self._outcomes_before, "failed", "error")}
        repo = {"origin": repo["origin"], "start_commit": self.head, **{k: v for k, v in repo.items() if k != "origin"}}
        self.session = {"session": session, "task": task, "repo": repo, "environment": environment}

    # The acts of a session.

    def chunk(self):
        """From here on events go into the next chunk."""
        seq = len(self.chunks)
        self.chunks.append({"chunk_id": f"chunk-{seq:03}", "chunk_seq": seq, "events": []})

    def note(self, after, **structured):
        self._event(after, "rationale_note", structured=structured)

    def remark(self, after, text):
        self._event(after, "rationale_note", freeform=text)

    def cmd(self, after, command, keep=True):
        """Runs a shell command in the tree; `keep` sends its output along."""
        done = subprocess.run(["sh", "-c", command], cwd=self.tree, env=self._env, capture_output=True, text=True)
        event = self._event(after, "cmd_run", cmd=command, exit_code=done.returncode, cwd=".")
        for stream, text in (("stdout", done.stdout), ("stderr", done.stderr)):
            if self._scratch.name in text:
                raise RuntimeError(f"the {stream} of {command!r} names the scratch directory")
            if keep and text:
                self._artifact(event, stream, re.sub(r"\bin \d+\.\d+s", "in 0.00s", text), "text/plain")

    def test(self, after, selection=None, report=False):
        """Runs the whole suite, or a selection (pytest arguments); `report` sends the JUnit XML along."""
        outcomes, xml = run_tests(self.tree, selection)
        fields = {"framework": "pytest"}
        if selection:
            fields["selection"] = selection
        fields["num_passed"] = len(of(outcomes, "passed"))
        fields["num_failed"] = len(of(outcomes, "failed"))
        fields["failed_tests"] = of(outcomes, "failed", "error")
        event = self._event(after, "test_run", **fields)
        if report:
            self._artifact(event, "test_report", self._plain_report(xml), "application/xml")

    def edit(self, after, path, *replacements):
        """Replaces (old, new) texts of a file; each old text must be there exactly once."""
        text = (self.tree / path).read_bytes().decode()
        for old, new in replacements:
            if text.count(old) != 1:
                raise RuntimeError(f"{path}: {text.count(old)} times in the file: {old!r}")
            text = text.replace(old, new)
        self.write(after, path, text)

    def write(self, after, path, text):
        """Gives a file new content; makes it if it is not there."""
        file = self.tree / path
        old = file.read_bytes() if file.exists() else None
        new = text.encode()
        fields = {"file_path": path, "diff_unified": self._diff(path, old, new)}
        if path.endswith(".py"):
            fields["language"] = "python"
        if old is not None:
            fields["buffer_hash_before"] = sha256(old)
        fields["buffer_hash_after"] = sha256(new)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(new)
        self._event(after, "file_edit", **fields)

    def commit(self, after, message):
        parent = self.head
        self._now += after
        self.head = self._commit(message, parent)
        diff = self._git("diff", "--no-color", "--no-renames", "--no-ext-diff", parent, self.head)
        self._event(0, "commit", sha=self.head, message=message, parent_sha=parent, diff_unified=diff)

    # Writing it down.

    def save(self, target, title, shows):
        """Writes the session directory; `before` is there already or is copied."""
        after = run_tests(self.tree)[0]
        shutil.rmtree(target / "chunks", ignore_errors=True)
        shutil.rmtree(target / "after", ignore_errors=True)
        if self._before != target / "before":
            shutil.rmtree(target / "before", ignore_errors=True)
            copy_tree(self._before, target / "before")
        shutil.rmtree(self.tree / ".git")
        copy_tree(self.tree, target / "after")

        write_json(target / "session.json", self.session)
        (target / "chunks").mkdir()
        for chunk in self.chunks:
            write_json(target / "chunks" / f"{chunk['chunk_seq']:03}.json", chunk)
        write_json(target / "complete.json", {"num_chunks": len(self.chunks)})
        expected = expected_verdict(self._outcomes_before, after)
        write_json(target / "expected.json", expected)
        (target / "README.md").write_text(self._readme(title, shows, expected))

    def _readme(self, title, shows, expected):
        counts = {name: len(tests) for name, tests in expected["tests"].items()}
        verdict = "passed" if expected["tests_passed"] else "failed"
        return (
            f"# {title}\n\n{shows}\n\n"
            f"{self._events} events in {len(self.chunks)} chunks. Expected verdict: **{verdict}**, "
            f"{expected['num_passed']} tests passed and {expected['num_failed']} failed afterwards"
            + (f" ({expected['num_skipped']} skipped)" if expected["num_skipped"] else "") + ";\n"
            + ", ".join(f"{name} {count}" for name, count in counts.items())
            + ".\n`expected.json` names the tests.\n"
        )

    def _event(self, after, kind, **fields):
        self._now = round(self._now + after, 3)
        event = {"id": f"evt-{self._events + 1:04}", "seq": self._events, "ts_client_s": self._now, "type": kind, **fields}
        self._events += 1
        self.chunks[-1]["events"].append(event)
        return event

    def _artifact(self, event, kind, content, content_type):
        artifacts = self.chunks[-1].setdefault("artifacts", {})
        artifacts[f"{event['id']}.{kind}"] = {
            "type": kind, "event_id": event["id"], "content": content, "encoding": "utf-8", "content_type": content_type,
        }

    def _plain_report(self, xml):
        """The report without what differs from run to run: durations, the host's name, the clock, addresses, the directory."""
        root = ElementTree.fromstring(xml)
        for suite in root.iter("testsuite"):
            suite.set("time", "0.000")
            suite.set("hostname", "localhost")
            suite.attrib.pop("timestamp", None)
        for case in root.iter("testcase"):
            case.set("time", "0.000")
        root.attrib.pop("name", None)
        text = ElementTree.tostring(root, encoding="unicode") + "\n"
        return re.sub(r"\b0x[0-9a-f]+", "0x0", text.replace(f"{self.tree.resolve()}/", "").replace(f"{self.tree}/", ""))

    def _diff(self, path, old, new):
        if old == new:
            raise RuntimeError(f"{path}: the edit changes nothing")
        blobs = [self._git("hash-object", "-w", "--stdin", stdin=data).strip() for data in (old or b"", new)]
        diff = self._git("diff", "--no-color", "--no-ext-diff", "--no-textconv", "-U3", *blobs)
        source = "/dev/null" if old is None else f"a/{path}"
        return f"--- {source}\n+++ b/{path}\n{diff[diff.index('@@ '):]}"

    def _commit(self, message, parent):
        """The author is the participant and the date is the event's: so the id can be worked out again."""
        who = {"NAME": self._author, "EMAIL": f"{self._author}@example.org", "DATE": f"{int(self._now)} +0000"}
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        self._git("add", "-A")
        self._git("commit", "-q", "--no-gpg-sign", "-m", message, env=env)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *argv, stdin=None, env=None):
        done = subprocess.run(["git", "-c", "core.abbrev=7", "-c", "diff.algorithm=myers", *argv], cwd=self.tree,
                              env={**self._env, **(env or {})}, input=stdin, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"git {argv[0]}: {done.stderr.decode()}")
        return done.stdout.decode()


def expected_verdict(before, after):
    """What QA must find on the two trees."""
    passes = {tree: set(of(outcomes, "passed")) for tree, outcomes in (("before", before), ("after", after))}
    fails = {tree: set(of(outcomes, "failed", "error")) for tree, outcomes in (("before", before), ("after", after))}
    return {
        "tests_passed": not fails["after"] and bool(passes["after"]),
        "num_passed": len(passes["after"]),
        "num_failed": len(of(after, "failed")),
        "num_skipped": len(of(after, "skipped")),
        "num_errors": len(of(after, "error")),
        "tests": {
            "fail_to_pass": sorted(fails["before"] & passes["after"]),
            "pass_to_pass": sorted(passes["before"] & passes["after"]),
            "pass_to_fail": sorted(passes["before"] & fails["after"]),
            "fail_to_fail": sorted(fails["before"] & fails["after"]),
        },
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
