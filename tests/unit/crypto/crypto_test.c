// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <stdlib.h>

#include "crypto/crypto.h"

__attribute__((constructor)) static void setup(void)
{
    struct err err = {0};

    if (crypto_setup(&err) < 0) {
        (void)fprintf(stderr, "%s\n", err.story);
        abort();
    }
}

static void check_hex(const uint8_t *got, size_t size, const char *want)
{
    char hex[2 * 64 + 1];

    hex_write(hex, (struct bytes){got, size});
    CHECK_TEXT(hex, want);
}

TEST(crypto, may_be_set_up_twice)
{
    struct err err = {0};

    CHECK_WORKS(crypto_setup(&err));
}

/* FIPS 180-2, appendix B, and the empty message. */
TEST(sha256, gives_the_published_digests)
{
    char hex[HASH_HEX];

    sha256_hex(BYTES(""), hex);
    CHECK_TEXT(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex(BYTES("abc"), hex);
    CHECK_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex(BYTES("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hex);
    CHECK_TEXT(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(sha256, takes_its_input_in_pieces_and_starts_anew)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    static const char thousand_a[1001] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    uint8_t hash[HASH_BYTES];

    for (int round = 0; round < 2; round++) {
        if (round > 0) {
            sha256_start(sha);
        }
        sha256_peek(sha, hash); /* changes nothing */
        check_hex(hash, sizeof(hash),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (int i = 0; i < 10000; i++) {
            sha256_add(sha, (struct bytes){(const uint8_t *)thousand_a, 100});
        }
        sha256_add(sha, (struct bytes){NULL, 0});
        sha256_finish(sha, hash);
        check_hex(hash, sizeof(hash),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

TEST(sha256, forgets_what_it_had_when_started_anew)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    uint8_t hash[HASH_BYTES];

    sha256_add(sha, BYTES("something else"));
    sha256_start(sha);
    sha256_add(sha, BYTES("abc"));
    sha256_finish(sha, hash);
    check_hex(hash, sizeof(hash),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231. */
TEST(hmac, gives_the_published_macs)
{
    static const struct {
        const char *key; /* hex */
        const char *message;
        const char *mac;
    } rows[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
         "ddddddddddd",
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"0102030405060708090a0b0c0d0e0f10111213141516171819",
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdc"
         "dcdcdcdcdcd",
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t key[64];
        uint8_t message[64];
        uint8_t mac[HASH_BYTES];
        size_t  key_size = strlen(rows[i].key) / 2;
        size_t  size = strlen(rows[i].message) / 2;

        CHECK(hex_read(key, key_size, bytes_of(rows[i].key)));
        CHECK(hex_read(message, size, bytes_of(rows[i].message)));
        CLEANUP(hmac) struct hmac *hmac = hmac_new((struct bytes){key, key_size});
        /* In every cut into two pieces, one after the other from one prepared key. */
        for (size_t cut = 0; cut <= size; cut++) {
            struct bytes pieces[2] = {{message, cut}, {message + cut, size - cut}};

            hmac_of(hmac, pieces, 2, mac);
            check_hex(mac, sizeof(mac), rows[i].mac);
        }
    }
}

/* RFC 4231, cases 6 and 7: keys longer than a block. */
TEST(hmac, takes_long_keys)
{
    uint8_t      key[131];
    uint8_t      mac[HASH_BYTES];
    struct bytes pieces[1] = {BYTES("Test Using Larger Than Block-Size Key - Hash Key First")};

    memset(key, 0xaa, sizeof(key));
    CLEANUP(hmac) struct hmac *hmac = hmac_new((struct bytes){key, sizeof(key)});
    hmac_of(hmac, pieces, 1, mac);
    check_hex(mac, sizeof(mac), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    pieces[0] =
        BYTES("This is a test using a larger than block-size key and a larger than block-size "
              "data. The key needs to be hashed before being used by the HMAC algorithm.");
    hmac_of(hmac, pieces, 1, mac);
    check_hex(mac, sizeof(mac), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(hmac, takes_an_empty_key_and_no_pieces)
{
    CLEANUP(hmac) struct hmac *hmac = hmac_new((struct bytes){NULL, 0});
    uint8_t mac[HASH_BYTES];

    hmac_of(hmac, NULL, 0, mac);
    check_hex(mac, sizeof(mac), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(hmac, keeps_two_keys_apart)
{
    CLEANUP(hmac) struct hmac *one = hmac_new(BYTES("Jefe"));
    CLEANUP(hmac) struct hmac *other = hmac_new(BYTES("Jeff"));
    struct bytes message = BYTES("what do ya want for nothing?");
    uint8_t      mac[HASH_BYTES];

    hmac_of(other, &message, 1, mac);
    hmac_of(one, &message, 1, mac);
    check_hex(mac, sizeof(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* RFC 8032, section 7.1, tests 1 to 3. */
TEST(sign, makes_the_published_signatures)
{
    static const struct {
        const char *seed;
        const char *public_key;
        const char *message;
        const char *signature;
    } rows[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t      seed[KEY_BYTES];
        uint8_t      public_key[KEY_BYTES];
        uint8_t      raw[2] = {0};
        uint8_t      signature[SIGNATURE_BYTES];
        struct bytes message = {raw, strlen(rows[i].message) / 2};

        CHECK(hex_read(seed, sizeof(seed), bytes_of(rows[i].seed)));
        CHECK(hex_read(raw, message.size, bytes_of(rows[i].message)));
        sign_public_key(seed, public_key);
        check_hex(public_key, sizeof(public_key), rows[i].public_key);
        sign_make(seed, message, signature);
        check_hex(signature, sizeof(signature), rows[i].signature);
        CHECK(sign_check(public_key, message, signature));
    }
}

TEST(sign, refuses_any_bit_that_was_changed)
{
    uint8_t      seed[KEY_BYTES] = {7};
    uint8_t      public_key[KEY_BYTES];
    uint8_t      signature[SIGNATURE_BYTES];
    uint8_t      text[] = "a document";
    struct bytes message = {text, sizeof(text)};

    sign_public_key(seed, public_key);
    sign_make(seed, message, signature);
    for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!sign_check(public_key, message, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof(text); bit++) {
        text[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!sign_check(public_key, message, signature));
        text[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    public_key[0] ^= 1;
    CHECK(!sign_check(public_key, message, signature));
}

TEST(random, gives_other_bytes_each_time)
{
    uint8_t one[32] = {0};
    uint8_t two[32] = {0};

    random_bytes(one, sizeof(one));
    random_bytes(two, sizeof(two));
    CHECK(memcmp(one, two, sizeof(one)) != 0);
}

TEST(compare, tells_equal_from_different_and_short_from_long)
{
    CHECK(equal_in_constant_time(BYTES("token"), BYTES("token")));
    CHECK(!equal_in_constant_time(BYTES("token"), BYTES("tokem")));
    CHECK(!equal_in_constant_time(BYTES("token"), BYTES("toke")));
    CHECK(!equal_in_constant_time(BYTES(""), BYTES("t")));
    CHECK(equal_in_constant_time(BYTES(""), (struct bytes){NULL, 0}));
}

TEST(wipe, leaves_zeros)
{
    uint8_t secret[40];
    uint8_t zeros[40] = {0};

    memset(secret, 0x5a, sizeof(secret));
    wipe(secret, sizeof(secret));
    CHECK(memcmp(secret, zeros, sizeof(secret)) == 0);
}

/* RFC 4648, section 10. */
TEST(base64, writes_and_reads_the_published_samples)
{
    static const char *const rows[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(buf) struct buf standard = {0};
        CLEANUP(buf) struct buf url = {0};
        CLEANUP(buf) struct buf back = {0};

        base64_write(&standard, bytes_of(rows[i][0]));
        CHECK_TEXT(buf_text(&standard), rows[i][1]);
        base64url_write(&url, bytes_of(rows[i][0]));
        CHECK_TEXT(buf_text(&url), rows[i][2]);
        CHECK(base64_read(&back, buf_bytes(&standard)));
        CHECK_TEXT(buf_text(&back), rows[i][0]);
        CHECK(base64url_read(&back, buf_bytes(&url))); /* appends */
        CHECK(back.size == 2 * strlen(rows[i][0]));
    }
}

TEST(base64, refuses_every_other_spelling)
{
    static const char *const standard[] = {
        "Zg",   "Zg=",   "Zg===", "Zm9", "Zm9v=", "Zh==", "Zm9=", "-_-_", "Zm 9v",    "Zm9v\n", "=",
        "====", "Zg==Zg==", "Z",  "Zm9vY", "Z!==", "Zg==A", "Zg=A",
    };
    static const char *const url[] = {"Zg==", "Zm9=",  "+/+/",  "Zh",     "Zm9",
                                      "Z",    "Zm9vY", "Zm9v ", "Zm9v\n", "Zg="};

    for (size_t i = 0; i < COUNT_OF(standard); i++) {
        CLEANUP(buf) struct buf out = {0};

        buf_put_text(&out, "kept");
        if (base64_read(&out, bytes_of(standard[i]))) {
            test_failed(__FILE__, __LINE__, "\"%s\" was read", standard[i]);
        }
        CHECK_TEXT(buf_text(&out), "kept");
    }
    for (size_t i = 0; i < COUNT_OF(url); i++) {
        CLEANUP(buf) struct buf out = {0};

        if (base64url_read(&out, bytes_of(url[i]))) {
            test_failed(__FILE__, __LINE__, "\"%s\" was read", url[i]);
        }
        CHECK(out.size == 0);
    }
    CLEANUP(buf) struct buf out = {0};
    CHECK(!base64_read(&out, BYTES("Zm9v\0")));
    CHECK(!base64_read(&out, BYTES("\xff\xff\xff\xff"))); /* libsodium reads this */
    CHECK(!base64url_read(&out, BYTES("\xff\xff\xff\xff")));
    for (int c = 0; c < 256; c++) {
        uint8_t text[4] = {'A', 'A', 'A', (uint8_t)c};
        bool    letter =
            c != 0 &&
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", c) != NULL;

        out.size = 0;
        CHECK(base64url_read(&out, (struct bytes){text, 4}) == (letter || c == '-' || c == '_'));
        out.size = 0;
        CHECK(base64_read(&out, (struct bytes){text, 4}) ==
              (letter || c == '+' || c == '/' || c == '='));
        out.size = 0;
    }
    CHECK(!base64url_read(&out, BYTES("\0\0\0\0")));
}

TEST(base64, keeps_bytes_of_any_size)
{
    for (size_t size = 0; size < 300; size++) {
        CLEANUP(buf) struct buf text = {0};
        CLEANUP(buf) struct buf back = {0};
        uint8_t bytes[300];

        random_bytes(bytes, sizeof(bytes));
        base64url_write(&text, (struct bytes){bytes, size});
        CHECK(base64url_read(&back, buf_bytes(&text)));
        CHECK(bytes_equal(buf_bytes(&back), (struct bytes){bytes, size}));
    }
}
