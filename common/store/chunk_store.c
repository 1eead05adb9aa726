// SPDX-License-Identifier: MIT
#include "store/chunk_store.h"

#include <string.h>

enum { KNOWN, BEHIND, WAITING_SIZES, WAITING, TAKEN, KEYS_PAGE, KEYS_BEHIND, IDS_ADD, IDS_FIND,
       NAMED_SEGMENTS, BEGUN, DROP, ADD, CHAINED, KEPT, GATHER, KEEPING, COUNT,
       STATEMENTS };

#define CHUNK_COLUMNS                                                                              \
    "c.trace_no, c.chunk_seq, c.chunk_id, c.content_hash, c.status, c.http, c.verdict, "           \
    "c.num_events,"                                                                                \
    " c.received_us, c.stream_seq"

/* clang-format off */
const struct statement chunk_statements[STATEMENTS] = {
    /* Two arms, so that each is one look into one index; an OR would be neither. */
    [KNOWN] = { "chunks_known",
        "SELECT " CHUNK_COLUMNS " FROM unnest($1::bigint[], $2::text[]) AS q (trace_no, chunk_id)"
        " JOIN trace_chunks c ON c.trace_no = q.trace_no AND c.chunk_id = q.chunk_id"
        " UNION ALL "
        "SELECT " CHUNK_COLUMNS " FROM unnest($1::bigint[], $2::text[], $3::bigint[])"
        " AS q (trace_no, chunk_id, chunk_seq)"
        " JOIN trace_chunks c ON c.trace_no = q.trace_no AND c.chunk_seq = q.chunk_seq"
        " AND c.chunk_id <> q.chunk_id", 3 },

    /* What is beyond $3 is not fetched. */
    [BEHIND] = { "chunks_behind",
        "SELECT " CHUNK_COLUMNS ", c.redactions, c.payload FROM ("
        " SELECT c.*, sum(octet_length(c.payload)) OVER (ORDER BY q.place, c.chunk_seq) AS upto"
        " FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS q (trace_no, first, place)"
        " JOIN trace_chunks c ON c.trace_no = q.trace_no AND c.chunk_seq >= q.first"
        " AND c.chunk_seq < q.first + 8 AND c.status = 'pending'"
        ") c WHERE c.upto <= $3", 3 },

    /* Sizes first: payloads are fetched only as far as memory is set aside for them. $3: gaps may
     * lie between. */
    [WAITING_SIZES] = { "chunks_waiting_sizes",
        "SELECT chunk_seq, size FROM ("
        " SELECT chunk_seq, octet_length(payload)::bigint AS size,"
        " row_number() OVER (ORDER BY chunk_seq) AS place FROM trace_chunks"
        " WHERE trace_no = $1 AND chunk_seq >= $2 AND status = 'pending'"
        " ORDER BY chunk_seq LIMIT 257"
        ") w WHERE $3::boolean OR chunk_seq = $2 + place - 1 ORDER BY chunk_seq", 3 },

    [WAITING] = { "chunks_waiting",
        "SELECT " CHUNK_COLUMNS ", c.redactions, c.payload FROM trace_chunks c"
        " WHERE trace_no = $1 AND chunk_seq BETWEEN $2 AND $3 AND status = 'pending'"
        " ORDER BY chunk_seq", 3 },

    [TAKEN] = { "messages_taken",
        "WITH t AS MATERIALIZED (SELECT trace_no FROM traces WHERE trace_id = $1)"
        " (SELECT c.stream_seq FROM trace_chunks c WHERE c.trace_no = (SELECT trace_no FROM t)"
        "  ORDER BY c.chunk_seq DESC LIMIT $2) UNION ALL "
        "SELECT a.stream_seq FROM artifacts a WHERE a.trace_no = (SELECT trace_no FROM t)"
        " AND a.name IN ('final_workspace_snapshot', 'start_workspace_snapshot')", 2 },

    [KEYS_PAGE] = { "event_keys_page",
        "SELECT 1::bigint, chunk_seq, event_keys FROM trace_chunks"
        " WHERE trace_no = $1 AND chunk_seq >= $2 AND event_keys IS NOT NULL"
        " ORDER BY chunk_seq LIMIT $3", 3 },
    [KEYS_BEHIND] = { "event_keys_behind",
        "SELECT q.place, c.chunk_seq, c.event_keys"
        " FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS q (trace_no, first, place)"
        " JOIN trace_chunks c ON c.trace_no = q.trace_no AND c.chunk_seq >= q.first"
        " WHERE c.event_keys IS NOT NULL", PLAN_KEPT | 2 },

    /* In order: a page of the index takes what is its own at once. */
    [IDS_ADD] = { "event_ids_add",
        "WITH added AS (INSERT INTO event_ids (trace_no, event_key)"
        "  SELECT $1, substr(event_keys, 16 * i + 1, 16) FROM trace_chunks,"
        "  generate_series(0, octet_length(event_keys) / 16 - 1) i"
        "  WHERE trace_no = $1 AND chunk_seq >= $2 AND chunk_seq < $3 AND event_keys IS NOT NULL"
        "  ORDER BY 2 ON CONFLICT DO NOTHING)"
        " UPDATE traces SET indexed_below = $3, indexed_events = indexed_events +"
        "  (SELECT coalesce(sum(octet_length(event_keys)), 0) / 16 FROM trace_chunks"
        "   WHERE trace_no = $1 AND chunk_seq >= $2 AND chunk_seq < $3)"
        " WHERE trace_no = $1 RETURNING indexed_events", 3 },
    [IDS_FIND] = { "event_ids_find",
        "SELECT q.place FROM unnest($2::bytea[]) WITH ORDINALITY AS q (event_key, place)"
        " JOIN event_ids e ON e.trace_no = $1 AND e.event_key = q.event_key", PLAN_KEPT | 2 },

    [NAMED_SEGMENTS] = { "segments_named",
        "SELECT q.place FROM unnest($1::text[]) WITH ORDINALITY AS q (key, place)"
        " WHERE EXISTS (SELECT FROM segments s WHERE s.key = q.key)", 1 },

    [BEGUN] = { "transactions_begun",
        "SELECT (extract(epoch FROM min(xact_start)) * 1000000)::bigint FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend'"
        " AND pid <> pg_backend_pid()", 0 },

    [DROP] = { "chunks_drop",
        "DELETE FROM trace_chunks c USING unnest($1::bigint[], $2::bigint[])"
        " AS q (trace_no, chunk_seq)"
        " WHERE c.trace_no = q.trace_no AND c.chunk_seq = q.chunk_seq", 2 },

    /* The segment, if there is one ($1), and all rows that have lines in it. */
    [ADD] = { "chunks_add",
        "WITH segment AS (INSERT INTO segments (key, bytes, created_us)"
        "  SELECT $1::text, $2::bigint, $3::bigint WHERE $1 IS NOT NULL RETURNING segment_no)"
        " INSERT INTO trace_chunks (trace_no, chunk_seq, segment_no, seg_offset, seg_length,"
        " received_us, stream_seq, num_events, http, status, chunk_id, content_hash, verdict,"
        " redactions, payload, first_seq, lines, event_keys, kept_lines)"
        " SELECT trace_no, chunk_seq,"
        " CASE WHEN seg_length > 0 THEN (SELECT segment_no FROM segment) END, seg_offset,"
        " seg_length, received_us, stream_seq, num_events, http, status, chunk_id, content_hash,"
        " verdict, redactions, payload, CASE WHEN lines IS NOT NULL THEN first_seq END, lines,"
        " event_keys, kept"
        " FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],"
        " $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::bytea[],"
        " $15::text[], $16::text[], $17::bytea[], $18::bigint[], $19::bytea[],"
        " $20::bytea[], $21::bytea[])"
        " AS q (trace_no, chunk_seq, seg_offset, seg_length, received_us, stream_seq, num_events,"
        " http, status, chunk_id, content_hash, verdict, redactions, payload, first_seq, lines,"
        " event_keys, kept)", PLAN_KEPT | 21 },

    [CHAINED] = { "chunks_chained",
        "SELECT c.chunk_seq, s.key, c.seg_offset, c.seg_length, c.num_events, c.redactions,"
        " c.kept_lines FROM trace_chunks c LEFT JOIN segments s ON s.segment_no = c.segment_no"
        " WHERE c.trace_no = $1 AND c.chunk_seq > $2 AND c.status = 'chained'"
        " ORDER BY c.chunk_seq LIMIT $3", 3 },

    [KEPT] = { "chunks_kept",
        "SELECT chunk_seq, kept_lines FROM trace_chunks"
        " WHERE trace_no = $1 AND chunk_seq > $2 AND kept_lines IS NOT NULL"
        " ORDER BY chunk_seq LIMIT $3", 3 },

    [GATHER] = { "chunks_gather",
        "WITH segment AS (INSERT INTO segments (key, bytes, created_us)"
        "  VALUES ($1, $2, $3) RETURNING segment_no)"
        " UPDATE trace_chunks c SET segment_no = segment.segment_no, seg_offset = q.seg_offset,"
        " kept_lines = NULL FROM segment, unnest($5::bigint[], $6::bigint[], $7::bigint[])"
        " AS q (chunk_seq, seg_offset, seg_length)"
        " WHERE c.trace_no = $4 AND c.chunk_seq = q.chunk_seq AND c.seg_length = q.seg_length"
        " AND c.kept_lines IS NOT NULL", 7 },

    /* A page of traces and not of those that keep lines, of which there may be few among millions. */
    [KEEPING] = { "traces_keeping",
        "SELECT t.trace_no, t.trace_id,"
        " CASE WHEN k.oldest_us < $2 THEN k.chunks ELSE 0 END, k.bytes"
        " FROM (SELECT trace_no, trace_id, status FROM traces WHERE trace_no > $1"
        "  ORDER BY trace_no LIMIT $3) t CROSS JOIN LATERAL ("
        "  SELECT count(*) AS chunks, min(received_us) AS oldest_us,"
        "  coalesce(sum(octet_length(kept_lines)), 0)::bigint AS bytes FROM trace_chunks c"
        "  WHERE c.trace_no = t.trace_no AND c.kept_lines IS NOT NULL"
        "  AND t.status IN ('open', 'completing', 'closed')"
        ") k ORDER BY t.trace_no", 3 },

    [COUNT] = { "chunks_count",
        "SELECT count(*) FROM trace_chunks"
        " WHERE trace_no = $1 AND chunk_seq >= $2 AND chunk_seq < $3", 3 },
};
/* clang-format on */
const size_t chunk_statement_count = STATEMENTS;

