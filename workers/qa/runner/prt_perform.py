# SPDX-License-Identifier: MIT
"""What every runner of Python tests needs beside the witness: sentinels, evidence, and a look at the machinery."""

import builtins
import functools
import hashlib
import inspect
import json
import os
import random
import sys
import tempfile
import time
import types

DEPS = "/prt/deps"
NAME_MOST = 1000  # the worker's own bound is 1024 (arm.c)
WORDS = ("alpha amount basic border bounds cache case chain check close color common config copy count cursor date default "
         "delta digits edge empty entry error event field first flags format group header index input items join keys label "
         "large last layer limit lines local lower match merge model names nested number offset order output pages parse "
         "path plain point price query range ratio reader record reset round route scale shape simple sizes slice sort "
         "split state steps stock stream table text title token total tree types union units update upper users value view "
         "width words").split()

# Every way for a test to fail: each must still be one after the code under test was imported.
SENTINEL = """
import unittest
{imports}WANT = None


class Test{Class}(unittest.TestCase):
    def test_{equal}(self):
        self.assertEqual(WANT, True)

    def test_{true}(self):
        self.assertTrue(WANT)

    def test_{among}(self):
        self.assertIn(WANT, [True])

    def test_{raising}(self):
        with self.assertRaises(KeyError):
            {{True: {{}}, False: {{0: 0}}}}[WANT][0]

    def test_{plain}(self):
        assert WANT

    def test_{fail}(self):
        if not WANT:
            self.fail("no")

    def test_{error}(self):
        if not WANT:
            raise ValueError
"""
SLOTS = "Class equal true among raising plain fail error raises".split()

# What a verdict stands on. Names that honest code is known to replace (open, print, __import__) are not among them.
WATCHED = {
    builtins: "AssertionError BaseException Exception ValueError KeyError TypeError abs all any bool callable dict float "
              "getattr hash id int isinstance issubclass iter len list max min next object range repr set sorted str sum "
              "super tuple type zip",
    os: "_exit kill abort",
    sys: "exit",
    time: "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns",
}
# What pytest itself puts in place of its own while it starts.
OWN_CHANGES = {("Config", "_getini_unknown_type")}


def prints(*packages):
    """(owner, name) -> what is there, for every function and class of the test machinery."""
    seen = {(module, name): (getattr(module, name), None) for module, names in WATCHED.items() for name in names.split()}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in packages and name != "unittest.mock":
            seen.update(prints_of(module, name))
    return seen


def prints_of(module, inside):
    seen = {}
    for name, value in list(vars(module).items()):
        if isinstance(value, (type, types.FunctionType)):
            seen[module, name] = (value, getattr(value, "__code__", None))
        if isinstance(value, type) and value.__module__ == inside:
            for inner, member in list(vars(value).items()):
                if isinstance(member, (types.FunctionType, classmethod, staticmethod, property)):
                    seen[value, inner] = (member, getattr(member, "__code__", None))
    return seen


def changed(before):
    """The first thing that is not what it was, or None."""
    for (owner, name), (value, code) in before.items():
        now = vars(owner).get(name)
        if (owner.__name__, name) in OWN_CHANGES:
            continue
        if now is not value or getattr(now, "__code__", None) is not code and code is not None:
            return f"{owner.__name__}.{name}"
    return None


def paths():
    """As `python3 -m pytest` would have them; dependencies come before the base's packages."""
    here = os.getcwd()
    first = [here] + [path for path in [os.path.join(here, "src")] if os.path.isdir(path)]
    deps = [DEPS] if os.path.isdir(DEPS) and os.listdir(DEPS) else []
    at = next((i for i, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[at:at] = deps
    sys.path[0:0] = first
    os.environ["PYTHONPATH"] = os.pathsep.join(first + deps)


def sentinel_make(imports="", more=""):
    """A file that looks like any other, outside of the workspace; its path, and its tests as "CLASS::TEST", new each time."""
    words = iter(random.SystemRandom().sample(WORDS, 3 * (len(SLOTS) + 1)))
    names = {slot: "_".join(next(words) for _ in range(3)) for slot in ["file", *SLOTS]}
    names["Class"] = names["Class"].title().replace("_", "")
    path = os.path.join(tempfile.mkdtemp(), f"test_{names['file']}.py")
    text = SENTINEL + more
    with open(path, "w", encoding="ascii") as file:
        file.write(text.format(imports=imports, **names))
    return path, [f"Test{names['Class']}::test_{names[slot]}" for slot in SLOTS[1:] if "{" + slot + "}" in text]


def teller(end):
    """tell(word, ...), ask(number) and the order; what the first two need is captured here, not looked up later."""
    dumps, send, receive = json.dumps, end.sendall, end.makefile("r").readline

    def tell(*words):
        send(dumps(words).encode() + b"\n")

    def ask(number):
        tell("want", number)
        return receive().strip() == "true"

    return tell, ask, json.loads(receive())


def witnessed(call, say, skips):
    """`call`, telling how it ended before anybody else hears of it."""
    def kind(why):
        return "skipped" if isinstance(why, skips) else "failed"

    if inspect.iscoroutinefunction(call):
        @functools.wraps(call)
        async def wrapper(*args, **named):
            __tracebackhide__ = True
            try:
                value = await call(*args, **named)
            except BaseException as why:
                say(kind(why))
                raise
            say("reached")
            return value
    else:
        @functools.wraps(call)
        def wrapper(*args, **named):
            __tracebackhide__ = True
            try:
                value = call(*args, **named)
            except BaseException as why:
                say(kind(why))
                raise
            say("reached")
            return value
    return wrapper


def shown(name):
    """A test's name as reports have it and the worker asks for it again: no control characters, and of bounded length.

    Cut here, it can be asked for; what the worker had to cut itself ("...#") cannot.
    """
    out = "".join(f"#x{ord(char):02X}" if not char.isprintable() else char for char in str(name))
    data = out.encode("utf-8", "replace")
    if len(data) <= NAME_MOST:
        return out
    return data[:NAME_MOST - 80].decode("utf-8", "ignore") + "..~" + hashlib.sha256(data).hexdigest()


def chooser(tests):
    """Tells of a test's name: is it one of these tests, or below one of these classes, files or directories?"""
    wanted = frozenset(test.rstrip("/") for test in tests)

    def chosen(name):
        ends = [at for at, char in enumerate(name) if char in "[/" or name.startswith("::", at)]
        return name in wanted or any(name[:at] in wanted for at in ends)

    return chosen
