// SPDX-License-Identifier: MIT
#include "value/json.h"

#include <string.h>

#include "value/json_walk.h"

/* Values whose container is still open lie on a stack; closing it moves them to the arena in one
 * piece. The container itself waits below them, with its name. */
struct tree {
    struct json_sink     sink;
    struct arena        *arena;
    struct value_member *stack;
    size_t               size;
    size_t               room;
    struct bytes         next_name;
};

static struct bytes make_last(struct tree *tree, struct bytes text, bool lasting)
{
    return lasting ? text : arena_bytes(tree->arena, text);
}

static void push(struct tree *tree, struct value value)
{
    if (tree->size == tree->room) {
        tree->room = tree->room == 0 ? 64 : tree->room * 2;
        tree->stack = mem_more(tree->stack, tree->room * sizeof(*tree->stack));
    }
    tree->stack[tree->size++] = (struct value_member){tree->next_name, value};
}

static void tree_put(struct json_sink *sink, const struct value *scalar, bool lasting)
{
    struct tree *tree = (struct tree *)sink;
    struct value value = *scalar;

    if (value.kind == VALUE_TEXT) {
        value.as.text = make_last(tree, value.as.text, lasting);
    }
    push(tree, value);
}

static void tree_name(struct json_sink *sink, struct bytes name, bool lasting)
{
    struct tree *tree = (struct tree *)sink;

    tree->next_name = make_last(tree, name, lasting);
}

static size_t tree_open(struct json_sink *sink, enum value_kind kind)
{
    struct tree *tree = (struct tree *)sink;

    push(tree, (struct value){.kind = kind});
    return tree->size;
}

static void tree_close(struct json_sink *sink, enum value_kind kind, size_t mark, uint32_t count)
{
    struct tree         *tree = (struct tree *)sink;
    struct value_member *children = tree->stack + mark;
    struct value        *parent = &tree->stack[mark - 1].value;

    parent->count = count;
    if (count > 0 && kind == VALUE_MAP) {
        parent->as.members = arena_get(tree->arena, count * sizeof(*children));
        memcpy(parent->as.members, children, count * sizeof(*children));
    } else if (count > 0) {
        parent->as.items = arena_get(tree->arena, count * sizeof(*parent->as.items));
        for (uint32_t i = 0; i < count; i++) {
            parent->as.items[i] = children[i].value;
        }
    }
    tree->size = mark;
}

int json_read(struct arena *arena, struct bytes json, const struct value_limits *limits,
              struct value *ret_value, struct err *err)
{
    struct tree tree = {
        .sink = {tree_put, tree_name, tree_open, tree_close},
        .arena = arena,
    };
    int result = json_walk(json, limits, &tree.sink, err);

    if (result == 0) {
        *ret_value = tree.stack[0].value;
    }
    mem_free(tree.stack);
    return result;
}
