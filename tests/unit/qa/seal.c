// SPDX-License-Identifier: MIT
#include "workers/qa/report/seal.h"

#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"

#define NONCE "00ff"
#define BODY  "<testsuites/>\n"
/* What runner/witness.py writes under this nonce. */
#define SEAL "<!--379824307773c059e2e7f9c719bd0803b75477ea62dac064b7b7f3a2c355eabb-->\n"

static int check(const char *text, const char *nonce)
{
    struct err      err = {0};
    CLEANUP(fd) int fd = fd_temporary("/tmp", &err);
    int             checked;

    CHECK_WORKS(crypto_setup(&err));
    CHECK(fd >= 0);
    CHECK_WORKS(fd_write_all(fd, bytes_of(text), &err));
    checked = seal_check(fd, (int64_t)strlen(text), nonce, &err);
    CHECK(checked == 0 || err.code == ERR_MALFORMED);
    return checked;
}

TEST(seal, holds_for_the_very_report_it_was_made_for)
{
    CHECK(check(BODY SEAL, NONCE) == 0);
}

TEST(seal, breaks_with_any_change_before_in_or_behind_it)
{
    CHECK(check(BODY SEAL, "00fe") < 0);
    CHECK(check(" " BODY SEAL, NONCE) < 0);
    CHECK(check(BODY " " SEAL, NONCE) < 0);
    CHECK(check(BODY SEAL " ", NONCE) < 0);
    CHECK(check(BODY SEAL SEAL, NONCE) < 0);
    CHECK(check(BODY, NONCE) < 0);
    CHECK(check(SEAL, NONCE) < 0);
    CHECK(check("", NONCE) < 0);
}
