// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "blob/xml.h"
#include "lib/test.h"

static const char list[] =
    "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><KeyCount>2</KeyCount>"
    "<Contents><Key>a</Key><Size>1</Size></Contents>"
    "<Contents><Key>b&amp;c&lt;&#34;</Key><Size/></Contents>"
    "</ListBucketResult>";

TEST(xml, finds_elements_one_after_the_other)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes                 rest = bytes_of(list);
    struct bytes                 item;

    CHECK(xml_next(&rest, "Contents", &item));
    CHECK_TEXT(xml_text(arena, item, "Key"), "a");
    CHECK(xml_next(&rest, "Contents", &item));
    CHECK_TEXT(xml_text(arena, item, "Key"), "b&c<\"");
    CHECK_TEXT(xml_text(arena, item, "Size"), "");
    CHECK(!xml_next(&rest, "Contents", &item));
}

TEST(xml, does_not_take_a_longer_name_for_a_shorter)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    CHECK(xml_text(arena, bytes_of("<KeyCount>2</KeyCount>"), "Key") == NULL);
    CHECK_TEXT(xml_text(arena, bytes_of("<KeyCount>2</KeyCount><Key >k</Key>"), "Key"), "k");
}

TEST(xml, survives_every_cut_of_an_answer)
{
    for (size_t size = 0; size < sizeof(list); size++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        uint8_t     *cut = mem_get(size); /* exactly, so that reading behind it shows */
        struct bytes rest = {cut, size};
        struct bytes item;
        int          items = 0;

        memcpy(cut, list, size);
        while (xml_next(&rest, "Contents", &item)) {
            (void)xml_text(arena, item, "Key");
            items++;
        }
        CHECK(items <= 2);
        mem_free(cut);
    }
}
