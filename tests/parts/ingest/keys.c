// SPDX-License-Identifier: MIT
/* An Idempotency-Key stands for one content, whatever kind of write it comes with. */
#include "questions.h"
#include "world.h"

#define UPLOAD(hash)                                                                               \
    "{\"name\":\"start_workspace_snapshot\",\"key\":\"sha256/aa/x\",\"sha256\":\"" hash            \
    "\",\"size_bytes\":1}"
#define HASH_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define HASH_2 "2222222222222222222222222222222222222222222222222222222222222222"

static size_t put_keyed(struct world *world, enum message_kind kind, const char *key,
                        const char *json)
{
    size_t index = put_message(world, "t", kind, json);

    world->in[index].message.idempotency_key = bytes_of(key);
    return index;
}

TEST(keys, of_an_upload_stand_for_its_content)
{
    CLEANUP(world) struct world *world = world_new();

    put_keyed(world, MESSAGE_ARTIFACT, "k", UPLOAD(HASH_1));
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    put_keyed(world, MESSAGE_ARTIFACT, "k", UPLOAD(HASH_1));
    put_keyed(world, MESSAGE_ARTIFACT, "k", UPLOAD(HASH_2));
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(http_of(world, 1), 409);
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM artifacts WHERE encode(sha256, 'hex') = '" HASH_1 "'",
                     NULL),
                 1);
}

TEST(keys, of_a_completion_stand_for_what_it_declared)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "t");
    put_keyed(world, MESSAGE_COMPLETE, "k", "{\"num_chunks\":2}");
    validated(world);
    put_keyed(world, MESSAGE_COMPLETE, "k", "{\"num_chunks\":2}");
    put_keyed(world, MESSAGE_COMPLETE, "k", "{\"num_chunks\":3}");
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER((int64_t)letters_to(world, "work", "finalize"), 1); /* answered again */
    CHECK_NUMBER(http_of(world, 1), 409);
    CHECK_NUMBER(ask(world, "SELECT expected_chunks FROM traces WHERE trace_id = $1", "t"), 2);
}
