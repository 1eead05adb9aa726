// SPDX-License-Identifier: MIT
#include "workers/judge/score/vocabulary.h"

#include <string.h>

enum {
    SLOTS = 1 << 14, /* a power of two */
    WORDS_MOST = SLOTS / 2,
    WORD_LEAST = 4,
    STEM_LEAST = 3,
    WORD_MOST = 32 /* of a longer one the start */
};

struct vocabulary {
    uint64_t slots[SLOTS]; /* hashes of stems, open addressing; 0: free */
    uint64_t empty[512];   /* the same, of the empty words */
    size_t   count;
};

static const char *const empty_words[] = {
#define EMPTY_WORD(word) word,
#include "schemas/judge/empty_word.def"
#undef EMPTY_WORD
};
_Static_assert(COUNT_OF(empty_words) < 256, "half of the slots of `empty` stay free");

/* -------- words -------- */

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 0x80;
}

static bool is_upper(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z';
}

/* The next word of *text, which then begins behind it; size 0: no more. */
static struct bytes next_word(struct bytes *text)
{
    struct bytes word;
    size_t       at = 0;
    size_t       end;

    while (at < text->size && !is_letter(text->data[at])) {
        at++;
    }
    end = at;
    while (end < text->size && is_letter(text->data[end]) &&
           !(end > at && is_upper(text->data[end]) && !is_upper(text->data[end - 1]))) {
        end++;
    }
    word = (struct bytes){text->data + at, end - at};
    text->data += end;
    text->size -= end;
    return word;
}

static bool ends_with(const uint8_t *word, size_t size, const char *end)
{
    size_t end_size = strlen(end);

    return size >= end_size + STEM_LEAST && memcmp(word + size - end_size, end, end_size) == 0;
}

/* A hash of the stem; 0 for what is too short to count. */
static uint64_t stem_of(struct bytes word)
{
    static const char *const endings[] = {"ing", "ed", "es", "s", "e"};
    uint8_t  lower[WORD_MOST];
    size_t   size = word.size < WORD_MOST ? word.size : WORD_MOST;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    if (word.size < WORD_LEAST) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        lower[i] = is_upper(word.data[i]) ? (uint8_t)(word.data[i] | 0x20) : word.data[i];
    }
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        if (ends_with(lower, size, endings[i])) {
            size -= strlen(endings[i]);
            break;
        }
    }
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ lower[i]) * 1099511628211u;
    }
    return hash | 1;
}

/* -------- sets -------- */

/* Where the hash is, or would be. */
static size_t slot_of(const uint64_t *slots, size_t count, uint64_t hash)
{
    size_t at = (size_t)(hash >> 32) & (count - 1);

    while (slots[at] != 0 && slots[at] != hash) {
        at = (at + 1) & (count - 1);
    }
    return at;
}

struct vocabulary *vocabulary_new(struct arena *arena)
{
    struct vocabulary *vocabulary = arena_zero(arena, 1, sizeof(*vocabulary));

    for (size_t i = 0; i < COUNT_OF(empty_words); i++) {
        uint64_t hash = stem_of(bytes_of(empty_words[i]));

        vocabulary->empty[slot_of(vocabulary->empty, COUNT_OF(vocabulary->empty), hash)] = hash;
    }
    return vocabulary;
}

static bool counts(const struct vocabulary *vocabulary, uint64_t hash)
{
    size_t at = slot_of(vocabulary->empty, COUNT_OF(vocabulary->empty), hash);

    return hash != 0 && vocabulary->empty[at] != hash;
}

void vocabulary_learn(struct vocabulary *vocabulary, struct bytes text)
{
    while (text.size > 0 && vocabulary->count < WORDS_MOST) {
        uint64_t hash = stem_of(next_word(&text));
        size_t   at = slot_of(vocabulary->slots, SLOTS, hash);

        if (counts(vocabulary, hash) && vocabulary->slots[at] != hash) {
            vocabulary->slots[at] = hash;
            vocabulary->count++;
        }
    }
}

bool vocabulary_knows(const struct vocabulary *vocabulary, struct bytes text)
{
    while (text.size > 0) {
        uint64_t hash = stem_of(next_word(&text));

        if (counts(vocabulary, hash) &&
            vocabulary->slots[slot_of(vocabulary->slots, SLOTS, hash)] == hash) {
            return true;
        }
    }
    return false;
}
