"""The columns that a list of devices may have, and what an address asks of the list.

Rule: whatever the address or a cookie says, the answer has columns; an unknown word among them is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from homie_ota.store.search import BY_NEED, SORTS
from homie_ota.web.texts import _


class Column(NamedTuple):
    """One column: `sort` is the word of the store to sort by (empty: it cannot be), `number`: it stands right."""

    word: str
    sort: str = ""
    number: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("state", "state"),
    Column("id", "id"),
    Column("name", "name"),
    Column("runs", "fw"),
    Column("target"),
    Column("next", BY_NEED),
    Column("back"),
    Column("signal", "signal", number=True),
    Column("seen", "seen"),
    Column("tags"),
    Column("ip"),
    Column("mac"),
    Column("homie"),
    Column("made"),
    Column("uptime", "uptime", number=True),
    Column("heap", "heap", number=True),
)
USUAL = ("state", "id", "runs", "target", "next", "back", "signal", "seen")
"""What is shown until somebody chooses."""
ALWAYS = "id"
"""The way to the page of a device."""

_BY_WORD = {each.word: each for each in COLUMNS}


def titles() -> dict[str, str]:
    """What people read at the head of each column."""
    return {
        "state": _("State"),
        "id": _("Device"),
        "name": _("Name"),
        "runs": _("Runs"),
        "target": _("Target"),
        "next": _("What comes next"),
        "back": _("Way back"),
        "signal": _("Signal"),
        "seen": _("Seen"),
        "tags": _("Tags"),
        "ip": _("IP"),
        "mac": _("MAC"),
        "homie": _("Homie"),
        "made": _("Made with"),
        "uptime": _("Up"),
        "heap": _("Free heap"),
    }


def chosen(words: Sequence[str]) -> list[Column]:
    """The columns of these words, in the order of COLUMNS; the usual ones where none is known."""
    wanted = set(words) & set(_BY_WORD)
    wanted = wanted | {ALWAYS} if wanted else set(USUAL)
    return [each for each in COLUMNS if each.word in wanted]


def spelled(columns: Sequence[Column]) -> str:
    """The columns as an address has them; empty for the usual ones."""
    words = tuple(each.word for each in columns)
    return "" if words == USUAL else ",".join(words)


class View(NamedTuple):
    """What an address asks of the list."""

    q: str
    state: str
    sort: str
    cursor: str
    columns: list[Column]

    @property
    def address(self) -> dict[str, str]:
        """The query of an address of the same view from its beginning; what is as usual is empty."""
        return {
            "q": self.q,
            "state": self.state,
            "sort": "" if self.sort == BY_NEED else self.sort,
            "cols": spelled(self.columns),
        }


def view_of(query: Mapping[str, str]) -> View:
    """Read the query of an address; an unknown sort is as usual."""
    sort = query.get("sort", "") or BY_NEED
    known = sort == BY_NEED or sort.removeprefix("-") in SORTS
    return View(
        query.get("q", "").strip(),
        query.get("state", ""),
        sort if known else BY_NEED,
        query.get("cursor", ""),
        chosen(query.get("cols", "").split(",")),
    )