enum { WAITING_MOST = 256 };

static const char *const status_names[] = {
    [CHUNK_PENDING] = "pending",
    [CHUNK_CHAINED] = "chained",
    [CHUNK_REFUSED] = "refused",
};

static int status_read(struct bytes name, enum chunk_status *ret_status, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(status_names); i++) {
        if (bytes_is(name, status_names[i])) {
            *ret_status = (enum chunk_status)i;
            return 0;
        }
    }
    return err_set(err, ERR_STORE_BEHIND, "trace_chunks: unknown status \"%.*s\"", (int)name.size,
                   (const char *)name.data);
}

/* A copy, so that the row outlives the result; NULL stays NULL. */
static struct bytes keep(struct arena *arena, const struct rows *rows, size_t at, int column)
{
    return rows_null(rows, at, column) ? (struct bytes){NULL, 0}
                                       : arena_bytes(arena, rows_bytes(rows, at, column));
}

static int row_read(struct arena *arena, const struct rows *rows, size_t at,
                    struct chunk_record *ret_row, struct err *err)
{
    struct chunk_record row = {0};

    row.trace_no = rows_whole(rows, at, 0);
    row.chunk_seq = rows_whole(rows, at, 1);
    row.chunk_id = keep(arena, rows, at, 2);
    row.content_hash = keep(arena, rows, at, 3);
    TRY(status_read(rows_bytes(rows, at, 4), &row.status, err));
    row.http = (int)rows_whole(rows, at, 5);
    row.verdict = keep(arena, rows, at, 6);
    row.num_events = rows_whole(rows, at, 7);
    row.received_us = rows_whole(rows, at, 8);
    row.stream_seq = rows_whole(rows, at, 9);
    *ret_row = row;
    return 0;
}

