# SPDX-License-Identifier: MIT
"""Tries to get out of the sandbox it runs in, and to take more than it was given.

usage: python3 -s escape.py LIMITS       LIMITS: JSON {memory, pids, disk, entries, file, open_files, inotify, worker,
                                         mode, from, own_kernel}

Two lines per attempt on standard output, before and after: group, attempt, TRYING; group, attempt, DENIED or ALLOWED, how;
with tabs between. Ends with "end". An attempt that raises was denied; one that returns was not. Code that may be killed
for it runs in a child. A sandbox that dies as a whole is started again behind what killed it (from). The other modes
(signals, hang, flood, files) are judged from outside.
"""

import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import stat
import struct
import sys
import threading

GIVEN = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
ATTEMPTS = []
ARM = os.uname().machine == "aarch64"
MIB = 1 << 20
# Before it reads any argument: from other errors one sees that the kernel was reached.
REFUSED = (errno.EPERM, errno.ENOSYS, errno.EACCES)
# Granted by a kernel of the sandbox's own (gVisor), which is a process of the host's without rights there: what it takes
# for true changes nothing outside of it.
WITHIN = {"run a program with its owner's rights from the workspace": "gVisor heeds no suid bit and says so of no mount",
          "open /dev/fuse": "gVisor's own device; nothing can be mounted through it",
          "be spared by the kernel when memory runs out": "the host kills the sandbox as a whole",
          "run before everybody else": "the host gives the sandbox its CPU time as a whole",
          "read the environment of the first process": "opened, and no secret is in it",
          "write the output of the first process": "opened, but a report needs a seal that lies in memory"}


class Denied(Exception):
    """In words."""


def attempt(group, name):
    def keep(function):
        ATTEMPTS.append((group, name, function))
        return function
    return keep


def every(group, pattern, things, act):
    for thing in things:
        ATTEMPTS.append((group, pattern % (thing,), lambda thing=thing: act(thing)))


def why(error):
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error.errno))
    return str(error) or type(error).__name__


def tell(group, name, verdict, how):
    print(group, name, verdict, " ".join(str(how).split()), sep="\t", flush=True)


def attempt_make(group, name, function):
    tell(group, name, "TRYING", "")
    try:
        got = function()
        if GIVEN["own_kernel"] and name in WITHIN:
            raise Denied(f"within its own kernel only: {WITHIN[name]}")
        tell(group, name, "ALLOWED", got)
    except Exception as error:  # whatever it is, it did not work
        tell(group, name, "DENIED", why(error))


