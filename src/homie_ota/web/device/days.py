"""The last thirty days of a device as one line of characters, with a legend and in words.

Rule: the line is for eyes; the words say the same for who cannot see it, and are its label.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from homie_ota.store.strip import ASLEEP, OFF, RESTARTED, RUNNING, UNHEARD, WAS_LOST, Band, Cell, Strip
from homie_ota.web.texts import _, ngettext


class Run(NamedTuple):
    """Cells of one kind side by side: their characters and the class that draws them."""

    text: str
    kind: str


class Days(NamedTuple):
    """What the page draws: the runs, the marks that occur with their meaning, the bands that occur, and the words."""

    runs: tuple[Run, ...]
    legend: tuple[tuple[str, str], ...]
    bands: tuple[tuple[str, Band], ...]
    words: str
    since: float


_KINDS = {RESTARTED: "boot", ASLEEP: "asleep", WAS_LOST: "lost", OFF: "off", UNHEARD: "unheard"}


def draw(strip: Strip) -> Days | None:
    """The strip for its page; None for a device of which no day is known."""
    if not strip.text.strip():
        return None
    runs = tuple(
        Run("".join(each.mark for each in cells), kind)
        for kind, cells in ((kind, list(group)) for kind, group in groupby(strip.cells, _kind))
    )
    seen = {each.band for each in strip.cells if each.band is not None}
    bands = tuple(
        (RUNNING[number % len(RUNNING)], band) for number, band in enumerate(strip.bands) if number in seen
    )
    return Days(runs, _legend(strip), bands, _words(strip, bands), float(strip.cells[0].at))


def _kind(cell: Cell) -> str:
    return _KINDS.get(cell.mark, f"band{(cell.band or 0) % len(RUNNING)}")


def _legend(strip: Strip) -> tuple[tuple[str, str], ...]:
    meanings = {
        RESTARTED: _("restarted"),
        ASLEEP: _("asleep"),
        WAS_LOST: _("lost"),
        OFF: _("switched off"),
        UNHEARD: _("nothing heard"),
    }
    used = set(strip.text)
    return tuple((mark, text) for mark, text in meanings.items() if mark in used and mark != UNHEARD)


def _words(strip: Strip, bands: tuple[tuple[str, Band], ...]) -> str:
    """“Ran lamp 1.0, then lamp 2.0; 3 restarts; lost in 2 of 180 spans of 4 hours.”"""
    boots = sum(each.boots for each in strip.cells)
    ran = _(", then ").join(f"{band.name} {band.version}".strip() or _("something") for _mark, band in bands)
    said = [_("Ran %(what)s", what=ran)] if ran else []
    if RESTARTED in strip.text:
        said.append(ngettext("%(num)s restart", "%(num)s restarts", boots))
    for mark, text in ((ASLEEP, _("asleep")), (WAS_LOST, _("lost")), (OFF, _("switched off"))):
        count = strip.text.count(mark)
        if count:
            said.append(
                _(
                    "%(how)s in %(count)s of %(all)s spans of 4 hours",
                    how=text,
                    count=count,
                    all=len(strip.cells),
                )
            )
    return "; ".join(said) + "."
