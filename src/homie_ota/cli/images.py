"""One stored image on a terminal: facts, who needs it, what was checked and found inside."""

from __future__ import annotations

from typing import Any

from homie_ota.cli import show

Json = dict[str, Any]

NAMED = 10
"""Devices that are named; the others are counted."""


def describe(image: Json) -> None:
    """Print an image as the API tells it."""
    show.pairs(_facts(image))
    for title, text in (("Changelog", image.get("changelog")), ("Description", image.get("description"))):
        if text:
            show.line()
            show.line(title)
            for line in str(text).splitlines():
                show.line(f"  {line}")
    _checks(image)
    for finding in image.get("findings") or ():
        words = (finding.get("text"), finding.get("advice"))
        show.line(f"{finding.get('severity')}: {' '.join(str(word) for word in words if word)}")


def _facts(image: Json) -> dict[str, object]:
    flash = image.get("flash") or {}
    size = flash.get("size")
    told = image.get("descriptor") or {}
    return {
        "name": image.get("name"),
        "version": image.get("version"),
        "brand": image.get("brand"),
        "chip": image.get("chip"),
        "flash": f"{size // 1024:,} KB {flash.get('mode', '')}".strip() if size else "",
        "kind": f"{image.get('kind')}{', signed' if image.get('signed') else ''}",
        "size": f"{image.get('size', 0):,} bytes",
        "sha256": image.get("sha256"),
        "md5": image.get("md5"),
        "compiled": image.get("compiled"),
        "project": " ".join(str(told.get(word) or "") for word in ("project", "version", "idf")).strip(),
        "says": ", ".join(str(each) for each in image.get("versions") or ()),
        "requires": image.get("requires"),
        "proven": image.get("proven"),
        "override": image.get("override"),
        "uploaded": f"{show.age(image.get('uploaded_at'))} ago {_by(image)}".strip(),
        "in use by": image.get("in_use_by"),
        "needed by": _needs(image),
    }


def _by(image: Json) -> str:
    return f"by {image['uploaded_by']}" if image.get("uploaded_by") else ""


def _needs(image: Json) -> str:
    needs = image.get("needed_by") or []
    named = ", ".join(f"{each.get('who')} ({each.get('why')})" for each in needs[:NAMED])
    return f"{named} and {len(needs) - NAMED} more" if len(needs) > NAMED else named


def _checks(image: Json) -> None:
    checks = image.get("checks") or []
    if checks:
        show.line()
        rows = [tuple(each.get(name) for name in ("what", "part", "result", "detail")) for each in checks]
        show.table(("CHECK", "OF", "RESULT", ""), rows)
