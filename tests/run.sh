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

# Runs tests for so many minutes at most: whatever hangs then is shown and ended, instead of keeping a machine until somebody looks.
within() {
    minutes=$1
    shift
    (
        turns=$((minutes * 12))
        while [ "$turns" -gt 0 ]; do
            sleep 5 >/dev/null 2>&1
            turns=$((turns - 1))
        done
        echo "After $minutes minutes these were still running:"
        for process in /proc/[0-9]*; do
            echo "${process#/proc/} $(tr '\0' ' ' 2>/dev/null <"$process/cmdline")"
        done
    ) &
    watch=$!
    timeout --kill-after=30 "$((minutes * 60 + 10))" "$@"
    code=$?
    kill "$watch" 2>/dev/null
    return "$code"
}

cargo test --locked --workspace --no-run || exit 1
within 24 cargo test --locked --workspace || exit 1
[ -n "${TOUCHSTONE_TEST_POSTGRES:-}" ] || exit 0
echo "The road, its traps and kill -9 once more, on PostgreSQL"
# --workspace although only one binary runs: for fewer packages cargo would build the dependencies anew with fewer features.
export TOUCHSTONE_TEST_DATABASE=postgres
within 18 cargo test --locked --workspace --test it -- \
    road:: fetch:: traps:: ops:: crash:: sdk:: curl:: hostile:: usage:: accounts:: v1:: webhooks:: retention:: --skip memory --skip flat
