// SPDX-License-Identifier: MIT
/*
 * world.h - streams of a real nats-server, emptied for each test.
 */
#ifndef PRT_TESTS_STREAM_WORLD_H
#define PRT_TESTS_STREAM_WORLD_H

#include "stream/stream.h"

struct stream_settings world_settings(void);

/* Open, set up and empty; NULL when there is no server (the test fails). */
struct stream *world_stream(void);

/* Publishes `count` chunks "0", "1" ... of trace t; true if all were stored. */
bool world_publish(struct stream *stream, int count);

/* The next message of a pull within ten seconds, or NULL. */
struct stream_msg *world_next(struct pull *pull);

struct pull *world_pull(struct stream *stream, const char *consumer, int batch, int ahead);

/* Asks every 10 ms, for up to twenty seconds, until it is so. */
bool wait_for(bool (*so)(void *arg), void *arg);

#endif
