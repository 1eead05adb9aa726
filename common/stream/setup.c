// SPDX-License-Identifier: MIT
/*
 * setup.c - the streams and consumers of schemas/pipeline.def.
 */
#include <stdio.h>
#include <string.h>

#include "stream/connection.h"

enum retention { LIMITS, SETTLED, WORK_QUEUE, LATEST };
enum when_full { REFUSE, DROP_OLDEST };

struct stream_row {
    const char    *name;
    const char    *subjects;
    enum retention retention;
    enum { KEEP_ingest_keep, KEEP_dead_keep, KEEP_for_ever } keep;
    enum when_full when_full;
    const char    *what;
};

static const struct stream_row stream_rows[] = {
#define STREAM(name, subjects, retention, keep, when_full, what)                                   \
    {#name, subjects, retention, KEEP_##keep, when_full, what},
#include "schemas/pipeline.def"
#undef STREAM
};

struct consumer_row {
    const char *role;
    const char *stream;
    const char *takes;
    int64_t     lease_s;
};

static const struct consumer_row consumer_rows[] = {
#define STAGE(role, stream, takes, lease_s, tries, batch) {#role, #stream, takes, lease_s},
#include "schemas/pipeline.def"
#undef STAGE
};

#define NS_PER_S  1000000000LL
#define NS_PER_MS 1000000LL

enum {
    /* Deliveries that wait for a delayed redelivery count as well, and thousands of traces may. */
    UNSETTLED_MOST = 20000
};

static int64_t keep_ns(const struct stream_row *row, const struct stream_settings *settings)
{
    switch (row->keep) {
    case KEEP_ingest_keep:
        return settings->ingest_keep_ms * NS_PER_MS;
    case KEEP_dead_keep:
        return settings->dead_keep_ms * NS_PER_MS;
    case KEEP_for_ever:
        return 0;
    }
    return 0;
}

int64_t setup_settled_keep_us(const struct stream *stream, const char *stream_name)
{
    for (size_t i = 0; i < COUNT_OF(stream_rows); i++) {
        if (stream_rows[i].retention == SETTLED && strcmp(stream_rows[i].name, stream_name) == 0) {
            return keep_ns(&stream_rows[i], &stream->settings) / 1000;
        }
    }
    return 0;
}

/* A message may be published again one lease after the first time, by a worker that started to work
 * on it just before the lease was over: two leases. */
static int64_t duplicates_ns(int64_t keep)
{
    int64_t longest_s = 0;

    for (size_t i = 0; i < COUNT_OF(consumer_rows); i++) {
        longest_s = consumer_rows[i].lease_s > longest_s ? consumer_rows[i].lease_s : longest_s;
    }
    longest_s *= 2 * NS_PER_S;
    return keep > 0 && keep < longest_s ? keep
                                        : longest_s; /* the server allows no more than keep */
}

static void config_fill(jsStreamConfig *ret_config, const struct stream_row *row,
                        const struct stream_settings *settings, const char **subjects)
{
    (void)jsStreamConfig_Init(ret_config);
    subjects[0] = row->subjects;
    ret_config->Name = row->name;
    ret_config->Description = row->what;
    ret_config->Subjects = subjects;
    ret_config->SubjectsLen = 1;
    ret_config->Storage = js_FileStorage;
    ret_config->Replicas = settings->replicas > 0 ? settings->replicas : 1;
    ret_config->Retention = row->retention == WORK_QUEUE ? js_WorkQueuePolicy : js_LimitsPolicy;
    ret_config->Discard = row->when_full == REFUSE ? js_DiscardNew : js_DiscardOld;
    ret_config->MaxMsgsPerSubject = row->retention == LATEST ? 1 : -1;
    ret_config->MaxAge = row->retention == SETTLED ? 0 : keep_ns(row, settings);
    ret_config->MaxBytes = strcmp(row->name, "PRT_INGEST") == 0 ? settings->ingest_bytes : -1;
    ret_config->Duplicates = duplicates_ns(ret_config->MaxAge);
}

struct property {
    const char *name;
    int64_t     is, should;
    bool        fixed; /* JetStream cannot change it */
};

/* True if they are the same; else *ret_property is the first that differs. */
static bool config_same(const jsStreamConfig *is, const jsStreamConfig *should,
                        struct property *ret_property)
{
    const bool subjects = is->SubjectsLen == 1 && strcmp(is->Subjects[0], should->Subjects[0]) == 0;
    const struct property properties[] = {
        {"retention (0 limits, 1 interest, 2 work queue)", is->Retention, should->Retention, true},
        {"storage (0 file, 1 memory)", is->Storage, should->Storage, true},
        {"num_replicas (PRT_NATS_REPLICAS)", is->Replicas, should->Replicas, false},
        {"max_age", is->MaxAge, should->MaxAge, false},
        {"max_bytes", is->MaxBytes, should->MaxBytes, false},
        {"max_msgs_per_subject", is->MaxMsgsPerSubject, should->MaxMsgsPerSubject, false},
        {"discard (0 old, 1 new)", is->Discard, should->Discard, false},
        {"duplicate_window", is->Duplicates, should->Duplicates, false},
        {"number of subjects that are ours", subjects, 1, false},
    };

    for (size_t i = 0; i < COUNT_OF(properties); i++) {
        if (properties[i].is != properties[i].should) {
            *ret_property = properties[i];
            return false;
        }
    }
    return true;
}

static int config_wrong(struct err *err, const char *stream, const struct property *property)
{
    return err_set(err, ERR_CONFIG_WRONG,
                   "stream %s: %s is %lld and should be %lld, which JetStream does not change: give"
                   " this farm a NATS account of its own, or remove that stream",
                   stream, property->name, (long long)property->is, (long long)property->should);
}

static int config_replicas_wrong(struct err *err, const char *stream, int64_t replicas)
{
    return err_set(err, ERR_CONFIG_WRONG,
                   "stream %s: %lld replicas need a NATS cluster of as many servers, and this is a"
                   " single one (PRT_NATS_REPLICAS)",
                   stream, (long long)replicas);
}

/* The server's refusal of a configuration: an outage stays one, the rest is a wrong setting. */
static int setup_failed(struct err *err, natsStatus status, jsErrCode code, const char *what,
                        const char *name)
{
    const char *words = nats_GetLastError(NULL);

    if (code == 0 || code == JSClusterNotAvailErr || code == JSClusterNotLeaderErr) {
        return stream_status(err, status, code, "%s %s", what, name);
    }
    if (code == JSNotEnabledErr || code == JSNotEnabledForAccountErr) {
        return err_set(err, ERR_STREAM_DOWN, "JetStream is off: start nats-server with -js");
    }
    if (code == JSStreamReplicasNotSupportedErr) {
        return err_set(err, ERR_CONFIG_WRONG, "%s %s: %s (PRT_NATS_REPLICAS)", what, name, words);
    }
    if (code == JSStorageResourcesExceededErr || code == JSInsufficientResourcesErr ||
        code == JSStreamMaxStreamBytesExceededErr) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "%s %s: %s; lower PRT_INGEST_BYTES, or raise max_file_store of nats-server"
                       " (at first three quarters of its disk's free space)",
                       what, name, words);
    }
    return err_set(err, ERR_CONFIG_WRONG, "%s %s: %s (%d)", what, name, words, (int)code);
}

