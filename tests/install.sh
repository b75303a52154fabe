#!/bin/sh
# Installs Debian packages by name: as root, or through sudo where there is one. Otherwise says what to type.
set -eu
as=""
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1; then as=sudo; else
    echo "Missing: $*. Install it as root: apt-get install $*" >&2
    exit 1
  fi
fi
echo "Installing $* (apt-get)"
$as apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as apt-get install -y -qq --no-install-recommends "$@" >/dev/null
