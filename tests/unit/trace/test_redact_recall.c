// SPDX-License-Identifier: MIT
/* Made secrets where real sessions have them: in diffs, in JSON inside of JSON, in commands, in settings. */
#include <string.h>

#include "lib/test.h"
#include "trace/redact.h"

/* Of no worth, and cut in two so that no scanner of this tree takes them for real ones. */
static const struct {
    enum secret_kind kind;
    const char      *text;
} tokens[] = {
    {SECRET_cloud_token, "AKIA" "Z7Q2MNOPRSTUVWX3"},
    {SECRET_cloud_token, "AIza" "SyD3x_9q-Vb7Lk2Mn5Pq8Rs1Tu4Wv6Xy0zA"},
    {SECRET_forge_token, "ghp_" "16C7e42F292c6912E7710c838347Ae178B4a"},
    {SECRET_forge_token, "github_pat_" "11ABCDEFG0aBcDeFgHiJkL_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"},
    {SECRET_forge_token, "glpat-" "x7Kq2_Lm9Np4Rs6Tv8Wy"},
    {SECRET_chat_token, "xoxb-" "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"},
    {SECRET_api_token, "sk_live_" "4eC39HqLyjWDarjtT1zdp7dc"},
    {SECRET_api_token, "sk-ant-" "api03-x7Kq2_Lm9Np4Rs6Tv8WyAbCdEfGhIj"},
    {SECRET_jwt, "eyJ" "hbGciOiJIUzI1NiJ9.eyJ" "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"},
};

static const char *const around_a_token[] = {
    "%s",
    "+%s\n",
    "-    client = Client('%s')\n",
    "     return \"%s\";\n",
    "{\"key\":\"%s\"}",
    "{\\\"key\\\":\\\"%s\\\"}",
    "\"before\\n%s\\nafter\"",
    "export DEPLOY_TOKEN=%s\n",
    "DEPLOY_TOKEN: %s\n",
    "https://api.example.org/v1?key=%s&page=2",
    "https://x-access-token:%s@git.example.org/a/b.git",
    "curl -H 'X-Token: %s' https://api.example.org",
    "curl -H \"Authorization: Bearer %s\" https://api.example.org",
    "docker run -e TOKEN=%s image",
    "<setting name=\"token\" value=\"%s\"/>",
    "[registry]\ntoken = %s\n",
    "client(%s)",
    "token,%s,maren",
    "`%s`",
    "x=%s;y=1",
    "\xc3\xa9%s\xc3\xa9",
};

TEST(redact_recall, finds_every_token_in_every_surrounding)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        for (size_t j = 0; j < COUNT_OF(around_a_token); j++) {
            const char       *token = tokens[i].text;
            struct redactions found = {{0}};
            const char       *at = strstr(around_a_token[j], "%s");
            const char       *text = arena_format(arena, "%.*s%s%s", (int)(at - around_a_token[j]),
                                                  around_a_token[j], token, at + 2);
            const char *left = arena_text(arena, redact_text(arena, bytes_of(text), &found));

            if (strstr(left, token) != NULL || found.count[tokens[i].kind] != 1) {
                test_failed(__FILE__, __LINE__, "%s gave %s", text, left);
            }
            CHECK(strstr(left, at + 2) != NULL); /* what follows stands as it was */
        }
    }
}

#define WORD "hunter" "2xyz"

static const char *const passwords[] = {
    "+DB_PASSWORD=" WORD "\n",
    "-DB_PASSWORD=" WORD "\n",
    " DB_PASSWORD=" WORD "\n",
    "export PGPASSWORD=" WORD "\n",
    "PGPASSWORD=" WORD " psql -h db",
    "docker run -e MYSQL_ROOT_PASSWORD=" WORD " mysql",
    "mysql --password=" WORD " -e 'select 1'",
    "curl 'https://example.org/login?user=maren&password=" WORD "&next=1'",
    "git clone https://maren:" WORD "@git.example.org/web.git",
    "DATABASE_URL=postgres://app:" WORD "@db:5432/app\n",
    "+    \"postgres://app:" WORD "@db:5432/app\"\n",
    "+    password: " WORD "\n",
    "+    password: \"" WORD "\"\n",
    "+    'password' => '" WORD "',\n",
    "+  \"password\": \"" WORD "\",\n",
    "{\\\"user\\\": \\\"maren\\\", \\\"password\\\": \\\"" WORD "\\\"}",
    "{\"body\":\"{\\\"password\\\":\\\"" WORD "\\\"}\"}",
    "+password = \"" WORD "\"\n",
    "+    private static final String PASSWORD = \"" WORD "\";\n",
    "+const password = `" WORD "`;\n",
    "+    self.password = '" WORD "'\n",
    "+  config[\"password\"] = \"" WORD "\"\n",
    "+password := \"" WORD "\"\n",
    "+password: str = \"" WORD "\"\n",
    "+spring.datasource.password=" WORD "\n",
    "+smtp_password = \"" WORD "\"  # change\n",
    "Server=db;Uid=app;Pwd=" WORD ";Database=a",
    "jdbc:mysql://db/app?user=maren&password=" WORD "",
    "+  SECRET_KEY = '" WORD "-x7Kq2Lm9'\n",
    "+api_key: " WORD "-x7Kq2Lm9\n",
    "+    password: 48151623\n",
    "+PASSWORD=48151623\n",
    "machine git.example.org password=" WORD "\n",
};

