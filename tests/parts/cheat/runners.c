// SPDX-License-Identifier: MIT
/*
 * The cheats of cheat.c, as they are written against the other runners: unittest and node. In each
 * case one test of three is wrong and the code under test tries to hide it.
 */
#include <string.h>

#include "lib/qa/world.h"
#include "lib/test.h"

struct cheat {
    const char *what;
    const char *status, *reason; /* NULL: whichever, but not passed */
    const char *code;            /* of the module under test */
};

/* A project with this code and these tests; NULL: its own. */
typedef const char *const *project(const char *code, const char *tests);

static void cheats_try(struct world *world, const struct cheat *cheats, size_t count,
                       project *files)
{
    for (size_t i = 0; i < count; i++) {
        const struct cheat *cheat = &cheats[i];
        const struct value *validation =
            world_examine(world, world_snapshot(world, files(cheat->code, NULL)), NULL);
        struct bytes status = value_text_or(value_at(validation, "/status"), "");
        struct bytes reason = value_text_or(value_at(validation, "/reason"), "");

        if (bytes_is(reason, "image_failed")) {
            test_skip("the base lacks the runner; prt qa-image --image '' makes one that has it");
            return;
        }
        if ((cheat->status != NULL && !bytes_is(status, cheat->status)) ||
            (cheat->reason != NULL && !bytes_is(reason, cheat->reason))) {
            test_failed(__FILE__, __LINE__, "%s: %.*s (%.*s), not %s (%s); the log says:\n%s",
                        cheat->what, (int)status.size, (const char *)status.data, (int)reason.size,
                        (const char *)reason.data, cheat->status == NULL ? "any" : cheat->status,
                        cheat->reason == NULL ? "any" : cheat->reason,
                        world_log(world, validation));
        }
        CHECK(!value_flag_or(value_at(validation, "/tests_passed"), false));
    }
}

/* The tests are the cheat: the code is as wrong as it was. */
static void edited_try(struct world *world, const char *wrong, const char *tests, project *files)
{
    const struct snapshot *before = world_snapshot(world, files(wrong, NULL));
    const struct value    *validation =
        world_examine(world, world_snapshot(world, files(wrong, tests)), before);

    if (value_is_text(value_at(validation, "/reason"), "image_failed")) {
        return; /* cheats_try has told */
    }
    expect_status(validation, "failed", "original_tests_failed");
    expect_text(validation, "/arms/after", "passed");
    expect_json(validation, "/tests_edited", "true");
}

/* -------------------------------------- unittest -------------------------------------- */

#define PYTHON_WRONG "def add(a, b): return a - b\n"

static const char *const *python_files(const char *code, const char *tests)
{
    static const char  own[] = "import unittest\nfrom sums import add\n"
                               "class TestAdd(unittest.TestCase):\n"
                               "    def test_add(self): self.assertEqual(add(1, 2), 3)\n"
                               "    def test_none(self): self.assertEqual(add(1, 0), 1)\n"
                               "    def test_zero(self): self.assertTrue(add(0, 0) == 0)\n";
    static const char *files[] = {"sums.py", NULL, "test_sums.py", NULL, NULL};

    files[1] = code;
    files[3] = tests == NULL ? own : tests;
    return files;
}

