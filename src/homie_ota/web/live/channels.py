"""What a live page is made of, and one channel: the parts of one page as a group of viewers sees them.

Rule: a channel is drawn once for all of its viewers, so whatever makes two people see different parts (the page, its
key and query, rights, language, prefix) is in its `Sight`, and nothing else is.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from homie_ota.bus import Notice
from homie_ota.store.database import Connection
from homie_ota.web.people import Person
from homie_ota.web.render import Render
from homie_ota.web.shell import Shell

Values = dict[str, Any]


class Asked(NamedTuple):
    """What a page is asked: its key in the path, its query, the time of now, and the shell."""

    key: str
    query: dict[str, str]
    now: float
    shell: Shell


PAGES: dict[str, LivePage] = {}
"""Every live page by its name."""


@dataclass(frozen=True)
class LivePage:
    """A page whose parts change while it is looked at. Making one registers it under its name.

    `read` gives the values of the template, in one transaction; it raises NotFound. `parts` are blocks of the
    template, each one element whose id is the block's name with `-` for `_`; or a function that gives HTML by element
    id (letters, digits, `-`, `_`). `concerns` tells whether a notice may change what these values show; None: any.
    """

    name: str
    template: str
    read: Callable[[Connection, Asked], Values]
    parts: tuple[str, ...] | Callable[[Render, Values], dict[str, str]] = ()
    concerns: Callable[[Notice, Values], bool] | None = None

    def __post_init__(self) -> None:
        PAGES[self.name] = self

    def draw(self, render: Render, values: Values) -> dict[str, str]:
        """The HTML of each part by element id, the banner of every page included."""
        if isinstance(self.parts, tuple):
            found = render.blocks(self.template, self.parts, values) if self.parts else {}
        else:
            found = self.parts(render, values)
        return {**render.blocks("base.html", ("banner",), values), **found}


class Sight(NamedTuple):
    """All that decides what a viewer's parts look like."""

    page: str
    key: str
    query: tuple[tuple[str, str], ...]
    person: Person
    language: str
    prefix: str


class Message:
    """Some parts as one event of the stream, written and compressed once however many get it."""

    def __init__(self, parts: dict[str, str]) -> None:
        html = "".join(
            f'<hx-partial hx-target="#{name}" hx-swap="outerMorph">{text}</hx-partial>'
            for name, text in parts.items()
        )
        self.plain = event(html)

    @cached_property
    def packed(self) -> bytes:
        """Whole deflate blocks that refer to nothing before them, so they fit into the gzip stream of any viewer."""
        return pack(self.plain)


def event(text: str, name: str = "") -> bytes:
    """One server-sent event."""
    lines = text.replace("\r", "").replace("\n", "\ndata: ")
    return f"{f'event: {name}' + chr(10) if name else ''}data: {lines}\n\n".encode()


GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def pack(body: bytes) -> bytes:
    """Deflate blocks that end on a byte and stand alone."""
    packer = zlib.compressobj(4, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush(zlib.Z_FULL_FLUSH)


@dataclass(eq=False)
class Channel:
    """The parts that a group of viewers sees: what was drawn last, from which values, and when."""

    page: LivePage
    sight: Sight
    values: Values | None = None
    shown: dict[str, str] = field(default_factory=dict)
    drawn_at: float = 0.0
    everything: Message | None = None

    def is_touched(self, notices: Iterable[Notice]) -> bool:
        """Whether any of these notices may change what is shown."""
        concerns, values = self.page.concerns, self.values
        if concerns is None or values is None:
            return any(True for _ in notices)
        return any(notice.kind == "broker" or concerns(notice, values) for notice in notices)

    def take(self, values: Values, parts: dict[str, str], now: float) -> Message | None:
        """Remember what was drawn; what of it is new, or None."""
        new = {name: text for name, text in parts.items() if self.shown.get(name) != text}
        self.values, self.shown, self.drawn_at = values, parts, now
        if not new:
            return None
        self.everything = None
        return Message(new)

    def whole(self) -> Message:
        """All parts as they were drawn last."""
        if self.everything is None:
            self.everything = Message(self.shown)
        return self.everything
