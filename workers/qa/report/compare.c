// SPDX-License-Identifier: MIT
#include "workers/qa/report/compare.h"

#include <stdlib.h>
#include <string.h>

static bool failed(const struct test_result *test)
{
    return test->state == TEST_FAILED || test->state == TEST_ERROR;
}

void reports_compare(struct arena *arena, const struct test_report *before,
                     const struct test_report *after, struct comparison *ret_comparison)
{
    size_t            most = before->count < after->count ? before->count : after->count;
    struct comparison all = {.fail_to_pass = arena_get(arena, most * sizeof(char *)),
                             .pass_to_pass = arena_get(arena, most * sizeof(char *)),
                             .pass_to_fail = arena_get(arena, most * sizeof(char *)),
                             .fail_to_fail = arena_get(arena, most * sizeof(char *))};
    size_t            i = 0;
    size_t            k = 0;

    while (i < before->count && k < after->count) {
        const struct test_result *old = &before->tests[i];
        const struct test_result *new = &after->tests[k];
        int order = strcmp(old->id, new->id);

        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
        if (order != 0 || old->state == TEST_SKIPPED || new->state == TEST_SKIPPED) {
            continue;
        }
        if (failed(old)) {
            if (failed(new)) {
                all.fail_to_fail[all.fail_to_fail_count++] = new->id;
            } else {
                all.fail_to_pass[all.fail_to_pass_count++] = new->id;
            }
        } else if (failed(new)) {
            all.pass_to_fail[all.pass_to_fail_count++] = new->id;
        } else {
            all.pass_to_pass[all.pass_to_pass_count++] = new->id;
        }
    }
    *ret_comparison = all;
}

/* -------------------------------------- missing -------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool list_has(const struct id_list *list, const char *id)
{
    return list->count > 0 &&
           bsearch(&id, list->ids, list->count, sizeof(*list->ids), by_text) != NULL;
}

static void list_sort(struct id_list *list)
{
    if (list->count > 1) {
        qsort(list->ids, list->count, sizeof(*list->ids), by_text);
    }
}

/* "tests/test_a.py::TestB::test_c[1]" is the file and then the rest, which is NULL in the error of
 * a whole file. */
static struct bytes file_of(const char *id, const char **ret_rest)
{
    const char *end = strstr(id, "::");

    *ret_rest = end == NULL ? NULL : end + 2;
    return (struct bytes){(const uint8_t *)id, end == NULL ? strlen(id) : (size_t)(end - id)};
}

static bool is_python(struct bytes file)
{
    return file.size > 3 && memcmp(file.data + file.size - 3, ".py", 3) == 0;
}

/* Names of test functions that ran, without parameters, sorted. Errors of whole files have none. */
static void functions_of(struct arena *arena, const struct test_report *report,
                         struct id_list *ret_list)
{
    struct id_list list = {.ids = arena_get(arena, report->count * sizeof(char *))};

    for (size_t i = 0; i < report->count; i++) {
        const char  *id = report->tests[i].id;
        const char  *rest;
        struct bytes file = file_of(id, &rest);

        if (report->tests[i].state != TEST_SKIPPED && rest != NULL) {
            /* Only Python's names cannot have a bracket of their own. */
            size_t size = is_python(file) ? strcspn(rest, "[") : strlen(rest);

            list.ids[list.count++] =
                arena_text(arena, (struct bytes){(const uint8_t *)id, (size_t)(rest - id) + size});
        }
    }
    list_sort(&list);
    *ret_list = list;
}

void tests_missing(struct arena *arena, const struct test_report *before,
                   const struct test_report *now, struct id_list *ret_missing)
{
    struct id_list was;
    struct id_list is;
    struct id_list missing;

    functions_of(arena, before, &was);
    functions_of(arena, now, &is);
    missing = (struct id_list){.ids = arena_get(arena, was.count * sizeof(char *))};
    for (size_t i = 0; i < was.count; i++) {
        if ((i == 0 || strcmp(was.ids[i], was.ids[i - 1]) != 0) && !list_has(&is, was.ids[i])) {
            missing.ids[missing.count++] = was.ids[i];
        }
    }
    *ret_missing = missing;
}

/* -------------------------------------- files -------------------------------------- */

enum naming { A_TEST, A_DOCTEST, EITHER };

/* A test out of documentation has the dotted name of what it documents: "pkg/a.py::pkg.a.add". That
 * of a module beside the others is just "a", as a test could be called; and a file that could not
 * be read has no name at all. */
static enum naming naming_of(struct bytes file, const char *rest)
{
    struct bytes stem;
    size_t       name;

    if (!is_python(file) || (rest != NULL && strstr(rest, "::") != NULL)) {
        return A_TEST;
    }
    if (rest == NULL) {
        return EITHER;
    }
    name = strcspn(rest, "[");
    if (memchr(rest, '.', name) != NULL) {
        return A_DOCTEST;
    }
    stem = (struct bytes){file.data, file.size - 3};
    for (size_t i = stem.size; i > 0; i--) {
        if (stem.data[i - 1] == '/') {
            stem = (struct bytes){stem.data + i, stem.size - i};
            break;
        }
    }
    return bytes_is(stem, rest) ? EITHER : A_TEST;
}

