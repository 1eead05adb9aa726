// SPDX-License-Identifier: MIT
#include "gateway/api/openapi.h"

#include <pthread.h>
#include <string.h>

#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"
#include "trace/event.h"
#include "value/json.h"

/* body, answer: a schema below or one of the trace's ("chunk", "trace"); "": any object; NULL: none.
 * Other types than JSON by their name. */
static const struct description {
    const char *method, *path, *id, *what;
    const char *success; /* statuses, the usual one first */
    const char *body, *answer;
} descriptions[] = {
    {"POST", "/v1/traces", "openTrace", "Open a trace", "201", "OpenBody", "Opened"},
    {"GET", "/v1/traces", "listTraces", "List traces, newest first", "200", NULL, "Listing"},
    {"GET", "/v1/traces/{trace}", "showTrace",
     "The document, or 202 until it is finalized", "200 202 304", NULL, "trace"},
    {"DELETE", "/v1/traces/{trace}", "eraseTrace", "Erase a trace and everything it left", "202",
     NULL, "Status"},
    {"POST", "/v1/traces/{trace}/events:ingest", "ingestChunk",
     "Send a chunk of events and get its verdict; Prefer: respond-async or wait=N", "200 202",
     "chunk", "Verdict"},
    {"GET", "/v1/traces/{trace}/chunks/{chunk}", "showChunk", "A chunk's verdict", "200", NULL,
     "Verdict"},
    {"POST", "/v1/traces/{trace}/complete", "completeTrace", "Say that no more chunks come",
     "200 202", "Completion", "Status"},
    {"GET", "/v1/traces/{trace}/events", "listEvents", "Events in order of seq", "200", NULL,
     "Events"},
    {"GET", "/v1/traces/{trace}/events.ndjson", "listLines", "The stored lines, byte for byte",
     "200", NULL, "application/x-ndjson"},
    {"PUT", "/v1/traces/{trace}/artifacts/{name}", "putArtifact", "Upload an artifact", "201 202",
     "application/octet-stream", "blob_ref"},
    {"GET", "/v1/traces/{trace}/artifacts/{name}", "showArtifact", "An artifact's bytes",
     "200 206 304", NULL, "application/octet-stream"},
    {"GET", "/v1/traces/{trace}/qa/log", "showQaLog",
     "What the newest test run printed; 202 with what there is of it while it runs", "200 202",
     NULL, "text/plain"},
    {"POST", "/ingest", "ingestBatch", "Send a batch of an older IDE plugin", "200 202", "Batch",
     "BatchVerdict"},
    {"GET", "/v1/prs/{owner}/{repo}/{number}", "listPullRequest", "The traces of a pull request",
     "200", NULL, "Listing"},
    {"GET", "/v1/limits", "showLimits", "What the farm accepts", "200", NULL, "Limits"},
    {"GET", "/v1/schemas/trace-1.0.json", "showTraceSchema", "JSON Schema of the document", "200",
     NULL, "application/schema+json"},
    {"GET", "/openapi.json", "showOpenapi", "This document", "200", NULL, ""},
    {"GET", "/docs", "showDocs", "This document, for people", "200", NULL, "text/html"},
    {"GET", "/docs.js", "showDocsScript", "The script of that page", "200", NULL,
     "text/javascript"},
    {"GET", "/healthz", "showHealth", "Is the process alive?", "200", NULL, "Status"},
    {"GET", "/readyz", "showReady", "Which dependency is down?", "200 503", NULL, "Ready"},
    {"GET", "/metrics", "showMetrics", "Prometheus text", "200", NULL, "text/plain"},
    {"GET", "/", "showPage", "The web page", "200", NULL, "text/html"},
    {"GET", "/farm.css", "showPageStyle", "Its style", "200", NULL, "text/css"},
    {"GET", "/farm.js", "showPageScript", "Its script", "200", NULL, "text/javascript"},
};

/* What a request may carry besides its body. `of` is a route's path, the answer of several
 * ("Listing"), or "" for whatever is not GET; `type` has an enum's choices with | between them. */
