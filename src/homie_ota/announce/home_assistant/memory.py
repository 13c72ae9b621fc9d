"""What is remembered of each device that was told: what stands on the broker of it, and the newest image it may take.

Rule: digests and not messages, so that ten thousand devices cost a few megabytes; what has the digest of what stands
there is not sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from homie_ota.announce.home_assistant.topics import object_id
from homie_ota.store.announced import Announced
from homie_ota.store.entities import Standing


@dataclass(slots=True)
class Told:
    """One device: its name there, what it was judged by, and the newest image (SHA-256, empty: it runs the newest).

    `sent` are digests by the kind of message; `diagnosed_at` is when its sensors were told last.
    """

    name: str
    judged_by: int = 0
    newest: str = ""
    sent: dict[str, int] = field(default_factory=dict)
    diagnosed_at: float = float("-inf")


class Gone(NamedTuple):
    """A name to be taken away, and below which prefix."""

    name: str
    prefix: str


class Memory:
    """All devices by `pk`; `noted` are the rows of `announced` by name, `gone` what is to be taken away still."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.told: dict[int, Told] = {}
        self.noted: dict[str, Announced] = {}
        self.gone: dict[Gone, None] = {}
        self._pks: dict[str, int] = {}

    def begin(self, rows: Iterable[Announced]) -> None:
        """Take what an earlier run left; what was below another prefix is taken away there."""
        self.noted = {row.object_id: row for row in rows}
        for row in self.noted.values():
            if row.prefix != self.prefix:
                self.gone[Gone(row.object_id, row.prefix)] = None

    def forget_sent(self) -> None:
        """The broker, or Home Assistant, may have forgotten everything."""
        for each in self.told.values():
            each.sent.clear()
            each.diagnosed_at = float("-inf")

    def take(self, everyone: Mapping[int, Standing], newest: Mapping[int, str]) -> list[int]:
        """Learn who there is, and what each may take; those that are to be told anew."""
        for pk in [pk for pk in self.told if pk not in everyone]:
            self.drop(pk)
        changed = [pk for pk, each in everyone.items() if self._learn(pk, each, newest.get(pk, ""))]
        for name, row in self.noted.items():
            if name not in self._pks:
                self.gone[Gone(name, row.prefix)] = None
        return changed

    def _learn(self, pk: int, standing: Standing, newest: str) -> bool:
        before = self.told.get(pk)
        told = self.at(pk, object_id(standing.address))
        is_news = told is not before or told.newest != newest
        told.judged_by, told.newest = standing.judged_by, newest
        return is_news

    def at(self, pk: int, name: str) -> Told:
        """What is remembered of this device; begun anew where it has another name now."""
        told = self.told.get(pk)
        if told is not None and told.name == name:
            return told
        self.drop(pk)
        told = self.told[pk] = Told(name)
        self._pks[name] = pk
        self.gone.pop(Gone(name, self.prefix), None)  # it is back before it was taken away
        return told

    def drop(self, pk: int) -> None:
        """The device is no more, or cannot be updated any more: what stands of it is taken away."""
        told = self.told.pop(pk, None)
        if told is not None:
            self._pks.pop(told.name, None)
            self.gone[Gone(told.name, self.prefix)] = None

    def named(self, name: str) -> int | None:
        """The device of this name; None when there is none."""
        return self._pks.get(name)

    def cleared(self, gone: Gone) -> None:
        """It was taken away."""
        self.gone.pop(gone, None)
        if (row := self.noted.get(gone.name)) is not None and row.prefix == gone.prefix:
            del self.noted[gone.name]