void files_named(struct arena *arena, const struct test_report *report, struct id_list *ret_files)
{
    struct id_list all = {.ids = arena_get(arena, report->count * sizeof(char *))};
    size_t         kept = 0;
    bool           doctests = false;
    const char    *rest;

    for (size_t i = 0; i < report->count; i++) {
        struct bytes file = file_of(report->tests[i].id, &rest);

        doctests = doctests || naming_of(file, rest) == A_DOCTEST;
    }
    for (size_t i = 0; i < report->count; i++) {
        struct bytes file = file_of(report->tests[i].id, &rest);
        enum naming  naming = naming_of(file, rest);

        /* The same file's tests lie together: reports are sorted. */
        if ((naming == A_TEST || (naming == EITHER && !doctests)) &&
            (all.count == 0 || !bytes_is(file, all.ids[all.count - 1]))) {
            all.ids[all.count++] = arena_text(arena, file);
        }
    }
    list_sort(&all);
    for (size_t i = 0; i < all.count; i++) {
        if (kept == 0 || strcmp(all.ids[i], all.ids[kept - 1]) != 0) {
            all.ids[kept++] = all.ids[i];
        }
    }
    all.count = kept;
    *ret_files = all;
}

/* -------------------------------------- flaky -------------------------------------- */

static void again_add(struct id_list *again, size_t most, const char *id)
{
    /* An id that was cut (junit.h) cannot be asked for. */
    if (again->count < most && strstr(id, "...#") == NULL) {
        again->ids[again->count++] = id;
    }
}

void tests_to_repeat(struct arena *arena, const struct test_report *report,
                     const struct comparison *compared, size_t most, struct id_list *ret_again)
{
    struct id_list again = {.ids = arena_get(arena, most * sizeof(char *))};

    for (size_t i = 0; compared != NULL && i < compared->fail_to_pass_count; i++) {
        again_add(&again, most, compared->fail_to_pass[i]);
    }
    for (size_t i = 0; i < report->count; i++) {
        if (failed(&report->tests[i])) {
            again_add(&again, most, report->tests[i].id);
        }
    }
    list_sort(&again);
    *ret_again = again;
}

void changed_list(struct arena *arena, const struct comparison *compared, size_t most,
                  struct id_list *ret_changed)
{
    struct id_list changed = {.ids = arena_get(arena, most * sizeof(char *))};

    for (size_t i = 0; i < compared->fail_to_pass_count; i++) {
        again_add(&changed, most, compared->fail_to_pass[i]);
    }
    for (size_t i = 0; i < compared->pass_to_fail_count; i++) {
        again_add(&changed, most, compared->pass_to_fail[i]);
    }
    list_sort(&changed);
    *ret_changed = changed;
}

/* Reports are sorted by id. NULL: it is not in it. */
static const struct test_result *result_of(const struct test_report *report, const char *id)
{
    size_t low = 0;
    size_t high = report->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int    order = strcmp(report->tests[middle].id, id);

        if (order == 0) {
            return &report->tests[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

void flaky_find(struct arena *arena, const struct id_list *again, const struct test_report *first,
                const struct test_report *repeat, struct id_list *flaky)
{
    struct id_list all = {.ids = arena_get(arena, (flaky->count + again->count) * sizeof(char *)),
                          .count = flaky->count};

    if (flaky->count > 0) {
        memcpy(all.ids, flaky->ids, flaky->count * sizeof(char *));
    }
    for (size_t i = 0; i < again->count; i++) {
        const struct test_result *one = result_of(first, again->ids[i]);
        const struct test_result *two = result_of(repeat, again->ids[i]);

        if (one != NULL && !list_has(flaky, one->id) &&
            (two == NULL || failed(one) != failed(two))) {
            all.ids[all.count++] = one->id;
        }
    }
    list_sort(&all);
    *flaky = all;
}

static void without(const char **ids, size_t *count, const struct id_list *flaky)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        if (!list_has(flaky, ids[i])) {
            ids[kept++] = ids[i];
        }
    }
    *count = kept;
}

void comparison_without(struct comparison *compared, const struct id_list *flaky)
{
    without(compared->fail_to_pass, &compared->fail_to_pass_count, flaky);
    without(compared->pass_to_pass, &compared->pass_to_pass_count, flaky);
    without(compared->pass_to_fail, &compared->pass_to_fail_count, flaky);
    without(compared->fail_to_fail, &compared->fail_to_fail_count, flaky);
}

/* -------------------------------------- together -------------------------------------- */

/* Does it fail, and by nothing but these? */
static bool only_flaky_fail(const struct verdict *verdict, const struct id_list *flaky)
{
    if (flaky == NULL || !verdict->believed || verdict->status != VERDICT_FAILED) {
        return false;
    }
    for (size_t i = 0; i < verdict->report.count; i++) {
        if (failed(&verdict->report.tests[i]) && !list_has(flaky, verdict->report.tests[i].id)) {
            return false;
        }
    }
    return verdict->failed + verdict->errors > 0;
}

void arms_settle(const struct arms_said *said, enum verdict_status *ret_status,
                 const char **ret_reason)
{
    const struct verdict *after = said->after;
    const struct verdict *original = said->original;
    enum verdict_status   status = after->status;
    const char           *reason = after->reason;

    if (said->tampered != NULL) {
        status = VERDICT_TAMPERED;
        reason = said->tampered;
    } else if (status == VERDICT_PASSED && original != NULL && original->status != VERDICT_PASSED &&
               !only_flaky_fail(original, said->flaky)) {
        bool failing = original->status == VERDICT_FAILED;

        status = original->status;
        reason = failing ? "original_tests_failed" : original->reason;
    } else if (status == VERDICT_PASSED && said->missing != NULL && said->missing->count > 0) {
        status = VERDICT_FAILED;
        reason = "tests_missing";
    } else if (said->flaky != NULL && said->flaky->count > 0 &&
               (status == VERDICT_PASSED || only_flaky_fail(after, said->flaky))) {
        status = VERDICT_FLAKY;
        reason = "flaky_tests";
    }
    *ret_status = status;
    *ret_reason = reason;
}
