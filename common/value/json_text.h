// SPDX-License-Identifier: MIT
/*
 * json_text.h - what a JSON string says: its quotes taken off, its escapes undone.
 *
 * Pure but for the buffer of the caller.
 */
#ifndef PRT_VALUE_JSON_TEXT_H
#define PRT_VALUE_JSON_TEXT_H

#include "base/bytes.h"

/* The string whose opening quote is json[at]. *ret_text lies in the input if nothing is escaped in
 * it, else in `room`, until that is used again. *ret_end is behind the closing quote. False where
 * json_token_string says what is wrong. */
bool json_text_read(struct bytes json, size_t at, struct buf *room, struct bytes *ret_text,
                    size_t *ret_end);

#endif
