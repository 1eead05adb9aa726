// SPDX-License-Identifier: MIT
/* What runs in a sandbox cannot reach out of it, and cannot use more than it was given. */
#include "lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "workers/qa/sandbox/job.h"
#include "world.h"

EACH_ENGINE(gives_back_the_exit_status_and_keeps_result_and_log_apart)
{
    struct ran ran = world_run(world, NULL, "echo to the result; echo to the log >&2; exit 7");

    told(&ran);
    CHECK(ran.end.outcome == SANDBOX_EXITED);
    CHECK_NUMBER(ran.end.exit_status, 7);
    CHECK_TEXT(ran.result, "to the result\n");
    CHECK_TEXT(ran.log, "to the log\n");
}

EACH_ENGINE(has_no_network_but_its_own_loopback)
{
    struct ran ran =
        world_run(world, NULL,
                  "exec python3 - <<'END'\n"
                  "import socket\n"
                  "for at in (('10.255.255.53', 53), ('1.1.1.1', 53), ('8.8.8.8', 443)):\n"
                  "    try:\n"
                  "        socket.create_connection(at, 2); print('reached', at)\n"
                  "    except OSError: pass\n"
                  "server = socket.create_server(('127.0.0.1', 0))\n"
                  "socket.create_connection(server.getsockname(), 2)\n"
                  "print(sorted(name for _, name in socket.if_nameindex()))\n"
                  "END\n");

    told(&ran);
    CHECK_TEXT(ran.result, "['lo']\n");
}

EACH_ENGINE(runs_as_nobody_in_particular_without_any_capability)
{
    struct ran ran = world_run(world, NULL,
                               "id -u; grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status |"
                               " tr -s '\\t\\n' '  '; setpriv -d | grep no_new_privs");

    told(&ran);
    CHECK_TEXT(ran.result, "64537\nCapEff: 0000000000000000 CapBnd: 0000000000000000 Seccomp: 2 "
                           "no_new_privs: 1\n");
}

EACH_ENGINE(cannot_write_outside_its_workspace_and_tmp)
{
    struct ran ran =
        world_run(world, NULL,
                  "for at in / /etc /usr/lib /usr/local /prt /prt/in /var /home /proc/sys "
                  "/dev; do\n"
                  "  (: >$at/written) 2>/dev/null && echo written $at; done\n"
                  "(echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null && echo sysrq\n"
                  "(echo b >/proc/sysrq-trigger) 2>/dev/null && cat /proc/sysrq-trigger\n"
                  ": >/workspace/a && : >/tmp/a && echo fine");

    told(&ran);
    CHECK_TEXT(ran.result, "fine\n");
}

EACH_ENGINE(cannot_mount_trace_or_make_namespaces)
{
    struct ran ran =
        world_run(world, NULL,
                  "exec python3 - <<'END'\n"
                  "import ctypes, os\n"
                  "libc = ctypes.CDLL(None, use_errno=True)\n"
                  "def ask(name, *args):\n"
                  "    if libc.syscall(*args) >= 0: print('allowed', name)\n"
                  "ask('mount', 165, b'none', b'/tmp', b'tmpfs', 0, 0)\n"
                  "ask('unshare user', 272, 0x10000000)\n"
                  "ask('ptrace', 101, 0, 0, 0, 0)\n"
                  "ask('bpf', 321, 0, 0, 0)\n"
                  "ask('keyctl', 250, 0, -3, 1)\n"
                  "ask('io_uring_setup', 425, 1, ctypes.create_string_buffer(120))\n"
                  "ask('userfaultfd', 323, 0)\n"
                  "ask('perf_event_open', 298, ctypes.create_string_buffer(120), 0, -1, -1, 0)\n"
                  "ask('packet socket', 41, 17, 3, 0)\n"
                  "ask('clone into a user namespace', 56, 0x10000011, 0, 0, 0, 0)\n"
                  "print('asked')\n"
                  "END\n");

    told(&ran);
    CHECK_TEXT(ran.result, "asked\n");
}

EACH_ENGINE(sees_no_process_but_its_own)
{
    struct ran ran =
        world_run(world, NULL, "ls -d /proc/[0-9]* | wc -l; kill -9 1; kill -9 -1; echo on");

    told(&ran);
    CHECK(atoi(ran.result) > 0 && atoi(ran.result) < 12);
    CHECK(ran.end.outcome == SANDBOX_EXITED);
}

