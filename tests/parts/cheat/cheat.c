// SPDX-License-Identifier: MIT
/*
 * Code that was written to look fixed. Each case is a project whose test_wrong fails, and one file
 * that tries to hide it; each runs in a real sandbox, and none may pass.
 */
#include <string.h>

#include "lib/test.h"
#include "lib/qa/world.h"

/* Untouched in every case but those that name it. */
#define SUM_WRONG "def add(a, b):\n    return a - b\n"
#define TESTS                                                                                      \
    "import unittest\n"                                                                            \
    "from sums import add\n"                                                                       \
    "def test_wrong():\n    assert add(1, 2) == 3\n"                                               \
    "def test_right():\n    assert add(1, 0) == 1\n"                                               \
    "class TestMore(unittest.TestCase):\n"                                                         \
    "    def test_wrong_too(self): self.assertEqual(add(2, 2), 4)\n"

/* Loaded by nobody but those cases that name it. */
#define EVIL_PLUGIN                                                                                \
    "import pytest\n"                                                                              \
    "@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"                                          \
    "def pytest_runtest_makereport(item, call):\n"                                                 \
    "    got = yield\n    got.get_result().outcome = 'passed'\n"

/* In which engines besides runc: one cheat of each kind runs in all of them, and those that lean on
 * processes, pipes, /proc and what a run leaves behind; some where the host's kernel is theirs. */
enum where { HERE, SHARED_KERNEL, EVERYWHERE };
enum { ALL_SHARED_KERNEL = 20, ALL_EVERYWHERE = 17 };

/* Makes a pass of every failure but those of tests outside of the workspace: the sentinels. */
#define REWRITER                                                                                   \
    "import gc, json\n"                                                                            \
    "names = []\n"                                                                                 \
    "def rewrite(line):\n"                                                                         \
    "    told = json.loads(line)\n"                                                                \
    "    if told[0] == 'item': names.append(told[1])\n"                                            \
    "    if told[0] in ('call', 'report') and not names[told[1]].startswith('::'):\n"              \
    "        told[2:] = (['reached'] if told[0] == 'call' else\n"                                  \
    "                    [told[2], 'passed', False, 0.0, ''])\n"                                   \
    "    return json.dumps(told).encode() + b'\\n'\n"

struct cheat {
    enum where  where;
    const char *what;
    const char *status, *reason;
    const char *file, *text;
};

/* Nobody sent the start snapshot: what the after arm says has to do. `sums.py` is the code under
 * test, which no arm puts back. */
