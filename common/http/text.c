// SPDX-License-Identifier: MIT
#include <curl/curl.h>
#include <string.h>
#include <time.h>

#include "http/client.h"

const char *http_answer_header(const struct http_answer *answer, const char *lower_name)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (strcmp(answer->headers[i].name, lower_name) == 0) {
            return answer->headers[i].value;
        }
    }
    return NULL;
}

int64_t http_retry_after_ms(const struct http_answer *answer)
{
    const char *text = http_answer_header(answer, "retry-after");
    int64_t     seconds = 0;
    time_t      at;

    if (text == NULL || *text == '\0') {
        return -1;
    }
    if (strspn(text, "0123456789") == strlen(text)) {
        if (strlen(text) > 9) {
            return -1; /* over thirty years: nobody means that */
        }
        for (; *text != '\0'; text++) {
            seconds = seconds * 10 + (*text - '0');
        }
        return seconds * 1000;
    }
    at = curl_getdate(text, NULL);
    if (at == -1) {
        return -1;
    }
    seconds = (int64_t)at - (int64_t)time(NULL);
    return seconds < 0 ? 0 : seconds * 1000;
}

void http_encode(struct buf *out, struct bytes text, bool keep_slash)
{
    static const char digit[] = "0123456789ABCDEF";

    buf_reserve(out, text.size);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash)) {
            buf_put_byte(out, c);
        } else {
            buf_put_byte(out, '%');
            buf_put_byte(out, (uint8_t)digit[c >> 4]);
            buf_put_byte(out, (uint8_t)digit[c & 15]);
        }
    }
}