EACH_ENGINE(stops_a_fork_bomb_at_the_pids_limit)
{
    struct ran ran = world_run(world, NULL,
                               "exec python3 - <<'END'\n"
                               "import os, time, sys\n"
                               "made = 0\n"
                               "try:\n"
                               "    while made < 5000:\n"
                               "        if os.fork() == 0:\n"
                               "            time.sleep(60); os._exit(0)\n"
                               "        made += 1\n"
                               "except OSError as e: print(type(e).__name__, made < 40)\n"
                               "sys.stdout.flush(); os._exit(0)\n"
                               "END\n");

    told(&ran);
    CHECK_TEXT(ran.result, "BlockingIOError True\n");
    CHECK(ran.end.took_ms < 30000);
}

EACH_ENGINE(reports_a_memory_hog_as_oom)
{
    struct ran ran = world_run(world, NULL,
                               "exec python3 -c 'b = bytearray(1 << 30)\n"
                               "for i in range(0, len(b), 4096): b[i] = 1'");

    told(&ran);
    CHECK(ran.end.outcome == SANDBOX_OOM);
}
IN_ENGINE(podman_runsc, reports_a_memory_hog_as_oom)

EACH_ENGINE(reports_who_was_only_killed_as_killed)
{
    struct ran ran = world_run(world, NULL, "kill -KILL -1");

    told(&ran);
    CHECK(ran.end.outcome == SANDBOX_EXITED);
}
IN_ENGINE(podman_runsc, reports_who_was_only_killed_as_killed)

EACH_ENGINE(reports_a_hang_as_timeout_and_leaves_nothing_running)
{
    struct ran ran;

    world->limits.wall_ms = 1500;
    ran = world_run(world, NULL,
                    "echo before; (trap '' TERM INT HUP; tail -f /dev/null) & tail -f /dev/null");
    told(&ran);
    CHECK(ran.end.outcome == SANDBOX_TIMEOUT);
    CHECK_TEXT(ran.result, "before\n");
    CHECK(ran.end.took_ms >= 1500 && ran.end.took_ms < 15000);
}

EACH_ENGINE(stops_a_disk_flood_at_the_size_limit)
{
    struct ran ran =
        world_run(world, NULL,
                  "i=0; while dd if=/dev/zero of=/workspace/f$i bs=1M count=10 2>/dev/null; do "
                  "i=$((i+1)); [ $i -lt 50 ] || break; done; [ $i -lt 8 ] && echo stopped; "
                  "rm -f /workspace/f*; i=0; while dd if=/dev/zero of=/tmp/f$i bs=1M count=10 "
                  "2>/dev/null; do i=$((i+1)); [ $i -lt 50 ] || break; done; [ $i -lt 8 ] && "
                  "echo stopped");

    told(&ran);
    CHECK_TEXT(ran.result, "stopped\nstopped\n");
}

EACH_ENGINE(stops_one_file_at_the_file_size_limit)
{
    struct ran ran = world_run(world, NULL,
                               "exec python3 - <<'END'\n"
                               "import signal\n"
                               "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                               "try:\n"
                               "    with open('/workspace/big', 'wb') as f:\n"
                               "        for i in range(20): f.write(bytes(1 << 20))\n"
                               "except OSError as e: print(e.errno)\n"
                               "END\n");

    told(&ran);
    CHECK_TEXT(ran.result, "27\n"); /* EFBIG */
}

EACH_ENGINE(stops_files_held_open_at_the_limit)
{
    struct ran ran = world_run(world, NULL,
                               "exec python3 - <<'END'\n"
                               "held = []\n"
                               "try:\n"
                               "    while len(held) < 1000: held.append(open('/dev/null'))\n"
                               "except OSError as e: print(e.errno, len(held) < 128)\n"
                               "END\n");

    told(&ran);
    CHECK_TEXT(ran.result, "24 True\n"); /* EMFILE */
}

EACH_ENGINE(cuts_a_flood_of_output_and_counts_it)
{
    struct ran ran =
        world_run(world, NULL,
                  "head -c 5000000 /dev/zero | tr '\\0' x >&2; head -c 5000000 /dev/zero | tr "
                  "'\\0' y; exit 0");

    told(&ran);
    CHECK_NUMBER(ran.end.log_bytes, 100000);
    CHECK_NUMBER(ran.end.log_bytes + ran.end.log_dropped, 5000000);
    CHECK_NUMBER(ran.end.result_bytes, 200000);
    CHECK_NUMBER(ran.end.result_bytes + ran.end.result_dropped, 5000000);
    CHECK_NUMBER(strlen(ran.log), 100000);
}

