"""`firmware`, `upload` and `compare`: what is stored on the server, what is inside, and which image a name means."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from homie_ota.cli import show
from homie_ota.cli.images import describe
from homie_ota.client import Api, Json
from homie_ota.errors import Conflict, NotFound, WrongUse

_HEADS = ("NAME", "VERSION", "SIZE", "CHIP", "SHA256", "RUNS ON", "UPLOADED", "DESCRIPTION")
_SHORT = 12
_SHORTEST_HASH = 8


def firmware(arguments: Namespace) -> int:
    """List the stored firmware, or do what is asked with it."""
    api = Api(arguments.server, arguments.token)
    if arguments.action:
        return _ACTIONS[arguments.action](api, arguments)
    found = api.firmware()
    if arguments.json:
        show.as_json(found)
    else:
        show.table(_HEADS, [_row(each) for each in found])
    return 0


def _row(firmware: Json) -> tuple[object, ...]:
    return (
        firmware.get("name"),
        firmware.get("version"),
        show.size(firmware.get("size")),
        firmware.get("chip"),
        str(firmware.get("sha256", ""))[:_SHORT],
        firmware.get("in_use_by"),
        show.age(firmware.get("uploaded_at")),
        f"{_flaws(firmware)}{firmware.get('description', '')}",
    )


def _flaws(firmware: Json) -> str:
    warnings = len(firmware.get("warnings") or ())
    if firmware.get("override"):
        return "[overridden] "
    return f"[{warnings} {'warning' if warnings == 1 else 'warnings'}] " if warnings else ""


def _show(api: Api, arguments: Namespace) -> int:
    found = api.image(one(api.firmware(), arguments.firmware))
    if arguments.json:
        show.as_json(found)
    else:
        describe(found)
    return 0


def _edit(api: Api, arguments: Namespace) -> int:
    given = {name: getattr(arguments, name) for name in ("description", "changelog", "requires")}
    texts = {name: text for name, text in given.items() if text is not None}
    if not texts:
        raise WrongUse("Say what to change: --description, --changelog or --requires.")
    if texts.get("changelog", "").startswith("@"):
        texts["changelog"] = _text_of(texts["changelog"][1:])
    changed = api.write_about(one(api.firmware(), arguments.firmware), texts)
    if arguments.json:
        show.as_json(changed)
    else:
        show.line(f"{changed.get('name')} {changed.get('version')}: {', '.join(texts)} changed")
    return 0


def _text_of(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}."
        ) from None


def _delete(api: Api, arguments: Namespace) -> int:
    done = api.delete_firmware(one(api.firmware(), arguments.firmware))
    if arguments.json:
        show.as_json(done)
    else:
        show.line(str(done.get("detail")))
    return 0


def _prune(api: Api, arguments: Namespace) -> int:
    done = api.prune(arguments.keep, dry_run=arguments.dry_run)
    if arguments.json:
        show.as_json(done)
        return 0
    going = done.get("deleted") or []
    if going:
        show.table(_HEADS, [_row(each) for each in going])
    what = (
        f"{len(going)} {'image' if len(going) == 1 else 'images'}, {show.size(done.get('bytes')) or '0 KB'}"
    )
    verb = "would go" if arguments.dry_run else "deleted"
    show.say(f"{what} {verb}; the {done.get('keep')} of each name uploaded last stay, and what is needed.")
    return 0


_ACTIONS = {"show": _show, "edit": _edit, "delete": _delete, "prune": _prune}


def compare(arguments: Namespace) -> int:
    """Set two images beside each other."""
    api = Api(arguments.server, arguments.token)
    stored = api.firmware()
    found = api.compare(one(stored, arguments.a), one(stored, arguments.b))
    if arguments.json:
        show.as_json(found)
        return 0
    lines = [each for each in found.get("lines") or () if each.get("differs") or arguments.all]
    heads = ("", "", *(_head(found.get(side) or {}) for side in "ab"), "")
    show.table(
        heads, [tuple(line.get(name) for name in ("topic", "what", "a", "b", "note")) for line in lines]
    )
    if not found.get("differences"):
        show.say(
            "Nothing differs but the bytes themselves."
            if arguments.a != arguments.b
            else "They are the same."
        )
    return 0


def _head(image: Json) -> str:
    return f"{image.get('name')} {image.get('version')} ({str(image.get('sha256'))[:8]})"


def upload(arguments: Namespace) -> int:
    """Store a firmware file."""
    stored = Api(arguments.server, arguments.token).upload(
        arguments.file,
        description=arguments.description,
        name=arguments.name,
        version=arguments.version,
        override=arguments.override,
        progress=_progress if sys.stderr.isatty() and not arguments.json else None,
    )
    if arguments.json:
        show.as_json(stored)
        return 0
    show.line(f"{stored.get('name')} {stored.get('version')} stored ({show.size(stored.get('size'))})")
    show.line(f"sha256 {stored.get('sha256')}")
    if stored.get("override"):
        show.say(f"Taken against a refusal, because: {stored['override']}")
    for warning in [*(stored.get("remarks") or []), *(stored.get("warnings") or [])]:
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


def one(stored: list[Json], wanted: str) -> str:
    """The SHA-256 of the one image that is meant; NotFound, WrongUse, Conflict where it is several."""
    found = choose(stored, wanted)
    if len(found) > 1:
        raise Conflict(f"{wanted} is {len(found)} images: {hashes(found)}. Say which one by its hash.")
    return str(found[0].get("sha256"))


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
