"""Notifications: by the real library to a real HTTP server, with their manners, and without a word of the address."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from announce.receiver import SILENCE, Receiver, receiving, until
from homie_ota.announce import courier, notifying, patience, ringing, tact
from homie_ota.announce.around import Around, Link
from homie_ota.announce.courier import Courier
from homie_ota.announce.ringing import Bell
from homie_ota.announce.tact import Message
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.config.announcing import person
from homie_ota.store import events, recipients
from homie_ota.store.database import Connection, Database
from homie_ota.store.recipients import Recipient

NO = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
YES = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
A_MESSAGE = Message("Title", "Body ü\nNext: x", "failure", 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "LOOK", 0.01)
    monkeypatch.setattr(patience, "FIRST", 0.02)
    monkeypatch.setattr(patience, "LONGEST", 0.05)
    monkeypatch.setattr(tact, "MOMENT", 0.0)


def at(receiver: Receiver, path: str = "/hook") -> str:
    return receiver.url.replace("http:", "json:") + path


class House:
    """A log, and addresses that are told of it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def couriers(self, *addresses: str, **more: Any) -> list[Courier]:
        keys = {"notify": list(addresses), "give_up_after": "1h", **more}
        settings = Settings(announce=keys)  # type: ignore[arg-type]
        link = Link(True, 0.0)
        around = Around(settings, self.database, Bus(), time.time, "http://ota.local".__add__, lambda: link)
        return [Courier(around, notifying.Person(around, each)) for each in settings.announce.recipients]

    def happens(self, *texts: str, kind: str = "server", code: str = "disk-full") -> None:
        for text in texts:
            data = {"event": "began", "code": code, "text": text}

            def write(conn: Connection, data: dict[str, Any] = data) -> None:
                events.add(conn, kind, at=time.time() - 1, data=data)

            self.database.write_now(write)

    def known(self) -> list[Recipient]:
        return list(self.database.read_now(recipients.every).values())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    yield House(database)
    database.close()


@asynccontextmanager
async def working(couriers: list[Courier], house: House) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in couriers]
    await until(lambda: len(house.known()) == len(couriers))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in receiver.got]


async def test_what_needs_a_person_arrives_with_the_next_step_and_the_page(house: House) -> None:
    async with receiving() as receiver, working(house.couriers(at(receiver)), house):
        house.happens("The disk of /data is nearly full.")
        await until(lambda: house.known()[0].last_ok is not None)
        (only,) = told(receiver)
    assert (only["title"], only["type"]) == ("A disk is nearly full", "failure")
    first, step, page = only["message"].splitlines()
    assert first == "The disk of /data is nearly full."
    assert step.startswith("Next: Delete old images")
    assert page == "http://ota.local/health"


async def test_only_the_kinds_of_the_settings_and_every_test(house: House) -> None:
    async with receiving() as receiver, working(house.couriers(at(receiver), kinds=["broker-lost"]), house):
        house.happens("a")
        house.happens("b", code="broker-lost")
        await until(lambda: len(receiver.got) == 1)
        house.happens("Somebody wants to know.", kind="test")
        await until(lambda: len(receiver.got) == 2)
        assert [each["title"] for each in told(receiver)] == [
            "The broker is away",
            "homie-ota: this is a test",
        ]


async def test_many_at_once_are_one_message(house: House) -> None:
    def write(conn: Connection) -> None:
        for number in range(40):
            data = {"event": "began", "code": "disk-full", "text": f"number {number}"}
            events.add(conn, "server", at=time.time() - 1, data=data)

    async with receiving() as receiver, working(house.couriers(at(receiver)), house):
        house.database.write_now(write)
        await until(lambda: house.known()[0].reached == 40 and receiver.got)
        (only,) = told(receiver)
    assert only["title"] == "homie-ota: 40 messages"
    assert "- and 20 more" in only["message"]


async def test_an_hour_has_no_more_than_the_settings_say_and_nothing_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver, working(house.couriers(at(receiver), per_hour=2), house):
        for number in range(1, 6):
            house.happens(f"number {number}")
            await asyncio.sleep(0.15)
        await until(lambda: len(receiver.got) == 2)
        await asyncio.sleep(0.2)
        assert len(receiver.got) == 2
        monkeypatch.setattr(tact, "HOUR", 0.0)
        await until(lambda: house.known()[0].reached == 5)
        assert " ".join(each["message"] for each in told(receiver)).count("number") == 5


async def test_in_quiet_hours_it_waits(house: House) -> None:
    async with receiving() as receiver:
        async with working(house.couriers(at(receiver), quiet_hours="00:00-24:00"), house):
            house.happens("a")
            await asyncio.sleep(0.3)
            assert receiver.got == []
        assert house.known()[0].reached == 0
        async with working(house.couriers(at(receiver)), house):
            await until(lambda: len(receiver.got) == 1)


async def test_what_was_not_taken_is_tried_again_and_who_is_dead_holds_no_other(house: House) -> None:
    async with receiving() as bad, receiving() as good:
        bad.usual = NO
        async with working(house.couriers(at(bad), at(good)), house):
            house.happens("a")
            await until(lambda: len(good.got) == 1 and len(bad.got) > 2)
            bad.usual = YES
            await until(lambda: all(each.last_ok for each in house.known()))
        assert {each["title"] for each in told(bad)} == {"A disk is nearly full"}
        assert len(good.got) == 1


async def test_an_address_that_is_none_is_told_at_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(house.couriers("jsn://hunter2@example.org"), house):
        await until(lambda: house.known()[0].last_error)
        (known,) = house.known()
    assert known.last_error.startswith("Apprise knows no such address")
    assert "Notification 1 (jsn) was not told" in caplog.text
    assert "hunter2" not in caplog.text


# --- One message by the library -------------------------------------------------------------------------------------


async def ring(*answers: bytes, path: str = "/hook") -> tuple[str, Receiver]:
    async with receiving() as receiver:
        receiver.answers.extend(answers)
        return await Bell(at(receiver, path)).ring(A_MESSAGE), receiver


async def test_a_message_is_taken_or_not_in_a_sentence() -> None:
    why, receiver = await ring(YES)
    assert why == ""
    (only,) = told(receiver)
    assert (only["title"], only["message"], only["type"]) == ("Title", "Body ü\nNext: x", "failure")
    assert (await ring(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))[0] == "It answered 404."
    assert await Bell("json://127.0.0.1:9/").ring(A_MESSAGE) == "It cannot be reached."


async def test_who_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ringing, "PATIENCE", 0.3)
    why, _ = await ring(SILENCE, path="/?rto=2")
    assert why.startswith("It did not take the message within")


async def test_nothing_of_the_address_gets_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    async with receiving() as receiver:
        receiver.usual = NO
        address = at(receiver, "/hunter2?-key=hunter2").replace("//", "//jo:hunter2@")
        assert await Bell(address).ring(A_MESSAGE) == "It answered 503."
        assert len(receiver.got) == 1
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "address", ["ntfy://s3cret-topic", "mailtos://jo:s3cret@example.org", "tgram://123:s3cret/4"]
)
def test_the_label_of_an_address_shows_only_which_service(address: str) -> None:
    found = person(SecretStr(address), 2)
    assert found.label == f"Notification 2 ({address.partition(':')[0]})"
    assert "s3cret" not in repr(found)


def test_the_library_is_loaded_only_where_somebody_is_told() -> None:
    code = "import sys, homie_ota.service.running; print('apprise' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "False"
