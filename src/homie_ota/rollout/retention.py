"""Which stored images may go: the newest versions of each name stay, and everything that somebody may need.

Rule: versions are counted, not images: all builds of a version (for other chips, other flash) stay or go together, and
each chip's line is counted for itself. The newest version is the one that was uploaded last: an old one that somebody
just brought back must not vanish again. A stepping stone stays as long as an image that stays requires one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from homie_ota.model import Firmware
from homie_ota.rollout import constraint


def choose(images: Sequence[Firmware], needed: Collection[str], keep: int) -> list[Firmware]:
    """The images that may be deleted, oldest first; `needed` are hashes that stay, `keep` 0 keeps all."""
    if keep < 1:
        return []
    stay = {each.sha256 for each in images if each.sha256 in needed}
    for line in _lines(images):
        newest = _newest(line, keep)
        stay.update(each.sha256 for each in line if each.version in newest)
    stay |= _stones(images, stay)
    going = [each for each in images if each.sha256 not in stay]
    return sorted(going, key=lambda each: (each.uploaded_at, each.sha256))


def _lines(images: Iterable[Firmware]) -> list[list[Firmware]]:
    """The images of each name and chip."""
    found: dict[tuple[str, str], list[Firmware]] = {}
    for each in images:
        found.setdefault((each.name, each.chip), []).append(each)
    return [*found.values()]


def _newest(line: Iterable[Firmware], keep: int) -> list[str]:
    """The `keep` versions of a line that were uploaded last; a version is as new as its newest build."""
    uploaded: dict[str, float] = {}
    for each in line:
        uploaded[each.version] = max(each.uploaded_at, uploaded.get(each.version, each.uploaded_at))
    return sorted(uploaded, key=lambda version: uploaded[version], reverse=True)[:keep]


def _stones(images: Sequence[Firmware], stay: Collection[str]) -> set[str]:
    """For each image that stays and requires another one to run first, the newest that would do; theirs as well."""
    stones: set[str] = set()
    waiting = [each for each in images if each.sha256 in stay and each.requires]
    while waiting:
        image = waiting.pop()
        fitting = [each for each in images if _leads_to(each, image)]
        if not fitting or any(each.sha256 in stones or each.sha256 in stay for each in fitting):
            continue
        stone = max(fitting, key=lambda each: (each.uploaded_at, each.sha256))
        stones.add(stone.sha256)
        waiting += [stone] if stone.requires else []
    return stones


def _leads_to(stone: Firmware, image: Firmware) -> bool:
    if (stone.name, stone.chip) != (image.name, image.chip) or stone.sha256 == image.sha256:
        return False
    required = constraint.read(image.requires)
    return required is not None and required.holds(stone.version) is True