static const struct {
    const char *of, *in, *name, *type;
} parameters[] = {
    {"Listing", "query", "status", "open|completing|closed|finalized"},
    {"/v1/traces", "query", "task_id", "string"},
    {"Listing", "query", "participant_id", "string"},
    {"Listing", "query", "repo", "string"},
    {"Listing", "query", "experiment_id", "string"},
    {"Listing", "query", "trace_id", "string"},
    {"Listing", "query", "tests_passed", "true|false|null"},
    {"Listing", "query", "min_score", "number"},
    {"Listing", "query", "since", "string"},
    {"Listing", "query", "until", "string"},
    {"Listing", "query", "cursor", "string"},
    {"Listing", "query", "limit", "integer"},
    {"/v1/traces/{trace}", "query", "judge", "newest|all"},
    {"/v1/traces/{trace}", "header", "If-Match", "string"},
    {"/v1/traces/{trace}", "header", "If-None-Match", "string"},
    {"/v1/traces/{trace}/events", "query", "from_seq", "integer"},
    {"/v1/traces/{trace}/events", "query", "limit", "integer"},
    {"/v1/traces/{trace}/events", "query", "type", "string"},
    {"/v1/traces/{trace}/qa/log", "query", "from", "integer"},
    {"/v1/traces/{trace}/qa/log", "query", "seen", "string"},
    {"/v1/traces/{trace}/artifacts/{name}", "header", "Range", "string"},
    {"/v1/traces/{trace}/artifacts/{name}", "header", "If-Range", "string"},
    {"/v1/traces/{trace}/artifacts/{name}", "header", "If-Match", "string"},
    {"/v1/traces/{trace}/artifacts/{name}", "header", "If-None-Match", "string"},
    {"blob_ref", "header", "X-Content-SHA256", "string"},
    {"", "header", "Prefer", "string"}, /* respond-async, wait=N */
    {"", "header", "Idempotency-Key", "string"},
};

