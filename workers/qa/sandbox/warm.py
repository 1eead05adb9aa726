# SPDX-License-Identifier: MIT
"""Waits in a fresh sandbox, with what tests need already imported, and becomes the script that is asked for.

usage: python3 -s -c THIS MODULE...      Says "prt-sandbox-ready", then reads one line: {"argv", "env", "cwd"}.

Nothing of a job is in this sandbox before that line: its workspace and its inputs are mounted first. The end of the input
without a line is the end of this process, so that nothing waits for a worker that died.
"""


def preload(names):
    import importlib

    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # the base has no such module: then no job of it needs it
    try:
        from _pytest.config import default_plugins
    except ImportError:
        return
    for name in default_plugins:
        importlib.import_module("_pytest." + name)


def line_read():
    import os

    got = b""
    while not got.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(0)
        got += more
    return got


def become(main):
    import gc
    import json
    import os
    import sys
    import time

    preload(sys.argv[1:])
    gc.collect()
    gc.freeze()
    os.write(1, b"prt-sandbox-ready\n")
    job = json.loads(line_read())
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(job["env"])
    time.tzset()
    os.umask(0o22)
    try:
        os.chdir(job["cwd"])
        with open(job["argv"][0], "rb") as file:
            code = compile(file.read(), job["argv"][0], "exec")
    except OSError as why:
        print(why, file=sys.stderr, flush=True)
        os._exit(125)
    sys.argv = job["argv"]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    builtins = main["__builtins__"]
    main.clear()
    main.update(__name__="__main__", __file__=sys.argv[0], __builtins__=builtins, __doc__=None, __package__=None,
                __spec__=None, __loader__=None)
    os.write(1, b"prt-sandbox-started\n")
    return code


exec(become(globals()))
