// SPDX-License-Identifier: MIT
/*
 * cleanup.h - things that give themselves back at the end of their scope.
 *
 * CLEANUP(kind) in front of a declaration releases the variable when the scope is left, last in,
 * first out; TAKE(p) hands ownership on; TRY(call) returns -1 if the call failed.
 */
#ifndef PRT_BASE_CLEANUP_H
#define PRT_BASE_CLEANUP_H

#define CLEANUP(kind) __attribute__((cleanup(kind##_cleanup)))
#define DEFINE_CLEANUP(kind, type, release)                                                        \
    static inline void kind##_cleanup(type *slot)                                                  \
    {                                                                                              \
        release(*slot);                                                                            \
    }
#define TAKE(ptr)                                                                                  \
    ({                                                                                             \
        __typeof__(ptr) taken_ = (ptr);                                                            \
        (ptr) = NULL;                                                                              \
        taken_;                                                                                    \
    })
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_at, first) __attribute__((format(printf, fmt_at, first)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