/* What the schemas' names stand for; those of the trace come from its own tables. */
static const char components[] =
    "{\"OpenBody\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/head\"},{\"$ref\":"
    "\"#/components/schemas/FlatHead\"}]},"
    "\"Problem\":{\"type\":\"object\",\"description\":\"RFC 9457\",\"required\":[\"type\",\"title\","
    "\"status\",\"detail\",\"code\"],\"properties\":{\"type\":{\"type\":\"string\"},\"title\":"
    "{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},\"code\":"
    "{\"type\":\"string\"},\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":"
    "{\"pointer\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},\"message\":{\"type\":"
    "\"string\"}}}},\"problems_omitted\":{\"type\":\"integer\",\"minimum\":1}}},"
    "\"Status\":{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{\"status\":{\"type\":"
    "\"string\"},\"trace_id\":{\"type\":\"string\"},\"num_events\":{\"type\":[\"integer\",\"null\"]},"
    "\"qa_job_id\":{\"type\":[\"string\",\"null\"]},\"final_uri\":{\"type\":\"string\"}}},"
    "\"Limits\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}},"
    "\"Ready\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
    "\"Opened\":{\"type\":\"object\",\"required\":[\"trace_id\",\"upload_token\",\"message\","
    "\"expires_at\"],\"properties\":{\"trace_id\":{\"type\":\"string\"},\"upload_token\":{\"type\":"
    "\"string\"},\"message\":{\"type\":\"string\"},\"expires_at\":{\"type\":\"integer\"}}},"
    "\"Completion\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"num_chunks\":"
    "{\"type\":\"integer\",\"minimum\":0},\"last_chunk_seq\":{\"type\":\"integer\",\"minimum\":0}}},"
    "\"Rejected\":{\"type\":\"object\",\"properties\":{\"index\":{\"type\":[\"integer\",\"null\"]},"
    "\"id\":{\"type\":[\"string\",\"null\"]},\"seq\":{\"type\":[\"integer\",\"null\"]},\"code\":{"
    "\"type\":\"string\"},\"message\":{\"type\":\"string\"},\"pointer\":{\"type\":\"string\"},"
    "\"problems\":{\"description\":\"all of them, the first too, when there are more\",\"type\":"
    "\"array\",\"items\":{\"type\":\"object\",\"required\":[\"pointer\",\"message\"],"
    "\"properties\":{\"pointer\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}},"
    "\"problems_omitted\":{\"type\":\"integer\",\"minimum\":1}}},"
    "\"Verdict\":{\"type\":\"object\",\"required\":[\"status\",\"chunk_id\"],\"properties\":{\"status\":"
    "{\"enum\":[\"success\",\"partial\",\"duplicate\",\"pending\",\"accepted\"]},\"chunk_id\":{\"type\":"
    "\"string\"},\"events_added\":{\"type\":\"integer\"},\"events_duplicate\":{\"type\":\"integer\"},"
    "\"artifacts_added\":{\"type\":\"integer\"},\"total_events\":{\"type\":\"integer\"},\"rejected\":{"
    "\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Rejected\"}},\"status_url\":{"
    "\"type\":\"string\"}}},"
    "\"BatchVerdict\":{\"type\":\"object\",\"required\":[\"trace_id\"],\"properties\":{\"trace_id\":{"
    "\"type\":\"string\"},\"accepted_event_ids\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"duplicate_event_ids\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"rejected\":{"
    "\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Rejected\"}},\"status\":{\"type\":"
    "\"string\"},\"status_url\":{\"type\":\"string\"}}},"
    "\"Batch\":{\"type\":\"object\",\"required\":[\"repo\",\"pr\",\"developer\",\"events\"],"
    "\"properties\":{\"trace_id\":{\"type\":\"string\"},\"repo\":{\"type\":\"object\"},\"pr\":{"
    "\"type\":\"object\",\"required\":[\"pr_id\"],\"properties\":{\"pr_id\":{\"type\":\"string\","
    "\"pattern\":\"^[^/#]+/[^/#]+#[0-9]+$\"},\"status\":{\"enum\":[\"open\",\"merged\",\"closed\"]}}},"
    "\"developer\":{\"type\":\"object\",\"required\":[\"user_id\"]},\"timeline\":{\"type\":\"object\"},"
    "\"events\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"ts\",\"type\","
    "\"payload\"],\"properties\":{\"seq\":{\"type\":\"integer\",\"minimum\":0},\"ts\":{\"type\":"
    "\"string\"},\"type\":{\"enum\":[\"edit\",\"command\",\"test\",\"commit\",\"annotation\"]},"
    "\"payload\":{\"type\":\"object\"}}}}}},"
    "\"Events\":{\"type\":\"object\",\"required\":[\"events\",\"next\"],\"properties\":{\"events\":{"
    "\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/event\"}},\"next\":{\"type\":["
    "\"integer\",\"null\"]}}},"
    "\"Listing\":{\"type\":\"object\",\"required\":[\"traces\",\"next\"],\"properties\":{\"traces\":{"
    "\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":{\"type\":[\"string\",\"null\"]}}}}";

static const struct description *description_of(const struct route *route)
{
    for (size_t i = 0; i < COUNT_OF(descriptions); i++) {
        if (strcmp(descriptions[i].method, route->method) == 0 &&
            strcmp(descriptions[i].path, route->path) == 0) {
            return &descriptions[i];
        }
    }
    return NULL;
}

static struct value one(struct arena *arena, const char *name, struct value item)
{
    struct value map = value_map();

    value_put(arena, &map, name, item);
    return map;
}

/* {"application/json":{"schema":...}}, and the same in msgpack where that is taken and given. */
static struct value content_of(struct arena *arena, const char *what)
{
    const char  *type = strchr(what, '/') != NULL ? what : "application/json";
    struct value schema = what[0] == '\0' ? one(arena, "type", value_text("object"))
                          : type == what  ? value_map()
                                          : one(arena, "$ref",
                                                value_text(arena_format(
                                                    arena, "#/components/schemas/%s", what)));
    struct value content = one(arena, type, one(arena, "schema", schema));

    if (type != what && what[0] != '\0' && strcmp(what, "trace") != 0) {
        value_put(arena, &content, "application/msgpack", one(arena, "schema", schema));
    }
    return content;
}

static struct value type_of(struct arena *arena, const char *type)
{
    struct value choices = value_list();

    if (strchr(type, '|') == NULL) {
        return one(arena, "type", value_text(type));
    }
    for (const char *at = type; *at != '\0'; at += strspn(at, "|")) {
        size_t size = strcspn(at, "|");

        value_append(arena, &choices, value_text(arena_format(arena, "%.*s", (int)size, at)));
        at += size;
    }
    return one(arena, "enum", choices);
}

static struct value parameter(struct arena *arena, const char *name, const char *in,
                              const char *type)
{
    struct value value = value_map();

    value_put(arena, &value, "name", value_text(name));
    value_put(arena, &value, "in", value_text(in));
    value_put(arena, &value, "required", value_flag(strcmp(in, "path") == 0));
    value_put(arena, &value, "schema", type_of(arena, type));
    return value;
}

static bool parameter_is_of(size_t row, const struct description *of)
{
    const char *whose = parameters[row].of;
    bool        gets = strcmp(of->method, "GET") == 0;

    return whose[0] == '\0'  ? !gets
           : whose[0] == '/' ? gets && strcmp(whose, of->path) == 0
                             : of->answer != NULL && strcmp(whose, of->answer) == 0;
}

static bool is_query_of(size_t row, const struct description *of)
{
    return strcmp(parameters[row].in, "query") == 0 && parameter_is_of(row, of);
}

bool openapi_query_has(const struct route *route, struct bytes name)
{
    const struct description *of = description_of(route);

    for (size_t i = 0; of != NULL && i < COUNT_OF(parameters); i++) {
        if (is_query_of(i, of) && bytes_is(name, parameters[i].name)) {
            return true;
        }
    }
    return false;
}

const char *openapi_query_names(struct arena *arena, const struct route *route)
{
    const struct description *of = description_of(route);
    const char               *names = "";

    for (size_t i = 0; of != NULL && i < COUNT_OF(parameters); i++) {
        if (is_query_of(i, of)) {
            names = arena_format(arena, "%s%s%s", names, names[0] == '\0' ? "" : ", ",
                                 parameters[i].name);
        }
    }
    return names[0] == '\0' ? "none" : names;
}

static struct value parameters_of(struct arena *arena, const struct description *of)
{
    struct value list = value_list();

    for (const char *at = strchr(of->path, '{'); at != NULL; at = strchr(at + 1, '{')) {
        value_append(arena, &list,
                     parameter(arena,
                               arena_format(arena, "%.*s", (int)strcspn(at + 1, "}"), at + 1),
                               "path", "string"));
    }
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        if (parameter_is_of(i, of)) {
            value_append(arena, &list, parameter(arena, parameters[i].name, parameters[i].in,
                                                 parameters[i].type));
        }
    }
    return list;
}

