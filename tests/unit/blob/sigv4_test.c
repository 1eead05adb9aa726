// SPDX-License-Identifier: MIT
/* The examples that AWS publishes for S3 ("Signature Calculations for the Authorization Header")
 * and for the signing key ("Deriving the signing key"). */
#include "blob/sigv4.h"
#include "lib/test.h"

enum { HEADERS_MOST = 5 };

#define HASH_OF_WELCOME "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static struct sigv4 *example_signer(void)
{
    struct err err = {0};

    CHECK_WORKS(crypto_setup(&err));
    return sigv4_new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                     "us-east-1", "s3");
}

static const struct example {
    const char       *method;
    const char       *path;
    struct sigv4_pair query[2];
    size_t            query_count;
    struct sigv4_pair headers[HEADERS_MOST];
    size_t            header_count;
    const char       *payload;
    const char       *names;
    const char       *signature;
} examples[] = {
    {.method = "GET",
     .path = "/test.txt",
     .headers = {{"host", "examplebucket.s3.amazonaws.com"},
                 {"range", "bytes=0-9"},
                 {"x-amz-content-sha256", SIGV4_EMPTY},
                 {"x-amz-date", "20130524T000000Z"}},
     .header_count = 4,
     .payload = SIGV4_EMPTY,
     .names = "host;range;x-amz-content-sha256;x-amz-date",
     .signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {.method = "PUT",
     .path = "/test%24file.text",
     .headers = {{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                 {"x-amz-date", "20130524T000000Z"},
                 {"x-amz-content-sha256", HASH_OF_WELCOME},
                 {"host", "examplebucket.s3.amazonaws.com"},
                 {"date", "Fri, 24 May 2013 00:00:00 GMT"}},
     .header_count = 5,
     .payload = HASH_OF_WELCOME,
     .names = "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     .signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {.method = "GET",
     .path = "/",
     .query = {{"lifecycle", ""}},
     .query_count = 1,
     .headers = {{"host", "examplebucket.s3.amazonaws.com"},
                 {"x-amz-content-sha256", SIGV4_EMPTY},
                 {"x-amz-date", "20130524T000000Z"}},
     .header_count = 3,
     .payload = SIGV4_EMPTY,
     .names = "host;x-amz-content-sha256;x-amz-date",
     .signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {.method = "GET",
     .path = "/",
     .query = {{"prefix", "J"}, {"max-keys", "2"}},
     .query_count = 2,
     .headers = {{"host", "examplebucket.s3.amazonaws.com"},
                 {"x-amz-content-sha256", SIGV4_EMPTY},
                 {"x-amz-date", "20130524T000000Z"}},
     .header_count = 3,
     .payload = SIGV4_EMPTY,
     .names = "host;x-amz-content-sha256;x-amz-date",
     .signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static struct sigv4_request request_of(const struct example *example)
{
    return (struct sigv4_request){.method = example->method,
                                  .path = example->path,
                                  .query = example->query,
                                  .query_count = example->query_count,
                                  .headers = example->headers,
                                  .header_count = example->header_count,
                                  .payload = example->payload};
}

TEST(sigv4, signs_the_published_examples_as_published)
{
    CLEANUP(sigv4) struct sigv4 *signer = example_signer();
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct sigv4_request request = request_of(&examples[i]);
        const char          *want;

        want = arena_format(arena,
                            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/"
                            "s3/aws4_request,SignedHeaders=%s,Signature=%s",
                            examples[i].names, examples[i].signature);
        CHECK_TEXT(sigv4_authorize(signer, arena, &request, "20130524T000000Z"), want);
    }
}

TEST(sigv4, writes_the_canonical_request_as_published)
{
    CLEANUP(buf) struct buf out = {0};
    struct sigv4_request    request = request_of(&examples[0]);

    sigv4_canonical(&out, &request);
    CHECK_TEXT(buf_text(&out), "GET\n"
                               "/test.txt\n"
                               "\n"
                               "host:examplebucket.s3.amazonaws.com\n"
                               "range:bytes=0-9\n"
                               "x-amz-content-sha256:" SIGV4_EMPTY "\n"
                               "x-amz-date:20130524T000000Z\n"
                               "\n"
                               "host;range;x-amz-content-sha256;x-amz-date\n" SIGV4_EMPTY);
}

TEST(sigv4, makes_the_published_signing_key)
{
    CLEANUP(sigv4) struct sigv4 *signer = NULL;
    struct err                   err = {0};
    uint8_t                      key[HASH_BYTES];
    char                         hex[HASH_HEX];

    CHECK_WORKS(crypto_setup(&err));
    signer =
        sigv4_new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "iam");
    sigv4_key(signer, "20150830T123600Z", key);
    hex_write(hex, (struct bytes){key, sizeof(key)});
    CHECK_TEXT(hex, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

TEST(sigv4, takes_a_new_key_when_the_day_changes)
{
    CLEANUP(sigv4) struct sigv4 *signer = example_signer();
    CLEANUP(arena) struct arena *arena = arena_new();
    struct sigv4_request         request = request_of(&examples[0]);
    const char *today = sigv4_authorize(signer, arena, &request, "20130524T000000Z");
    const char *tomorrow = sigv4_authorize(signer, arena, &request, "20130525T000000Z");

    CHECK(strstr(tomorrow, "/20130525/us-east-1/") != NULL);
    CHECK(strcmp(strstr(today, "Signature="), strstr(tomorrow, "Signature=")) != 0);
    CHECK_TEXT(sigv4_authorize(signer, arena, &request, "20130524T000000Z"), today);
}

TEST(sigv4, sorts_and_encodes_the_query_by_name_and_then_by_value)
{
    CLEANUP(buf) struct buf        out = {0};
    static const struct sigv4_pair query[] = {
        {"prefix", "a/b c"}, {"a1", "x"}, {"a", "~"}, {"a", "="}, {"uploads", ""}, {"A", "+"},
    };

    sigv4_query(&out, query, COUNT_OF(query));
    CHECK_TEXT(buf_text(&out), "A=%2B&a=%3D&a=~&a1=x&prefix=a%2Fb%20c&uploads=");
}

TEST(sigv4, trims_header_values_and_joins_their_spaces)
{
    CLEANUP(buf) struct buf        out = {0};
    static const struct sigv4_pair headers[] = {{"my-header1", "  a   b   c  "}, {"host", "h"}};
    struct sigv4_request           request = {.method = "GET",
                                              .path = "/",
                                              .headers = headers,
                                              .header_count = 2,
                                              .payload = SIGV4_UNSIGNED};

    sigv4_canonical(&out, &request);
    CHECK_TEXT(buf_text(&out),
               "GET\n/\n\nhost:h\nmy-header1:a b c\n\nhost;my-header1\nUNSIGNED-PAYLOAD");
}

TEST(sigv4, writes_dates_in_utc)
{
    char date[SIGV4_DATE];

    sigv4_date(date, 1369353600000000);
    CHECK_TEXT(date, "20130524T000000Z");
}
