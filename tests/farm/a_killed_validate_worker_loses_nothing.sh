#!/bin/bash
# Everything accepted is there exactly once after kill -9 of worker-validate-1 in the middle of running sessions.
. ./farm.sh

killed_in_the_middle worker-validate-1
