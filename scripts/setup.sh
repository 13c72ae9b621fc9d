#!/bin/sh
# Make .venv and install what homie-ota needs into it, by exact version and hash; quick when nothing changed.
# `scripts/setup.sh dev` adds what the checks need. PYTHON=… chooses the interpreter, PIP_* variables are pip's own.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'homie-ota: %s\n' "$*" >&2; }
give_up() { say "$*"; exit 1; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for python in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 python}; do
        if recent "$python"; then
            command -v "$python"
            return
        fi
    done
    give_up "needs Python 3.11 or newer (Debian 12 or newer: apt install python3 python3-venv); or set PYTHON=…"
}

# What the contents of .venv depend on; when this text changes, the installation is done again.
wanted() {
    .venv/bin/python - "$@" <<'END'
import hashlib, os, sys
digest = hashlib.sha256((sys.version + os.getcwd()).encode())
for name in sys.argv[1:]:
    digest.update(open(name, "rb").read())
print(digest.hexdigest())
END
}

install() {
    stamp=.venv/.installed-$1
    shift
    now=$(wanted pyproject.toml "$@")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then
        return
    fi
    say "installing $* into .venv"
    for file in "$@"; do
        pip install --require-hashes --requirement "$file" \
            || give_up "pip could not install $file; its reason is above (no network? a platform without a wheel?)"
    done
    # setuptools is among the hashed requirements, so nothing is fetched here.
    pip install --no-deps --no-build-isolation --editable . || give_up "pip could not install homie-ota itself"
    echo "$now" >"$stamp"
}

# Twice quiet: errors only.
pip() { .venv/bin/python -m pip --quiet --quiet --no-input --disable-pip-version-check "$@"; }

python=$(find_python)
if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! recent .venv/bin/python; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null \
        || give_up "$python has no venv module (Debian: apt install python3-venv)"
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv || give_up "$python could not make .venv"
fi

install run requirements.txt
if [ "${1:-}" = dev ]; then
    install dev requirements-dev.txt
fi
