"""The lists that devices announce: `$nodes` and `$properties`, in every spelling.

Rule: 1.5 writes `id:type`, 2.x `p:settable` and `led[1-3]:settable`, 3.x `lights[]`; what is no id is left out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

MAX_ITEMS = 500


class Listed(NamedTuple):
    """One entry: id, what follows its colon, and what stands in its brackets (None without brackets)."""

    id: str
    mark: str
    span: str | None

    @property
    def settable(self) -> bool:
        """Whether the entry is marked `:settable`."""
        return self.mark == "settable"


@lru_cache(maxsize=4096)  # a fleet announces the same few lists again and again
def entries(announced: str) -> tuple[Listed, ...]:
    """The entries of a list as announced, in its order."""
    if not announced:
        return ()
    return tuple(_entry(item) for item in announced.split(",", MAX_ITEMS)[:MAX_ITEMS] if item.strip(" :[]"))


def _entry(item: str) -> Listed:
    name, _, mark = item.strip().partition(":")
    if not name.endswith("]"):
        return Listed(name, mark, None)
    name, _, span = name[:-1].partition("[")
    return Listed(name, mark, span)