static const struct cheat lone[] = {
    {EVERYWHERE, "os._exit(0) in a fixture", "tampered", "ended", "conftest.py",
     "import os, pytest\n@pytest.fixture(autouse=True)\ndef out(): os._exit(0)\n"},
    {HERE, "os._exit(1) in a fixture", "tampered", "ended", "conftest.py",
     "import os, pytest\n@pytest.fixture(autouse=True)\ndef out(): os._exit(1)\n"},
    {EVERYWHERE, "os._exit(0) at import", "tampered", "ended", "sums.py",
     "import os\nos._exit(0)\n"},
    {EVERYWHERE, "sys.exit while collecting", "tampered", "ended", "conftest.py",
     "import sys\nsys.exit(0)\n"},
    {HERE, "pytest.exit with a status of its own", "tampered", "evidence", "conftest.py",
     "import pytest\ndef pytest_runtest_setup(item):\n    pytest.exit('fine', returncode=1)\n"},
    {HERE, "exit status 0", "tampered", "ended", "conftest.py",
     "def pytest_sessionfinish(session): session.exitstatus = 0\n"},
    {HERE, "another program in place of the tests, with a library of its own", "tampered", "ended",
     "conftest.py",
     "import os, sys\nos.execve(sys.executable, ['python3', '-c', 'pass'], "
     "{'LD_PRELOAD': '/workspace/evil.so', 'PATH': os.environ['PATH']})\n"},
    {EVERYWHERE, "the runner killed", "failed", "crashed", "sums.py",
     "import os, signal\ndef add(a, b): os.kill(os.getppid(), signal.SIGKILL)\n"},
    {HERE, "its own process killed", "failed", "crashed", "conftest.py",
     "import os, signal\ndef pytest_runtest_setup(): os.kill(os.getpid(), signal.SIGKILL)\n"},
    {HERE, "everything killed", "failed", "crashed", "sums.py",
     "import os, signal\ndef add(a, b): os.kill(-1, signal.SIGKILL)\n"},

    {EVERYWHERE, "reports and JUnit files written at exit", "failed", "tests_failed", "conftest.py",
     "import atexit, glob\n"
     "LIE = '<testsuites><testsuite><testcase classname=\"test_sums\" name=\"test_wrong\"/>"
     "</testsuite></testsuites>'\n"
     "def lie():\n"
     "    for at in glob.glob('/tmp/**/*', recursive=True) + ['/tmp/report.xml']:\n"
     "        try: open(at, 'w').write(LIE)\n"
     "        except OSError: pass\n"
     "atexit.register(lie)\n"},
    {HERE, "a daemon that goes on writing reports", "failed", "tests_failed", "conftest.py",
     "import os, time\n"
     "if os.fork() == 0:\n"
     "    os.setsid()\n"
     "    if os.fork() != 0: os._exit(0)\n"
     "    while True:\n"
     "        open('/tmp/report.xml', 'w').write('<testsuites/>')\n"
     "        time.sleep(0.01)\n"},
    {SHARED_KERNEL, "a report of its own in the result's pipe, by way of the first process",
     "failed", "tests_failed", "sums.py",
     "LIE = b'<testsuites><testsuite><testcase name=\"test_wrong\"/></testsuite></testsuites>\\n'\n"
     "open('/proc/1/fd/1', 'wb').write(LIE + b'<!--' + b'0' * 64 + b'-->\\n')\n" SUM_WRONG},
    {SHARED_KERNEL,
     "the exit status of an image that lacks the runner, by way of every process above", NULL, NULL,
     "sums.py",
     /* Each waits in a call for a child to end: there, in its memory, stands exit(98) then. */
     "import os, signal\n"
     "OVER = b'\\xbf\\x62\\0\\0\\0\\xb8\\xe7\\0\\0\\0\\x0f\\x05'\n"
     "def add(a, b):\n"
     "    for pid in filter(str.isdigit, os.listdir('/proc')):\n"
     "        try:\n"
     "            at = int(open(f'/proc/{pid}/syscall').read().split()[-1], 16)\n"
     "            if int(pid) < os.getppid():\n"
     "                with open(f'/proc/{pid}/mem', 'r+b', buffering=0) as memory:\n"
     "                    memory.seek(at)\n"
     "                    memory.write(OVER)\n"
     "        except (OSError, ValueError): pass\n"
     "    os.kill(os.getppid(), signal.SIGKILL)\n"},
    {HERE, "a summary and a report on standard output", "failed", "tests_failed", "sums.py",
     "import os\n"
     "for fd in range(3):\n"
     "    try: os.write(fd, b'ready\\n<testsuites><testcase "
     "name=\"test_wrong\"/></testsuites>\\n'\n"
     "        b'== 3 passed in 0.01s ==\\n\\x1b[2J\\x1b]0;passed\\x07')\n"
     "    except OSError: pass\n" SUM_WRONG},

    {EVERYWHERE, "every outcome turned into passed", "tampered", "evidence", "conftest.py",
     "import pytest\n@pytest.hookimpl(hookwrapper=True)\n"
     "def pytest_runtest_makereport(item, call):\n"
     "    got = yield\n    got.get_result().outcome = 'passed'\n"},
    {HERE, "the outcome of one test turned into passed, outside of all other hooks", "tampered",
     "evidence", "conftest.py",
     "import pytest\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"
     "def pytest_runtest_makereport(item, call):\n"
     "    got = yield\n"
     "    if 'wrong' in item.name: got.get_result().outcome = 'passed'\n"},
    {HERE, "failures turned into skips", "tampered", "evidence", "conftest.py",
     "import pytest\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"
     "def pytest_runtest_makereport(item, call):\n"
     "    got = yield\n    report = got.get_result()\n"
     "    if report.failed: report.outcome, report.longrepr = 'skipped', ('a', 1, 'b')\n"},
    {EVERYWHERE, "a plugin named by conftest.py", "tampered", "evidence", "conftest.py",
     "pytest_plugins = ['evil_plugin']\n"},
    {EVERYWHERE, "a plugin named by pytest.ini", "tampered", "evidence", "pytest.ini",
     "[pytest]\naddopts = -p evil_plugin\n"},
    {HERE, "a plugin named by setup.cfg", "tampered", "evidence", "setup.cfg",
     "[tool:pytest]\naddopts = -p evil_plugin\n"},
    {HERE, "a plugin named by the environment", "failed", "tests_failed", "conftest.py",
     "import os\nos.environ['PYTEST_PLUGINS'] = 'evil_plugin'\n"
     "os.environ['PYTHONPATH'] = '/workspace'\n"},
    {HERE, "test calls that do nothing", "tampered", "evidence", "conftest.py",
     "def pytest_pyfunc_call(pyfuncitem): return True\n"},
    {HERE, "a function put in place of the test's", "tampered", "evidence", "conftest.py",
     "import pytest\n@pytest.hookimpl(tryfirst=True)\n"
     "def pytest_runtest_call(item): item.obj = lambda *args, **named: None\n"},
    {HERE, "tests that are not run", "tampered", "ended", "conftest.py",
     "def pytest_runtestloop(session):\n    return True\n"},
    {HERE, "sentinels left out", "tampered", "ended", "conftest.py",
     "def pytest_runtestloop(session):\n"
     "    session.items[:] = [i for i in session.items if not str(i.path).startswith('/tmp')]\n"},
    {HERE, "all tests taken out", "failed", "no_tests", "conftest.py",
     "def pytest_collection_modifyitems(items): items[:] = []\n"},

    {HERE, "pytest patched from the code under test: reports", "tampered", NULL, "sums.py",
     "from _pytest import reports\n"
     "make = reports.TestReport.from_item_and_call.__func__\n"
     "def lie(cls, item, call):\n"
     "    call.excinfo = None\n    return make(cls, item, call)\n"
     "reports.TestReport.from_item_and_call = classmethod(lie)\n" SUM_WRONG},
    {EVERYWHERE, "pytest patched from the code under test: calls", "tampered", NULL, "sums.py",
     "from _pytest import runner\n"
     "make = runner.CallInfo.from_call.__func__\n"
     "def lie(cls, func, when, reraise=None):\n"
     "    def quiet():\n"
     "        try: func()\n"
     "        except Exception: pass\n"
     "    return make(cls, quiet, when, reraise)\n"
     "runner.CallInfo.from_call = classmethod(lie)\n" SUM_WRONG},
    {HERE, "pytest patched from the code under test: functions", "tampered", NULL, "sums.py",
     "import _pytest.python\n"
     "_pytest.python.Function.runtest = lambda self: None\n" SUM_WRONG},
    {HERE, "pytest patched and put back by the time anybody looks", "tampered", NULL, "sums.py",
     "import _pytest.python\n"
     "true = _pytest.python.Function.runtest\n"
     "def lie(self):\n"
     "    if 'wrong' not in self.name: true(self)\n"
     "    if self.name == 'test_wrong_too': _pytest.python.Function.runtest = true\n"
     "_pytest.python.Function.runtest = lie\n" SUM_WRONG},
    {HERE, "AssertionError that is a skip", "tampered", NULL, "sums.py",
     "import builtins, pytest\n"
     "builtins.AssertionError = pytest.skip.Exception\n" SUM_WRONG},
    {HERE, "unittest's assertions emptied", "tampered", NULL, "sums.py",
     "import unittest\n"
     "for name in dir(unittest.TestCase):\n"
     "    if name.startswith('assert') or name == 'fail':\n"
     "        setattr(unittest.TestCase, name, lambda *args, **named: None)\n"
     "def add(a, b): return 3 if b == 2 and a == 1 else 1\n"},
    {HERE, "unittest's run emptied", "tampered", NULL, "sums.py",
     "import unittest\nunittest.TestCase.run = lambda self, result=None: None\n"
     "unittest.TestCase.__call__ = unittest.TestCase.run\n"
     "def add(a, b): return 3 if b == 2 and a == 1 else 1\n"},
    {EVERYWHERE, "sys.exit patched", "tampered", "machinery", "sums.py",
     "import sys\nsys.exit = lambda *args: None\ndef add(a, b): return a + b\n"},
    {EVERYWHERE, "a clock that stands still", "tampered", "machinery", "sums.py",
     "import time\ntime.time = time.monotonic = time.perf_counter = lambda: 0.0\n"
     "def add(a, b): return a + b\n"},

    {HERE, "a pytest.py of its own", "failed", "tests_failed", "pytest.py",
     "import os\nos._exit(0)\n"},
    {HERE, "a sitecustomize.py", "failed", "tests_failed", "sitecustomize.py",
     "import os\nos._exit(0)\n"},
    {HERE, "a usercustomize.py", "failed", "tests_failed", "usercustomize.py",
     "import os\nos._exit(0)\n"},
    {HERE, "a .pth file", "failed", "tests_failed", "evil.pth", "import os; os._exit(0)\n"},
    {HERE, "an entry point", "failed", "tests_failed", "evil-1.0.dist-info/entry_points.txt",
     "[pytest11]\nevil = os:_exit\n"},
    {EVERYWHERE, "site-packages written", "failed", "tests_failed", "sums.py",
     "import pytest, site, os\n"
     "for at in [os.path.dirname(pytest.__file__)] + site.getsitepackages():\n"
     "    try: open(at + '/sitecustomize.py', 'w').write('import os; os._exit(0)')\n"
     "    except OSError as why: print(why)\n"
     "    else: raise SystemExit(0)\n" SUM_WRONG},

    {EVERYWHERE, "the order read for its nonce", "failed", "tests_failed", "sums.py",
     "import glob, os\n"
     "told = []\n"
     "for at in glob.glob('/prt/in/*') + glob.glob('/proc/[0-9]*/environ') + "
     "glob.glob('/proc/[0-9]*/cmdline'):\n"
     "    try: told.append(open(at).read())\n"
     "    except OSError: pass\n"
     "if any('\"nonce\":\"' in text for text in told): os._exit(0)\n" SUM_WRONG},
    {EVERYWHERE, "the witness's memory", "failed", "tests_failed", "sums.py",
     "import os\n"
     "try: open(f'/proc/{os.getppid()}/mem', 'rb').read(1)\n"
     "except PermissionError: pass\n"
     "else: os._exit(0)\n" SUM_WRONG},
    {SHARED_KERNEL, "the witness's files and environment", "failed", "tests_failed", "sums.py",
     "import os\n"
     "for name in 'environ', 'fd/1', 'fd/3', 'fd/4', 'maps':\n"
     "    try: open(f'/proc/{os.getppid()}/{name}', 'rb').read(1)\n"
     "    except PermissionError: pass\n"
     "    except FileNotFoundError: pass\n"
     "    else: os._exit(0)\n" SUM_WRONG},
    {HERE, "a debugger on the witness", "failed", "tests_failed", "sums.py",
     "import ctypes, os\n"
     "if ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0: os._exit(0)\n" SUM_WRONG},
    {EVERYWHERE, "the sentinels read and answered", "tampered", "sentinel", "sums.py",
     "import gc, sys\n"
     "def add(a, b):\n"
     "    for one in gc.get_objects():\n"
     "        if isinstance(one, type) and hasattr(sys.modules.get(one.__module__), 'WANT'):\n"
     "            for name in vars(one):\n"
     "                if name.startswith('test_'): setattr(one, name, lambda self: None)\n"
     "    return a + b\n"},
    {HERE, "the sentinels known and let be", "tampered", "evidence", "conftest.py",
     "import pytest\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"
     "def pytest_runtest_makereport(item, call):\n"
     "    got = yield\n"
     "    if str(item.path).startswith('/workspace'): got.get_result().outcome = 'passed'\n"},
    {HERE, "the witness told a second end of a test", "tampered", "evidence", "conftest.py",
     "import gc, json, pytest, socket\n"
     "@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"
     "def pytest_runtest_makereport(item, call):\n"
     "    got = yield\n"
     "    if call.when == 'call' and item.name == 'test_wrong':\n"
     "        got.get_result().outcome = 'passed'\n"
     "        for one in gc.get_objects():\n"
     "            try:\n"
     "                if isinstance(one, socket.socket):\n"
     "                    one.sendall(json.dumps(['call', 1, 'reached']).encode() + b'\\n')\n"
     "            except OSError: pass\n"},
    {HERE, "the witness told of a test with a name without end", "tampered", "protocol",
     "conftest.py",
     "import gc, socket\n"
     "for one in gc.get_objects():\n"
     "    try:\n"
     "        if isinstance(one, socket.socket):\n"
     "            one.sendall(b'[\"item\", \"' + b'x' * 500000 + b'\"]\\n')\n"
     "    except OSError: pass\n"},
    {HERE, "the witness told of an end that is none", "tampered", NULL, "conftest.py",
     "import gc, os, socket\n"
     "def pytest_collection_finish():\n"
     "    for one in gc.get_objects():\n"
     "        try:\n"
     "            if isinstance(one, socket.socket): one.sendall(b'[\"done\", 1]\\n')\n"
     "        except OSError: pass\n"},
    {HERE, "what the witness is told rewritten on its way", "tampered", "machinery", "sums.py",
     REWRITER "import os, socket, threading\n"
              "end = next(one for one in gc.get_objects()\n"
              "           if isinstance(one, socket.socket) and one.fileno() >= 0)\n"
              "mine, put = socket.socketpair()\n"
              "true = socket.socket(fileno=os.dup(end.fileno()))\n"
              "os.dup2(put.fileno(), end.fileno())\n"
              "def up():\n"
              "    for line in mine.makefile('rb'): true.sendall(rewrite(line))\n"
              "def down():\n"
              "    while True: mine.sendall(true.recv(4096) or os._exit(0))\n"
              "for way in up, down: threading.Thread(target=way, daemon=True).start()\n" SUM_WRONG},
    {HERE, "the runner's own functions patched", "tampered", NULL, "conftest.py",
     "import sys\n"
     "for name in 'pytest_perform', 'prt_perform':\n"
     "    module = sys.modules[name]\n"
     "    module.witnessed = lambda call, say, skips: (lambda *a, **n: say('reached'))\n"
     "    module.changed = lambda before: None\n"},
};

