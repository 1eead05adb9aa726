#!/bin/bash
# Everything accepted is there exactly once after kill -9 of nats-server in the middle of running sessions.
. ./farm.sh

killed_in_the_middle nats-server
