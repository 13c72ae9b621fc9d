"""Over which images a device gets to one that wants another to run first.

Rule: the fewest steps among stored images of one name, newest first where two ways are as short. Asked again from what
runs now, the answer is the rest of the way, so a way is resumed wherever it was broken off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from homie_ota.model import Firmware
from homie_ota.rollout import constraint
from homie_ota.rollout.versions import version_key

ARROW = "→"
"""Stands between the steps of a way."""

DEAD_END = "dead-end"
"""`Firmware.proven` of an image that cannot be updated again: the last thing to stand on."""


class Path(NamedTuple):
    """The images in the order in which they are sent; the wanted one is the last."""

    steps: tuple[Firmware, ...]


class NoPath(NamedTuple):
    """There is no way; `reason` says what is missing."""

    reason: str


class Stones(NamedTuple):
    """The way to `target` from every image of its name: `ways` are (image, steps behind it), shortest first."""

    target: Firmware
    ways: tuple[tuple[Firmware, tuple[Firmware, ...]], ...]


def lay(target: Firmware, stored: Iterable[Firmware]) -> Stones:
    """Find the ways to `target` over the `stored` images, once for all devices."""
    usable = [each for each in stored if _is_stone(each, target)]
    usable.sort(key=lambda each: (version_key(each.version), each.uploaded_at, each.sha256), reverse=True)
    behind: dict[str, tuple[Firmware, ...]] = {target.sha256: ()}
    found, ways = deque([target]), []
    while found:
        reached = found.popleft()
        ways.append((reached, behind[reached.sha256]))
        for stone in usable:
            if stone.sha256 not in behind and _takes(reached, stone.name, stone.version):
                behind[stone.sha256] = (reached, *behind[reached.sha256])
                found.append(stone)
    return Stones(target, tuple(ways))


def path(stones: Stones, fw_name: str, fw_version: str) -> Path | NoPath:
    """The way for a device that runs this now."""
    for first, rest in stones.ways:
        if _takes(first, fw_name, fw_version):
            return Path((first, *rest))
    target = stones.target
    runs = f"{fw_name} {fw_version}".strip() or "a firmware that it does not name"
    return NoPath(
        f"{target.name} {target.version} wants {target.requires} to run first. The device runs {runs}, and no stored "
        f"image leads from there. Upload a {target.name} in between."
    )


def words(way: Path, fw_version: str) -> str:
    """The way as text: `1.4 → 1.8 → 2.0`."""
    return f" {ARROW} ".join([fw_version or "?", *(step.version for step in way.steps)])


def _is_stone(image: Firmware, target: Firmware) -> bool:
    fits = not image.chip or not target.chip or image.chip == target.chip
    return fits and image.name == target.name and image.kind == target.kind and image.proven != DEAD_END


def _takes(image: Firmware, fw_name: str, fw_version: str) -> bool:
    """Whether `image` may go onto what runs; what cannot be compared does not hold, for a stone has to be stood on."""
    if not image.requires.strip():
        return True
    if fw_name != image.name:
        return False
    wanted = constraint.read(image.requires)
    return wanted is not None and wanted.holds(fw_version) is True
