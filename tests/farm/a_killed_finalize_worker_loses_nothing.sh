#!/bin/bash
# Everything accepted is there exactly once after kill -9 of worker-finalize-1 in the middle of running sessions.
. ./farm.sh

killed_in_the_middle worker-finalize-1
