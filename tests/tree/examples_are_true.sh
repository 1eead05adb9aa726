#!/bin/bash
# Diffs apply, hashes are the files', counts are pytest's: of every session in examples/.
exec ../../examples/check
