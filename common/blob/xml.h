// SPDX-License-Identifier: MIT
/*
 * xml.h - enough XML for what an S3 server answers: the text of an element by its name.
 *
 * Answers are flat and small, so an element is found by its tags; one that holds itself, comments
 * and CDATA (S3 has none of them) are not understood. Any bytes are safe. Private to common/blob.
 */
#ifndef PRT_BLOB_XML_H
#define PRT_BLOB_XML_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"

/* The inside of the next <name ...>inside</name> in *rest, which then begins behind it. */
bool xml_next(struct bytes *rest, const char *name, struct bytes *ret_inside);

/* The first element's text with its entities resolved, or NULL if there is none. */
const char *xml_text(struct arena *arena, struct bytes xml, const char *name);

#endif
