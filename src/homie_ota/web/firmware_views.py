"""What the pages of firmware show of an image, put together from rows: its facts, and what is inside.

Rule: numbers come with their units, states as words.
"""

from __future__ import annotations

from homie_ota.esp.compare import library_of
from homie_ota.esp.image import KINDS, CheckResult, Inspection, Severity
from homie_ota.model import Firmware
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.web import words
from homie_ota.web.texts import _

SHOWN = 200
"""Images that a page names one by one."""


def results() -> dict[CheckResult, str]:
    """What came of a check, in words."""
    return {
        CheckResult.VERIFIED: _("verified"),
        CheckResult.WRONG: _("wrong"),
        CheckResult.ABSENT: _("none stored"),
        CheckResult.UNKNOWN: _("cannot be told"),
    }


def severities() -> dict[Severity, str]:
    """How grave a finding is, in words."""
    return {
        Severity.IMPOSSIBLE: _("never works"),
        Severity.REFUSAL: _("refused"),
        Severity.WARNING: _("warning"),
        Severity.NOTE: _("note"),
    }


def _proven(word: str) -> str:
    said = {
        "renewable": _("a bench device ran it and could be updated again"),
        "dead-end": _("a bench device ran it and could not be updated again"),
    }
    return said.get(word, word)


def facts(image: Firmware, seen: Inspection) -> list[tuple[str, str]]:
    """Label and value of what is known about an image as a whole."""
    flash = (words.flash(image.flash_size), image.flash_mode, _frequency(seen.flash_frequency))
    kind = KINDS.get(image.kind, image.kind)
    told = [
        (_("kind"), _("%(kind)s, signed", kind=kind) if seen.signed else kind),
        (_("size"), _("%(n)s bytes", n=f"{image.size:,}")),
        (_("brand"), image.brand),
        (_("chip"), image.chip.upper()),
        (_("flash"), " ".join(part for part in flash if part)),
        (_("compiled"), seen.compiled.replace("T", " ")),
        (_("requires"), image.requires),
        (_("proven"), _proven(image.proven)),
        (_("file"), image.filename),
        ("MD5", image.md5),
        ("SHA-256", image.sha256),
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
        (_("project"), told.project),
        (_("version"), told.version),
        (_("compiled"), told.compiled.replace("T", " ")),
        ("IDF", told.idf),
        (_("SHA-256 of the ELF file"), told.elf_sha256),
        (_("secure version"), str(told.secure_version or "")),
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


def versions(seen: Inspection) -> list[tuple[str, str]]:
    """Library and version of what an image says about its parts, the Homie magic first."""
    magic = [(f"Homie {word}", value) for word, value in seen.magic]
    return magic + [(library, version) for library, version in map(library_of, seen.versions)]
