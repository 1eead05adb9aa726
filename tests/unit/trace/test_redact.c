// SPDX-License-Identifier: MIT
#include <string.h>

#include "lib/test.h"
#include "trace/redact.h"
#include "value/json.h"
#include "trace/secret.h"

static const char *redacted(struct arena *arena, const char *text, struct redactions *ret)
{
    *ret = (struct redactions){{0}};
    return arena_text(arena, redact_text(arena, bytes_of(text), ret));
}

TEST(redact, finds_the_secret_of_every_rule_and_nothing_in_its_look_alike)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct redactions            found;

    for (size_t i = 0; i < secret_rule_count; i++) {
        const struct secret_rule *rule = &secret_rules[i];
        const char *mark = arena_format(arena, "[REDACTED:%s]", secret_kind_name(rule->kind));
        const char *good = redacted(arena, rule->good, &found);

        if (strstr(good, mark) == NULL || found.count[rule->kind] != 1) {
            test_failed(__FILE__, __LINE__, "not found: %s gave %s", rule->good, good);
        }
        CHECK_TEXT(redacted(arena, rule->bad, &found), rule->bad);
    }
}

TEST(redact, leaves_what_it_has_replaced_alone)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct redactions            found;

    for (size_t i = 0; i < secret_rule_count; i++) {
        const char *once = redacted(arena, secret_rules[i].good, &found);

        CHECK_TEXT(redacted(arena, once, &found), once);
    }
}

TEST(redact, gives_the_same_bytes_back_when_there_is_no_secret)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes                 text = BYTES("a pass through the password field");
    struct redactions            found = {{0}};

    CHECK(redact_text(arena, text, &found).data == text.data);
}

TEST(redact, takes_only_the_secret)
{
    static const struct {
        const char *text, *want;
    } row[] = {
        {"git push https://maren:x7Kq2Lm9"
         "@git.example.org/web.git now",
         "git push https://maren:[REDACTED:url_password]@git.example.org/web.git now"},
        {"DB_PASSWORD="
         "hunter2x python3 app.py",
         "DB_PASSWORD=[REDACTED:password] python3 app.py"},
        {"+    password = \""
         "hunter2x\"\n",
         "+    password = \"[REDACTED:password]\"\n"},
        {"+password: str = '"
         "hunter2x'\n",
         "+password: str = '[REDACTED:password]'\n"},
        {"{\\\"password\\\": \\\""
         "hunter2x\\\"}",
         "{\\\"password\\\": \\\"[REDACTED:password]\\\"}"},
        {"password: "
         "hunter2x\nuser: maren\n",
         "password: [REDACTED:password]\nuser: maren\n"},
        {"mysql --password="
         "letmein -e 'select 1'",
         "mysql --password=[REDACTED:password] -e 'select 1'"},
        {"curl -H 'Authorization: Bearer "
         "x7Kq2.Lm9Np4Rs6Tv8WyAbCd' u",
         "curl -H 'Authorization: Bearer [REDACTED:api_token]' u"},
        {"export GITHUB_TOKEN=ghp_"
         "16C7e42F292c6912E7710c838347Ae178B4a\n",
         "export GITHUB_TOKEN=[REDACTED:forge_token]\n"},
        {"password=ghp_"
         "16C7e42F292c6912E7710c838347Ae178B4a\n",
         "password=[REDACTED:forge_token]\n"},
        {"two AKIA"
         "Z7Q2MNOPRSTUVWX3 AKIA"
         "Z7Q2MNOPRSTUVWX4",
         "two [REDACTED:cloud_token] [REDACTED:cloud_token]"},
        {"out\\nAKIA"
         "Z7Q2MNOPRSTUVWX3\\n",
         "out\\n[REDACTED:cloud_token]\\n"},
        {"-----BEGIN PRIVATE "
         "KEY-----\\nMIIEowIBAAKCAQEAxRz0k3Yq9J1Zb8v5Lw2mTq7uVd4abcd\\nAAAA\\n"
         "-----END PRIVATE "
         "KEY-----\\n;",
         "[REDACTED:private_key]\\n;"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct redactions            found;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        CHECK_TEXT(redacted(arena, row[i].text, &found), row[i].want);
    }
}

TEST(redact, lets_code_pass_that_only_speaks_of_secrets)
{
    static const char *const lines[] = {
        "def login(user, password=None, token=token2):",
        "    client.login(user=user2, password=password2)",
        "    self.password = password_hash_256(value)",
        "    password = config.password2",
        "    password: string;",
        "  password: 'Passwort',",
        "  'password': 'must not be empty',",
        "<input type=\"password\" name=\"new_password\" id=\"password\">",
        "if password == 'hunter2x':",
        "password = '${DB_PASSWORD}'",
        "password = \"{{ vault.password1 }}\"",
        "password=\"********\"",
        "api_key = os.environ['API_KEY_2024']",
        "secret: Secret<String2024>,",
        "printf(\"password=%s\\n\", password);",
        "const PASSWORD_MIN_LENGTH = 12345678;",
        "http://example.org:8080/a@b",
        "https://user@example.org/x",
        "amqp://guest:$PASSWORD@rabbit/",
        "amqp://guest:guest@rabbit/",
        "nats://ivan:pwd:localhost:4222",
        "  let(:user) { User.create!(password: '12345678', password_confirmation: \"987654321\") }",
        "  password = \"#{password}#{klass.pepper}\"",
        "  'password' => 'required|string|min:8|confirmed',",
        "  'password' => 'different:old_password',",
        "  'Password' => 'Illuminate\\Support\\Facades\\Password',",
        "  \"parse-passwd\": \"^1.0.0\",",
        "  \"access_token\": \"access-token-1234\",",
        "    clientSecret: '42_SCHOOL_CLIENT_SECRET',",
        "NTE_INCORRECT_PASSWORD: Final = -2146893773",
        "    ERROR_NO_PASSWORD = 12345678,",
        "  \"AWS::MSK::BatchScramSecret\": \"ff2b807a577495b0\",",
        "  \"ChangePassword\": \"arn:aws:iam::aws:policy/ChangePassword2\",",
        "-----END RSA PRIVATE KEY-----",
        "the key\n-----END RSA PRIVATE KEY-----",
        "  end = '-----END RSA PRIVATE KEY-----'",
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct redactions            found;

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        CHECK_TEXT(redacted(arena, lines[i], &found), lines[i]);
    }
}

TEST(redact, finds_a_secret_at_every_place_of_a_text)
{
    static const char            token[] = "AKIA"
                                           "Z7Q2MNOPRSTUVWX3";
    CLEANUP(arena) struct arena *arena = arena_new();
    struct redactions            found;

    for (int before = 0; before < 12; before++) {
        for (int after = 0; after < 12; after++) {
            (void)redacted(arena, arena_format(arena, "%*s%s%*s", before, "", token, after, ""),
                           &found);
            CHECK_NUMBER(found.count[SECRET_cloud_token], 1);
        }
    }
}

TEST(redact, goes_through_lists_and_maps_and_counts)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      out = {0};
    struct value                 map = value_map();
    struct value                 list = value_list();
    struct redactions            found = {{0}};

    value_append(arena, &list,
                 value_text("AKIA"
                            "Z7Q2MNOPRSTUVWX3"));
    value_append(arena, &list, value_whole(1));
    value_put(arena, &map, "deep", list);
    value_put(arena, &map, "url",
              value_text("ftp://a:b2c4d6"
                         "@c"));
    redact_value(arena, &map, &found);
    CHECK(value_is_text(value_at(&map, "/deep/0"), "[REDACTED:cloud_token]"));
    CHECK(value_is_text(value_at(&map, "/url"), "ftp://a:[REDACTED:url_password]@c"));
    redactions_write(&out, &found);
    CHECK_TEXT(buf_text(&out), "{\"cloud_token\":1,\"url_password\":1}");
}

