// SPDX-License-Identifier: MIT
/*
 * call.h - what prt asks the gateway.
 *
 * Answers of 429, 502, 503 and 504 and broken connections are tried again for up to 30 s, honouring
 * Retry-After: every request of this API may be repeated. Other refusals become an error that tells
 * the problem's title, detail and fields.
 */
#ifndef PRT_CLI_CALL_H
#define PRT_CLI_CALL_H

#include "gateway/cli/cli.h"

struct call {
    const char  *method;
    const char  *path;         /* "/v1/traces" ...: already encoded */
    const char  *token;        /* NULL: the API key */
    struct bytes json;         /* body; size 0: none */
    int          file;         /* > 0: body from this seekable descriptor instead */
    int64_t      file_bytes;
    const char  *content_type; /* application/json when NULL */
    const char  *prefer;       /* Prefer header or NULL */
    const char  *idempotency;  /* Idempotency-Key or NULL */
    size_t       most;         /* largest answer; 0: 64 MiB */
};

/* *ret_status is 2xx. The body is read as JSON into *ret_json where that is not NULL. */
WARN_UNUSED int cli_call(struct cli *cli, const struct call *call, int *ret_status,
                         struct value *ret_json, struct bytes *ret_body, struct err *err);

/* A JSON file. */
WARN_UNUSED int cli_read_json(struct cli *cli, const char *path, struct bytes *ret_bytes,
                              struct value *ret_value, struct err *err);

/* The document of a trace id, or of a file when there is one of that name. *ret_status is 200, or 202
 * with the answer in place of a document. */
WARN_UNUSED int cli_document(struct cli *cli, const char *trace_or_file, int *ret_status,
                             struct bytes *ret_document, struct err *err);
/* The same with a query behind the path: "?judge=all". A file is taken as it is. */
WARN_UNUSED int cli_document_with(struct cli *cli, const char *trace_or_file, const char *query,
                                  int *ret_status, struct bytes *ret_document, struct err *err);

#endif
