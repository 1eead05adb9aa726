// SPDX-License-Identifier: MIT
#include "gateway/cli/whole.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int whole_read(const char *option, const char *text, int64_t least, int64_t most,
               int64_t *ret_whole, struct err *err)
{
    long long whole;

    errno = 0; /* tells a number that is too large from the largest */
    whole = strtoll(text, NULL, 10);
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || errno != 0 ||
        whole < least || whole > most) {
        return err_set(err, ERR_USAGE, "%s: \"%s\" is no whole number from %lld to %lld", option,
                       text, (long long)least, (long long)most);
    }
    *ret_whole = whole;
    return 0;
}
