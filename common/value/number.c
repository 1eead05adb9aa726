// SPDX-License-Identifier: MIT
#include "value/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MOST = 17, POWER_EXACT = 22, EXPONENT_MOST = 1000000000 };

static const double powers[POWER_EXACT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* -------- reading -------- */

/* A number taken apart: its value is mantissa * 10^exponent if no digit was dropped. */
struct parts {
    uint64_t mantissa;
    int64_t  exponent;
    bool     negative;
    bool     real;  /* has a fraction or an exponent */
    bool     exact; /* the mantissa holds every digit */
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static size_t take_exponent(struct bytes text, size_t at, struct parts *parts)
{
    bool    negative = at < text.size && text.data[at] == '-';
    int64_t exponent = 0;

    at += at < text.size && (text.data[at] == '-' || text.data[at] == '+');
    for (; at < text.size; at++) {
        if (exponent < EXPONENT_MOST) {
            exponent = exponent * 10 + (text.data[at] - '0');
        }
    }
    parts->exponent += negative ? -exponent : exponent;
    return at;
}

static struct parts take_apart(struct bytes text)
{
    struct parts parts = {.exact = true};
    bool         fraction = false;

    for (size_t at = 0; at < text.size; at++) {
        uint8_t c = text.data[at];

        if (c == '-') {
            parts.negative = true;
        } else if (c == '.') {
            parts.real = fraction = true;
        } else if (is_digit(c)) {
            uint64_t next;

            if (__builtin_mul_overflow(parts.mantissa, 10u, &next) ||
                __builtin_add_overflow(next, (uint64_t)(c - '0'), &next)) {
                parts.exact = false;
            } else {
                parts.mantissa = next;
            }
            parts.exponent -= fraction;
        } else {
            parts.real = true;
            at = take_exponent(text, at + 1, &parts);
        }
    }
    return parts;
}

/* strtod on digits and an exponent, without the point that a locale could change. */
static double read_slowly(struct bytes text, int64_t exponent)
{
    char          room[128];
    CLEANUP(text) char *long_one = NULL;
    char         *copy = room;
    size_t        used = 0;

    if (text.size + 32 > sizeof(room)) {
        copy = long_one = mem_get(text.size + 32);
    }
    for (size_t i = 0; i < text.size && (text.data[i] | 0x20) != 'e'; i++) {
        if (text.data[i] != '.') {
            copy[used++] = (char)text.data[i];
        }
    }
    (void)snprintf(copy + used, 32, "e%lld", (long long)exponent);
    return strtod(copy, NULL);
}

enum number_fit number_read(struct bytes text, struct value *ret_number)
{
    struct parts parts = take_apart(text);
    double       real;

    if (!parts.real) {
        if (!parts.exact || parts.mantissa > (uint64_t)NUMBER_EXACT) {
            return NUMBER_INEXACT;
        }
        *ret_number =
            value_whole(parts.negative ? -(int64_t)parts.mantissa : (int64_t)parts.mantissa);
        return NUMBER_FITS;
    }
    /* Both operands are exact doubles, so one operation rounds correctly. */
    if (parts.exact && parts.mantissa <= (uint64_t)NUMBER_EXACT && parts.exponent >= -POWER_EXACT &&
        parts.exponent <= POWER_EXACT) {
        real = (double)parts.mantissa;
        real = parts.exponent < 0 ? real / powers[-parts.exponent] : real * powers[parts.exponent];
        *ret_number = value_real(parts.negative ? -real : real);
        return NUMBER_FITS;
    }
    real = read_slowly(text, parts.exponent);
    if (!isfinite(real)) {
        return NUMBER_OVERFLOWS;
    }
    *ret_number = value_real(real);
    return NUMBER_FITS;
}

/* -------- writing -------- */

/* Decimal digits, most significant first, and the place of the point: 0.ddd * 10^point. */
struct decimal {
    char digits[DIGITS_MOST + 8];
    int  count;
    int  point;
};

static void put_backwards(char *end, char **ret_start, uint64_t number)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *ret_start = end;
}

static void put_chars(struct buf *out, const char *chars, size_t size)
{
    buf_put(out, (struct bytes){(const uint8_t *)chars, size});
}

void number_put_whole(struct buf *out, int64_t whole)
{
    char  room[24];
    char *start;

    put_backwards(room + sizeof(room), &start, whole < 0 ? -(uint64_t)whole : (uint64_t)whole);
    if (whole < 0) {
        *--start = '-';
    }
    put_chars(out, start, (size_t)(room + sizeof(room) - start));
}

/* Most numbers we write are times with microseconds. A decimal with at most six places and a
 * mantissa below 2^52 lies further from the next such decimal than one double from the next, so
 * if it reads back as `real` it is the only one and the shortest: 20 ns instead of 600. */
static bool shortest_quickly(double real, struct decimal *ret)
{
    double scaled = real * 1e6;
    char  *start;
    char   room[DIGITS_MOST + 8];

    if (!(scaled >= 1 && scaled < 4503599627370496.0)) {
        return false;
    }
    scaled = rint(scaled);
    if (scaled / 1e6 != real) {
        return false;
    }
    put_backwards(room + sizeof(room), &start, (uint64_t)scaled);
    ret->count = (int)(room + sizeof(room) - start);
    ret->point = ret->count - 6;
    memcpy(ret->digits, start, (size_t)ret->count);
    return true;
}

static bool reads_back(const struct decimal *decimal, double real)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%.*se%d", decimal->count, decimal->digits,
                   decimal->point - decimal->count);
    return strtod(text, NULL) == real;
}