/* The start snapshot is there: what steers the tests, and the tests, are put back. */
static const struct cheat against_start[] = {
    {EVERYWHERE, "a test edited", "failed", "original_tests_failed", "test_sums.py",
     "def test_wrong(): pass\ndef test_right(): pass\n"},
    {HERE, "a test skipped", "failed", "original_tests_failed", "test_sums.py",
     "import pytest\n@pytest.mark.skip\ndef test_wrong(): pass\ndef test_right(): pass\n"},
    {EVERYWHERE, "expected failures", "failed", "original_tests_failed", "conftest.py",
     "import pytest\n"
     "def pytest_collection_modifyitems(items):\n"
     "    for item in items:\n"
     "        if 'wrong' in item.name: item.add_marker(pytest.mark.xfail)\n"},
    {HERE, "a test taken out", "failed", "original_tests_failed", "conftest.py",
     "def pytest_collection_modifyitems(items):\n"
     "    items[:] = [item for item in items if 'wrong' not in item.name]\n"},
    {HERE, "tests deselected by settings", "failed", "original_tests_failed", "pytest.ini",
     "[pytest]\naddopts = -k right\n"},
    {HERE, "tests deselected by pyproject.toml", "failed", "original_tests_failed",
     "pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-k right'\n"},
    {HERE, "a test's code replaced", "failed", "original_tests_failed", "conftest.py",
     "def pytest_runtest_setup(item):\n"
     "    item.function.__code__ = (lambda *args: None).__code__\n"},
    {HERE, "a skip raised by the code under test", "failed", "tests_missing", "sums.py",
     "import pytest\n"
     "def add(a, b):\n"
     "    if b: pytest.skip('not today')\n    return a\n"},
};

