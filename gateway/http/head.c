// SPDX-License-Identifier: MIT
#include "gateway/http/head.h"

#include <string.h>
#include <strings.h>

enum { LENGTH_DIGITS = 18, SIZE_DIGITS = 15, SPARE_MOST = 4096 };

static bool is_token(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static int malformed(struct err *err, const char *what)
{
    return err_set(err, ERR_HEAD_MALFORMED, "%s", what);
}

int head_find(struct bytes bytes, size_t *ret_size, struct err *err)
{
    const uint8_t *at = bytes.data;
    const uint8_t *end = bytes.data + bytes.size;
    const uint8_t *line_end;

    *ret_size = 0;
    while (at < end && (line_end = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (line_end == at || line_end[-1] != '\r') {
            return malformed(err, "a line of the head does not end in CR LF");
        }
        if (line_end - 1 == at) {
            *ret_size = (size_t)(line_end + 1 - bytes.data);
            break;
        }
        at = line_end + 1;
    }
    if (*ret_size > HEAD_MOST || (*ret_size == 0 && bytes.size > HEAD_MOST)) {
        return err_set(err, ERR_HEAD_TOO_LARGE, "it has more than %d bytes", HEAD_MOST);
    }
    return 0;
}

/* Cuts *text at its next CR LF and returns what stood before it. */
static char *cut_line(char **text)
{
    char *line = *text;
    char *end = strchr(line, '\r');

    *end = '\0';
    *text = end + 2;
    return line;
}

static bool only_visible(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text >= 0x7f) { /* a char may have a sign, or not */
            return false;
        }
    }
    return true;
}

/* "GET /path?query HTTP/1.1"; of "http://host/path" the path counts. */
static int read_request_line(char *line, struct head *head, bool *ret_old, struct err *err)
{
    char *target = strchr(line, ' ');
    char *version = target == NULL ? NULL : strchr(target + 1, ' ');

    if (version == NULL) {
        return malformed(err, "its first line is not METHOD TARGET VERSION");
    }
    *target++ = '\0';
    *version++ = '\0';
    if (strncmp(version, "HTTP/", 5) != 0) {
        return malformed(err, "its first line does not end in a version of HTTP");
    }
    *ret_old = strcmp(version, "HTTP/1.0") == 0;
    if (!*ret_old && strcmp(version, "HTTP/1.1") != 0) {
        return err_set(err, ERR_VERSION_UNKNOWN, "%.16s; HTTP/1.1 is spoken here", version);
    }
    head->method = line;
    if (*line == '\0') {
        return malformed(err, "it names no method");
    }
    for (; *line != '\0'; line++) {
        if (!is_token((unsigned char)*line)) {
            return malformed(err, "its method holds what no method holds");
        }
    }
    if (strncasecmp(target, "http://", 7) == 0) {
        target += 7 + strcspn(target + 7, "/?#"); /* "http://host?/path" has no path */
    }
    if (!only_visible(target) || (*target != '/' && strcmp(target, "*") != 0)) {
        return malformed(err, "its target is not a path, or holds a blank, a control character or"
                              " bytes over 126, which are percent-encoded there");
    }
    head->path = target;
    target = strchr(target, '?');
    if (target != NULL) {
        *target = '\0';
        head->query = target + 1;
    }
    return 0;
}

static int read_field(char *line, struct head *head, struct err *err)
{
    char *value = strchr(line, ':');
    char *end;

    if (value == NULL || value == line) {
        return malformed(err, "a field has no name, or no colon behind it");
    }
    *value++ = '\0';
    for (const char *c = line; *c != '\0'; c++) {
        if (!is_token((unsigned char)*c)) {
            return malformed(err, "the name of a field holds a blank or what no name holds");
        }
    }
    value += strspn(value, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        *--end = '\0';
    }
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
        if ((*c < ' ' && *c != '\t') || *c == 0x7f) {
            return malformed(err, "the value of a field holds a control character");
        }
    }
    if (head->field_count == HEAD_FIELDS) {
        return err_set(err, ERR_HEAD_TOO_LARGE, "it has more than %d fields", HEAD_FIELDS);
    }
    head->field[head->field_count].name = line;
    head->field[head->field_count++].value = value;
    return 0;
}

