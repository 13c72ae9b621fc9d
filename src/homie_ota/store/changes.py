"""What each device ran, one after another, as events: who goes back and forth by itself is seen there.

Rule: a row is written when a live announce names another firmware than the device's row does; a device keeps its newest
KEPT, for somebody may forge announces without an end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.rollout.proof import AnnounceNews, News
from homie_ota.store import events
from homie_ota.store.tables import device, event, firmware

KIND = "firmware"
KEPT = 16


class Ran(NamedTuple):
    """From `at` on the device ran this; `key` is the MD5 (`name@version` where there is none), `before` what it was."""

    at: float
    key: str
    name: str = ""
    version: str = ""
    before: str = ""


def note(connection: Connection, heard: Mapping[int, Sequence[News]]) -> list[int]:
    """Write a row for each device (by `pk`) that announced something new, before its own row is; returns those."""
    announced = {pk: latest for pk, news in heard.items() if (latest := _latest(news)) is not None}
    if not announced:
        return []
    columns = (device.c.pk, device.c.md5, device.c.fw_name, device.c.fw_version)
    stored = sa.select(*columns).where(device.c.pk.in_(list(announced)))
    changed = []
    for pk, md5, name, version in connection.execute(stored).all():
        news = announced[pk]
        before, after = _key(md5, name, version), _key(news.md5, news.name, news.version)
        if not before or not after or before == after or bool(md5) != bool(news.md5):
            continue  # a first announce, or one that is not complete yet
        data = {"from": before, "key": after, "name": news.name, "version": news.version}
        data |= _image(connection, news.md5)
        events.add(connection, KIND, at=news.at, device_pk=pk, actor="device", data=data)
        _prune(connection, pk)
        changed.append(pk)
    return changed


def _image(connection: Connection, md5: str) -> dict[str, str]:
    """The stored image that runs now, so that the log can be read by it."""
    found = connection.execute(sa.select(firmware.c.sha256).where(firmware.c.md5 == md5).limit(1)).scalar()
    return {"sha256": found} if md5 and found else {}


def _latest(news: Sequence[News]) -> AnnounceNews | None:
    live = [each for each in news if isinstance(each, AnnounceNews) and each.live]
    return live[-1] if live else None


def _key(md5: str, name: str, version: str) -> str:
    return md5 or (f"{name}@{version}" if version else "")


def _prune(connection: Connection, pk: int) -> None:
    mine = (event.c.device_pk == pk) & (event.c.kind == KIND)
    newest = sa.select(event.c.seq).where(mine).order_by(event.c.seq.desc()).limit(KEPT)
    connection.execute(event.delete().where(mine, event.c.seq.not_in(newest)))


def of(connection: Connection, device_pk: int) -> list[Ran]:
    """What a device ran, oldest first."""
    mine = (event.c.device_pk == device_pk) & (event.c.kind == KIND)
    query = sa.select(event.c.at, event.c.data).where(mine).order_by(event.c.seq)
    return [
        Ran(at, *(str(data.get(word, "")) for word in ("key", "name", "version", "from")))
        for at, data in connection.execute(query)
    ]
