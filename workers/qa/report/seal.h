// SPDX-License-Identifier: MIT
/*
 * seal.h - the last line of a report, which only the witness could write.
 *
 *   <?xml ...> ... </testsuites>\n
 *   <!--HEX-->\n                       HEX = SHA-256(nonce, hex of SHA-256(all before), nonce)
 *
 * The nonce was in the witness's order and nowhere else while code under test ran.
 */
#ifndef PRT_WORKERS_QA_REPORT_SEAL_H
#define PRT_WORKERS_QA_REPORT_SEAL_H

#include "base/err.h"

/* Reads fd, of `bytes` bytes, from its beginning. MALFORMED: no seal, or not over these bytes. */
WARN_UNUSED int seal_check(int fd, int64_t bytes, const char *nonce, struct err *err);

#endif