TEST(redact_recall, finds_every_password_in_its_surrounding)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(passwords); i++) {
        struct redactions found = {{0}};
        const char       *left =
            arena_text(arena, redact_text(arena, bytes_of(passwords[i]), &found));

        if (strstr(left, WORD) != NULL || strstr(left, "48151623") != NULL ||
            found.count[SECRET_password] + found.count[SECRET_url_password] != 1) {
            test_failed(__FILE__, __LINE__, "%s gave %s", passwords[i], left);
        }
    }
}

/* -------- keys of many lines -------- */

#define BEGIN  "-----BEGIN RSA PRIVATE " "KEY-----"
#define END    "-----END RSA PRIVATE " "KEY-----"
#define LINE_1 "MIIEowIBAAKCAQEAxRz0k3Yq9J1Zb8v5Lw2mTq7uVd4abcdefghijklmnopqrstu"
#define LINE_2 "q7uVd4Lw2mTqxRz0k3Yq9J1Zb8v5Lw2mTq7uVd4MIIEowIBAAKCAQEAxRz0k3Yq"
#define LINE_3 "abcd=="

static const struct {
    const char *text, *want;
} keys[] = {
    {"@@ -0,0 +1,5 @@\n+" BEGIN "\n+" LINE_1 "\n+" LINE_2 "\n+" LINE_3 "\n+" END "\n+next\n",
     "@@ -0,0 +1,5 @@\n+[REDACTED:private_key]\n+next\n"},
    {"@@ -1,5 +0,0 @@\n-" BEGIN "\n-" LINE_1 "\n-" LINE_2 "\n-" LINE_3 "\n-" END "\n-next\n",
     "@@ -1,5 +0,0 @@\n-[REDACTED:private_key]\n-next\n"},
    {"KEY=\"" BEGIN "\\n" LINE_1 "\\n" LINE_2 "\\n" END "\\n\"\nB=1",
     "KEY=\"[REDACTED:private_key]\\n\"\nB=1"},
    {"+    \"" BEGIN "\\n\"\n+    \"" LINE_1 "\\n\"\n+    \"" LINE_2 "\\n\"\n+    \"" END "\";\n",
     "+    \"[REDACTED:private_key]\";\n"},
    /* The hunk ends before the key does, ... */
    {"+" BEGIN "\n+" LINE_1 "\n+" LINE_2 "\n@@ -9,2 +9,2 @@\n a\n",
     "+[REDACTED:private_key]\n@@ -9,2 +9,2 @@\n a\n"},
    /* ... begins behind its header, ... */
    {"@@ -7,4 +7,4 @@\n " LINE_1 "\n " LINE_2 "\n " LINE_3 "\n " END "\n-old\n+new\n",
     "@@ -7,4 +7,4 @@\n [REDACTED:private_key]\n-old\n+new\n"},
    {"@@ -7,4 +7,4 @@\n+" LINE_1 "\n+" LINE_2 "\n+" END "\n+new\n",
     "@@ -7,4 +7,4 @@\n+[REDACTED:private_key]\n+new\n"},
    {"\"@@ -7,4 +7,4 @@\\n+" LINE_1 "\\n+" LINE_2 "\\n+" END "\\n+new\"",
     "\"@@ -7,4 +7,4 @@\\n[REDACTED:private_key]\\n+new\""},
    /* ... or two hunks have the two halves. */
    {" " BEGIN "\n-" LINE_1 "\n+" LINE_2 "\n@@ -20,3 +20,3 @@\n " LINE_2 "\n " LINE_3 "\n " END "\n",
     " [REDACTED:private_key]\n@@ -20,3 +20,3 @@\n [REDACTED:private_key]\n"},
};

TEST(redact_recall, finds_private_keys_that_a_diff_cuts)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct redactions found = {{0}};

        CHECK_TEXT(arena_text(arena, redact_text(arena, bytes_of(keys[i].text), &found)),
                   keys[i].want);
    }
}