static void info_free(jsStreamInfo *info)
{
    jsStreamInfo_Destroy(info);
}
DEFINE_CLEANUP(info, jsStreamInfo *, info_free)

/* The database keeps sequences of PRT_INGEST, and the higher of two was sent later. One that is made
 * anew because it was lost must go on above them, or what is sent now would pass for older than what was
 * there. So it begins at the time it was made at, in microseconds: no stream ever holds a message for
 * each of them. A server before 2.10 cannot be told where to begin, but every one goes on behind what
 * it was told to purge. Until then the stream hears nothing: a message stored meanwhile would be purged. */
static bool is_remembered(const struct stream_row *row)
{
    return strcmp(row->name, "PRT_INGEST") == 0;
}

#define SUBJECT_UNHEARD "prt.begin.PRT_INGEST"

static bool begins(const jsStreamInfo *info)
{
    return info->Config->SubjectsLen == 1 && strcmp(info->Config->Subjects[0], SUBJECT_UNHEARD) == 0;
}

/* Another process may be doing the same: for both it is the same time. */
static int begin_above(struct stream *stream, const jsStreamInfo *info, struct err *err)
{
    jsOptions  options;
    jsErrCode  code = 0;
    natsStatus status;

    if (info->State.LastSeq > 0) {
        return 0; /* done, by who died before the stream heard its subjects */
    }
    (void)jsOptions_Init(&options);
    options.Wait = STREAM_WAIT_MS;
    options.Stream.Purge.Sequence = (uint64_t)(info->Created / 1000);
    status = js_PurgeStream(stream->js, info->Config->Name, &options, &code);
    return status == NATS_OK ? 0
                             : setup_failed(err, status, code, "beginning stream", info->Config->Name);
}