int chunks_known(struct store *store, struct arena *arena, const int64_t *trace_nos,
                 const struct bytes *ids, const int64_t *seqs, size_t count,
                 struct chunk_record **ret_rows, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct chunk_record       *list;

    args_whole_array(&args, trace_nos, count);
    args_text_array(&args, ids, count);
    args_whole_array(&args, seqs, count);
    TRY(store_run(store, &chunk_statements[KNOWN], &args, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        TRY(row_read(arena, rows, i, &list[i], err));
    }
    *ret_rows = list;
    *ret_count = rows_count(rows);
    return 0;
}

/* How many of the run fit into most_bytes; at least one if there is any. */
static size_t run_fit(const struct rows *sizes, int64_t most_bytes)
{
    int64_t bytes = 0;
    size_t  count = 0;

    while (count < rows_count(sizes) && count < WAITING_MOST) {
        bytes += rows_whole(sizes, count, 1);
        if (count > 0 && bytes > most_bytes) {
            break;
        }
        count++;
    }
    return count;
}

/* Pending rows, with what they wait with. */
static int waiting_read(struct arena *arena, const struct rows *rows, struct chunk_record **ret_rows,
                        size_t *ret_count, struct err *err)
{
    struct chunk_record *list = arena_zero(arena, rows_count(rows), sizeof(*list));

    for (size_t i = 0; i < rows_count(rows); i++) {
        TRY(row_read(arena, rows, i, &list[i], err));
        list[i].redactions = keep(arena, rows, i, 10);
        list[i].payload = keep(arena, rows, i, 11);
    }
    *ret_rows = list;
    *ret_count = rows_count(rows);
    return 0;
}

int chunks_waiting(struct store *store, struct arena *arena, int64_t trace_no, int64_t from,
                   bool gaps, int64_t most_bytes, struct chunk_record **ret_rows, size_t *ret_count,
                   bool *ret_more, struct err *err)
{
    CLEANUP(rows) struct rows *sizes = NULL;
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                which = args_start(arena);
    struct args                args = args_start(arena);
    size_t                     fit;

    args_whole(&which, trace_no);
    args_whole(&which, from);
    args_flag(&which, gaps);
    TRY(store_run(store, &chunk_statements[WAITING_SIZES], &which, &sizes, err));
    fit = run_fit(sizes, most_bytes);
    *ret_count = 0;
    *ret_more = rows_count(sizes) > fit;
    if (fit == 0) {
        return 0;
    }
    args_whole(&args, trace_no);
    args_whole(&args, from);
    args_whole(&args, rows_whole(sizes, fit - 1, 0));
    TRY(store_run(store, &chunk_statements[WAITING], &args, &rows, err));
    return waiting_read(arena, rows, ret_rows, ret_count, err);
}

int chunks_behind(struct store *store, struct arena *arena, const int64_t *trace_nos,
                  const int64_t *firsts, size_t count, int64_t most_bytes,
                  struct chunk_record **ret_rows, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole_array(&args, trace_nos, count);
    args_whole_array(&args, firsts, count);
    args_whole(&args, most_bytes);
    TRY(store_run(store, &chunk_statements[BEHIND], &args, &rows, err));
    return waiting_read(arena, rows, ret_rows, ret_count, err);
}

int messages_taken(struct store *store, struct arena *arena, const char *trace_id, size_t most,
                   int64_t **ret_stream_seqs, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    int64_t                   *seqs;

    args_text(&args, trace_id);
    args_whole(&args, (int64_t)most);
    TRY(store_run(store, &chunk_statements[TAKEN], &args, &rows, err));
    seqs = arena_get(arena, (rows_count(rows) + 1) * sizeof(*seqs));
    for (size_t i = 0; i < rows_count(rows); i++) {
        seqs[i] = rows_whole(rows, i, 0);
    }
    *ret_stream_seqs = seqs;
    *ret_count = rows_count(rows);
    return 0;
}

static void keys_read(struct arena *arena, const struct rows *rows, struct event_keys **ret_chunks,
                      size_t *ret_count)
{
    struct event_keys *list = arena_get(arena, rows_count(rows) * sizeof(*list));

    for (size_t i = 0; i < rows_count(rows); i++) {
        list[i] = (struct event_keys){
            .place = (size_t)rows_whole(rows, i, 0) - 1,
            .chunk_seq = rows_whole(rows, i, 1),
            .keys = arena_bytes(arena, rows_bytes(rows, i, 2)),
        };
    }
    *ret_chunks = list;
    *ret_count = rows_count(rows);
}

int event_keys_behind(struct store *store, struct arena *arena, const int64_t *trace_nos,
                      const int64_t *froms, size_t count, struct event_keys **ret_chunks,
                      size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole_array(&args, trace_nos, count);
    args_whole_array(&args, froms, count);
    TRY(store_run(store, &chunk_statements[KEYS_BEHIND], &args, &rows, err));
    keys_read(arena, rows, ret_chunks, ret_count);
    return 0;
}

int event_ids_add(struct store *store, struct arena *arena, struct trace_record *row,
                  int64_t below, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, row->trace_no);
    args_whole(&args, row->indexed_below);
    args_whole(&args, below);
    TRY(store_run(store, &chunk_statements[IDS_ADD], &args, &rows, err));
    if (rows_count(rows) != 1) {
        return err_set(err, ERR_BUG, "trace %s is not there to be indexed", row->id);
    }
    row->indexed_below = below;
    row->indexed_events = rows_whole(rows, 0, 0);
    return 0;
}