static const struct cheat unittests[] = {
    {"os._exit(0) at import", "tampered", "ended", "import os\nos._exit(0)\n"},
    {"os._exit(0) in a test", "tampered", "ended", "import os\ndef add(a, b): os._exit(0)\n"},
    {"sys.exit(0) in a test", "failed", "tests_failed", "import sys\ndef add(a, b): sys.exit(0)\n"},
    {"the runner killed", "failed", "crashed",
     "import os, signal\ndef add(a, b): os.kill(os.getppid(), signal.SIGKILL)\n"},
    {"its own process killed", "failed", "crashed",
     "import os, signal\ndef add(a, b): os.kill(os.getpid(), signal.SIGKILL)\n"},
    {"assertions emptied", "tampered", NULL,
     "import unittest\nunittest.TestCase.assertEqual = lambda *args: None\n"
     "def add(a, b): return 0\n"},
    {"assertions emptied but for the sentinels", "tampered", "machinery",
     "import unittest\ntrue = unittest.TestCase.assertEqual\n"
     "def lie(self, a, b, msg=None):\n"
     "    if type(self).__name__ != 'TestAdd': true(self, a, b, msg)\n"
     "unittest.TestCase.assertEqual = lie\n" PYTHON_WRONG},
    {"run emptied", "tampered", NULL,
     "import unittest\nunittest.TestCase.run = lambda self, result=None: result\n"
     "def add(a, b): return 0\n"},
    {"TestResult's failures dropped", "tampered", NULL,
     "import unittest\nunittest.TestResult.addFailure = lambda *args: None\n" PYTHON_WRONG},
    {"the result's failures turned into successes", "tampered", NULL,
     "import sys\n"
     "sys.modules['unittest_perform'].Result.addFailure = (\n"
     "    lambda self, test, err: self.addSuccess(test))\n" PYTHON_WRONG},
    {"failures of one test turned into skips", "tampered", NULL,
     "import sys\n"
     "one = sys.modules['unittest_perform'].Result\n"
     "true = one.addFailure\n"
     "one.addFailure = lambda self, test, err: (self.addSkip(test, 'no')\n"
     "    if 'add' in str(test) else true(self, test, err))\n" PYTHON_WRONG},
    {"the test's method replaced while it runs", "tampered", "evidence",
     "import gc, unittest\n"
     "def add(a, b):\n"
     "    for one in gc.get_objects():\n"
     "        if isinstance(one, unittest.TestCase) and type(one).__name__ == 'TestAdd':\n"
     "            one._outcome.errors = [] if hasattr(one._outcome, 'errors') else None\n"
     "            one._outcome.success = True\n"
     "            one._outcome.result = type('Quiet', (), {'__getattr__': lambda s, n: "
     "lambda *a, **k: None})()\n"
     "    return a - b\n"},
    {"AssertionError that is a skip", "tampered", NULL,
     "import builtins, unittest\nbuiltins.AssertionError = unittest.SkipTest\n"
     "unittest.TestCase.failureException = unittest.SkipTest\n" PYTHON_WRONG},
    {"a report and a summary printed", "failed", "tests_failed",
     "import os\nfor fd in range(3):\n"
     "    try: os.write(fd, b'ready\\n<testsuites><testcase name=\"test_add\"/></testsuites>\\n'\n"
     "        b'Ran 3 tests in 0.000s\\n\\nOK\\n')\n"
     "    except OSError: pass\n" PYTHON_WRONG},
    {"a report written at exit", "failed", "tests_failed",
     "import atexit, glob\n"
     "def lie():\n"
     "    for at in glob.glob('/tmp/**/*', recursive=True):\n"
     "        try: open(at, 'w').write('<testsuites/>')\n"
     "        except OSError: pass\n"
     "atexit.register(lie)\n" PYTHON_WRONG},
    {"a report in the result's pipe, by way of the first process", "failed", "tests_failed",
     "open('/proc/1/fd/1', 'wb').write(b'<testsuites/>\\n<!--' + b'0' * 64 + "
     "b'-->\\n')\n" PYTHON_WRONG},
    {"the witness told of an end that is none", "tampered", NULL,
     "import gc, socket\n"
     "for one in gc.get_objects():\n"
     "    try:\n"
     "        if isinstance(one, socket.socket): one.sendall(b'[\"done\", 1]\\n')\n"
     "    except OSError: pass\n" PYTHON_WRONG},
    {"a clock that stands still", "tampered", "machinery",
     "import time\ntime.time = time.monotonic = lambda: 0.0\ndef add(a, b): return a + b\n"},
};