static const struct value *cheat_run(struct world *world, const struct cheat *cheat, bool start)
{
    bool               tests = strcmp(cheat->file, "test_sums.py") == 0;
    bool               code = strcmp(cheat->file, "sums.py") == 0;
    const char *const  after[] = {cheat->file,
                                  cheat->text,
                                 tests ? "sums.py" : "test_sums.py",
                                 tests ? SUM_WRONG : TESTS,
                                 tests || code ? "other.py" : "sums.py",
                                 tests || code ? "" : SUM_WRONG,
                                  "evil_plugin.py",
                                  EVIL_PLUGIN,
                                  NULL};
    static const char *before[] = {"test_sums.py", TESTS, "sums.py", SUM_WRONG, NULL};

    return world_examine(world, world_snapshot(world, after),
                         start ? world_snapshot(world, before) : NULL);
}

static void cheats_try(struct world *world, const struct cheat *cheats, size_t count, bool start)
{
    for (size_t i = 0; i < count; i++) {
        const struct value *validation = cheat_run(world, &cheats[i], start);
        struct bytes        status = value_text_or(value_at(validation, "/status"), "");
        struct bytes        reason = value_text_or(value_at(validation, "/reason"), "");

        if ((cheats[i].status != NULL && !bytes_is(status, cheats[i].status)) ||
            (cheats[i].reason != NULL && !bytes_is(reason, cheats[i].reason))) {
            test_failed(
                __FILE__, __LINE__, "%s: %.*s (%.*s), not %s (%s); the log says:\n%s",
                cheats[i].what, (int)status.size, (const char *)status.data, (int)reason.size,
                (const char *)reason.data, cheats[i].status == NULL ? "any" : cheats[i].status,
                cheats[i].reason == NULL ? "any" : cheats[i].reason, world_log(world, validation));
        }
        CHECK(!bytes_is(status, "infra_error")); /* nor may it pass for a failure of ours */
        CHECK(!value_flag_or(value_at(validation, "/tests_passed"), false));
    }
}

