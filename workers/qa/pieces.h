// SPDX-License-Identifier: MIT
/*
 * pieces.h - the log of a running job, to be read before the job ends.
 *
 * What the log has grown by is put into the artifacts bucket as numbered objects,
 *
 *   qa/<trace>/log/<attempt>/<piece>        both with leading zeros: the newest comes last
 *
 * one when PIECE_BYTES are there, or ten seconds after the last. A thread of its own does it, over
 * a connection of its own that is opened with the first piece: a slow store holds up nobody's
 * tests. A piece that cannot be put is logged once and comes with the next; no job fails by it. At
 * the end the log is stored whole, as an artifact, and the pieces go. Those of a killed worker stay
 * for whoever asks what it was doing, until the next job of the trace begins or the trace is
 * erased.
 *
 * Memory is bounded by one piece, the number of pieces by the limit on a job's output.
 */
#ifndef PRT_WORKERS_QA_PIECES_H
#define PRT_WORKERS_QA_PIECES_H

#include "base/cleanup.h"
#include "blob/blob.h"
#include "workers/stage.h"

enum { PIECE_BYTES = 256 * 1024 };

struct pieces;

/* Removes what earlier attempts at the delivery's trace left, and makes a place for this one's. The
 * delivery must outlive it. */
struct pieces *pieces_open(const struct farm *farm, const struct delivery *in);

/* From here on, as the file grows; it may be closed at any time. SYSTEM. */
WARN_UNUSED int pieces_follow(struct pieces *pieces, int fd, struct err *err);

/* Stops, and removes what was put. */
void pieces_close(struct pieces *pieces);
DEFINE_CLEANUP(pieces, struct pieces *, pieces_close)

#endif