TEST(redact, replaces_secrets_in_names_and_keeps_the_names_apart)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      out = {0};
    struct value                 map = value_map();
    struct redactions            found = {{0}};
    struct err                   err = {0};

    value_put(arena, &map, "AKIA" "Z7Q2MNOPRSTUVWX3", value_whole(1));
    value_put(arena, &map, "plain", value_whole(2));
    value_put(arena, &map, "AKIA" "Z7Q2MNOPRSTUVWX4", value_whole(3));
    redact_value(arena, &map, &found);
    CHECK_WORKS(jcs_write(&out, &map, &err));
    CHECK_TEXT(buf_text(&out),
               "{\"[REDACTED:cloud_token]\":1,\"[REDACTED:cloud_token] 2\":3,\"plain\":2}");
    CHECK_NUMBER(found.count[SECRET_cloud_token], 2);
}

/* 20,000 of them took longer than anybody waited: each was compared with all, for each number. */
TEST(redact, looks_at_each_of_many_names_once)
{
    enum { NAMES = 20000, LAST = NAMES - 1 };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 map = value_map();
    struct redactions            found = {{0}};

    map.as.members = arena_get(arena, (NAMES + 1) * sizeof(*map.as.members));
    map.as.members[map.count++] =
        (struct value_member){BYTES("[REDACTED:cloud_token] 3"), value_null()};
    for (unsigned i = 0; i < NAMES; i++) {
        map.as.members[map.count++] = (struct value_member){
            bytes_of(arena_format(arena, "AKIA" "Z7Q2MNOPRS%06u", i)), value_null()};
    }
    redact_value(arena, &map, &found);
    CHECK_NUMBER(found.count[SECRET_cloud_token], NAMES);
    CHECK(bytes_is(map.as.members[1].name, "[REDACTED:cloud_token]"));
    CHECK(bytes_is(map.as.members[2].name, "[REDACTED:cloud_token] 2"));
    CHECK(bytes_is(map.as.members[3].name, "[REDACTED:cloud_token] 4")); /* 3 was there */
    CHECK(bytes_is(map.as.members[1 + LAST].name,
                   arena_format(arena, "[REDACTED:cloud_token] %d", NAMES + 1)));
}

TEST(redact, says_nothing_of_what_was_not_found)
{
    CLEANUP(buf) struct buf out = {0};
    struct redactions       none = {{0}};

    redactions_write(&out, &none);
    CHECK_TEXT(buf_text(&out), "{}");
}