def in_child(act):
    """What `act` wrote through its argument before it ended, and how it ended; the kernel may take it first."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        status = 1
        try:
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write("1000")
            act(lambda word: os.write(writer, word.encode() + b"\n"))
            status = 0
        except MemoryError:
            os.write(writer, b"MemoryError\n")
        except OSError as error:
            os.write(writer, why(error).encode() + b"\n")
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, encoding="ascii", errors="replace") as file:
        said = file.read().split("\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return [word for word in said if word], status


def stopped(act, unit):
    """Denied with where it was stopped; what it got to when it was not."""
    said, status = in_child(act)
    if status == 0:
        return f"got {said[-1] if said else 0} {unit}"
    last = [word for word in said if word.isdigit()]
    how = f"killed by {signal.Signals(-status).name}" if status < 0 else said[-1] if said else f"exit {status}"
    raise Denied(f"{how} after {last[-1] if last else 0} {unit}")


# ---------------------------------------------------------------------------------- network
def reach(address):
    with socket.create_connection(address, 2):
        return "connected"


for at in [("1.1.1.1", 53), ("8.8.8.8", 443), ("10.255.255.53", 53), ("169.254.169.254", 80), ("172.17.0.1", 80),
           ("2606:4700:4700::1111", 53)]:
    ATTEMPTS.append(("network", "connect to %s port %d" % at, lambda at=at: reach(at)))


@attempt("network", "send a datagram to 8.8.8.8")
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        return end.sendto(b"x", ("8.8.8.8", 53))


@attempt("network", "resolve a name")
def resolve():
    return socket.getaddrinfo("deb.debian.org", 80)


@attempt("network", "find an interface besides the loopback")
def interfaces():
    with open("/proc/net/dev", encoding="ascii") as file:
        names = [line.split(":")[0].strip() for line in file if ":" in line]
    # Without an address they lead nowhere, and every network namespace has some.
    others = [name for name in names if name not in ("lo", "tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0")]
    if not others:
        raise Denied("only " + ", ".join(names))
    return ", ".join(others)


def open_socket(family, kind, protocol):
    return socket.socket(family, kind, protocol).close()


for words, family, kind, protocol in [("open a raw packet socket", 17, socket.SOCK_RAW, 0x0300),
                                      ("open a raw IP socket", socket.AF_INET, socket.SOCK_RAW, 1),
                                      ("open a vsock to the hypervisor", 40, socket.SOCK_STREAM, 0),
                                      ("open a Bluetooth socket", 31, socket.SOCK_RAW, 1),
                                      ("open a kernel crypto socket", 38, socket.SOCK_SEQPACKET, 0),
                                      ("open an audit socket", socket.AF_NETLINK, socket.SOCK_RAW, 9)]:
    ATTEMPTS.append(("network", words, lambda f=family, k=kind, p=protocol: open_socket(f, k, p)))


@attempt("network", "reach a socket of the host by its abstract name")
def abstract():
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        names = [line.split()[-1] for line in file if line.split()[-1].startswith("@")]
    if not names:
        raise Denied("none can be seen")
    return names[0]


# ---------------------------------------------------------------------------------- files
def write_in(place):
    path = os.path.join(place, "escaped")
    with open(path, "w", encoding="ascii"):
        os.unlink(path)
        return "written"


every("files", "write into %s", ["/", "/bin", "/etc", "/home", "/lib", "/opt", "/prt", "/prt/in", "/prt/deps", "/prt/snapshot",
                                 "/root", "/run", "/srv", "/usr/bin", "/usr/lib", "/usr/local/bin", "/var/lib", "/var/tmp"],
      write_in)


def read(path):
    with open(path, "rb") as file:
        got = file.read(64)
    if not got:
        raise Denied("empty")
    return repr(got[:20])


every("files", "read %s", ["/etc/shadow", "/proc/1/root/etc/shadow", "/root/.bashrc", "/proc/kcore",
                           "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/kmsg", "/proc/vmallocinfo",
                           "/proc/slabinfo", "/sys/kernel/debug/x", "/sys/firmware/dmi/tables/DMI",
                           "/proc/%d/environ" % GIVEN["worker"]], read)


@attempt("files", "see kernel addresses in /proc/kallsyms")
def kallsyms():
    with open("/proc/kallsyms", encoding="ascii") as file:
        line = file.readline()
    if not line or int(line.split()[0], 16) == 0:
        raise Denied("no addresses" if line else "empty")
    return line


every("files", "find the socket %s", ["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock",
                                      "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/pr-telemetry"], os.stat)


@attempt("files", "climb above the root with ..")
def climb():
    top, above = os.stat("/"), os.stat("/" + "../" * 40)
    if (top.st_dev, top.st_ino) == (above.st_dev, above.st_ino):
        raise Denied("it ends at the sandbox's own root")
    return "another directory"


@attempt("files", "climb above the root from a directory held open")
def climb_held():
    held = os.open("/", os.O_PATH | os.O_DIRECTORY)
    os.chroot("/tmp")
    os.fchdir(held)
    return os.listdir("../../..")


@attempt("files", "read through a link out of the workspace")
def link_out():
    os.symlink("/proc/1/root/../../../etc/shadow", "/workspace/report.xml")
    return read("/workspace/report.xml")


@attempt("files", "put a hard link to a file of the base into the workspace")
def hard_link():
    return os.link("/etc/passwd", "/workspace/passwd")


@attempt("files", "take a file of another owner")
def take():
    return os.chown("/etc/passwd", os.getuid(), os.getgid())


@attempt("files", "run a program with its owner's rights from the workspace")
def nosuid():
    flags = [os.statvfs(at).f_flag for at in ("/workspace", "/tmp", "/dev/shm")]
    if all(flag & os.ST_NOSUID for flag in flags):
        raise Denied("nosuid")
    return "suid bits count"


@attempt("files", "find a program that raises its rights")
def suid():
    seen = 0
    for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local/bin"):
        for at, _, names in os.walk(folder):
            for name in names:
                seen += 1
                try:
                    info = os.lstat(os.path.join(at, name))
                except OSError:
                    continue
                if stat.S_ISREG(info.st_mode) and info.st_mode & 0o6000:
                    return os.path.join(at, name)
    raise Denied(f"none among {seen} files")


# ---------------------------------------------------------------------------------- devices
def device_open(path):
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        if path == "/dev/net/tun":  # opening it is nothing yet: it is to become an interface
            fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"escape", 1))
    finally:
        os.close(device)
    return "opened"


every("devices", "open %s", ["/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg",
                             "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/loop-control", "/dev/loop0", "/dev/vsock",
                             "/dev/userfaultfd", "/dev/dri/card0", "/dev/cpu/0/msr", "/dev/console"], device_open)


def device_make(kind, major, minor):
    path = "/workspace/device"
    try:
        os.mknod(path, kind | 0o666, os.makedev(major, minor))
        return device_open(path)
    finally:
        if os.path.lexists(path):
            os.unlink(path)


for words, kind, major, minor in [("make and open the memory's device", stat.S_IFCHR, 1, 1),
                                  ("make and open a disk's device", stat.S_IFBLK, 8, 0),
                                  ("make and open a virtual disk's device", stat.S_IFBLK, 254, 0)]:
    ATTEMPTS.append(("devices", words, lambda k=kind, a=major, i=minor: device_make(k, a, i)))


# ---------------------------------------------------------------------------------- /proc and /sys
def write_to(path, text="1"):
    with open(path, "w", encoding="ascii") as file:
        if os.fstat(file.fileno()).st_rdev == os.stat("/dev/null").st_rdev:
            raise ValueError("masked by the null device")
        file.write(text)
    return "written"


every("proc and sys", "write %s", ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/sysrq",
                                   "/proc/sys/kernel/modprobe", "/proc/sys/kernel/ns_last_pid", "/proc/sys/vm/drop_caches",
                                   "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward",
                                   "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/proc/acpi/wakeup",
                                   "/proc/irq/default_smp_affinity", "/proc/self/uid_map",
                                   "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/ksm/run",
                                   "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max",
                                   "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/release_agent",
                                   "/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
                                   "/sys/fs/cgroup/devices/devices.allow"], write_to)
ATTEMPTS.append(("proc and sys", "be spared by the kernel when memory runs out",
                 lambda: write_to("/proc/self/oom_score_adj", "-1000")))


# ---------------------------------------------------------------------------------- privilege
for words, act in [("become root", lambda: os.setresuid(0, 0, 0)), ("become another user", lambda: os.setuid(1000)),
                   ("join root's group", lambda: os.setresgid(0, 0, 0)), ("join other groups", lambda: os.setgroups([0, 4, 6])),
                   ("run at real-time priority", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))),
                   ("run before everybody else", lambda: os.setpriority(os.PRIO_PROCESS, 0, -10)),
                   ("raise the limit of open files", lambda: resource.setrlimit(
                       resource.RLIMIT_NOFILE, (GIVEN["open_files"] * 2,) * 2)),
                   ("raise the limit of a file's size", lambda: resource.setrlimit(
                       resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)),
                   ("raise the limit of processes", lambda: resource.setrlimit(
                       resource.RLIMIT_NPROC, (resource.RLIM_INFINITY,) * 2))]:
    ATTEMPTS.append(("privilege", words, act))


@attempt("privilege", "take a capability")
def capability():
    header = struct.pack("Ii", 0x20080522, 0)
    data = struct.pack("6I", 1 << 21, 1 << 21, 0, 0, 0, 0)
    if LIBC.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "")
    return "CAP_SYS_ADMIN"


@attempt("privilege", "have a capability at all")
def capabilities():
    with open("/proc/self/status", encoding="ascii") as file:
        sets = [line.split() for line in file if line.startswith("Cap")]
    if all(int(bits, 16) == 0 for _, bits in sets):
        raise Denied("all five sets are empty")
    return sets


@attempt("privilege", "allow new privileges again")
def new_privileges():
    if LIBC.prctl(38, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "")
    return "allowed"


# ---------------------------------------------------------------------------------- the kernel's doors
DOORS = {"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
         "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
         "mount_setattr": (442, 442), "ptrace": (101, 117), "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438),
         "kcmp": (312, 272), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
         "io_uring_setup": (425, 425), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
         "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
         "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
         "syslog": (103, 116), "sethostname": (170, 161), "settimeofday": (164, 170), "clock_settime": (227, 112),
         "clock_adjtime": (305, 266), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "quotactl": (179, 60),
         "clone3": (435, 435), "mq_open": (240, 180)}


def door(name):
    if LIBC.syscall(DOORS[name][ARM], 0, 0, 0, 0, 0, 0) >= 0:
        return "it worked"
    code = ctypes.get_errno()
    if code not in REFUSED:
        return f"the kernel read its arguments ({errno.errorcode.get(code, code)})"
    raise OSError(code, "")


every("kernel", "call %s", DOORS, door)
for words, flag in [("user", 0x10000000), ("mount", 0x00020000), ("network", 0x40000000), ("pid", 0x20000000),
                    ("cgroup", 0x02000000), ("time", 0x00000080)]:
    ATTEMPTS.append(("kernel", f"unshare into a new {words} namespace", lambda flag=flag: unshare(flag)))


def unshare(flag):
    if LIBC.unshare(flag) != 0:
        raise OSError(ctypes.get_errno(), "")
    return "unshared"


@attempt("kernel", "clone into a new user namespace")
def clone():
    pid = LIBC.syscall(220 if ARM else 56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "")
    os.waitpid(pid, 0)
    return "cloned"


# ---------------------------------------------------------------------------------- other processes
@attempt("processes", "signal the worker")
def signal_worker():
    os.kill(GIVEN["worker"], 0)
    with open(f"/proc/{GIVEN['worker']}/comm", encoding="ascii") as file:
        return file.read()


def into_first(name, flags):
    if os.getpid() == 1:
        raise Denied("it is this one")
    os.close(os.open(f"/proc/1/{name}", flags))
    return "opened"


for words, name, flags in [("read the environment of the first process", "environ", os.O_RDONLY),
                           ("write the memory of the first process", "mem", os.O_RDWR),
                           ("write the output of the first process", "fd/1", os.O_WRONLY)]:
    ATTEMPTS.append(("processes", words, lambda name=name, flags=flags: into_first(name, flags)))


@attempt("processes", "see processes of others")
def see():
    seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    if max(seen) <= os.getpid() + 16 and len(seen) < 16:
        raise Denied(f"{len(seen)} can be seen, all of this sandbox")
    return f"{len(seen)}, up to {max(seen)}"


# ---------------------------------------------------------------------------------- limits
@attempt("limits", "fork without end")
def fork_bomb():
    held, made = os.pipe(), []
    try:
        while len(made) < GIVEN["pids"] * 4:
            pid = os.fork()
            if pid == 0:
                os.read(held[0], 1)
                os._exit(0)
            made.append(pid)
    except OSError as error:
        raise Denied(f"{why(error)} after {len(made)} processes") from error
    finally:
        for pid in made:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return f"{len(made)} processes"


@attempt("limits", "start threads without end")
def threads():
    go, made = threading.Event(), []
    try:
        while len(made) < GIVEN["pids"] * 4:
            thread = threading.Thread(target=go.wait)
            thread.start()
            made.append(thread)
    except RuntimeError as error:
        raise Denied(f"{error} after {len(made)}") from error
    finally:
        go.set()
        for thread in made:
            thread.join()
    return f"{len(made)} threads"


@attempt("limits", "leave zombies without end")
def zombies():
    made = 0
    try:
        while made < GIVEN["pids"] * 4:
            if os.fork() == 0:
                os._exit(0)
            made += 1
    except OSError as error:
        raise Denied(f"{why(error)} after {made}") from error
    finally:
        for _ in range(made):
            os.wait()
    return f"{made} zombies"


def eat(say):
    held = []
    for step in range(1, 2 * GIVEN["memory"] // (8 * MIB)):
        held.append(bytearray(8 * MIB))
        for at in range(0, 8 * MIB, 4096):
            held[-1][at] = 1
        say(str(step * 8))


def fill(say, place, most):
    piece, number, total = bytes(MIB), 0, 0
    while total < most:
        with open(f"{place}/fill{number}", "wb", buffering=0) as file:
            for _ in range(GIVEN["file"] // MIB // 2):
                total += file.write(piece)
                say(str(total // MIB))
        number += 1


def file_grow(say):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/workspace/one", "wb", buffering=0) as file:
        for step in range(2 * GIVEN["file"] // MIB):
            file.write(bytes(MIB))
            say(str(step + 1))


def files_hold(say):
    held = []
    for _ in range(GIVEN["open_files"] * 4):
        held.append(os.open("/dev/null", os.O_RDONLY))
        say(str(len(held)))


def shared_take(say):
    """Marked for removal, so that it goes with this process: the rest of the suite wants memory too."""
    LIBC.shmat.restype = ctypes.c_void_p
    for step in range(1, 2 * GIVEN["memory"] // (8 * MIB)):
        number = LIBC.shmget(0, 8 * MIB, 0o1600)
        at = LIBC.shmat(number, None, 0)
        if number < 0 or at == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "")
        LIBC.shmctl(number, 0, None)
        ctypes.memset(at, 1, 8 * MIB)
        say(str(step * 8))


def watchers_take(say):
    """Counted per user, or per user namespace and its owner: more than a few would be those of others."""
    for made in range(1, GIVEN["inotify"] + 2):
        if LIBC.inotify_init1(0) < 0:
            raise OSError(ctypes.get_errno(), "")
        say(str(made))


def clean(place):
    os.system(f"rm -rf {place}/fill* {place}/one")


for words, act, unit, place in [
        ("write one file without end", file_grow, "MiB", "/workspace"),
        ("hold files open without end", files_hold, "files", "/workspace"),
        ("fill the workspace", lambda say: fill(say, "/workspace", 4 * GIVEN["disk"]), "MiB", "/workspace"),
        ("fill /tmp", lambda say: fill(say, "/tmp", 4 * GIVEN["disk"]), "MiB", "/tmp"),
        ("fill /dev/shm", lambda say: fill(say, "/dev/shm", 4 * GIVEN["disk"]), "MiB", "/dev/shm"),
        ("take memory without end", eat, "MiB", "/workspace"),
        ("take System V shared memory without end", shared_take, "MiB", "/workspace"),
        ("take inotify instances without end", watchers_take, "instances", "/workspace")]:
    def limited(act=act, unit=unit, place=place):
        try:
            return stopped(act, unit)
        finally:
            clean(place)
    ATTEMPTS.append(("limits", words, limited))


# ---------------------------------------------------------------------------------- judged from outside
def signals():
    """Alone in its sandbox: what it kills is everything in it but itself."""
    os.kill(-1, signal.SIGKILL)
    for pid in [GIVEN["worker"], *range(1, 70000)]:
        if pid != os.getpid():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue


def hang():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    os.fork()
    os.setsid() if os.getpid() != os.getpgrp() else None
    while True:
        signal.pause()


def flood():
    for end in (2, 1):
        for _ in range(64):
            os.write(end, b"x" * 65536)


def files():
    """Where their number is not limited their memory is, and the sandbox dies as a whole."""
    os.mkdir("/workspace/many")
    made = 0
    try:
        for made in range(3000000):
            os.close(os.open(f"/workspace/many/{made:x}", os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        print(f"{why(error)} after {made} files", flush=True)
        os._exit(1)


def attempts():
    for row in ATTEMPTS[GIVEN["from"]:]:
        attempt_make(*row)


MODES = {"signals": signals, "hang": hang, "flood": flood, "files": files, "attempts": attempts}
MODES[GIVEN["mode"]]()
print("end", flush=True)
