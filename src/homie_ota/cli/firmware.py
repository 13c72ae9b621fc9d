"""`firmware` and `upload`: what is stored on the server, and one more; and which image a name means."""

from __future__ import annotations

import sys
from argparse import Namespace

from homie_ota.cli import show
from homie_ota.client import Api, Json
from homie_ota.errors import Conflict, NotFound, WrongUse

_HEADS = ("NAME", "VERSION", "SIZE", "CHIP", "SHA256", "RUNS ON", "UPLOADED", "DESCRIPTION")
_SHORT = 12
_SHORTEST_HASH = 8


def firmware(arguments: Namespace) -> int:
    """List the stored firmware."""
    found = Api(arguments.server, arguments.token).firmware()
    if arguments.json:
        show.as_json(found)
    else:
        show.table(_HEADS, [_row(each) for each in found])
    return 0


def _row(firmware: Json) -> tuple[object, ...]:
    in_use = firmware.get("in_use_by")
    return (
        firmware.get("name"),
        firmware.get("version"),
        show.size(firmware.get("size")),
        firmware.get("chip"),
        str(firmware.get("sha256", ""))[:_SHORT],
        len(in_use) if isinstance(in_use, list) else in_use,
        show.age(firmware.get("uploaded_at")),
        firmware.get("description"),
    )


def upload(arguments: Namespace) -> int:
    """Store a firmware file."""
    stored = Api(arguments.server, arguments.token).upload(
        arguments.file,
        description=arguments.description,
        name=arguments.name,
        version=arguments.version,
        progress=_progress if sys.stderr.isatty() and not arguments.json else None,
    )
    if arguments.json:
        show.as_json(stored)
        return 0
    show.line(f"{stored.get('name')} {stored.get('version')} stored ({show.size(stored.get('size'))})")
    show.line(f"sha256 {stored.get('sha256')}")
    for warning in stored.get("warnings") or []:
        show.say(f"Mind: {warning}")
    return 0


def _progress(sent: int, whole: int) -> None:
    end = "\r\033[K" if sent == whole else ""
    sys.stderr.write(f"\r{show.percent(sent, whole):>6}{end}")
    sys.stderr.flush()


def choose(stored: list[Json], wanted: str) -> list[Json]:
    """The images that `NAME@VERSION` or the beginning of a SHA-256 means; several only of one name and version.

    Raises NotFound, WrongUse for what is neither, Conflict where the beginning of a hash is that of several.
    """
    name, at, version = wanted.rpartition("@")
    if at:
        found = [each for each in stored if (each.get("name"), each.get("version")) == (name, version)]
    elif _is_hash(wanted):
        found = [each for each in stored if str(each.get("sha256")).startswith(wanted.lower())]
    else:
        raise WrongUse(
            f"{wanted!r} is no firmware: say NAME@VERSION, or {_SHORTEST_HASH} or more signs of its SHA-256."
        )
    if not found:
        raise NotFound(f"There is no firmware {wanted!r} on the server. {_instead(stored, name)}")
    if not at and len(found) > 1:
        raise Conflict(f"{len(found)} images begin with {wanted}: {hashes(found)}.")
    return found


def hashes(found: list[Json]) -> str:
    """The beginnings of the images' hashes, for a person to choose from."""
    return ", ".join(str(each.get("sha256"))[:_SHORT] for each in found)


def _is_hash(text: str) -> bool:
    return len(text) >= _SHORTEST_HASH and all(char in "0123456789abcdefABCDEF" for char in text)


def _instead(stored: list[Json], name: str) -> str:
    versions = [str(each.get("version")) for each in stored if name and each.get("name") == name]
    if versions:
        return f"Of {name} there is: {', '.join(sorted(set(versions)))}."
    return "Look at the list with `homie-ota firmware`, or upload it."
