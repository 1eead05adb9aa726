// SPDX-License-Identifier: MIT
/*
 * validator.h - what the validate stage holds; for the stage and for replays of it.
 */
#ifndef PRT_WORKERS_VALIDATE_VALIDATOR_H
#define PRT_WORKERS_VALIDATE_VALIDATOR_H

#include "farm/farm.h"
#include "workers/validate/batch.h"

struct validator {
    struct intake intake;
    struct batch  batch;
    struct stream *stream; /* for erasing; NULL: there is none */
    struct arena *arena; /* entries of one batch */
    int64_t       claim_check_from;
    int64_t       ingest_keep_us;
    int64_t       erase_slice_ms; /* then an erase message is put back, and comes again */
    int64_t       swept_us;
};

struct validator *validator_new(const struct farm *farm);
void              validator_free(struct validator *validator);
DEFINE_CLEANUP(validator, struct validator *, validator_free)

/* -------- earlier.c: takes out those of the sorted entries that have to wait for a message which was
 * sent before them; their deliveries then have the error -------- */
WARN_UNUSED int earlier_hold_back(struct validator *validator, struct entry **entries,
                                  size_t *count, struct err *err);

/* -------- bury.c: what lies in dead_outbox goes into PRT_DEAD; on -1 some of it is left -------- */
WARN_UNUSED int bury_all(struct validator *validator, struct err *err);

/* -------- erase.c: what is left to do for an erase message that was taken and committed, or for what
 * came for an erased trace; -1 has it delivered again (TRACE_NOT_READY: there is more to do) -------- */
WARN_UNUSED int erase_finish(struct validator *validator, struct delivery *in, struct err *err);

#endif
