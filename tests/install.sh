#!/bin/sh
# Installs Debian packages by name, as root or through sudo; where there is neither, says what to type.
#   tests/install.sh PACKAGE…                                      installs these
#   tests/install.sh --missing compiler|certificates|pip|venv|node|curl|postgresql …      installs those of these tools that are not there
set -eu

have() {
    case $1 in
    compiler) command -v cc >/dev/null ;;
    certificates) ls /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt 2>/dev/null | grep -q . ;;
    pip) python3 -m pip --version >/dev/null 2>&1 ;;
    venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    node) command -v node >/dev/null && command -v npm >/dev/null ;;
    curl) command -v curl >/dev/null ;;
    postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null ;;
    esac
}

package() {
    case $1 in
    compiler) echo build-essential ;;
    certificates) echo ca-certificates ;;
    pip) echo python3-pip ;;
    venv) echo python3-venv ;;
    node) echo nodejs npm ;;
    curl) echo curl ;;
    postgresql) echo postgresql ;;
    esac
}

if [ "${1:-}" = --missing ]; then
    shift
    wanted=""
    for tool in "$@"; do have "$tool" || wanted="$wanted $(package "$tool")"; done
    [ -n "$wanted" ] || exit 0
    # shellcheck disable=SC2086  # one word a package
    set -- $wanted
fi

as=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "Missing: $*. Install as root: apt-get install $*" >&2
        exit 1
    }
    as=sudo
fi
echo "Installing $* (apt-get)"
$as apt-get update -qq
$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
