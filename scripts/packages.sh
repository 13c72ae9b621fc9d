#!/bin/sh
# Programs that the tests and benchmarks run against: install the Debian packages that are missing, where we may.
# Where we may not, say what to install; the tests that need them are then skipped with that word (in CI they fail).
set -eu

say() { printf 'homie-ota: %s\n' "$*" >&2; }

have() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1
}

have_postgres() {
    have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

missing() {
    have mosquitto || echo mosquitto
    have mosquitto_sub || echo mosquitto-clients
    have_postgres || echo postgresql
    have chromium || have chromium-browser || echo chromium
    have nginx || echo nginx-light
    have ip || echo iproute2
    have curl || echo curl
}

# As root, or as somebody who may become root without being asked for a password.
may_install() {
    have apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

apt() {
    if [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
    fi
}

packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || exit 0

if may_install; then
    say "installing Debian packages for the tests: $packages"
    # shellcheck disable=SC2086
    { apt update && apt install --yes --no-install-recommends $packages; } >/dev/null \
        || say "apt-get could not install all of them; its reason is above"
fi

packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || exit 0
say "missing: $packages- the tests that need them are skipped. Debian: apt install $packages"
[ -z "${CI:-}" ] || exit 1
