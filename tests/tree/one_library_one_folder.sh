#!/bin/sh
# A foreign library's header is included in its one folder and nowhere else.
. ./tree.sh
while read -r header folder; do
    found=$(sources "*.c" "*.h" | grep -v "^tests/" | grep -v "^$folder/" | xargs grep -lE "#include <$header" 2>/dev/null || true)
    [ -z "$found" ] || complain "<$header...> belongs to $folder, but is included in:" $found
done <<TABLE
nats/ common/stream
libpq-fe.h common/store
curl/ common/http
msgpack common/value
sodium common/crypto
openssl/ common/crypto
archive.h common/pack
archive_entry.h common/pack
lzma.h common/pack
zstd common/pack
expat.h workers/qa
TABLE
exit $wrong
