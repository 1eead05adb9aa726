// SPDX-License-Identifier: MIT
#include "workers/judge/score/session.h"

#include <string.h>

#include "value/json.h"
#include "workers/judge/score/step.h"

enum {
    HEAD_MOST = 400 * 1024 * 1024, /* of the document before its events: what PRT_BODY_MAX can be,
                                      with each character escaped */
    LINE_MOST = 32 * 1024 * 1024,  /* of one event */
    TAIL_MOST = 16 * 1024 * 1024,  /* between the events and integrity */
    DEPTH_MOST = 128               /* what PRT_DEPTH_MAX can be */
};

/* As many values as validate takes in so many bytes (body_tree_limits). */
static const struct value_limits head_limits = {HEAD_MOST + 16, DEPTH_MOST, HEAD_MOST / 4};
static const struct value_limits line_limits = {LINE_MOST, DEPTH_MOST, LINE_MOST / 4};

/* Which part of the document comes next; each is taken whole before it is read. */
enum place { IN_HEAD, IN_EVENTS, IN_TAIL, IN_REST };

struct session_reader {
    struct arena      *arena;
    struct arena      *scratch; /* one event at a time */
    struct session     session;
    struct step_keeper keeper;
    struct sha256     *sha;
    struct buf         held; /* came, and is not read yet */
    enum place         place;
    size_t             searched; /* of it for the end of the head, in vain */
    uint64_t           events; /* announced */
    uint64_t           index;  /* of the next event */
};

static void read_head(struct step_keeper *keeper, const struct value *document)
{
    struct session     *session = keeper->session;
    const struct value *task = value_get(document, "task");
    const struct value *repo = value_get(document, "repo");
    const struct {
        struct bytes       *slot;
        const struct value *from;
        const char         *name;
    } fields[] = {
        {&session->trace_id, document, "trace_id"},
        {&session->task_id, task, "id"},
        {&session->title, task, "title"},
        {&session->description, task, "description"},
        {&session->repo, repo, "origin"},
        {&session->start_commit, repo, "start_commit"},
    };

    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct bytes text = value_text_or(value_get(fields[i].from, fields[i].name), "");

        *fields[i].slot = step_keep_text(keeper, text);
    }
    session->known_failing = step_keep_names(keeper, value_get(task, "known_failing_tests"),
                                             &session->known_failing_count);
}

static void read_tail(struct session *session, const struct value *document)
{
    const struct value *artifacts = value_get(document, "artifacts");

    session->metrics = value_get(document, "metrics");
    session->validation = value_at(document, "/qa/validation");
    session->has_final_snapshot = value_get(artifacts, "final_workspace_snapshot") != NULL;
    session->has_start_snapshot = value_get(artifacts, "start_workspace_snapshot") != NULL;
}

/* Of a long session the first and the last half of SESSION_STEPS are kept. */
static bool is_kept(const struct session *session, uint64_t index, uint64_t events)
{
    if (session->count >= SESSION_STEPS) {
        return false;
    }
    return events <= SESSION_STEPS || index < SESSION_STEPS / 2 ||
           index >= events - SESSION_STEPS / 2;
}

static void make_room(struct step_keeper *keeper)
{
    struct session *session = keeper->session;
    struct step    *more;

    if (session->count < keeper->step_room) {
        return;
    }
    keeper->step_room = keeper->step_room == 0 ? 64 : keeper->step_room * 2;
    more = arena_get(keeper->arena, keeper->step_room * sizeof(*more));
    if (session->count > 0) {
        memcpy(more, session->steps, session->count * sizeof(*more));
    }
    session->steps = more;
}

static int add_event(struct step_keeper *keeper, const struct value *event, struct err *err)
{
    struct session *session = keeper->session;

    make_room(keeper);
    TRY(step_of_event(keeper, event, &session->steps[session->count], err));
    session->count++;
    return 0;
}

static void leave_out(struct session *session)
{
    if (session->left_out == 0) {
        session->left_out_at = session->count;
    }
    session->left_out++;
    session->lines_whole = false;
}

struct session_reader *session_reader_new(struct arena *arena, uint64_t events)
{
    struct session_reader *reader = mem_zero(1, sizeof(*reader));

    reader->arena = arena;
    reader->scratch = arena_new();
    reader->sha = sha256_new();
    reader->events = events;
    sha256_start(reader->sha);
    step_keeper_init(&reader->keeper, arena, &reader->session);
    return reader;
}

void session_reader_free(struct session_reader *reader)
{
    if (reader != NULL) {
        arena_free(reader->scratch);
        sha256_free(reader->sha);
        buf_done(&reader->held);
        mem_free(reader);
    }
}

static void drop_front(struct buf *buf, size_t size)
{
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}

static const uint8_t *find(const struct buf *buf, size_t from, const char *text)
{
    return buf->size == from ? NULL
                             : memmem(buf->data + from, buf->size - from, text, strlen(text));
}

/* Reads what is held as a document of its own: `before` + the first `size` bytes + `behind`. */
static int read_part(struct session_reader *reader, const char *before, size_t size,
                     const char *behind, struct value *ret_document, struct err *err)
{
    CLEANUP(buf) struct buf whole = {0};

    buf_put_text(&whole, before);
    buf_put(&whole, (struct bytes){reader->held.data, size});
    buf_put_text(&whole, behind);
    /* The tree points into the text it was read from, so the text goes into the arena too. */
    return json_read(reader->arena, arena_bytes(reader->arena, buf_bytes(&whole)), &head_limits,
                     ret_document, err);
}

