"""`firmware`, `upload` and `compare`: what is stored on the server, what is inside, and which image a name means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.asked import asked
from homie_ota.cli.bars import transfer
from homie_ota.cli.images import describe
from homie_ota.cli.options import WHICH, Firmware
from homie_ota.cli.plain import count
from homie_ota.errors import Conflict, NotFound, WrongUse

Json = dict[str, Any]

_HEADS = ("NAME", "VERSION", "SIZE", "CHIP", "SHA256", "RUNS ON", "UPLOADED", "DESCRIPTION")
_SHORT = 12
_SHORTEST_HASH = 8


def firmware(ctx: typer.Context) -> int:
    """List the stored firmware."""
    order = asked(ctx)
    found = order.api().firmware()
    if order.json:
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


def show_one(ctx: typer.Context, firmware: Firmware) -> int:
    """Show one image."""
    order = asked(ctx)
    api = order.api()
    found = api.image(one(api.firmware(), firmware))
    if order.json:
        show.as_json(found)
    else:
        describe(found)
    return 0


Description = Annotated[str | None, typer.Option("--description", metavar="TEXT")]
Changelog = Annotated[
    str | None,
    typer.Option("--changelog", metavar="TEXT", help="the text, or @FILE (@-: standard input)"),
]
Requires = Annotated[
    str | None,
    typer.Option(
        "--requires", metavar="VERSIONS", help="what has to run before it: '>=1.5', '2.*'; '': anything"
    ),
]


def edit(
    ctx: typer.Context,
    firmware: Firmware,
    description: Description = None,
    changelog: Changelog = None,
    requires: Requires = None,
) -> int:
    """Write about an image."""
    given = {"description": description, "changelog": changelog, "requires": requires}
    texts = {name: text for name, text in given.items() if text is not None}
    if not texts:
        raise WrongUse("Say what to change: --description, --changelog or --requires.")
    if texts.get("changelog", "").startswith("@"):
        texts["changelog"] = _text_of(texts["changelog"][1:])
    order = asked(ctx)
    api = order.api()
    changed = api.write_about(one(api.firmware(), firmware), texts)
    if order.json:
        show.as_json(changed)
    else:
        show.line(f"{changed.get('name')} {changed.get('version')}: {', '.join(texts)} changed")
    return 0


Note = Annotated[str, typer.Argument(metavar="TEXT", help="a line for the list; '': none")]


def note(ctx: typer.Context, firmware: Firmware, text: Note) -> int:
    """Write a line about an image.

    The same as `homie-ota firmware edit FIRMWARE --description TEXT`.
    """
    return edit(ctx, firmware, description=text)


def _text_of(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}."
        ) from None


def delete(ctx: typer.Context, firmware: Firmware) -> int:
    """Delete an image."""
    order = asked(ctx)
    api = order.api()
    done = api.delete_firmware(one(api.firmware(), firmware))
    if order.json:
        show.as_json(done)
    else:
        show.line(str(done.get("detail")))
    return 0


Keep = Annotated[
    int | None,
    typer.Option(
        "--keep",
        metavar="N",
        parser=count,
        help="versions of each name and chip that stay; else keep_newest of the settings",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only say which would go")]


def prune(ctx: typer.Context, keep: Keep = None, dry_run: DryRun = False) -> int:
    """Delete old images."""
    order = asked(ctx)
    done = order.api().prune(keep, dry_run=dry_run)
    if order.json:
        show.as_json(done)
        return 0
    going = done.get("deleted") or []
    if going:
        show.table(_HEADS, [_row(each) for each in going])
    what = (
        f"{len(going)} {'image' if len(going) == 1 else 'images'}, {show.size(done.get('bytes')) or '0 KB'}"
    )
    verb = "would go" if dry_run else "deleted"
    show.say(f"{what} {verb}; the newest {done.get('keep')} of each name stay, and what is needed.")
    return 0


First = Annotated[str, typer.Argument(metavar="A", help=WHICH, autocompletion=completion.firmware)]
Second = Annotated[str, typer.Argument(metavar="B", help=WHICH, autocompletion=completion.firmware)]
Everything = Annotated[bool, typer.Option("--all", help="also what is alike")]


def compare(ctx: typer.Context, a: First, b: Second, all_: Everything = False) -> int:
    """Set two images beside each other."""
    order = asked(ctx)
    api = order.api()
    stored = api.firmware()
    found = api.compare(one(stored, a), one(stored, b))
    if order.json:
        show.as_json(found)
        return 0
    lines = [each for each in found.get("lines") or () if each.get("differs") or all_]
    heads = ("", "", *(_head(found.get(side) or {}) for side in "ab"), "")
    show.table(
        heads, [tuple(line.get(name) for name in ("topic", "what", "a", "b", "note")) for line in lines]
    )
    if not found.get("differences"):
        show.say("Nothing differs but the bytes themselves." if a != b else "They are the same.")
    return 0


def _head(image: Json) -> str:
    return f"{image.get('name')} {image.get('version')} ({str(image.get('sha256'))[:8]})"


File = Annotated[Path, typer.Argument(metavar="FILE", help="the image as the compiler made it")]
About = Annotated[str, typer.Option("--description", metavar="TEXT")]
Name = Annotated[str, typer.Option("--name", metavar="N", help="for an image that does not say its name")]
Version = Annotated[
    str, typer.Option("--version", metavar="V", help="for an image that does not say its version")
]
Override = Annotated[
    str, typer.Option("--override", metavar="REASON", help="take an image that is refused; is kept with it")
]


def upload(
    ctx: typer.Context,
    file: File,
    description: About = "",
    name: Name = "",
    version: Version = "",
    override: Override = "",
) -> int:
    """Store a firmware file."""
    order = asked(ctx)
    about = {"description": description, "name": name, "version": version, "override": override}
    with transfer(file.name, quiet=order.json) as progress:
        stored = order.api().upload(file, **about, progress=progress)
    if order.json:
        show.as_json(stored)
        return 0
    show.line(f"{stored.get('name')} {stored.get('version')} stored ({show.size(stored.get('size'))})")
    show.line(f"sha256 {stored.get('sha256')}")
    if stored.get("override"):
        show.say(f"Taken against a refusal, because: {stored['override']}")
    for warning in [*(stored.get("remarks") or []), *(stored.get("warnings") or [])]:
        show.say(f"Mind: {warning}")
    return 0


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