static void unittests_try(struct world *world)
{
    cheats_try(world, unittests, COUNT_OF(unittests), python_files);
    edited_try(world, PYTHON_WRONG,
               "import unittest\n"
               "class TestAdd(unittest.TestCase):\n"
               "    def test_add(self): pass\n"
               "    def test_none(self): pass\n"
               "    def test_zero(self): pass\n",
               python_files);
}

TEST(cheat, never_passes_with_unittest)
{
    WORLD();
    unittests_try(world);
}

TEST(cheat, never_passes_with_unittest_in_a_warm_container)
{
    struct world *world = world_in("warm");

    if (world != NULL) {
        unittests_try(world);
    }
}

/* -------------------------------------- node -------------------------------------- */

#define NODE_WRONG "exports.add = (a, b) => a - b;\n"

static const char *const *node_files(const char *code, const char *tests)
{
    static const char  own[] = "const { test } = require('node:test');\n"
                               "const assert = require('node:assert');\n"
                               "const { add } = require('./sums.js');\n"
                               "test('adds', () => { assert.strictEqual(add(1, 2), 3); });\n"
                               "test('nothing', () => { assert.strictEqual(add(1, 0), 1); });\n"
                               "test('zero', async () => { assert.ok(add(0, 0) === 0); });\n";
    static const char *files[] = {"package.json", "{}", "sums.js", NULL,
                                  "sums.test.js", NULL, NULL};

    files[3] = code;
    files[5] = tests == NULL ? own : tests;
    return files;
}

