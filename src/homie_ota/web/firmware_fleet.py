"""What an image means for the fleet: whom it fits and why not the others, who needs it, and whether it may go.

Rule: counts are of all devices and exact. Of few devices all this is on the page of the image; of many it comes behind
it, for looking at ten thousand takes longer than a page should.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from homie_ota.model import Address, Firmware
from homie_ota.rollout.eligibility import Verdict
from homie_ota.store import fitting, needed
from homie_ota.store.database import Connection
from homie_ota.store.fitting import Fitting
from homie_ota.store.kinds import NAMELESS
from homie_ota.store.needed import Need, Why
from homie_ota.web.texts import _, ngettext

AT_ONCE = 300
"""Of so many devices the page of an image tells all at once."""
NAMED = 12
"""Devices that are named at once; the others are counted, and a click away."""
A_PAGE = 200

RUNS_IT = "runs-it"
"""The code of the answer for a device that has the image: nothing speaks against it, it is just done."""


class Named(NamedTuple):
    """A device on a page: its key (for routes), and its id."""

    key: str
    device_id: str


class Group(NamedTuple):
    """Something to say, of how many devices it is true, and the first of them; `key` finds all of them again."""

    said: str
    number: int
    first: list[Named]
    key: str


def read(conn: Connection, image: Firmware, *, now: float) -> dict[str, Any]:
    """What `firmware_fleet.html` shows."""
    found, needs = fitting.judge(conn, image, now=now), needed.find(conn, [image.sha256])
    return {
        "of": found.of,
        "fits": found.of - found.count(Verdict.NO),
        "warned": found.count(Verdict.WARNED),
        "runs": found.with_code(RUNS_IT),
        "why_not": [_group(conn, said, pks) for said, pks in _refusals(found, image)],
        "used": len(_by_use(needs)),
        "uses": [_group(conn, said, pks) for said, pks in _uses(needs)],
    }


def kept_for(conn: Connection, sha256: str, ways_back: Mapping[str, int]) -> str:
    """Why an image may not be deleted now, in numbers, for names take longer; empty where it may."""
    used, back = needed.in_use_by(conn, sha256), ways_back.get(sha256, 0)
    rollouts = [each.who for each in needed.find(conn, [sha256], [Why.ROLLOUT])]
    told = []
    if used:
        told.append(ngettext("%(num)s device uses it", "%(num)s devices use it", used))
    elif back:
        told.append(
            ngettext(
                "%(num)s device may have to go back to it", "%(num)s devices may have to go back to it", back
            )
        )
    if rollouts:
        told.append(_("%(who)s brings it to devices", who=", ".join(rollouts[:3])))
    return "; ".join(told)


def group(conn: Connection, image: Firmware, key: str, start: int, *, now: float) -> dict[str, Any] | None:
    """A page of all devices of one group; None where there is no such group (any more)."""
    needs = needed.find(conn, [image.sha256])
    for said, pks in [*_refusals(fitting.judge(conn, image, now=now), image), *_uses(needs)]:
        if _key(said) == key:
            return {
                "said": said,
                "number": len(pks),
                "devices": _named(conn, pks, limit=A_PAGE, offset=start),
                "next": start + A_PAGE if start + A_PAGE < len(pks) else None,
            }
    return None


Of = tuple[str, tuple[int, ...]]
"""Something to say, and of which devices."""


def _group(conn: Connection, said: str, pks: tuple[int, ...]) -> Group:
    return Group(said, len(pks), _named(conn, pks, limit=NAMED), _key(said))


def _key(said: str) -> str:
    return f"{zlib.crc32(said.encode()):08x}"


def _named(conn: Connection, pks: tuple[int, ...], *, limit: int, offset: int = 0) -> list[Named]:
    found = fitting.named(conn, pks, limit=limit, offset=offset)
    return [Named(Address(each.base, each.device_id).key, each.device_id) for each in found]


def _refusals(found: Fitting, image: Firmware) -> list[Of]:
    """By reason; those that run the image are not refused it, they have it."""
    said: dict[str, tuple[int, ...]] = {}
    for each in found.groups:
        if each.verdict is Verdict.NO and each.code != RUNS_IT:
            text = sentence(each.text, image.filename)
            said[text] = said.get(text, ()) + each.pks
    return sorted(said.items(), key=lambda of: -len(of[1]))


def sentence(text: str, filename: str) -> str:
    """A reason without the file that the page is about, with great letters where sentences begin."""
    said = text.replace(f"{filename}: ", "")
    return re.sub(
        rf"(?:\A|(?<=\. ))(?:{NAMELESS}|[a-z])", lambda found: found[0][0].upper() + found[0][1:], said
    )


_REASONS: tuple[tuple[frozenset[Why], Callable[[], str]], ...] = (
    (frozenset({Why.RUNS}), lambda: _("runs it")),
    (frozenset({Why.GIVEN}), lambda: _("is being updated to it")),
    (frozenset({Why.TARGET}), lambda: _("should run it")),
    (needed.WAY_BACK, lambda: _("may have to go back to it")),
)
"""Why somebody needs an image, the strongest first: each device is named once."""


def _uses(needs: list[Need]) -> list[Of]:
    seen: set[int] = set()
    found: list[Of] = []
    for reasons, said in _REASONS:
        pks = {each.device_pk for each in needs if each.why in reasons and each.device_pk is not None} - seen
        seen |= pks
        if pks:
            found.append((said(), tuple(sorted(pks))))
    return found


def _by_use(needs: list[Need]) -> set[int | None]:
    return {each.device_pk for each in needs if each.why in needed.IN_USE}


def title(told: dict[str, Any]) -> str:
    """How many devices the image fits."""
    fits = ngettext(
        "Fits %(fits)s of %(num)s device", "Fits %(fits)s of %(num)s devices", told["of"], fits=told["fits"]
    )
    if not told["runs"]:
        return fits
    return fits + ngettext(", %(num)s runs it already", ", %(num)s run it already", told["runs"])