/* A directory with one test file in it, given to the sandbox's user. */
static const char *tree_make(struct world *world, const char *name, const char *text)
{
    const char *dir = arena_format(world->arena, "%s/tree-XXXXXX", world->settings.dir);
    struct err  err = {0};

    CHECK(mkdtemp((char *)(uintptr_t)dir) != NULL);
    CHECK(chmod(dir, 0755) == 0);
    CHECK_WORKS(
        file_replace(arena_format(world->arena, "%s/%s", dir, name), bytes_of(text), 0644, &err));
    CHECK_WORKS(sandbox_own(world->sandbox, dir, &err));
    return dir;
}

EACH_ENGINE(runs_pytest_on_a_workspace_and_leaves_the_original_alone)
{
    const char *dir = tree_make(world, "test_sum.py", "def test_sum():\n    assert 1 + 1 == 2\n");
    struct ran  ran =
        world_run(world, dir,
                  "python3 -m pytest -q -p no:cacheprovider >&2; echo $?; echo x >>test_sum.py; "
                  "rm test_sum.py; echo >new; ls");
    struct bytes bytes;
    struct err   err = {0};

    told(&ran);
    CHECK_TEXT(ran.result, "0\nnew\n");
    CHECK(strstr(ran.log, "1 passed") != NULL);
    CHECK_WORKS(file_read(world->arena, arena_format(world->arena, "%s/test_sum.py", dir), 100,
                          &bytes, &err));
    CHECK(bytes_is(bytes, "def test_sum():\n    assert 1 + 1 == 2\n"));
    CHECK(access(arena_format(world->arena, "%s/new", dir), F_OK) < 0);
    CHECK_WORKS(dir_remove(dir, &err));
}

TEST(warm, is_never_used_twice_and_starts_with_nothing_of_the_one_before)
{
    const char   *why;
    struct world *world = world_of("warm", &why);
    struct ran    first, second;

    if (world == NULL) {
        SKIP(why);
    }
    first = world_run(world, NULL,
                      "echo left >/tmp/left; echo left >/workspace/left; echo left >/dev/shm/left;"
                      " readlink /proc/self/ns/mnt /proc/self/ns/pid");
    second = world_run(world, NULL,
                       "ls -A /tmp /workspace /dev/shm | grep left;"
                       " readlink /proc/self/ns/mnt /proc/self/ns/pid");
    told(&first);
    told(&second);
    CHECK(strstr(second.result, "left") == NULL);
    CHECK(strstr(second.result, "mnt:[") != NULL);
    CHECK(strcmp(first.result, second.result) != 0);
}

/* What runc and the kernel keep of a container, by its name. */
static const char *remains(struct world *world, const char *id)
{
    const char *const argv[] = {
        "sh", "-c",
        arena_format(world->arena,
                     "ls -d %s/runc/%s /sys/fs/cgroup/pr-telemetry/%s"
                     " /sys/fs/cgroup/*/pr-telemetry/%s 2>/dev/null || true",
                     world->settings.dir, id, id, id),
        NULL};
    struct bytes out;
    struct err   err = {0};

    CHECK_WORKS(process_ask(world->arena, argv, 4096, 30000, &out, &err));
    return arena_text(world->arena, out);
}

TEST(runc, leaves_neither_state_nor_groups_behind_even_of_processes_that_outlive_the_first)
{
    const char   *why;
    struct world *world = world_of("runc", &why);
    struct ran    ran;

    if (world == NULL) {
        SKIP(why);
    }
    ran = world_run(world, NULL, "(setsid tail -f /dev/null &) ; exit 3");
    told(&ran);
    CHECK_NUMBER(ran.end.exit_status, 3);
    CHECK_TEXT(remains(world, ran.id), "");
}

/* Of a container whose worker died before runc had written down what it is. */
TEST(runc, reaps_the_group_of_a_container_that_was_still_being_made)
{
    const char   *why;
    struct world *world = world_of("runc", &why);
    const char   *id = "prt-qa-0123456789abcdef-t";
    struct err    err = {0};
    struct bytes  out;
    int           reaped = -1;

    if (world == NULL) {
        SKIP(why);
    }
    {
        const char *const argv[] = {
            "sh", "-c",
            arena_format(world->arena,
                         "mkdir %s/runc/%s; tail -f /dev/null </dev/null >/dev/null 2>&1 & "
                         "for at in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup/pids; do"
                         "    [ -e $at/cgroup.procs ] && mkdir -p $at/pr-telemetry/%s &&"
                         "    echo $! >$at/pr-telemetry/%s/cgroup.procs; done; true",
                         world->settings.dir, id, id, id),
            NULL};

        CHECK_WORKS(process_ask(world->arena, argv, 4096, 30000, &out, &err));
    }
    CHECK(strstr(remains(world, id), "/sys/fs/cgroup/") != NULL);
    CHECK_WORKS(sandbox_reap(world->sandbox, &reaped, &err));
    CHECK_NUMBER(reaped, 1);
    CHECK_TEXT(remains(world, id), "");
}