/* The client's own metadata may have a list of that name, but there is no newline in canonical JSON. */
static int take_head(struct session_reader *reader, bool *ret_more, struct err *err)
{
    static const char mark[] = "\"events\":[\n";
    const uint8_t    *at = find(&reader->held, reader->searched, mark);
    size_t            size;
    struct value      document;

    *ret_more = false;
    if (at == NULL) {
        reader->searched =
            reader->held.size < sizeof(mark) ? 0 : reader->held.size - sizeof(mark);
        return reader->held.size <= HEAD_MOST
                   ? 0
                   : err_set(err, ERR_MALFORMED, "no events in the first %d bytes of the document",
                             HEAD_MOST);
    }
    size = (size_t)(at - reader->held.data) + strlen(mark);
    TRY(read_part(reader, "", size, "]}", &document, err));
    read_head(&reader->keeper, &document);
    drop_front(&reader->held, size);
    reader->place = IN_EVENTS;
    *ret_more = true;
    return 0;
}

static int take_line(struct session_reader *reader, struct bytes line, struct err *err)
{
    struct value event;

    if (!is_kept(&reader->session, reader->index++, reader->events)) {
        leave_out(&reader->session);
        return 0;
    }
    if (line.data[line.size - 1] == ',') {
        line.size--;
    }
    arena_reset(reader->scratch);
    if (json_read(reader->scratch, line, &line_limits, &event, err) < 0 ||
        add_event(&reader->keeper, &event, err) < 0) {
        return err_add(err, "event %llu of the document", (unsigned long long)reader->index - 1);
    }
    return 0;
}

static int take_lines(struct session_reader *reader, bool *ret_more, struct err *err)
{
    size_t at = 0;

    *ret_more = false;
    while (at < reader->held.size && reader->held.data[at] != ']') {
        const uint8_t *from = reader->held.data + at;
        const uint8_t *end = memchr(from, '\n', reader->held.size - at);

        if (end == NULL) {
            break;
        }
        if (end > from) {
            TRY(take_line(reader, (struct bytes){from, (size_t)(end - from)}, err));
        }
        at = (size_t)(end - reader->held.data) + 1;
    }
    if (at > 0) {
        drop_front(&reader->held, at);
    }
    if (reader->held.size > 0 && reader->held.data[0] == ']') {
        reader->place = IN_TAIL;
        *ret_more = true;
    } else if (reader->held.size > LINE_MOST) {
        return err_set(err, ERR_MALFORMED, "event %llu of the document is no line of its own",
                       (unsigned long long)reader->index);
    }
    return 0;
}

/* integrity holds a hash for every event and is nothing to be judged: reading ends before it. */
static int take_tail(struct session_reader *reader, bool at_end, struct err *err)
{
    const uint8_t *at = find(&reader->held, 0, ",\"integrity\":");
    size_t         size = at == NULL ? reader->held.size : (size_t)(at - reader->held.data);
    struct value   document;

    if (at == NULL && !at_end && size <= TAIL_MOST) {
        return 0;
    }
    if (at != NULL || at_end) {
        TRY(read_part(reader, "{\"events\":[", size, at == NULL ? "" : "}", &document, err));
        read_tail(&reader->session, &document);
    }
    reader->place = IN_REST;
    reader->held.size = 0;
    return 0;
}

int session_reader_put(struct session_reader *reader, struct bytes piece, struct err *err)
{
    bool more = true;

    sha256_add(reader->sha, piece);
    if (reader->place == IN_REST) {
        return 0;
    }
    buf_put(&reader->held, piece);
    while (more) {
        more = false;
        if (reader->place == IN_HEAD) {
            TRY(take_head(reader, &more, err));
        } else if (reader->place == IN_EVENTS) {
            TRY(take_lines(reader, &more, err));
        } else if (reader->place == IN_TAIL) {
            TRY(take_tail(reader, false, err));
        }
    }
    return 0;
}

int session_reader_finish(struct session_reader *reader, struct session *ret_session,
                          struct err *err)
{
    uint8_t hash[HASH_BYTES];

    if (reader->place == IN_TAIL) {
        TRY(take_tail(reader, true, err));
    }
    if (reader->place != IN_REST) {
        return err_set(err, ERR_MALFORMED, "the document ends before its events do");
    }
    sha256_finish(reader->sha, hash);
    hex_write(reader->session.sha256, (struct bytes){hash, sizeof(hash)});
    *ret_session = reader->session;
    return 0;
}

int session_of_value(struct arena *arena, const struct value *document,
                     struct session *ret_session, struct err *err)
{
    const struct value *events = value_get(document, "events");
    struct session      session = {0};
    struct step_keeper  keeper;

    if (events == NULL || events->kind != VALUE_LIST) {
        return err_set(err, ERR_MALFORMED, "the document has no list of events");
    }
    step_keeper_init(&keeper, arena, &session);
    read_head(&keeper, document);
    read_tail(&session, document);
    for (uint32_t i = 0; i < events->count; i++) {
        if (!is_kept(&session, i, events->count)) {
            leave_out(&session);
        } else if (add_event(&keeper, &events->as.items[i], err) < 0) {
            return err_add(err, "event %u of the document", i);
        }
    }
    *ret_session = session;
    return 0;
}

bool session_has_seq(const struct session *session, int64_t seq)
{
    size_t low = 0;
    size_t high = session->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (session->steps[middle].seq == seq) {
            return true;
        }
        if (session->steps[middle].seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}
