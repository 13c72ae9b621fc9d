#!/usr/bin/env bash
# Builds a firmware, stores it on the homie-ota server, and updates a canary: the step of a CI that fails when the canary
# does not run the new image well.
#
#   HOMIE_OTA_SERVER, HOMIE_OTA_TOKEN   the server, and a token with the rights read, upload, deploy
#   BUILD    the command that builds (pio run)
#   IMAGE    the file that it makes (.pio/build/hall/firmware.bin)
#   CANARY   who gets it first: an id, or a query (tag:canary)
#   FLEET    a query; when the canary is well, a rollout to these is made as a draft, which a person starts (none)
set -euo pipefail

build=${BUILD:-pio run}
image=${IMAGE:-.pio/build/hall/firmware.bin}
canary=${CANARY:-tag:canary}
fleet=${FLEET:-}

homie-ota health
bash -c "$build"

# The second line that it prints is the image's SHA-256: two builds of one version are two images.
sha256=$(homie-ota upload "$image" --description "built by CI" | tee /dev/stderr | awk '$1 == "sha256" { print $2 }')

homie-ota update --to "$sha256" --watch --yes -- "$canary"

if [ -n "$fleet" ]; then
    homie-ota rollout create --to "$sha256" --name "from CI" -- "$fleet"
fi