static int make_stream(struct stream *stream, const struct stream_row *row, jsStreamConfig *should,
                       jsStreamInfo **ret_info, struct err *err)
{
    const char *subject = should->Subjects[0];
    jsErrCode   code = 0;
    natsStatus  status;

    if (is_remembered(row)) {
        should->Subjects[0] = SUBJECT_UNHEARD;
    }
    status = js_AddStream(ret_info, stream->js, should, NULL, &code);
    should->Subjects[0] = subject;
    if (code == JSStreamNameExistErr) { /* somebody else made it meanwhile */
        code = 0;
        status = js_GetStreamInfo(ret_info, stream->js, row->name, NULL, &code);
    }
    return status == NATS_OK ? 0 : setup_failed(err, status, code, "making stream", row->name);
}

/* A single server tells no cluster; a newer one (2.14) tells one without a name. */
static bool is_clustered(const jsStreamInfo *info)
{
    return info->Cluster != NULL && info->Cluster->Name != NULL && info->Cluster->Name[0] != '\0';
}

static int setup_stream(struct stream *stream, const struct stream_row *row, struct err *err)
{
    const char                 *subjects[1];
    jsStreamConfig              should;
    CLEANUP(info) jsStreamInfo *info = NULL;
    CLEANUP(info) jsStreamInfo *updated = NULL;
    struct property             property;
    jsErrCode                   code = 0;
    natsStatus                  status;

    config_fill(&should, row, &stream->settings, subjects);
    status = js_GetStreamInfo(&info, stream->js, row->name, NULL, &code);
    if (code == JSStreamNotFoundErr || status == NATS_NOT_FOUND) {
        TRY(make_stream(stream, row, &should, &info, err));
    } else if (status != NATS_OK) {
        return setup_failed(err, status, code, "looking at stream", row->name);
    }
    if (should.Replicas > 1 && !is_clustered(info)) {
        return config_replicas_wrong(err, row->name, should.Replicas); /* an update would pass */
    }
    if (config_same(info->Config, &should, &property)) {
        return 0;
    }
    if (begins(info)) {
        TRY(begin_above(stream, info, err));
    }
    if (property.fixed) {
        return config_wrong(err, row->name, &property);
    }
    code = 0;
    status = js_UpdateStream(&updated, stream->js, &should, NULL, &code);
    if (status != NATS_OK) {
        return setup_failed(err, status, code, "updating stream", row->name);
    }
    /* Some changes a server accepts and ignores. */
    if (!config_same(updated->Config, &should, &property)) {
        return config_wrong(err, row->name, &property);
    }
    return 0;
}

static int setup_consumer(struct stream *stream, const struct consumer_row *row, struct err *err)
{
    jsConsumerConfig config;
    jsErrCode        code = 0;
    natsStatus       status;

    (void)jsConsumerConfig_Init(&config);
    config.Durable = row->role;
    config.FilterSubject = row->takes;
    config.AckPolicy = js_AckExplicit;
    config.AckWait = row->lease_s * NS_PER_S;
    config.MaxDeliver = -1; /* giving up is the worker's: workers/settle.h */
    config.MaxAckPending = UNSETTLED_MOST;
    config.Replicas = 0; /* the stream's */
    /* Brings one that is there up to date as well. */
    status = js_AddConsumer(NULL, stream->js, row->stream, &config, NULL, &code);
    return status == NATS_OK ? 0 : setup_failed(err, status, code, "making consumer", row->role);
}

int stream_setup(struct stream *stream, struct err *err)
{
    TRY(stream_connected(stream, err));
    for (size_t i = 0; i < COUNT_OF(stream_rows); i++) {
        TRY(setup_stream(stream, &stream_rows[i], err));
    }
    for (size_t i = 0; i < COUNT_OF(consumer_rows); i++) {
        TRY(setup_consumer(stream, &consumer_rows[i], err));
    }
    return 0;
}