TEST(sandbox, finds_an_engine_by_itself_where_this_machine_can_hold_every_limit)
{
    const char   *why;
    struct world *world = world_of("auto", &why);

    /* Unprivileged and without podman there may be none; as root there must be one. */
    if (geteuid() != 0 && world == NULL) {
        SKIP(why);
    }
    if (world == NULL) {
        test_failed(__FILE__, __LINE__, "no engine works: %s", why);
    }
}

TEST(sandbox, refuses_an_engine_that_is_not_there_and_says_so)
{
    struct sandbox_settings settings = {.engine = "docker",
                                        .runtime = "no-such-runtime",
                                        .dir = "/tmp",
                                        .base = "/nonexistent",
                                        .base_image = ""};
    struct sandbox         *sandbox = NULL;
    struct err              err = {0};

    CHECK_FAILS(sandbox_open(&sandbox, &settings, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "docker") != NULL);
}

static int open_auto(struct world *world, const char *runtime, struct sandbox **ret_sandbox,
                     struct sandbox_settings *settings, struct err *err)
{
    *settings = world->settings;
    settings->engine = "auto";
    settings->runtime = runtime;
    return sandbox_open(ret_sandbox, settings, err);
}

TEST(sandbox, finds_the_engine_that_starts_the_runtime_asked_for)
{
    static const char *const paths[] = {"/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc"};
    size_t                   at = 0;
    const char              *why;
    struct world            *podman = world_of("podman", &why);
    CLEANUP(sandbox)
    struct sandbox *other = NULL;
    CLEANUP(sandbox)
    struct sandbox         *own = NULL;
    struct sandbox_settings settings[2];
    struct err              err = {0};

    if (podman == NULL) {
        SKIP(why);
    }
    while (at < COUNT_OF(paths) && access(paths[at], X_OK) < 0) {
        at++;
    }
    if (at == COUNT_OF(paths)) {
        SKIP("runc is not where it is looked for");
    }
    /* runc by its path is a runtime like any other: the engine of that name does not take it. */
    CHECK_WORKS(open_auto(podman, paths[at], &other, &settings[0], &err));
    CHECK_TEXT(sandbox_engine(other), "podman");
    CHECK_TEXT(sandbox_runtime(other), paths[at]);
    CHECK_WORKS(open_auto(podman, "runc", &own, &settings[1], &err));
    CHECK_TEXT(sandbox_engine(own), "runc");
}

TEST(sandbox, says_of_each_engine_why_it_does_not_start_the_runtime_asked_for)
{
    const char             *why;
    struct world           *world = world_of("runc", &why);
    struct sandbox         *sandbox = NULL;
    struct sandbox_settings settings;
    struct err              err = {0};

    if (world == NULL) {
        SKIP(why);
    }
    CHECK_FAILS(open_auto(world, "no-such-runtime", &sandbox, &settings, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "runc: PRT_SANDBOX_RUNTIME is \"no-such-runtime\"") != NULL);
    CHECK(strstr(err.story, "podman: ") != NULL);
    CHECK(strstr(err.story, "docker: ") != NULL);
}

TEST(sandbox, tells_the_end_of_a_long_story_where_every_engine_has_one)
{
    const char             *why;
    struct world           *world = world_of("runc", &why);
    struct sandbox         *sandbox = NULL;
    struct sandbox_settings settings;
    struct err              err = {0};
    char                    runtime[200];

    if (world == NULL) {
        SKIP(why);
    }
    (void)memset(runtime, 'x', sizeof(runtime) - 1);
    runtime[sizeof(runtime) - 1] = '\0';
    CHECK_FAILS(open_auto(world, runtime, &sandbox, &settings, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "runc: PRT_SANDBOX_RUNTIME is \"xxx") != NULL);
    CHECK(strstr(err.story, "podman or docker, which start it; podman: ") != NULL);
    CHECK(strstr(err.story, "docker: ") != NULL);
}

TEST(runc, refuses_to_be_taken_for_another_runtime)
{
    struct sandbox         *sandbox = NULL;
    struct sandbox_settings settings = {
        .engine = "runc", .runtime = "runsc", .dir = "/tmp", .base = "", .base_image = ""};
    struct err err = {0};

    CHECK_FAILS(sandbox_open(&sandbox, &settings, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "PRT_SANDBOX_RUNTIME is \"runsc\"") != NULL);
    CHECK(strstr(err.story, "set PRT_SANDBOX to podman or docker") != NULL);
}
