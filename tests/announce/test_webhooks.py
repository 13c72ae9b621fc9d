"""Webhooks: every event once at least, in order, signed, over failures and restarts, and nobody waits for another."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from announce.receiver import OK, SILENCE, Receiver, Request, receiving, until
from homie_ota.announce import courier, patience, posting, signing, webhooks
from homie_ota.announce.around import Around, Link
from homie_ota.announce.courier import Courier
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.store import events, recipients, telling, troubles
from homie_ota.store.database import Database
from homie_ota.store.recipients import Recipient

SECRET = "correct horse battery"
NO = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "LOOK", 0.01)
    monkeypatch.setattr(patience, "FIRST", 0.02)
    monkeypatch.setattr(patience, "LONGEST", 0.05)


class House:
    """A log, and hooks at the addresses that are asked for; `skew` is added to the clock."""

    def __init__(self, database: Database) -> None:
        self.database, self.skew = database, 0.0

    def hook(self, url: str, **more: Any) -> Courier:
        keys = {"webhooks": [{"url": url, "secret": SECRET, **more}], "give_up_after": "1h"}
        settings = Settings(announce=keys)  # type: ignore[arg-type]
        around = Around(
            settings, self.database, Bus(), lambda: time.time() + self.skew, str, lambda: Link(True, 0.0)
        )
        return Courier(around, webhooks.Hook(settings.announce.webhooks[0]))

    def happens(self, *tags: str, kind: str = "mark", ago: float = 0.0) -> None:
        at = time.time() + self.skew - ago
        for tag in tags:
            data = {"event": "tag", "tag": tag}
            self.database.write_now(partial(events.add, kind=kind, at=at, data=data))

    def known(self) -> Recipient:
        (only,) = self.database.read_now(recipients.every).values()
        return only

    def troubles(self) -> list[str]:
        return [each.text for each in self.database.read_now(troubles.standing).values()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    yield House(database)
    database.close()


@asynccontextmanager
async def working(*couriers: Courier) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in couriers]
    await asyncio.sleep(0.1)  # so that they have begun at the end of the log
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def tags(receiver: Receiver) -> list[str]:
    return [json.loads(each.body)["data"]["tag"] for each in receiver.got]


async def test_a_hook_is_told_what_the_api_tells_from_now_on(house: House) -> None:
    house.happens("before")
    async with receiving() as receiver:
        async with working(house.hook(receiver.url)):
            house.happens("a", "b")
            await until(lambda: house.known().reached == 3)
        rows = house.database.read_now(lambda conn: telling.complete(conn, events.recent(conn, limit=2)))
        assert [json.loads(each.body) for each in receiver.got] == [
            telling.as_json(row) for row in rows[::-1]
        ]
        assert [each.headers["homie-ota-event"] for each in receiver.got] == ["2", "3"]
    assert house.known().reached == 3


async def test_only_the_kinds_that_it_asks_for_and_every_test(house: House) -> None:
    async with receiving() as receiver, working(house.hook(receiver.url, events=["alarm"])):
        house.happens("a")
        house.happens("b", kind="alarm")
        house.happens("c", kind="test")
        await until(lambda: len(receiver.got) == 2)
        assert tags(receiver) == ["b", "c"]


def is_genuine(of: Request, secret: str = SECRET) -> bool:
    at = of.headers["homie-ota-timestamp"]
    return of.headers["homie-ota-signature"] == f"sha256={signing.signature(secret, at, of.body)}"


async def test_a_message_is_signed_each_time_anew(house: House) -> None:
    async with receiving() as receiver:
        receiver.answers.append(NO)
        async with working(house.hook(receiver.url)):
            house.happens("a")
            await until(lambda: len(receiver.got) == 2)
        assert [is_genuine(each) for each in receiver.got] == [True, True]
        assert not is_genuine(receiver.got[0], "another secret, long")
        assert abs(int(receiver.got[1].headers["homie-ota-timestamp"]) - time.time()) < 30


async def test_what_was_not_taken_comes_again_before_what_came_later(house: House) -> None:
    async with receiving() as receiver:
        receiver.answers.extend([NO, NO, OK, NO])
        async with working(house.hook(receiver.url)):
            house.happens("a", "b", "c")
            await until(lambda: house.known().reached == 3)
        assert tags(receiver) == ["a", "a", "a", "b", "b", "c"]
    assert (house.known().failing_since, house.known().waiting, house.known().last_error) == (None, 0, "")


async def test_after_a_restart_it_goes_on_where_it_was(house: House) -> None:
    async with receiving() as receiver:
        async with working(house.hook(receiver.url)):
            house.happens("a")
            await until(lambda: len(receiver.got) == 1)
        house.happens("b", "c")
        async with working(house.hook(receiver.url)):
            await until(lambda: len(receiver.got) == 3)
        assert tags(receiver) == ["a", "b", "c"]


async def test_it_goes_on_with_the_failure_too(house: House) -> None:
    async with receiving() as receiver:
        receiver.usual = NO
        async with working(house.hook(receiver.url)):
            house.happens("a")
            await until(lambda: len(receiver.got) >= 2)
    known = house.known()
    assert known.failing_since is not None
    assert (known.waiting, known.last_error, known.reached) == (1, "It answered 503.", 0)


async def test_one_that_hangs_holds_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 30.0)
    async with receiving() as stuck, receiving() as well:
        stuck.usual = SILENCE
        async with working(house.hook(stuck.url), house.hook(well.url)):
            house.happens("a", "b", "c")
            await until(lambda: len(well.got) == 3)
        assert stuck.got == []


async def test_who_takes_nothing_for_too_long_is_given_up_and_forgiven_when_he_does(house: House) -> None:
    async with receiving() as receiver:
        receiver.usual = NO
        async with working(house.hook(receiver.url)):
            house.happens("a", "b")
            await until(lambda: len(receiver.got) >= 1)
            house.skew = 3700.0
            await until(house.troubles)
            (text,) = house.troubles()
            assert f"The webhook at {receiver.url} could not be told" in text
            await until(lambda: house.known().lost == 2)
            house.happens("c")
            receiver.usual = OK
            await until(lambda: not house.troubles())
            await until(lambda: b"takes messages again" in receiver.got[-1].body)
    told = [json.loads(each.body) for each in receiver.got]
    gap = next(each for each in told if each["kind"] == "gap")
    assert (gap["since"], gap["missing"]) == (0, 2)
    behind = told[told.index(gap) + 1 :]
    texts = [each["text"] for each in behind]
    assert "is given up: It answered 503." in texts[0]
    assert any("takes messages again; 2 events were not told" in text for text in texts)


async def test_a_test_ends_the_pause_of_one_that_fails_and_only_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FIRST", 1000.0)
    monkeypatch.setattr(patience, "LONGEST", 3000.0)
    async with receiving() as receiver:
        receiver.usual = NO
        async with working(house.hook(receiver.url)):
            house.happens("a")
            await until(lambda: len(receiver.got) == 1)
            house.happens("t", kind="test")
            await until(lambda: len(receiver.got) == 2)
            await asyncio.sleep(0.1)
            assert len(receiver.got) == 2
            receiver.usual = OK
            house.happens("t", kind="test")
            await until(lambda: len(receiver.got) == 5)
        assert tags(receiver) == ["a", "a", "a", "t", "t"]


async def test_an_event_of_a_log_that_was_put_back_is_not_waited_for_in_vain(house: House) -> None:
    async with receiving() as receiver:
        async with working(house.hook(receiver.url)):
            pass
        ahead = house.known()._replace(reached=4711)
        house.database.write_now(lambda conn: recipients.save(conn, ahead))
        async with working(house.hook(receiver.url)):
            house.happens("a")
            await until(lambda: len(receiver.got) == 1)


async def test_no_secret_is_in_rows_or_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiving() as receiver:
        receiver.usual = NO
        url = receiver.url.replace("//", "//jo:hunter2@") + "/hunter2?key=hunter2"
        async with working(house.hook(url, secret="hunter2hunter2hunter2")):
            house.happens("a")
            house.skew = 3700.0
            await until(lambda: len(receiver.got) >= 2)
    assert "was not told" in caplog.text
    rows = house.database.read_now(lambda conn: [events.recent(conn), recipients.every(conn)])
    assert "hunter2" not in caplog.text + repr(rows)


async def test_a_message_that_cannot_be_made_does_not_end_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> str:
        raise RuntimeError("no")

    async with receiving() as receiver, working(house.hook(receiver.url)):
        with monkeypatch.context() as patch:
            patch.setattr(webhooks, "post", broken)
            house.happens("a")
            await until(lambda: house.known().tries >= 2)
        await until(lambda: len(receiver.got) == 1)


async def test_some_hundred_events_arrive_in_order(house: House) -> None:
    async with receiving() as receiver, working(house.hook(receiver.url)):
        many = [str(number) for number in range(300)]
        house.happens(*many)
        await until(lambda: len(receiver.got) == 300, 60)
        assert tags(receiver) == many
