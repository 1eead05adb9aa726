// SPDX-License-Identifier: MIT
#include "farm/ready.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

void farm_tell_ready(void)
{
    static const char  ready[] = "READY=1";
    const char        *path = getenv("NOTIFY_SOCKET");
    CLEANUP(fd) int    fd = -1;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    socklen_t          size;

    if (path == NULL || strlen(path) >= sizeof(to.sun_path)) {
        return;
    }
    (void)strcpy(to.sun_path, path);
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0'; /* Linux's abstract names */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (struct sockaddr *)&to, size);
    }
}
