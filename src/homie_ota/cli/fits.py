"""`fits`: for how many devices an image is, why not for the others, and what to think of before.

Rule: the server is asked, and what it says is what an order would be answered; of devices of which the same is true it
is said once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.firmware import choose
from homie_ota.cli.options import Firmware, Query
from homie_ota.errors import Conflict

Json = dict[str, Any]

_SHORT = 12
_SHOWN = 50
"""Things to say that are said; `--json` has them all."""
_NAMED = 4
"""Devices that are named of those of which the same is true."""
_NAMELESS = "the device"
_WARNED, _RUNS_IT = "yes-with-warnings", "runs-it"


def fits(ctx: typer.Context, firmware: Firmware, query: Query = "") -> int:
    """Say whom an image fits, and why not the others."""
    order = asked(ctx)
    api = order.api()
    images = choose(api.firmware(), firmware)
    if len(images) > 1:
        hashes = ", ".join(str(each["sha256"])[:_SHORT] for each in images)
        raise Conflict(f"{firmware} is {len(images)} images: {hashes}. Say which by its SHA-256.")
    sha256 = images[0]["sha256"]
    if order.json:
        show.as_json(api.fits(sha256, query))
        return 0
    found = api.fits(sha256, query, verdict="no")
    others = [each for each in found["devices"] if each.get("code") != _RUNS_IT]
    runs = len(found["devices"]) - len(others)
    has = f"; {runs} {'runs' if runs == 1 else 'run'} it already" if runs else ""
    show.line(f"Fits {found['fits']} of {_count(found['of'])}{_warned(found)}{has}.")
    _tell(f"Why not {_these(len(others))}:", _groups([(each, _why(each)) for each in others]))
    if found["with_warnings"]:
        warned = api.fits(sha256, query, verdict=_WARNED)["devices"]
        mind = [(each, _told(reason)) for each in warned for reason in _of_weight(each, "warns")]
        _tell("To think of first:", _groups(mind))
    return 0


class _Told(NamedTuple):
    """What is true of a device, how that is known, and how long ago it was learned."""

    text: str
    evidence: str
    learned: str


Group = list[tuple[Json, _Told]]
"""Devices of which the same is true."""


def _of_weight(device: Json, weight: str) -> list[Json]:
    return [each for each in device["reasons"] if each["weight"] == weight]


def _told(reason: Json) -> _Told:
    learned = f", {show.age(reason['at'])} ago" if reason.get("at") else ""
    return _Told(str(reason["text"]), str(reason.get("evidence") or "").rstrip("."), learned)


def _why(device: Json) -> _Told:
    """All that refuses one device, as one thing to say."""
    first, *others = [_told(each) for each in _of_weight(device, "refuses")]
    return first if not others else _Told(" ".join(_sentence(each) for each in (first, *others)), "", "")


def _groups(found: Sequence[tuple[Json, _Told]]) -> list[Group]:
    """The same of all that differ only in their names, the largest first."""
    groups: dict[str, Group] = {}
    for device, told in found:
        groups.setdefault(_nameless(told.text, _bare(device)), []).append((device, told))
    return sorted(groups.values(), key=lambda group: -len(group))


def _nameless(text: str, device_id: str) -> str:
    """The text about `the device`; what stands in quotes or in a longer word is no name of it."""
    plain = re.sub(rf"(?<![\w'\"-]){re.escape(device_id)}(?![\w'\"-])", _NAMELESS, text)
    return re.sub(rf"(?:\A|(?<=\. )){_NAMELESS}", _NAMELESS.capitalize(), plain)


def _tell(title: str, groups: Sequence[Group]) -> None:
    if groups:
        show.line(title)
    for group in groups[:_SHOWN]:
        show.line(f"  {_line(group)}")
    if len(groups) > _SHOWN:
        show.line(f"… and {len(groups) - _SHOWN} more; --json has them all.")


def _line(group: Group) -> str:
    (device, told), *others = group
    if not others:
        return f"{_bare(device)}: {_sentence(told)}"
    same = {each.evidence for _, each in group} == {told.evidence}
    said = _Told(_nameless(told.text, _bare(device)), told.evidence if same else "", "")
    return f"{_names([_bare(each) for each, _ in group])}: {_sentence(said)}"


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{_count(len(ids))} ({', '.join(ids[:_NAMED])}{more})"


def _sentence(told: _Told) -> str:
    return f"{told.text} [{told.evidence}{told.learned}]" if told.evidence else told.text


def _bare(device: Json) -> str:
    return str(device["device"]).rpartition("~")[2]


def _warned(found: Json) -> str:
    return f", {found['with_warnings']} of them with warnings" if found["with_warnings"] else ""


def _these(number: int) -> str:
    return "this one" if number == 1 else f"these {number}"


def _count(number: int) -> str:
    return "1 device" if number == 1 else f"{number} devices"
