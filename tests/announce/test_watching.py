"""The watch over the server itself: what it reads becomes events, each once, over restarts."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from announce.receiver import until
from homie_ota.announce.around import Around, Link
from homie_ota.announce.parts import parts as all_parts
from homie_ota.announce.watching import Places, Watch, parts
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.config.announcing import AnnounceSettings
from homie_ota.store import events, recipients, troubles
from homie_ota.store.database import Connection, Database
from homie_ota.store.recipients import Recipient


class House:
    """A server whose broker and disk are as a test wants them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.link = folder, Link(True, time.time())
        self.database = Database(str(folder / "x.sqlite3"))
        self.database.migrate()

    def around(self, **keys: Any) -> Around:
        return Around(
            Settings(announce=AnnounceSettings(**keys)),
            self.database,
            Bus(),
            time.time,
            str,
            lambda: self.link,
        )

    def watch(self) -> Watch:
        return Watch(self.around(), Places(self.folder, self.folder / "firmwares"))

    def happened(self) -> list[tuple[str, str]]:
        rows = self.database.read_now(events.recent)
        assert {row["kind"] for row in rows} <= {troubles.KIND}
        return [(row["data"]["code"], row["data"]["event"]) for row in reversed(rows)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.database.close()


async def test_what_began_is_written_once_whoever_looks(house: House) -> None:
    house.link = Link(False, time.time() - 400, "Connection refused")
    for watch in (house.watch(), house.watch()):
        await watch.look()
        await watch.look()
    assert house.happened() == [("broker-lost", "began")]
    house.link = Link(True, time.time())
    await house.watch().look()
    assert house.happened() == [("broker-lost", "began"), ("broker-lost", "ended")]


async def test_both_folders_on_one_disk_are_one_trouble(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage: Any = shutil.disk_usage(house.folder)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage._replace(free=1000))
    await house.watch().look()
    assert house.happened() == [("disk-full", "began")]


async def test_who_left_the_settings_is_no_trouble_any_more_and_loses_its_place(house: House) -> None:
    around = house.around(notify=["ntfy://stays"])
    stays = around.settings.announce.recipients[0].name

    def write(conn: Connection) -> None:
        for name in (stays, "webhook-gone"):
            recipients.save(conn, Recipient(name, 0))
            troubles.began(conn, troubles.Key("recipient-dead", name), "It is given up.", 1.0)

    house.database.write_now(write)
    task = asyncio.create_task(Watch(around, Places(house.folder, house.folder)).run())
    try:
        await until(lambda: len(house.database.read_now(recipients.every)) == 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert set(house.database.read_now(recipients.every)) == {stays}
    assert set(house.database.read_now(troubles.standing)) == {("recipient-dead", stays)}


def test_each_recipient_of_the_settings_is_a_part(house: House) -> None:
    hooks = [{"url": f"http://127.0.0.1/{number}", "secret": "x" * 16} for number in (1, 2)]
    found = all_parts(house.around(notify=["ntfy://a"], webhooks=hooks))
    assert sorted(name.partition("-")[0] for name in found) == ["notify", "watch", "webhook", "webhook"]


def test_it_is_there_without_any_setting(house: House) -> None:
    assert set(parts(house.around())) == {"watch"}
