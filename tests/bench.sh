#!/bin/sh
# The benchmarks of the hot paths, a few minutes in all: pattern matching, publishing, both stores, dispatching, and
# the whole binary from publish to delivery beside a bare HTTP floor, from a topic to its queues, and over the SQS protocol beside two floors.
set -eu
cd "$(dirname "$0")/.."
time="${BENCHTIME:-1s}"
go test -run '^$' -bench . -benchmem -benchtime "$time" ./rules/pattern ./rules ./topic/... ./httpapi/sns ./httpapi/events ./queue/pebblestore ./queue/redisstore ./dispatch/... ./event
go run ./tests/load -duration "${LOADTIME:-10s}"
go run ./tests/load -fanout -duration 3s
go run ./tests/load -putevents -duration 3s
go run ./cmd/router bench sqs --duration 2s