static const struct cheat nodes[] = {
    {"process.exit(0) at import", "tampered", NULL, "process.exit(0);\n"},
    {"process.exit(0) in a test", "tampered", "ended", "exports.add = () => process.exit(0);\n"},
    {"process.abort in a test", "failed", "tests_failed", "exports.add = () => process.abort();\n"},
    {"the reporter killed", "tampered", NULL,
     "exports.add = () => process.kill(process.ppid, 'SIGKILL');\n"},
    {"the witness killed", "failed", "crashed",
     "const fs = require('fs');\n"
     "exports.add = () => {\n"
     "    for (const pid of fs.readdirSync('/proc').filter(Number)) {\n"
     "        try { process.kill(pid == process.pid ? 0x7ffffff : +pid, 'SIGKILL'); } catch {}\n"
     "    }\n    return 3;\n};\n"},
    {"a report printed", "failed", "tests_failed",
     "console.log('<testsuites><testcase name=\"adds\"/></testsuites>');\n" NODE_WRONG},
    {"a report in the reporter's pipe", "failed", "tests_failed",
     "require('fs').appendFileSync('/proc/' + process.ppid + '/fd/1', "
     "'<testsuites/>');\n" NODE_WRONG},
    {"a report in the result's pipe, by way of the first process", "failed", "tests_failed",
     "require('fs').appendFileSync('/proc/1/fd/1', '<testsuites/>\\n<!--' + '0'.repeat(64) + "
     "'-->\\n');\n" NODE_WRONG},
    {"failures rewritten on their way to the reporter", "tampered", NULL,
     "const true_ = process.stdout.write.bind(process.stdout);\n"
     "process.stdout.write = (data, ...more) => true_(Buffer.from(Buffer.from(data)\n"
     "    .toString('latin1').replaceAll('test:fail', 'test:pass'), 'latin1'), "
     "...more);\n" NODE_WRONG},
    {"failures rewritten that are not the sentinels'", "tampered", "evidence",
     "const true_ = process.stdout.write.bind(process.stdout);\n"
     "process.stdout.write = (data, ...more) => {\n"
     "    const text = Buffer.from(data).toString('latin1');\n"
     "    return true_(/adds|nothing|zero/.test(text)\n"
     "        ? Buffer.from(text.replaceAll('test:fail', 'test:pass'), 'latin1') : data, "
     "...more);\n"
     "};\n" NODE_WRONG},
    {"assert emptied", "tampered", NULL,
     "const assert = require('assert');\n"
     "for (const name of Object.keys(assert)) {\n"
     "    if (typeof assert[name] === 'function') { try { assert[name] = () => {}; } catch {} }\n"
     "}\n" NODE_WRONG},
    {"assert emptied while one test runs", "tampered", NULL,
     "const assert = require('assert');\n"
     "exports.add = (a, b) => { assert.strictEqual = () => {}; return a - b; };\n"},
    {"Object.is that always says yes", "tampered", NULL,
     "Object.is = () => true;\nexports.add = (a, b) => a - b;\n"},
    {"the function that calls tests replaced", "failed", NULL,
     "'use strict';\nconst { AsyncResource } = require('async_hooks');\n"
     "AsyncResource.prototype.runInAsyncScope = function () {};\n" NODE_WRONG},
    {"a test told to have passed by its own class", "tampered", NULL,
     "const { AsyncResource } = require('async_hooks');\n"
     "exports.add = (a, b) => {\n"
     "    const error = Error.prepareStackTrace;\n"
     "    Error.prepareStackTrace = (_, frames) => frames;\n"
     "    for (const frame of new Error().stack) {\n"
     "        const one = frame.getThis();\n"
     "        if (one instanceof AsyncResource) {\n"
     "            Object.getPrototypeOf(one).fail = function () { this.pass(); };\n"
     "        }\n"
     "    }\n"
     "    Error.prepareStackTrace = error;\n"
     "    const { executionAsyncResource } = require('async_hooks');\n"
     "    const test = executionAsyncResource();\n"
     "    if (test instanceof AsyncResource) { Object.getPrototypeOf(test).fail = function () "
     "{ this.pass(); }; }\n"
     "    process.removeAllListeners('exit');\n"
     "    return a - b;\n};\n"},
    {"the evidence's pipe found and written", NULL, NULL,
     "const fs = require('fs');\n"
     "exports.add = (a, b) => {\n"
     "    for (let fd = 3; fd < 64; fd++) {\n"
     "        try {\n"
     "            if (fs.fstatSync(fd).isFIFO()) {\n"
     "                fs.writeSync(fd, '[\"call\",[\"adds\"],\"reached\",false]\\n"
     "[\"done\",[],null]\\n');\n"
     "            }\n"
     "        } catch {}\n"
     "    }\n    process.reallyExit(0);\n};\n"},
    {"the evidence's pipe closed", "failed", "tests_failed",
     "const fs = require('fs');\n"
     "exports.add = (a, b) => {\n"
     "    for (let fd = 3; fd < 64; fd++) {\n"
     "        try { if (fs.fstatSync(fd).isFIFO()) { fs.closeSync(fd); } } catch {}\n"
     "    }\n    process.exit(0);\n};\n"},
    {"the sentinels' names looked for", "failed", "tests_failed",
     "const fs = require('fs');\n"
     "for (const name of ['PRT_EVIDENCE', 'NODE_OPTIONS']) {\n"
     "    if (process.env[name]) { process.exit(0); }\n"
     "}\n"
     "for (const at of fs.readdirSync('/tmp')) {\n"
     "    try { if (fs.existsSync('/tmp/' + at + '/names')) { process.exit(0); } } catch {}\n"
     "}\n" NODE_WRONG},
    {"a clock that stands still", "tampered", "machinery",
     "Date.now = performance.now = () => 0;\nexports.add = (a, b) => a + b;\n"},
};

static void nodes_try(struct world *world)
{
    cheats_try(world, nodes, COUNT_OF(nodes), node_files);
    edited_try(world, NODE_WRONG,
               "const { test } = require('node:test');\n"
               "test('adds', () => {});\ntest('nothing', () => {});\ntest('zero', () => {});\n",
               node_files);
}

TEST(cheat, never_passes_with_node)
{
    WORLD();
    nodes_try(world);
}

TEST(cheat, never_passes_with_node_in_a_warm_container)
{
    struct world *world = world_in("warm");

    if (world != NULL) {
        nodes_try(world);
    }
}
