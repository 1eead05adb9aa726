// SPDX-License-Identifier: MIT
#include "base/version.h"

#include <stdio.h>

const char version_text[] = PRT_VERSION;

int version_print(const char *program)
{
    (void)printf("%s %s\n", program, version_text);
    if (ferror(stdout) != 0 || fflush(stdout) != 0) {
        perror(program);
        return 1;
    }
    return 0;
}
