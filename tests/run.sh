#!/bin/sh
# Every test, as `make test` runs them: all crates on SQLite, then the running server once more on PostgreSQL.
#   tests/run.sh VENV NODE     the virtual environment and the folder of Node packages with the real clients
# PostgreSQL is a throwaway server of this run; where there is none its half is skipped, and the tests say so.
set -u
cd "$(dirname "$0")/.."

TOUCHSTONE_TEST_VENV=$1
TOUCHSTONE_TEST_NODE=$2
export TOUCHSTONE_TEST_VENV TOUCHSTONE_TEST_NODE
trap 'sh tests/postgres.sh stop' EXIT
if url=$(sh tests/postgres.sh start); then
    TOUCHSTONE_TEST_POSTGRES=$url
    export TOUCHSTONE_TEST_POSTGRES
fi

cargo test --locked --workspace || exit 1
[ -n "${TOUCHSTONE_TEST_POSTGRES:-}" ] || exit 0
echo "The road, its traps and kill -9 once more, on PostgreSQL"
# --workspace although only one binary runs: for fewer packages cargo would build the dependencies anew with fewer features.
TOUCHSTONE_TEST_DATABASE=postgres cargo test --locked --workspace --test it -- \
    road:: fetch:: traps:: ops:: crash:: sdk:: curl:: hostile:: usage:: accounts:: v1:: webhooks:: retention:: --skip memory --skip flat