/* Is the token among those that commas separate? */
static bool lists(const char *value, const char *token)
{
    size_t size = strlen(token);

    while (*value != '\0') {
        size_t own;

        value += strspn(value, ", \t");
        own = strcspn(value, ", \t");
        if (own == size && strncasecmp(value, token, size) == 0) {
            return true;
        }
        value += own;
    }
    return false;
}

static int read_length(const char *value, struct head *head, struct err *err)
{
    int64_t length = 0;
    size_t  digits = strspn(value, "0123456789");

    if (digits == 0 || digits > LENGTH_DIGITS || value[digits] != '\0') {
        return malformed(err, "Content-Length is no number of bytes");
    }
    for (; *value != '\0'; value++) {
        length = 10 * length + (*value - '0');
    }
    if (head->length >= 0) {
        return malformed(err, "it says Content-Length twice");
    }
    head->length = length;
    return 0;
}

/* What the fields say of the body and the connection. */
static int read_framing(struct head *head, bool old, struct err *err)
{
    int hosts = 0;

    head->length = -1;
    head->keep = !old;
    for (size_t i = 0; i < head->field_count; i++) {
        const char *name = head->field[i].name;
        const char *value = head->field[i].value;

        if (strcasecmp(name, "Content-Length") == 0) {
            TRY(read_length(value, head, err));
        } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
            if (old || head->chunked || strcasecmp(value, "chunked") != 0) {
                return err_set(err, ERR_CODING_UNKNOWN,
                               "Transfer-Encoding: %.40s; chunked is read here, of HTTP/1.1",
                               value);
            }
            head->chunked = true;
        } else if (strcasecmp(name, "Connection") == 0) {
            head->keep = head->keep && !lists(value, "close");
        } else if (strcasecmp(name, "Expect") == 0) {
            head->expects = !old && strcasecmp(value, "100-continue") == 0;
        } else if (strcasecmp(name, "Host") == 0) {
            hosts++;
        }
    }
    if (hosts > 1 || (hosts == 0 && !old)) {
        return malformed(err, "it needs one Host");
    }
    if (head->chunked && head->length >= 0) {
        return malformed(err, "it has both Content-Length and Transfer-Encoding");
    }
    return 0;
}

int head_read(char *text, size_t size, struct head *ret_head, struct err *err)
{
    char *end = text + size - 2; /* the empty line */
    bool  old = false;

    *ret_head = (struct head){.method = "", .path = ""};
    if (memchr(text, '\0', size) != NULL) {
        return malformed(err, "it holds a NUL");
    }
    for (const char *cr = text; (cr = memchr(cr, '\r', (size_t)(text + size - cr))) != NULL; cr++) {
        if (cr[1] != '\n') {
            return malformed(err, "it holds a CR without an LF");
        }
    }
    if (text == end) {
        return malformed(err, "it has no first line");
    }
    TRY(read_request_line(cut_line(&text), ret_head, &old, err));
    while (text < end) {
        TRY(read_field(cut_line(&text), ret_head, err));
    }
    return read_framing(ret_head, old, err);
}

const char *head_field(const struct head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (strcasecmp(head->field[i].name, name) == 0) {
            return head->field[i].value;
        }
    }
    return NULL;
}

struct bytes head_query(const struct head *head, const char *name)
{
    const char  *at = head->query;
    struct bytes found, value;

    while (head_query_next(&at, &found, &value)) {
        if (value.data != NULL && bytes_is(found, name)) {
            return value;
        }
    }
    return (struct bytes){NULL, 0};
}

bool head_query_next(const char **query, struct bytes *ret_name, struct bytes *ret_value)
{
    const char *at = *query == NULL ? "" : *query + strspn(*query, "&");
    size_t      size = strcspn(at, "&");
    size_t      name = strcspn(at, "=&");

    *ret_name = (struct bytes){(const uint8_t *)at, name};
    *ret_value = name == size ? (struct bytes){NULL, 0}
                              : (struct bytes){(const uint8_t *)at + name + 1, size - name - 1};
    *query = at + size;
    return size > 0;
}

