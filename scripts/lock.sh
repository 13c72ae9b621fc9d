#!/bin/sh
# Write requirements.txt and requirements-dev.txt anew from their .in files: exact versions and hashes for every
# platform, no addresses. `scripts/lock.sh` keeps the versions that are there; `scripts/lock.sh --upgrade` takes new ones.
set -eu
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet uv

compile() {
    "$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@" >/dev/null
}
compile requirements.in --output-file requirements.txt "$@"
compile requirements-dev.in --output-file requirements-dev.txt "$@"
