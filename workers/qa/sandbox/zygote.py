# SPDX-License-Identifier: MIT
"""Has imported what tests need, and becomes the first process of one container after the other.

usage: python3 -s -c THIS UID FILTER DIR      Says "prt-zygote-ready"; its descriptor 3 is the worker's.

Each request there carries a container's namespaces and pipes. For it an usher is forked, which enters them, forks the guest,
answers with its number, waits for it and tells the container's keeper how it ended. The guest gives up every right, says
"prt-sandbox-ready" and reads one line: {"argv", "env", "cwd"}. It becomes the script in argv. The worker's end closed, or no
line, is the end of each: nothing waits for a worker that died. Why all this is safe is told in zygote.h.

Nothing of a job is in the zygote, ever, and nothing of it in the guest before that line.
"""

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys
import time

CONTROL, REQUEST_FDS, LAST_CAPABILITY = 3, 10, 63
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, SECCOMP_MODE_FILTER = 4, 22, 23, 24, 2
# What Python's runners import, and pytest does when it starts.
MODULES = ("pytest unittest unittest.mock hashlib random tempfile builtins functools inspect types shlex runpy "
           "concurrent.futures").split()

libc = ctypes.CDLL(None, use_errno=True)
codes = {}  # text of a script -> compiled


class Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def must(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def preload(directory):
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # the base has no such module: then no job of it needs it
    sys.path.insert(0, directory)
    for file in sorted(os.listdir(directory)):
        path = os.path.join(directory, file)
        with open(path, "rb") as script:
            text = script.read()
        codes[path, text] = compile(text, path, "exec")
        importlib.import_module(file.removesuffix(".py"))
    del sys.path[0]
    gc.collect()
    gc.freeze()


def usher(control, fds):
    """Returns in the guest only."""
    guest_fds, status, spaces = fds[:3], fds[3], fds[4:]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)  # the zygote's end must not wait for this one's
    try:
        for space in spaces:
            must(libc.setns(space, 0))
        guest = os.fork()
    except OSError as why:
        control.send(f"an usher could not enter: {why}".encode())
        os._exit(1)
    if guest == 0:
        return
    control.send(str(guest).encode())
    for fd in guest_fds + spaces:
        os.close(fd)
    code = os.waitstatus_to_exitcode(os.waitpid(guest, 0)[1])
    os.write(status, b"%d\n" % (code if code >= 0 else 128 - code))
    os._exit(0)


def shed(uid, program, fds):
    """No right, no other uid, no descriptor, no way back."""
    os.setsid()
    for at, fd in enumerate(fds[:3]):
        os.dup2(fd, at)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    for capability in range(LAST_CAPABILITY + 1):
        if libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            must(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)  # and with it every capability
    must(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))
    must(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))


def ushers_reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def serve(uid, program):
    """Returns in a guest, in its container."""
    control = socket.socket(fileno=CONTROL)
    signal.signal(signal.SIGCHLD, ushers_reap)
    os.write(1, b"prt-zygote-ready\n")
    while True:
        request, fds, _, _ = socket.recv_fds(control, 1, REQUEST_FDS)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            usher(control, fds)
            control.detach()
            return shed(uid, program, fds)
        for fd in fds:
            os.close(fd)


def line_read():
    got = b""
    while not got.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(0)
        got += more
    return got


def become(main):
    uid, code, directory = sys.argv[1:]
    code = bytes.fromhex(code)
    preload(directory)
    serve(int(uid), Program(len(code) // 8, code))
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
            text = file.read()
    except OSError as why:
        print(why, file=sys.stderr, flush=True)
        os._exit(125)
    code = codes.get((job["argv"][0], text)) or compile(text, job["argv"][0], "exec")
    sys.argv = job["argv"]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    os.write(1, b"prt-sandbox-started\n")
    fresh = {"__name__": "__main__", "__file__": sys.argv[0], "__builtins__": main["__builtins__"], "__doc__": None,
             "__package__": None, "__spec__": None, "__loader__": None}
    main.clear()
    main.update(fresh)
    return code


exec(become(globals()))
