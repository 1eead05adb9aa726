// SPDX-License-Identifier: MIT
#include "gateway/cli/plain.h"

static bool goes_on(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* U+0080 to U+009F, which some terminals obey like ESC and a letter. */
static bool is_c1(struct bytes text, size_t at)
{
    return text.data[at] == 0xc2 && at + 1 < text.size && text.data[at + 1] >= 0x80 &&
           text.data[at + 1] <= 0x9f;
}

void plain_print(FILE *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (is_c1(text, i)) {
            byte = ' ';
            i++;
        }
        (void)fputc(byte < ' ' || byte == 0x7f ? ' ' : byte, out);
    }
}

/* *held: the first byte of a character that may be C1 has come, and the second has not. */
void plain_lines(FILE *out, struct bytes piece, bool *held)
{
    for (size_t i = 0; i < piece.size; i++) {
        uint8_t byte = piece.data[i];
        bool    steers = (byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7f ||
                      (*held && byte >= 0x80 && byte <= 0x9f);

        if (*held && !steers) {
            (void)fputc(0xc2, out);
        }
        *held = byte == 0xc2;
        if (!*held) {
            (void)fputc(steers ? '?' : byte, out);
        }
    }
}

size_t plain_cut(struct bytes text, size_t most)
{
    size_t shown = 0;
    size_t at = 0;

    while (at < text.size && (goes_on(text.data[at]) || shown < most)) {
        shown += !goes_on(text.data[at]);
        at++;
    }
    return at;
}

void plain_cell(struct bytes text, int width)
{
    int shown = 0;

    text.size = plain_cut(text, (size_t)width);
    plain_print(stdout, text);
    for (size_t i = 0; i < text.size; i++) {
        shown += !goes_on(text.data[i]);
    }
    printf("%*s", width - shown, "");
}
