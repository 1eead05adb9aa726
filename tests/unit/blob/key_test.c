// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/bytes.h"
#include "blob/blob.h"
#include "lib/test.h"

static bool repeated_is_valid(const char *piece, size_t times, const char *end)
{
    CLEANUP(buf) struct buf key = {0};

    for (size_t i = 0; i < times; i++) {
        buf_put_text(&key, piece);
    }
    buf_put_text(&key, end);
    return blob_key_valid(buf_text(&key));
}

TEST(key, takes_letters_digits_dots_lines_and_slashes)
{
    CHECK(blob_key_valid("a"));
    CHECK(blob_key_valid("raw/7f3a.ndjson"));
    CHECK(blob_key_valid("A-Z_0.9/...three/..two/two../.hidden"));
}

TEST(key, refuses_every_way_out_of_the_bucket)
{
    static const char *const keys[] = {"",     ".",    "..",     "/a",  "a/",    "a//b",
                                       "../a", "a/..", "a/../b", "./a", "a/./b", "/"};

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        CHECK(!blob_key_valid(keys[i]));
    }
}

TEST(key, refuses_every_other_character)
{
    for (int c = 1; c < 256; c++) {
        char key[] = {'a', (char)c, 'b', '\0'};
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("._/-", c) != NULL;

        CHECK(blob_key_valid(key) == good);
    }
}

TEST(key, is_bounded_in_length_and_depth)
{
    CHECK(repeated_is_valid("a", BLOB_SEGMENT_MOST, ""));
    CHECK(!repeated_is_valid("a", BLOB_SEGMENT_MOST + 1, ""));
    CHECK(repeated_is_valid("a/", BLOB_KEY_SEGMENTS - 1, "a"));
    CHECK(!repeated_is_valid("a/", BLOB_KEY_SEGMENTS, "a"));
    CHECK(
        repeated_is_valid("12345678901234567890123456789012345678/", 26, "0123456789")); /* 1,024 */
    CHECK(!repeated_is_valid("12345678901234567890123456789012345678/", 26, "01234567890"));
}
