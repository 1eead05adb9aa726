// SPDX-License-Identifier: MIT
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/connection.h"

enum { COPY_BLOCK = 64 * 1024 };

static const char copy_signature[] = "PGCOPY\n\377\r\n"; /* its NUL belongs to it */

struct copy {
    struct store *store;
    struct buf    block;
    int           columns;
    int           fields; /* of the row that is being written */
    bool          broken; /* the connection refused data: copy_finish tells why */
};

static void put_be16(struct buf *buf, uint16_t number)
{
    uint16_t wire = htobe16(number);

    buf_put(buf, (struct bytes){(const uint8_t *)&wire, sizeof(wire)});
}

static void put_be32(struct buf *buf, uint32_t number)
{
    uint32_t wire = htobe32(number);

    buf_put(buf, (struct bytes){(const uint8_t *)&wire, sizeof(wire)});
}

static void put_be64(struct buf *buf, uint64_t number)
{
    uint64_t wire = htobe64(number);

    buf_put(buf, (struct bytes){(const uint8_t *)&wire, sizeof(wire)});
}

static void copy_free(struct copy *copy)
{
    buf_done(&copy->block);
    free(copy);
}
DEFINE_CLEANUP(copy, struct copy *, copy_free)

int copy_open(struct copy **ret_copy, struct store *store, const char *copy_sql, int columns,
              struct err *err)
{
    CLEANUP(result) PGresult *result = NULL;
    struct copy              *copy;

    if (!store->in_transaction) {
        return err_set(err, ERR_BUG, "a COPY outside a transaction: %s", copy_sql);
    }
    TRY(connection_exec(store, copy_sql, copy_sql, &result, err));
    if (PQresultStatus(result) != PGRES_COPY_IN || PQnfields(result) != columns) {
        return err_set(err, ERR_BUG, "not a COPY of %d columns: %s", columns, copy_sql);
    }
    copy = mem_zero(1, sizeof(*copy));
    copy->store = store;
    copy->columns = columns;
    copy->fields = columns; /* as if a row had just ended */
    buf_reserve(&copy->block, COPY_BLOCK + 4096);
    buf_put(&copy->block, (struct bytes){(const uint8_t *)copy_signature, sizeof(copy_signature)});
    put_be32(&copy->block, 0); /* flags */
    put_be32(&copy->block, 0); /* no header extension */
    *ret_copy = copy;
    return 0;
}

static void copy_send(struct copy *copy)
{
    if (!copy->broken && copy->block.size > 0) {
        copy->broken = PQputCopyData(copy->store->conn, (const char *)copy->block.data,
                                     (int)copy->block.size) != 1;
    }
    copy->block.size = 0;
}

void copy_row(struct copy *copy)
{
    assert(copy->fields == copy->columns);
    if (copy->block.size >= COPY_BLOCK) {
        copy_send(copy);
    }
    put_be16(&copy->block, (uint16_t)copy->columns);
    copy->fields = 0;
}

void copy_whole(struct copy *copy, int64_t whole)
{
    put_be32(&copy->block, sizeof(whole));
    put_be64(&copy->block, (uint64_t)whole);
    copy->fields++;
}

void copy_int(struct copy *copy, int32_t whole)
{
    put_be32(&copy->block, sizeof(whole));
    put_be32(&copy->block, (uint32_t)whole);
    copy->fields++;
}

void copy_small(struct copy *copy, int16_t small)
{
    put_be32(&copy->block, sizeof(small));
    put_be16(&copy->block, (uint16_t)small);
    copy->fields++;
}

void copy_bytes(struct copy *copy, struct bytes bytes)
{
    put_be32(&copy->block, (uint32_t)bytes.size);
    buf_put(&copy->block, bytes);
    copy->fields++;
}

void copy_null(struct copy *copy)
{
    put_be32(&copy->block, UINT32_MAX);
    copy->fields++;
}

int copy_finish(struct copy *copy, struct err *err)
{
    CLEANUP(copy) struct copy *mine = copy;

    assert(copy->fields == copy->columns);
    put_be16(&copy->block, UINT16_MAX); /* end of data */
    copy_send(copy);
    if (mine->broken || PQputCopyEnd(copy->store->conn, NULL) != 1) {
        return connection_failed(copy->store, "COPY", NULL, err);
    }
    mine->store->copying = true;
    return 0;
}
