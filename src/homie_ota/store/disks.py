"""How much room there is on the disks of data and firmware, and what is too little.

Rule: pages, doctor and notifications judge by the same numbers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Disk(NamedTuple):
    """The file system of a directory: bytes in all and free."""

    what: str
    path: str
    total: int
    free: int

    def is_full(self, largest: int) -> bool:
        """No room for one image of the largest size that may come."""
        return self.free < largest

    def is_low(self, largest: int) -> bool:
        """Room for ten of the largest images, and a twentieth of the disk, is enough not to think of it."""
        return self.free < self.enough(largest)

    def enough(self, largest: int) -> int:
        """So many bytes free are enough."""
        return max(10 * largest, self.total // 20)


def read(places: Iterable[tuple[str, Path]]) -> tuple[Disk, ...]:
    """The disks of these places, each called what its place is; once where several lie on one."""
    found: dict[int, Disk] = {}
    for what, path in places:
        there = existing(path)
        usage = shutil.disk_usage(there)
        found.setdefault(there.stat().st_dev, Disk(what, str(path), usage.total, usage.free))
    return tuple(found.values())


def existing(path: Path) -> Path:
    """A folder that is made when it is first needed lies where its parent does."""
    path = path.absolute()
    return path if path.exists() else existing(path.parent)
