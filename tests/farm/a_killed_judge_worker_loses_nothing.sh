#!/bin/bash
# Everything accepted is there exactly once after kill -9 of worker-judge-1 in the middle of running sessions.
. ./farm.sh

killed_in_the_middle worker-judge-1