static struct value responses_of(struct arena *arena, const struct description *of)
{
    struct value responses = value_map();
    struct value problem = value_map();

    for (const char *at = of->success; *at != '\0'; at += strspn(at, " ")) {
        struct value answer = value_map();
        size_t       size = strcspn(at, " ");
        /* Instead of a document that is not there yet, or of what validate has not confirmed yet. */
        bool early = strncmp(at, "202", 3) == 0 && (strcmp(of->answer, "trace") == 0 ||
                                                    strcmp(of->answer, "blob_ref") == 0);
        bool known = strncmp(at, "304", 3) == 0;

        value_put(arena, &answer, "description",
                  value_text(known ? "It is what If-None-Match named" : of->what));
        if (!known) {
            value_put(arena, &answer, "content", content_of(arena, early ? "Status" : of->answer));
        }
        value_put(arena, &responses, arena_format(arena, "%.*s", (int)size, at), answer);
        at += size;
    }
    value_put(arena, &problem, "description", value_text("Refused, and why"));
    value_put(arena, &problem, "content",
              one(arena, "application/problem+json",
                  one(arena, "schema",
                      one(arena, "$ref", value_text("#/components/schemas/Problem")))));
    value_put(arena, &responses, "default", problem);
    return responses;
}

static struct value roles_of(struct arena *arena, unsigned needs)
{
    static const struct {
        unsigned    role;
        const char *name;
    } names[] = {{ROLE_INGEST, "ingest"},
                 {ROLE_READ, "read"},
                 {ROLE_OPERATE, "operate"},
                 {ROLE_ADMIN, "admin"}};
    struct value list = value_list();

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if ((needs & names[i].role) != 0) {
            value_append(arena, &list, value_text(names[i].name));
        }
    }
    return list;
}