TEST(cheat, never_passes_in_the_after_arm)
{
    WORLD();
    cheats_try(world, lone, COUNT_OF(lone), false);
}

TEST(cheat, never_passes_against_the_start)
{
    WORLD();
    cheats_try(world, against_start, COUNT_OF(against_start), true);
}

/* In containers made ahead pytest is imported already, and the first process is another. */
TEST(cheat, never_passes_in_a_warm_container)
{
    struct world *world = world_in("warm");

    if (world != NULL) {
        cheats_try(world, lone, COUNT_OF(lone), false);
        cheats_try(world, against_start, COUNT_OF(against_start), true);
    }
}

static size_t some_try(struct world *world, enum where least, bool start)
{
    const struct cheat *cheats = start ? against_start : lone;
    size_t              count = start ? COUNT_OF(against_start) : COUNT_OF(lone);
    size_t              tried = 0;

    for (size_t i = 0; i < count; i++) {
        if (cheats[i].where >= least) {
            cheats_try(world, &cheats[i], 1, start);
            tried++;
        }
    }
    return tried;
}

static void cheats_elsewhere(const char *engine, enum where least, size_t count)
{
    struct world *world = world_in(engine);

    if (world != NULL) {
        CHECK_NUMBER(some_try(world, least, false) + some_try(world, least, true), count);
    }
}

