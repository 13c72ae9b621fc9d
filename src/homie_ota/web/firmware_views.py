"""What the pages of firmware show, put together from rows: facts of an image, who needs it, what is inside.

Rule: numbers come with their units, states as words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.esp.compare import library_of
from homie_ota.esp.image import KINDS, CheckResult, Inspection, Severity
from homie_ota.model import Firmware
from homie_ota.store import firmware as firmwares
from homie_ota.store import naming, needed
from homie_ota.store.database import Connection
from homie_ota.store.fits import Fits, Judged
from homie_ota.store.needed import Need, Why
from homie_ota.web import words

SHOWN = 200
"""Devices that a page names one by one."""

RESULTS = {
    CheckResult.VERIFIED: "verified",
    CheckResult.WRONG: "wrong",
    CheckResult.ABSENT: "none stored",
    CheckResult.UNKNOWN: "cannot be told",
}
"""What came of a check, in words."""

SEVERITIES = {
    Severity.IMPOSSIBLE: "never works",
    Severity.REFUSAL: "refused",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}
"""How grave a finding is, in words."""

PROVEN = {
    "renewable": "a bench device ran it and could be updated again",
    "dead-end": "a bench device ran it and could not be updated again",
}


def facts(image: Firmware, seen: Inspection) -> list[tuple[str, str]]:
    """Label and value of what is known about an image as a whole."""
    flash = (words.flash(image.flash_size), image.flash_mode, _frequency(seen.flash_frequency))
    by = f" by {image.uploaded_by}" if image.uploaded_by else ", found in the directory"
    told = [
        ("kind", KINDS.get(image.kind, image.kind) + (", signed" if seen.signed else "")),
        ("size", f"{image.size:,} bytes"),
        ("brand", image.brand),
        ("chip", image.chip.upper()),
        ("flash", " ".join(part for part in flash if part)),
        ("compiled", seen.compiled.replace("T", " ")),
        ("requires", image.requires),
        ("proven", PROVEN.get(image.proven, image.proven)),
        ("file", image.filename),
        ("MD5", image.md5),
        ("SHA-256", image.sha256),
        ("uploaded", f"{words.moment(image.uploaded_at)} UTC{by}"),
    ]
    return [(label, value) for label, value in told if value]


def _frequency(text: str) -> str:
    return f"{text[:-1]} MHz" if text.endswith("m") else text


def build_facts(seen: Inspection) -> list[tuple[str, str]]:
    """Label and value of what the build system wrote into an image; of the ESP32 family only."""
    told = seen.descriptor
    if told is None:
        return []
    facts = [
        ("project", told.project),
        ("version", told.version),
        ("compiled", told.compiled.replace("T", " ")),
        ("IDF", told.idf),
        ("SHA-256 of the ELF file", told.elf_sha256),
        ("secure version", str(told.secure_version or "")),
    ]
    return [(label, value) for label, value in facts if value]


def others(conn: Connection, image: Firmware) -> list[Firmware]:
    """The first SHOWN images to compare with: those of the same name, then the rest, the newest first."""
    same, all_ = (firmwares.find(conn, name, limit=SHOWN + 1) for name in (image.name, None))
    found = {each.sha256: each for each in (*same, *all_) if each.sha256 != image.sha256}
    return [*found.values()][:SHOWN]


def twins(conn: Connection, image: Firmware) -> list[Firmware]:
    """Other images of this name and version; the first SHOWN."""
    found = firmwares.find(conn, image.name, image.version, limit=SHOWN + 1)
    return [each for each in found if each.sha256 != image.sha256][:SHOWN]


class Named(NamedTuple):
    """A device on a page: its key (for routes), and its id."""

    key: str
    device_id: str


Group = tuple[str, list[Named]]
"""Something to say, and the devices of which it is true."""

_REASONS = {
    Why.RUNS: "runs it",
    Why.TARGET: "should run it",
    Why.GIVEN: "is being updated to it",
    Why.BEFORE: "ran it before the last update",
    Why.GOOD: "ran it well",
}


def users(conn: Connection, needs: Sequence[Need]) -> list[Group]:
    """The first SHOWN devices that need an image by their reasons; those that use it come first."""
    reasons: dict[int, list[Why]] = {}
    for need in needs:
        if need.device_pk is not None:
            reasons.setdefault(need.device_pk, []).append(need.why)
    first = sorted(reasons, key=lambda pk: not needed.IN_USE & {*reasons[pk]})[:SHOWN]
    keys = naming.devices(conn, first)
    groups: dict[str, list[Named]] = {}
    for pk in first:
        said = ", ".join(_REASONS[why] for why in reasons[pk])
        groups.setdefault(said, []).append(Named(*keys[pk]))
    return [*groups.items()]


RUNS_IT = "runs-it"
"""The code of the answer for a device that has the image: nothing speaks against it, it is just done."""


def refused(found: Fits) -> list[Judged]:
    """The devices that an image is not for; those that run it already are none of them."""
    return [each for each in found.refused if each.code != RUNS_IT]


def refusals(image: Firmware, judged: Sequence[Judged]) -> list[Group]:
    """The first SHOWN of them, by what they have in common; most devices first."""
    groups: dict[str, list[Named]] = {}
    for each in judged[:SHOWN]:
        said = _without_names(each.text, image.filename, each.device_id)
        groups.setdefault(said, []).append(Named(each.key, each.device_id))
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _without_names(text: str, filename: str, device_id: str) -> str:
    """A reason without the file and the device that it is about: so the same reason of two devices is one."""
    said = text.replace(f"{filename}: ", "")
    said = re.sub(rf"(?<![\w-]){re.escape(device_id)}(?![\w-])", "the device", said)
    return re.sub(r"(?:\A|(?<=\. ))[a-z]", lambda found: found[0].upper(), said)


def versions(seen: Inspection) -> list[tuple[str, str]]:
    """Library and version of what an image says about its parts, the Homie magic first."""
    magic = [(f"Homie {word}", value) for word, value in seen.magic]
    return magic + [(library, version) for library, version in map(library_of, seen.versions)]