int event_ids_find(struct store *store, struct arena *arena, int64_t trace_no,
                   const uint8_t (*keys)[16], size_t count, bool *ret_found, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct bytes              *list = arena_get(arena, count * sizeof(*list));

    for (size_t i = 0; i < count; i++) {
        list[i] = (struct bytes){keys[i], 16};
    }
    args_whole(&args, trace_no);
    args_bin_array(&args, list, count);
    TRY(store_run(store, &chunk_statements[IDS_FIND], &args, &rows, err));
    for (size_t i = 0; i < rows_count(rows); i++) {
        ret_found[rows_whole(rows, i, 0) - 1] = true;
    }
    return 0;
}

int segments_named(struct store *store, struct arena *arena, const struct bytes *keys, size_t count,
                   bool **ret_named, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    bool                      *named = arena_zero(arena, count, sizeof(*named));

    args_text_array(&args, keys, count);
    TRY(store_run(store, &chunk_statements[NAMED_SEGMENTS], &args, &rows, err));
    for (size_t i = 0; i < rows_count(rows); i++) {
        named[rows_whole(rows, i, 0) - 1] = true;
    }
    *ret_named = named;
    return 0;
}

int segments_settled(struct store *store, int64_t *ret_before_us, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;

    TRY(store_run(store, &chunk_statements[BEGUN], NULL, &rows, err));
    *ret_before_us = rows_null(rows, 0, 0) ? INT64_MAX : rows_whole(rows, 0, 0);
    return 0;
}