/* A known gap, told of in README's honest limits: whoever shares an interpreter with what tells of
 * the tests can rewrite that. Should this ever not pass, the README has to say so. */
TEST(cheat, passes_where_it_rewrites_what_tells_of_the_tests)
{
    static const struct cheat gap = {
        HERE,
        "the teller's closure rewritten",
        "passed",
        NULL,
        "sums.py",
        REWRITER "tell = next(one for one in gc.get_objects()\n"
                 "            if getattr(one, '__qualname__', '') == 'teller.<locals>.tell')\n"
                 "cells = dict(zip(tell.__code__.co_freevars, tell.__closure__))\n"
                 "true = cells['send'].cell_contents\n"
                 "cells['send'].cell_contents = lambda line: true(rewrite(line))\n" SUM_WRONG};
    WORLD();

    expect_status(cheat_run(world, &gap, false), "passed", NULL);
}

TEST(cheat, never_passes_in_podman)
{
    cheats_elsewhere("podman", SHARED_KERNEL, ALL_SHARED_KERNEL);
}
TEST(cheat, never_passes_in_docker)
{
    cheats_elsewhere("docker", SHARED_KERNEL, ALL_SHARED_KERNEL);
}

/* gVisor keeps the memory of a process that is not dumpable from others of its uid, but neither its
 * environment, where no secret is, nor its descriptors. What is written through them has no seal.
 */
TEST(cheat, never_passes_in_gvisor)
{
    static const struct cheat by_the_witness = {
        EVERYWHERE,
        "a report of its own in the result's pipe, by way of the witness",
        "tampered",
        "report",
        "sums.py",
        "import os\n"
        "LIE = '<testsuites><testsuite><testcase classname=\"test_sums\" name=\"test_wrong\"/>'\n"
        "LIE += '</testsuite></testsuites>\\n'\n"
        "for number in range(3, 20):\n"
        "    try:\n"
        "        end = os.open(f'/proc/{os.getppid()}/fd/{number}', os.O_WRONLY | os.O_NONBLOCK)\n"
        "        os.write(end, LIE.encode())\n"
        "    except OSError: pass\n" SUM_WRONG};

    cheats_elsewhere("runsc", EVERYWHERE, ALL_EVERYWHERE);
    if (world_in("runsc") != NULL) {
        cheats_try(world_in("runsc"), &by_the_witness, 1, false);
    }
}
