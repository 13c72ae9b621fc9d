"""The newest image that each device may take: what Home Assistant shows as its latest version.

Rule: of the images that have the name of what a device runs, newest first, the first that `eligibility.judge` allows
and calls newer. Older is no update, what cannot be compared is none either, and nobody is asked about an image that
none of the devices is behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Firmware
from homie_ota.rollout import eligibility
from homie_ota.rollout.eligibility import Order
from homie_ota.rollout.versions import compare
from homie_ota.store import candidates, kinds
from homie_ota.store import firmware as firmwares
from homie_ota.store.candidates import FEW, Subject, Surroundings
from homie_ota.store.kinds import Kind
from homie_ota.store.tables import device, firmware, quarantine


class _Stored(NamedTuple):
    """An image by what orders it."""

    sha256: str
    version: str


def of_all(conn: Connection, *, now: float) -> dict[int, str]:
    """`pk` → SHA-256 of every device that may take a newer image; judged kind by kind (`store/kinds.py`)."""
    held = conn.execute(sa.select(quarantine.c.device_pk).distinct()).scalars().all()
    return _newest(conn, kinds.load(conn, held, now=now))


def of(conn: Connection, pks: Sequence[int], *, now: float) -> dict[int, str]:
    """The same of these devices alone."""
    if not pks:
        return {}
    where = device.c.pk.in_(list(pks)) if len(pks) <= FEW else None
    wanted = frozenset(pks)
    found = candidates.load(conn, where, now=now)
    return _newest(conn, [Kind(each, (each.pk,)) for each in found if each.pk in wanted])


def _newest(conn: Connection, fleet: Iterable[Kind]) -> dict[int, str]:
    named: dict[str, list[Kind]] = {}
    for each in fleet:
        named.setdefault(each.subject.known.fw_name, []).append(each)
    stored = _stored(conn)
    found: dict[int, str] = {}
    for name, alike in named.items():
        behind = [(each, newer) for each in alike if (newer := _newer(each.subject, stored.get(name, ())))]
        if behind:
            found |= dict(_allowed(conn, name, behind))
    return found


def _stored(conn: Connection) -> dict[str, list[_Stored]]:
    """Every image by its name, the newest version first, and of one version what was uploaded last."""
    order = (firmware.c.version_key.desc(), firmware.c.uploaded_at.desc(), firmware.c.sha256)
    named: dict[str, list[_Stored]] = {}
    rows = conn.execute(sa.select(firmware.c.name, firmware.c.sha256, firmware.c.version).order_by(*order))
    for name, sha256, version in rows:
        named.setdefault(name, []).append(_Stored(sha256, version))
    return named


def _newer(subject: Subject, images: Iterable[_Stored]) -> list[str]:
    """The images that are newer than what runs, by version alone; the rest is not worth a question."""
    runs = subject.known.fw_version
    return [each.sha256 for each in images if runs and compare(runs, each.version) == -1]


def _allowed(
    conn: Connection, name: str, behind: Sequence[tuple[Kind, list[str]]]
) -> Iterator[tuple[int, str]]:
    """Each device of these kinds with its image; those without one are left out."""
    asked = {sha256 for _, newer in behind for sha256 in newer}
    images = {each.sha256: each for each in firmwares.find(conn, name=name) if each.sha256 in asked}
    around = Surroundings(conn, list(images.values()), [each.subject for each, _ in behind])
    for kind, newer in behind:
        wanted = (images[sha256] for sha256 in newer if sha256 in images)
        chosen = next((each for each in wanted if _may(kind.subject, each, around)), None)
        if chosen is not None:
            yield from ((pk, chosen.sha256) for pk in kind.pks)


def _may(subject: Subject, image: Firmware, around: Surroundings) -> bool:
    answer = eligibility.judge(subject.known, image, around=around.of(subject, image))
    return answer.allowed and answer.newer.answer is Order.NEWER