static struct value security_of(struct arena *arena, const struct route *route)
{
    struct value list = value_list();

    if ((route->needs & ROLE_UPLOAD) != 0) {
        value_append(arena, &list, one(arena, "uploadToken", value_list()));
    }
    if ((route->needs & ROLE_EVERY_KEY) != 0) {
        value_append(arena, &list, one(arena, "apiKey", roles_of(arena, route->needs)));
    }
    return list;
}

static struct value operation_of(struct arena *arena, const struct route *route,
                                 const struct description *of)
{
    struct value operation = value_map();

    value_put(arena, &operation, "operationId", value_text(of->id));
    value_put(arena, &operation, "summary", value_text(of->what));
    value_put(arena, &operation, "parameters", parameters_of(arena, of));
    if (of->body != NULL) {
        struct value body = one(arena, "content", content_of(arena, of->body));

        value_put(arena, &body, "required", value_flag(strcmp(of->body, "Completion") != 0));
        value_put(arena, &operation, "requestBody", body);
    }
    value_put(arena, &operation, "responses", responses_of(arena, of));
    value_put(arena, &operation, "security", security_of(arena, route));
    return operation;
}

static int paths_of(struct arena *arena, struct value *ret_paths, struct err *err)
{
    struct value paths = value_map();

    if (gateway_route_count != COUNT_OF(descriptions)) {
        return err_set(err, ERR_BUG, "%zu routes, %zu of them described", gateway_route_count,
                       COUNT_OF(descriptions));
    }
    for (size_t i = 0; i < gateway_route_count; i++) {
        struct value item = value_map();
        const char  *path = gateway_routes[i].path;

        if (value_get(&paths, path) != NULL) {
            continue; /* with its first method */
        }
        for (size_t j = i; j < gateway_route_count; j++) {
            const struct route       *route = &gateway_routes[j];
            const struct description *of = description_of(route);
            static const char *const  names[][2] = {
                {"GET", "get"}, {"POST", "post"}, {"PUT", "put"}, {"DELETE", "delete"}};

            if (of == NULL) {
                return err_set(err, ERR_BUG, "%s %s is not described", route->method, route->path);
            }
            for (size_t k = 0; strcmp(route->path, path) == 0 && k < COUNT_OF(names); k++) {
                if (strcmp(names[k][0], route->method) == 0) {
                    value_put(arena, &item, names[k][1], operation_of(arena, route, of));
                }
            }
        }
        value_put(arena, &paths, path, item);
    }
    *ret_paths = paths;
    return 0;
}

static struct value schemes_of(struct arena *arena)
{
    struct value schemes = value_map();

    for (int i = 0; i < 2; i++) {
        struct value scheme = value_map();

        value_put(arena, &scheme, "type", value_text("http"));
        value_put(arena, &scheme, "scheme", value_text("bearer"));
        value_put(arena, &scheme, "description",
                  value_text(i == 0 ? "An API key (prt keys) of the role that stands beside it, or"
                                    " of the role admin"
                                    : "What opening the trace answered, good for that trace"));
        value_put(arena, &schemes, i == 0 ? "apiKey" : "uploadToken", scheme);
    }
    return schemes;
}