int chunks_drop(struct store *store, struct arena *arena, const int64_t *trace_nos,
                const int64_t *seqs, size_t count, struct err *err)
{
    struct args args = args_start(arena);

    args_whole_array(&args, trace_nos, count);
    args_whole_array(&args, seqs, count);
    return store_send(store, &chunk_statements[DROP], &args, -1, err);
}

/* One column of the rows as an array. */
#define COLUMN(type, put, expression)                                                              \
    do {                                                                                           \
        type *column_ = arena_get(arena, count * sizeof(*column_));                                \
        for (size_t i_ = 0; i_ < count; i_++) {                                                    \
            const struct chunk_record *row = rows[i_];                                             \
            column_[i_] = (expression);                                                            \
        }                                                                                          \
        put(&args, column_, count);                                                                \
    } while (0)
#define WHOLES(member) COLUMN(int64_t, args_whole_array, row->member)
#define TEXTS(text)    COLUMN(struct bytes, args_text_array, text)
#define BINS(member)   COLUMN(struct bytes, args_bin_array, row->member)

int chunks_add(struct store *store, struct arena *arena, const struct segment_record *segment,
               const struct chunk_record *const *rows, size_t count, struct err *err)
{
    struct args args = args_start(arena);

    args_text(&args, segment == NULL ? NULL : segment->key);
    args_whole(&args, segment == NULL ? 0 : segment->bytes);
    args_whole(&args, segment == NULL ? 0 : segment->created_us);
    WHOLES(trace_no);
    WHOLES(chunk_seq);
    WHOLES(seg_offset);
    WHOLES(seg_length);
    WHOLES(received_us);
    WHOLES(stream_seq);
    WHOLES(num_events);
    WHOLES(http);
    TEXTS(bytes_of(status_names[row->status]));
    TEXTS(row->chunk_id);
    BINS(content_hash);
    TEXTS(row->verdict);
    TEXTS(row->redactions);
    BINS(payload);
    WHOLES(first_seq);
    BINS(lines);
    BINS(event_keys);
    BINS(kept);
    return store_send(store, &chunk_statements[ADD], &args, (int64_t)count, err);
}

