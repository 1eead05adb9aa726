// SPDX-License-Identifier: MIT
#include "gateway/cli/qa_remedy.h"

#include <string.h>

#include "base/bytes.h"

/* The first that fits counts. */
static const struct remedy {
    const char *engine, *story, *words;
} remedies[] = {
    {"runc", "there is no program", "apt-get install runc"},
    {"podman", "there is no program", "apt-get install podman"},
    {"docker", "there is no program", "apt-get install docker.io"},
    {"podman", "default OCI runtime",
     "install that runtime, or name its path; runsc is in gVisor's apt repository: README.md"},
    {"docker", "Unknown runtime",
     "install it and tell dockerd of it; for gVisor (README.md): runsc install -- --oci-seccomp"},
    {"docker", "seccomp is not enforced",
     "gVisor leaves our profile out unless told: runsc install -- --oci-seccomp; restart dockerd"},
    {"docker", "daemon does not answer", "start dockerd, or point DOCKER_HOST at one"},
    {"runc", "not root", "run the qa worker as root, or set PRT_SANDBOX=podman"},
    {"", "is not to be seen from here",
     "run the worker where the engine runs, with its pid namespace"},
    {"", "another pid namespace", "run the worker in the pid namespace of whoever made its cgroup"},
    {"", "PRT_QA_BASE_ROOTFS", "prt qa-image"},
    {"", "PRT_SANDBOX_RUNTIME",
     "leave PRT_SANDBOX_RUNTIME empty, or set PRT_SANDBOX to podman or docker"},
    {"", "no warm containers", "set PRT_QA_WARM=0, or PRT_SANDBOX=runc"},
    {"", "warm container", "set PRT_QA_WARM=0 to have containers made when a job comes"},
    {"", "containers made ahead", "set PRT_QA_WARM=0, or let the kernel give user namespaces"},
    {"", "did not get ready", "set PRT_QA_WARM=0 to have containers made when a job comes"},
    {"", "swaps", "swapoff -a, or boot with swapaccount=1"},
    {"", "swap", "boot with swapaccount=1, or swapoff -a"},
    {"", "daemon cannot limit", "boot with cgroup_enable=memory and the cpu and pids controllers"},
    {"", "mount namespace", "give the worker CAP_SYS_ADMIN"},
    {"", "cgroups", "boot with that controller on; in a container, delegate the cgroup to it"},
    {"", "the kernel held", "lower that limit (prt config), or give the worker's own cgroup more"},
    {"", "the probe inside did not end", "make the base anew: prt qa-image --force"},
    {"", "is not enforced",
     "leave PRT_SANDBOX_RUNTIME empty, or set PRT_SANDBOX to an engine that holds it"},
    {"", "pull", "prt qa-image makes a base without a registry"},
};

const char qa_remedy_other[] = "mend what it says, or set PRT_SANDBOX to another engine";

const char *qa_remedy(const char *engine, const char *story)
{
    for (size_t i = 0; i < COUNT_OF(remedies); i++) {
        const struct remedy *remedy = &remedies[i];

        if ((remedy->engine[0] == '\0' || strcmp(remedy->engine, engine) == 0) &&
            strstr(story, remedy->story) != NULL) {
            return remedy->words;
        }
    }
    return qa_remedy_other;
}