static void round_to(double real, int count, struct decimal *ret)
{
    char  text[64];
    char *at = text;

    (void)snprintf(text, sizeof(text), "%.*e", count - 1, real);
    ret->count = 0;
    for (; *at != 'e'; at++) {
        if (is_digit((uint8_t)*at)) {
            ret->digits[ret->count++] = *at;
        }
    }
    ret->point = atoi(at + 1) + 1;
}

/* The next larger decimal of as many digits. */
static void round_up(struct decimal *decimal)
{
    int at = decimal->count - 1;

    while (at >= 0 && decimal->digits[at] == '9') {
        decimal->digits[at--] = '0';
    }
    if (at >= 0) {
        decimal->digits[at]++;
    } else {
        decimal->digits[0] = '1';
        decimal->point++;
    }
}

static void shortest(double real, struct decimal *ret)
{
    int  exponent;
    bool power_of_two = frexp(real, &exponent) == 0.5;

    /* 15 digits always survive in a normal double, so fewer need no try: trailing zeros are
     * dropped. Subnormal ones hold less. */
    for (int count = real < 2.2250738585072014e-308 ? 1 : 15; count < DIGITS_MOST; count++) {
        round_to(real, count, ret);
        if (reads_back(ret, real)) {
            return;
        }
        /* Below a power of two doubles lie twice as dense: the nearest decimal may miss where the
         * next one above hits. */
        if (power_of_two) {
            round_up(ret);
            if (reads_back(ret, real)) {
                return;
            }
        }
    }
    round_to(real, DIGITS_MOST, ret);
}

static void put_zeros(struct buf *out, int count)
{
    for (; count > 0; count--) {
        buf_put_byte(out, '0');
    }
}

/* ECMAScript's Number::toString: k digits and the point behind the n-th. */
static void put_decimal(struct buf *out, const struct decimal *decimal)
{
    int k = decimal->count;
    int n = decimal->point;

    if (n > 0 && n <= 21) {
        put_chars(out, decimal->digits, (size_t)(k < n ? k : n));
        put_zeros(out, n - k);
        if (k > n) {
            buf_put_byte(out, '.');
            put_chars(out, decimal->digits + n, (size_t)(k - n));
        }
    } else if (n > -6 && n <= 0) {
        buf_put_text(out, "0.");
        put_zeros(out, -n);
        put_chars(out, decimal->digits, (size_t)k);
    } else {
        buf_put_byte(out, (uint8_t)decimal->digits[0]);
        if (k > 1) {
            buf_put_byte(out, '.');
            put_chars(out, decimal->digits + 1, (size_t)k - 1);
        }
        buf_put_text(out, n > 0 ? "e+" : "e");
        number_put_whole(out, n - 1);
    }
}

void number_put_real(struct buf *out, double real)
{
    struct decimal decimal;

    if (real == 0) {
        buf_put_byte(out, '0'); /* -0 too */
        return;
    }
    if (real < 0) {
        buf_put_byte(out, '-');
        real = -real;
    }
    if (!shortest_quickly(real, &decimal)) {
        shortest(real, &decimal);
    }
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') {
        decimal.count--;
    }
    put_decimal(out, &decimal);
}
