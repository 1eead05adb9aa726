// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static const char *const allowed[] = {
#define ALLOW(name) #name,
#define DENY(name)
#include "workers/qa/sandbox/syscall.def"
#undef ALLOW
#undef DENY
};

static const char *const denied[] = {
#define ALLOW(name)
#define DENY(name) #name,
#include "workers/qa/sandbox/syscall.def"
#undef ALLOW
#undef DENY
};

/* On a filter in front of a kernel of 64 bits the other ABIs would be a way around it. */
static const char *const architectures[] = {
#if defined(__x86_64__)
    "SCMP_ARCH_X86_64",
#elif defined(__aarch64__)
    "SCMP_ARCH_AARCH64",
#else
#error "name this machine's architecture for seccomp here"
#endif
};

/* `but` is left out; NULL: nothing is. */
static struct value texts_but(struct arena *arena, const char *const *names, size_t count,
                              const char *but)
{
    struct value list = value_list();

    for (size_t i = 0; i < count; i++) {
        if (but == NULL || strcmp(names[i], but) != 0) {
            value_append(arena, &list, value_text(names[i]));
        }
    }
    return list;
}

static struct value texts(struct arena *arena, const char *const *names, size_t count)
{
    return texts_but(arena, names, count, NULL);
}

static struct value rule(struct arena *arena, struct value names, const char *action)
{
    struct value map = value_map();

    value_put(arena, &map, "names", names);
    value_put(arena, &map, "action", value_text(action));
    return map;
}

/* One condition on an argument: equal to value, or (masked) value_two under the mask `value`. */
struct when {
    int         index;
    const char *op;
    int64_t     value, value_two;
};

/* `name` is allowed when all `count` conditions hold. */
static struct value rule_when(struct arena *arena, const char *name, const struct when *when,
                              size_t count)
{
    struct value map = rule(arena, texts(arena, &name, 1), "SCMP_ACT_ALLOW");
    struct value list = value_list();

    for (size_t i = 0; i < count; i++) {
        struct value arg = value_map();

        value_put(arena, &arg, "index", value_whole(when[i].index));
        value_put(arena, &arg, "value", value_whole(when[i].value));
        value_put(arena, &arg, "valueTwo", value_whole(when[i].value_two));
        value_put(arena, &arg, "op", value_text(when[i].op));
        value_append(arena, &list, arg);
    }
    value_put(arena, &map, "args", list);
    return map;
}

/* As where a user has used up what there is of them: programs know that. */
static struct value inotify_rule(struct arena *arena, bool allow)
{
    static const char *const names[] = {
#if defined(__x86_64__)
        "inotify_init",
#endif
        "inotify_init1"
    };
    struct value list = texts(arena, names, COUNT_OF(names));
    struct value map = rule(arena, list, allow ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");

    if (!allow) {
        value_put(arena, &map, "errnoRet", value_whole(EMFILE));
    }
    return map;
}

/* `also` is allowed against its row; NULL: nothing is. */
static struct value profile_make(struct arena *arena, const char *also, bool inotify)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
    static const int personas[] = {0x0, 0x0008, 0x20000, 0x20008, 0x40000};
    /* Not CLONE_NEWTIME: for clone its bit lies in the signal number. */
    const int64_t namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                               CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
    /* The C library asks the routing socket for the names of interfaces. */
    const struct when names[] = {{0, "SCMP_CMP_EQ", AF_NETLINK, 0}, {2, "SCMP_CMP_EQ", 0, 0}};
    const struct when threads = {0, "SCMP_CMP_MASKED_EQ", namespaces, 0};
    struct value      profile = value_map();
    struct value      rules = value_list();
    struct value      deny =
        rule(arena, texts_but(arena, denied, COUNT_OF(denied), also), "SCMP_ACT_ERRNO");

    value_put(arena, &deny, "errnoRet", value_whole(EPERM));
    if (also != NULL) {
        value_append(arena, &rules, rule(arena, texts(arena, &also, 1), "SCMP_ACT_ALLOW"));
    }
    value_append(arena, &rules,
                 rule(arena, texts(arena, allowed, COUNT_OF(allowed)), "SCMP_ACT_ALLOW"));
    value_append(arena, &rules, deny);
    value_append(arena, &rules, inotify_rule(arena, inotify));
    value_append(arena, &rules, rule_when(arena, "clone", &threads, 1));
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        struct when family = {0, "SCMP_CMP_EQ", families[i], 0};

        value_append(arena, &rules, rule_when(arena, "socket", &family, 1));
    }
    value_append(arena, &rules, rule_when(arena, "socket", names, COUNT_OF(names)));
    for (size_t i = 0; i < COUNT_OF(personas); i++) {
        struct when persona = {0, "SCMP_CMP_EQ", personas[i], 0};

        value_append(arena, &rules, rule_when(arena, "personality", &persona, 1));
    }
    value_put(arena, &profile, "defaultAction", value_text("SCMP_ACT_ERRNO"));
    value_put(arena, &profile, "defaultErrnoRet", value_whole(ENOSYS));
    value_put(arena, &profile, "architectures",
              texts(arena, architectures, COUNT_OF(architectures)));
    value_put(arena, &profile, "syscalls", rules);
    return profile;
}

struct value seccomp_profile(struct arena *arena, bool inotify)
{
    return profile_make(arena, NULL, inotify);
}

struct value seccomp_zygote(struct arena *arena)
{
    return profile_make(arena, "setns", true);
}

/* It stands upon the profile, which has refused every call of another architecture already. */
void seccomp_without_setns(struct buf *out)
{
    const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setns, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    buf_put(out, (struct bytes){(const uint8_t *)filter, sizeof(filter)});
}
