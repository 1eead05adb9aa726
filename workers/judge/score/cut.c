// SPDX-License-Identifier: MIT
#include "workers/judge/score/cut.h"

#include <stdlib.h>
#include <string.h>

enum {
    MARK_BYTES = 40, /* of a mark, about */
    BODY_LEAST = 80, /* less of a body is not worth showing */
    HALVINGS = 50    /* of the search for the share; more than a double can tell apart */
};

struct rank {
    double weight;
    size_t at;
};

static int by_weight(const void *a, const void *b)
{
    const struct rank *left = a;
    const struct rank *right = b;

    if (left->weight != right->weight) {
        return left->weight > right->weight ? -1 : 1;
    }
    return left->at < right->at ? -1 : left->at > right->at;
}

/* Which heads fit; returns the bytes they take. */
static size_t choose_heads(struct arena *arena, struct piece *pieces, size_t count, size_t budget)
{
    struct rank *ranks = arena_get(arena, count * sizeof(*ranks));
    size_t       all = 0;
    size_t       used = 0;

    for (size_t i = 0; i < count; i++) {
        ranks[i] = (struct rank){pieces[i].weight, i};
        all += pieces[i].head.size + MARK_BYTES;
    }
    qsort(ranks, count, sizeof(*ranks), by_weight);
    if (all > budget / 2) {
        budget = budget / 2; /* leave room for bodies */
    }
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = &pieces[ranks[i].at];

        piece->shown = used + piece->head.size + MARK_BYTES <= budget;
        used += piece->shown ? piece->head.size + MARK_BYTES : 0;
    }
    return used;
}

static size_t room_for(const struct piece *piece, double share)
{
    double room = share * piece->weight;

    return room >= (double)piece->body.size ? piece->body.size : (size_t)room;
}

static size_t rooms_at(const struct piece *pieces, size_t count, double share)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += pieces[i].shown ? room_for(&pieces[i], share) : 0;
    }
    return sum;
}

void cut_fit(struct arena *arena, struct piece *pieces, size_t count, size_t budget)
{
    size_t used = choose_heads(arena, pieces, count, budget);
    size_t left = budget > used ? budget - used : 0;
    double low = 0;
    double high = 1;

    while (rooms_at(pieces, count, high) <= left && high < 1e12) {
        high *= 2;
    }
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;

        if (rooms_at(pieces, count, middle) <= left) {
            low = middle;
        } else {
            high = middle;
        }
    }
    for (size_t i = 0; i < count; i++) {
        pieces[i].room = pieces[i].shown ? room_for(&pieces[i], low) : 0;
    }
}

static bool inside_character(struct bytes text, size_t at)
{
    return at < text.size && (text.data[at] & 0xc0) == 0x80;
}

/* Two thirds of the beginning, one third of the end: where a diff or an output says most. */
static size_t write_body(struct buf *out, const struct piece *piece)
{
    struct bytes body = piece->body;
    size_t       head = piece->room * 2 / 3;
    size_t       tail = body.size - piece->room / 3;

    if (piece->room >= body.size) {
        buf_put(out, body);
        return 0;
    }
    if (piece->room < BODY_LEAST) {
        buf_format(out, "[... cut %zu bytes ...]\n", body.size);
        return 1;
    }
    while (head > 0 && inside_character(body, head)) {
        head--;
    }
    while (inside_character(body, tail)) {
        tail++;
    }
    buf_put(out, (struct bytes){body.data, head});
    buf_format(out, "%s[... cut %zu bytes ...]\n",
               head > 0 && body.data[head - 1] != '\n' ? "\n" : "", tail - head);
    if (tail > 0 && body.data[tail - 1] != '\n') {
        buf_put_text(out, "| "); /* the rest of a line is no line of its own */
    }
    buf_put(out, (struct bytes){body.data + tail, body.size - tail});
    return 1;
}

size_t cut_write(struct buf *out, const struct piece *pieces, size_t count, const char *what)
{
    size_t cuts = 0;
    size_t hidden = 0;

    for (size_t i = 0; i <= count; i++) {
        if (i < count && !pieces[i].shown) {
            hidden++;
            continue;
        }
        if (hidden > 0) {
            buf_format(out, "[... %zu %s left out ...]\n", hidden, what);
            hidden = 0;
            cuts++;
        }
        if (i < count) {
            buf_put(out, pieces[i].head);
            cuts += write_body(out, &pieces[i]);
        }
    }
    return cuts;
}

struct bytes cut_lines(struct arena *arena, struct bytes text)
{
    CLEANUP(buf) struct buf out = {0};
    bool                    fresh = true;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (fresh) {
            buf_put_text(&out, "| ");
        }
        fresh = byte == '\n';
        buf_put_byte(&out, (byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7f ? ' '
                                                                                        : byte);
    }
    if (!fresh) {
        buf_put_byte(&out, '\n');
    }
    return arena_bytes(arena, buf_bytes(&out));
}
