#!/bin/bash
# One session sent again and again, its chunks shuffled, repeated and at the same time over several
# connections: the same document, but for the trace id, the times of the server and the hashes over them.
. ./farm.sh

farm_up --workers validate=2,finalize=2,qa=0,judge=0
python3 "$root/tests/lib/shuffle.py" "$url" "$key" --rounds 12