static int page_ask(struct store *store, struct arena *arena, int statement, int64_t first,
                    int64_t second, size_t most, struct rows **ret_rows, struct err *err)
{
    struct args args = args_start(arena);

    args_whole(&args, first);
    args_whole(&args, second);
    args_whole(&args, (int64_t)most);
    return store_run(store, &chunk_statements[statement], &args, ret_rows, err);
}

int event_keys_page(struct store *store, struct arena *arena, int64_t trace_no, int64_t from,
                    size_t most, struct event_keys **ret_chunks, size_t *ret_count,
                    struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;

    TRY(page_ask(store, arena, KEYS_PAGE, trace_no, from, most, &rows, err));
    keys_read(arena, rows, ret_chunks, ret_count);
    return 0;
}

int chunks_chained(struct store *store, struct arena *arena, int64_t trace_no, int64_t after,
                   size_t most, struct stored_chunk **ret_chunks, size_t *ret_count,
                   struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct stored_chunk       *list;

    TRY(page_ask(store, arena, CHAINED, trace_no, after, most, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        list[i].chunk_seq = rows_whole(rows, i, 0);
        list[i].segment_key =
            rows_null(rows, i, 1) ? NULL : arena_text(arena, rows_bytes(rows, i, 1));
        list[i].seg_offset = rows_whole(rows, i, 2);
        list[i].seg_length = rows_whole(rows, i, 3);
        list[i].num_events = rows_whole(rows, i, 4);
        list[i].redactions = keep(arena, rows, i, 5);
        list[i].kept = keep(arena, rows, i, 6);
    }
    *ret_chunks = list;
    *ret_count = rows_count(rows);
    return 0;
}

int chunks_kept(struct store *store, struct arena *arena, int64_t trace_no, int64_t after,
                size_t most, struct stored_chunk **ret_chunks, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct stored_chunk       *list;

    TRY(page_ask(store, arena, KEPT, trace_no, after, most, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        list[i].chunk_seq = rows_whole(rows, i, 0);
        list[i].kept = keep(arena, rows, i, 1);
        list[i].seg_length = (int64_t)list[i].kept.size;
    }
    *ret_chunks = list;
    *ret_count = rows_count(rows);
    return 0;
}

int chunks_gather(struct store *store, struct arena *arena, int64_t trace_no,
                  const struct segment_record *segment, const struct stored_chunk *chunks,
                  size_t count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    int64_t                   *seqs = arena_get(arena, count * sizeof(*seqs));
    int64_t                   *offsets = arena_get(arena, count * sizeof(*offsets));
    int64_t                   *lengths = arena_get(arena, count * sizeof(*lengths));

    for (size_t i = 0; i < count; i++) {
        seqs[i] = chunks[i].chunk_seq;
        offsets[i] = chunks[i].seg_offset;
        lengths[i] = chunks[i].seg_length;
    }
    args_text(&args, segment->key);
    args_whole(&args, segment->bytes);
    args_whole(&args, segment->created_us);
    args_whole(&args, trace_no);
    args_whole_array(&args, seqs, count);
    args_whole_array(&args, offsets, count);
    args_whole_array(&args, lengths, count);
    TRY(store_run(store, &chunk_statements[GATHER], &args, &rows, err));
    return rows_affected(rows) == (int64_t)count
               ? 0
               : err_set(err, ERR_STORE_CLASH, "lines of %lld of %zu chunks are not kept any more",
                         (long long)count - (long long)rows_affected(rows), count);
}

int traces_keeping(struct store *store, struct arena *arena, int64_t after, int64_t before_us,
                   size_t most, struct keeping_trace **ret_traces, size_t *ret_count,
                   struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct keeping_trace      *list;

    TRY(page_ask(store, arena, KEEPING, after, before_us, most, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        list[i].trace_no = rows_whole(rows, i, 0);
        list[i].id = arena_text(arena, rows_bytes(rows, i, 1));
        list[i].chunks = rows_whole(rows, i, 2);
        list[i].bytes = rows_whole(rows, i, 3);
    }
    *ret_traces = list;
    *ret_count = rows_count(rows);
    return 0;
}

int chunks_count(struct store *store, struct arena *arena, int64_t trace_no, int64_t from,
                 int64_t below, int64_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, trace_no);
    args_whole(&args, from);
    args_whole(&args, below);
    TRY(store_run(store, &chunk_statements[COUNT], &args, &rows, err));
    *ret_count = rows_whole(rows, 0, 0);
    return 0;
}