/* ------------------------------------ chunked ------------------------------------ */

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int take_size(struct chunked *chunked, uint8_t c, struct err *err)
{
    int digit = digit_of(c);

    if (digit >= 0 && chunked->digits < SIZE_DIGITS) {
        chunked->left = 16 * chunked->left + digit;
        chunked->digits++;
        return 0;
    }
    if (chunked->digits == 0 || digit >= 0) {
        return malformed(err, "the size of a chunk is no hexadecimal number");
    }
    chunked->at = c == '\r' ? CHUNKED_SIZE_END : CHUNKED_EXTENSION;
    return c == '\r' || c == ';' || c == ' ' || c == '\t'
               ? 0
               : malformed(err, "the size of a chunk is no hexadecimal number");
}

/* One byte that is no data. */
static int take_byte(struct chunked *chunked, uint8_t c, struct err *err)
{
    switch (chunked->at) {
    case CHUNKED_SIZE:
        return take_size(chunked, c, err);
    case CHUNKED_EXTENSION:
        chunked->at = c == '\r' ? CHUNKED_SIZE_END : CHUNKED_EXTENSION;
        chunked->spare++;
        break;
    case CHUNKED_SIZE_END:
        chunked->at = chunked->left > 0 ? CHUNKED_DATA : CHUNKED_LINE;
        return c == '\n' ? 0 : malformed(err, "the size of a chunk does not end in CR LF");
    case CHUNKED_DATA_CR:
        chunked->at = CHUNKED_DATA_LF;
        return c == '\r' ? 0 : malformed(err, "a chunk is longer than its size says");
    case CHUNKED_DATA_LF:
        chunked->at = CHUNKED_SIZE;
        chunked->digits = 0;
        return c == '\n' ? 0 : malformed(err, "a chunk is longer than its size says");
    case CHUNKED_LINE: /* trailers, up to an empty line */
        chunked->at = c == '\r' ? CHUNKED_LAST_LF : CHUNKED_LINE_REST;
        chunked->spare++;
        break;
    case CHUNKED_LINE_REST:
        chunked->at = c == '\r' ? CHUNKED_LINE_END : CHUNKED_LINE_REST;
        chunked->spare++;
        break;
    case CHUNKED_LINE_END:
        chunked->at = CHUNKED_LINE;
        return c == '\n' ? 0 : malformed(err, "a trailer does not end in CR LF");
    case CHUNKED_LAST_LF:
        chunked->at = CHUNKED_OVER;
        return c == '\n' ? 0 : malformed(err, "the body does not end in CR LF");
    case CHUNKED_DATA:
    case CHUNKED_OVER:
        break;
    }
    if (c == '\n') {
        return malformed(err, "a line between chunks does not end in CR LF");
    }
    return chunked->spare <= SPARE_MOST
               ? 0
               : err_set(err, ERR_HEAD_TOO_LARGE, "more than %d bytes of extensions and trailers",
                         SPARE_MOST);
}

int chunked_next(struct chunked *chunked, struct bytes *bytes, struct bytes *ret_piece,
                 struct err *err)
{
    while (bytes->size > 0 && chunked->at != CHUNKED_OVER) {
        if (chunked->at == CHUNKED_DATA) {
            size_t size =
                (int64_t)bytes->size < chunked->left ? bytes->size : (size_t)chunked->left;

            *ret_piece = (struct bytes){bytes->data, size};
            bytes->data += size;
            bytes->size -= size;
            chunked->left -= (int64_t)size;
            chunked->at = chunked->left > 0 ? CHUNKED_DATA : CHUNKED_DATA_CR;
            return 1;
        }
        TRY(take_byte(chunked, *bytes->data, err));
        bytes->data++;
        bytes->size--;
    }
    return 0;
}
