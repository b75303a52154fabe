#!/bin/sh
# A throwaway PostgreSQL for the tests: data and socket in a temporary folder that target/postgres names, no TCP port. Not below
# target/ itself: the server's user may not be able to reach it there, and a socket's path must be short.
#   tests/postgres.sh        starts it unless it runs, and prints its URL for TOUCHSTONE_TEST_POSTGRES
#   tests/postgres.sh stop   stops it and removes the data
# Where PostgreSQL is not installed it says so on stderr and exits 3: the tests then skip that half and say so.
set -eu

note=$(cd "$(dirname "$0")/.." && pwd)/target/postgres
home=$(cat "$note" 2>/dev/null || true)
bin=$(dirname "$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)")
if [ ! -x "$bin/initdb" ]; then
    echo "PostgreSQL is not installed (Debian: apt-get install postgresql); its tests are skipped" >&2
    exit 3
fi

# The server refuses to run as root.
as_owner() {
    if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

running() { [ -n "$home" ] && as_owner "$bin/pg_ctl" -D "$home/data" status >/dev/null 2>&1; }

if [ "${1:-start}" = stop ]; then
    if running; then as_owner "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null; fi
    if [ -n "$home" ]; then rm -rf "$home" "$note"; fi
    exit 0
fi

if ! running; then
    home=$(mktemp -d /tmp/touchstone-pg.XXXXXX)
    mkdir -p "$(dirname "$note")" && printf %s "$home" >"$note"
    if [ "$(id -u)" = 0 ]; then chown postgres "$home"; fi
    if [ ! -s "$home/data/PG_VERSION" ]; then
        as_owner "$bin/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
    fi
    as_owner "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w -t 60 \
        -o "-c listen_addresses='' -c unix_socket_directories='$home' -c max_connections=300" start >/dev/null
fi
# sqlx takes the folder of the socket as a parameter, percent-encoded.
echo "postgres://postgres@localhost/postgres?host=$(printf %s "$home" | sed 's|%|%25|g; s|/|%2F|g; s| |%20|g')"
