// SPDX-License-Identifier: MIT
/*
 * chat.h - one call of an OpenAI-compatible chat-completions server.
 *
 * What a server or model does not know (JSON schema, then JSON mode; a seed, a temperature, the
 * name of the token limit) is found out by its refusals, left out, and remembered in struct
 * chat_model.
 *
 * JUDGE_BUSY (with retry_after_ms): 408, 425, 429, 5xx, no connection.
 * JUDGE_SLOW: no whole answer within timeout_ms; the call may have been paid for.
 * JUDGE_REFUSED: any other status that is no success. CONFIG_WRONG: the URL can't be used.
 * Stories hold the status and the server's error code; never a key, a prompt or the server's words.
 *
 * A struct chat is for one thread.
 */
#ifndef PRT_JUDGE_CHAT_H
#define PRT_JUDGE_CHAT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "http/client.h"

enum chat_format { CHAT_SCHEMA, CHAT_OBJECT, CHAT_FREE };

/* A model, and what we found out about it. */
struct chat_model {
    const char      *name;
    enum chat_format format;
    bool             old_limit; /* max_tokens instead of max_completion_tokens */
    bool             no_limit;
    bool             no_temperature;
    bool             no_seed;
};

struct chat_settings {
    const char *base_url; /* ".../v1" */
    const char *api_key;  /* "" : none is sent */
    int64_t     timeout_ms;
    int64_t     answer_tokens;
    double      temperature;
    int64_t     seed;
    const char *ca_file; /* "": the system's certificates */
    const char *proxy;   /* a URL; "": as the environment says; "none" */
};

struct chat {
    struct http_client         *http;
    const struct chat_settings *settings;
    const atomic_bool          *stop; /* or NULL */
};

struct chat_message {
    const char  *role;
    struct bytes content;
};

struct chat_reply {
    struct bytes content; /* what the model said; empty when why is set */
    const char  *why;     /* NULL, or why there is nothing to read: refusal, no choices ... */
    const char  *version; /* the model as the server names it, and its fingerprint; or NULL */
    int64_t      tokens_prompt, tokens_answer; /* as the server counted; 0 if it did not */
};

/* A client as the settings want it; the caller's. */
struct http_client *chat_client_new(const struct chat_settings *settings);

WARN_UNUSED int chat_call(struct chat *chat, struct arena *arena, struct chat_model *model,
                          const struct chat_message *messages, size_t count,
                          struct chat_reply *ret_reply, struct err *err);

/* The body that would be sent, appended. */
WARN_UNUSED int chat_body(struct buf *out, struct arena *arena,
                          const struct chat_settings *settings, const struct chat_model *model,
                          const struct chat_message *messages, size_t count, struct err *err);

/* Reads a success's body: one JSON object, or a stream of "data:" lines that nobody asked for.
 * Never fails: what can't be read becomes why. */
void chat_read(struct arena *arena, struct bytes body, struct chat_reply *ret_reply);

#endif