/* "#/$defs/x" of the trace's schema is "#/components/schemas/x" here. */
static void refer_here(struct arena *arena, struct value *schema)
{
    static const char there[] = "#/$defs/";

    for (uint32_t i = 0; schema->kind == VALUE_LIST && i < schema->count; i++) {
        refer_here(arena, &schema->as.items[i]);
    }
    for (uint32_t i = 0; schema->kind == VALUE_MAP && i < schema->count; i++) {
        struct value_member *member = &schema->as.members[i];
        const char          *to = arena_text(arena, value_text_or(&member->value, ""));

        if (bytes_is(member->name, "$ref") && strncmp(to, there, strlen(there)) == 0) {
            member->value = value_text(
                arena_format(arena, "#/components/schemas/%s", to + strlen(there)));
        } else {
            refer_here(arena, &member->value);
        }
    }
}

/* The trace's schema and all it consists of, each under its name. */
static int put_trace_schemas(struct arena *arena, struct value *schemas, struct err *err)
{
    static const struct value_limits limits = {.bytes = 1 << 20, .depth = 32, .values = 100000};
    CLEANUP(buf) struct buf          text = {0};
    struct value                     whole, trace = value_map();

    trace_schema_write(&text);
    TRY(json_read(arena, arena_bytes(arena, buf_bytes(&text)), &limits, &whole, err));
    refer_here(arena, &whole);
    for (uint32_t i = 0; i < whole.count; i++) {
        struct value_member *member = &whole.as.members[i];

        if (bytes_is(member->name, "$defs")) {
            for (uint32_t j = 0; j < member->value.count; j++) {
                struct value_member *part = &member->value.as.members[j];

                value_put(arena, schemas, arena_text(arena, part->name), part->value);
            }
        } else if (!bytes_is(member->name, "$schema") && !bytes_is(member->name, "$id")) {
            value_put(arena, &trace, arena_text(arena, member->name), member->value);
        }
    }
    value_put(arena, schemas, "trace", trace);
    value_put(arena, schemas, "FlatHead", trace_flat_schema(arena));
    return 0;
}

int openapi_write(struct buf *out, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const struct value_limits    limits = {
           .bytes = sizeof(components), .depth = 32, .values = sizeof(components)};
    struct value document = value_map(), info = value_map(), parts = value_map();
    struct value schemas, paths;

    TRY(json_read(arena, bytes_of(components), &limits, &schemas, err));
    TRY(put_trace_schemas(arena, &schemas, err));
    TRY(paths_of(arena, &paths, err));
    value_put(arena, &info, "title", value_text("PR Telemetry"));
    value_put(arena, &info, "description",
              value_text("Every answer has X-Request-Id, every refusal is problem+json. 429, 502,"
                         " 503, 504 and broken connections are worth a retry, which is always safe;"
                         " 429 and 503 say when (Retry-After). A query parameter that is not listed"
                         " here is refused. The role admin may do what any other role may."));
    value_put(arena, &info, "version", value_text("1.0"));
    value_put(arena, &info, "license", one(arena, "name", value_text("MIT")));
    value_put(arena, &parts, "schemas", schemas);
    value_put(arena, &parts, "securitySchemes", schemes_of(arena));
    value_put(arena, &document, "openapi", value_text("3.1.0"));
    value_put(arena, &document, "info", info);
    value_put(arena, &document, "paths", paths);
    value_put(arena, &document, "components", parts);
    json_pretty(out, &document);
    return 0;
}

/* ------------------------------------ served ------------------------------------ */

/* Made once: anybody may ask for them. */
static struct served {
    struct buf openapi, schema;
    struct err err; /* of the first */
} served;

static void make_served(void)
{
    (void)!openapi_write(&served.openapi, &served.err);
    trace_schema_write(&served.schema);
}

static const struct served *what_is_served(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_served);
    return &served;
}

void openapi_show(struct exchange *x)
{
    const struct served *made = what_is_served();

    if (made->err.code != ERR_NONE) {
        exchange_refuse(x, &made->err);
        return;
    }
    exchange_answer(x, 200, "application/json", buf_bytes(&made->openapi));
}

void schema_show(struct exchange *x)
{
    exchange_answer(x, 200, "application/schema+json", buf_bytes(&what_is_served()->schema));
}
