// SPDX-License-Identifier: MIT
#include "workers/judge/score/vocabulary.h"

#include "lib/test.h"

static bool knows(const char *session, const char *note)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct vocabulary           *vocabulary = vocabulary_new(arena);

    vocabulary_learn(vocabulary, bytes_of(session));
    return vocabulary_knows(vocabulary, bytes_of(note));
}

TEST(vocabulary, knows_names_however_code_writes_them)
{
    CHECK(knows("    for item in items[:-1]:", "One item is missing."));
    CHECK(knows("def read_invoice(path):", "The invoice is empty."));
    CHECK(knows("readInvoice()", "INVOICES are empty"));
    CHECK(knows("return round(total)", "Rounding loses a cent."));
    CHECK(knows("# Größe der Seite", "die Größe stimmt nicht"));
}

TEST(vocabulary, does_not_know_words_that_every_note_has)
{
    CHECK(!knows("def test_code_step(self): # the next thing", "The next step of the code."));
    CHECK(!knows("a = b + c", "a b c"));
    CHECK(!knows("total", "Going on with the next thing now, one step after the other."));
    CHECK(!knows("", "anything"));
    CHECK(!knows("item", ""));
}

TEST(vocabulary, stops_learning_when_it_is_full_and_stays_right)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct vocabulary           *vocabulary = vocabulary_new(arena);

    vocabulary_learn(vocabulary, BYTES("invoice"));
    for (int i = 0; i < 30000; i++) {
        const char letters[] = "abcdefghijklmnopqrstuvwxyz";
        char       word[] = {letters[i % 26], letters[i / 26 % 26], letters[i / 676 % 26],
                             letters[i / 17576 % 26], 'x', 'q', '\0'};

        vocabulary_learn(vocabulary, bytes_of(word));
    }
    CHECK(vocabulary_knows(vocabulary, BYTES("the invoice")));
    CHECK(!vocabulary_knows(vocabulary, BYTES("the harbour")));
}
