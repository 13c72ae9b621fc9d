"""What stands on the broker for Home Assistant is what is so: told when it changes, taken away when it is no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from announce.home_assistant_rules import read_discovery, read_state
from homie_ota.announce.home_assistant import telling
from homie_ota.announce.home_assistant.install import KIND
from homie_ota.announce.home_assistant.line import WILL, Line
from homie_ota.announce.home_assistant.messages import Terms
from homie_ota.announce.home_assistant.telling import Telling
from homie_ota.announce.home_assistant.topics import STATUS, birth, object_id, topics
from homie_ota.announce.home_assistant.withdrawing import withdraw
from homie_ota.bus import Bus
from homie_ota.errors import Unreachable
from homie_ota.model import Address, Publish
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import announced, audit, deployments, events, quarantine
from homie_ota.store.database import Connection, Database
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import device, firmware
from store.lamps import BEFORE, NEW, OLD, WANTED, add_device, add_devices, add_image, ordered, row_of

TERMS = Terms("homeassistant", "http://ota.lan", "1.0")
NAME = object_id(Address("homie/", "lamp-1"))
AT = topics("homeassistant", NAME)


class Home:
    """A broker that keeps what is retained, one server's line to it, and what is told there."""

    def __init__(self, database: Database) -> None:
        self.database, self.bus = database, Bus()
        self.retained: dict[str, bytes] = {}
        self.sent: list[Publish] = []
        self.is_open, self.now = True, 1000.0
        self.line = self.new_line()

    def new_line(self, **given: Any) -> Line:
        self.line = Line("homeassistant", **given)
        self.line.join(self.deliver, lambda: self.is_open)
        return self.line

    async def deliver(self, message: Publish) -> None:
        await asyncio.sleep(0)
        if not self.is_open:
            raise Unreachable("The broker is gone.")
        self.sent.append(message)
        self.retained[message.topic] = message.payload
        if not message.payload:
            del self.retained[message.topic]

    @asynccontextmanager
    async def telling(self, terms: Terms = TERMS, **given: Any) -> AsyncIterator[Telling]:
        """A server that leads, until the end of the block."""
        line = self.new_line(**given)
        told = Telling(self.database, self.bus, line, terms, clock=lambda: self.now)
        task = asyncio.create_task(told.run())
        try:
            yield told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def says(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Somebody publishes it."""
        self.line.before(lambda *_: None)(topic, payload, 0, retain)

    def press(self, retain: bool = False) -> None:
        self.says(AT.install, b"install", retain)

    async def write(self, work: Callable[[Connection], Any]) -> Any:
        return await self.database.write(work)

    def state(self) -> dict[str, Any]:
        return read_state(self.retained[AT.state])

    async def until(self, true: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Wait until nothing was sent for a while."""
        before = -1
        while before != len(self.sent):
            before = len(self.sent)
            await asyncio.sleep(0.15)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "RATE", 1e6)
    monkeypatch.setattr(telling, "CLOSED", 0.01)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Lamp 1.0.0 runs on lamp-1; 2.0.0 is stored."""
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()

    def fill(conn: Connection) -> None:
        add_image(conn, BEFORE, OLD, "1.0.0")
        add_image(conn, WANTED, NEW, "2.0.0")
        add_device(conn)

    database.write_now(fill)
    yield Home(database)
    database.close()


async def test_a_device_is_told_with_the_newest_image_that_it_may_take(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
    assert home.sent[0] == Publish(STATUS, b"online", 1, True)
    assert home.retained.keys() == {STATUS, AT.config, AT.state}
    read_discovery(AT.config, home.retained[AT.config])
    assert home.state() == {
        "installed_version": "1.0.0", "latest_version": "2.0.0", "title": "lamp", "release_summary": "",
        "release_url": "http://ota.lan/firmware/lamp-2.0.0.bin", "in_progress": False, "update_percentage": None,
    }  # fmt: skip


async def test_progress_and_the_new_version_are_told_as_they_come(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        made = await home.write(ordered)

        async def told(event: Event | None, done: int | None, *expected: object) -> None:
            nonlocal made
            if event:
                made = await home.write(
                    lambda c: deployments.advance(c, made, event, now=home.now, done=done)
                )
            home.bus.say("deployment", id=made.id, device_pk=1)
            await home.until(
                lambda: (home.state()["in_progress"], home.state()["update_percentage"]) == expected
            )

        await told(None, None, True, None)
        await told(Event.OFFER, None, True, None)
        await told(Event.ACCEPT, 370, True, 37)
        await told(Event.FLASH, None, True, None)
        await told(Event.CONFIRM, None, True, None)
        await home.write(lambda c: c.execute(device.update().values(fw_version="2.0.0", md5=NEW)))
        home.bus.say("device", device_pk=1, state="ready")
        await told(Event.HEAL, None, False, None)
        await home.until(lambda: home.state()["installed_version"] == "2.0.0")
        assert home.state()["latest_version"] == "2.0.0"
        await home.until(lambda: json.loads(home.retained[AT.config])["dev"]["sw"] == "2.0.0")


async def test_nothing_is_told_twice(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        count = len(home.sent)
        await home.write(lambda c: c.execute(device.update().values(signal=3.0, uptime=9.0)))
        for kind in ("device", "deployment", "order"):
            home.bus.say(kind, device_pk=1)
        await home.quiet()
        assert len(home.sent) == count


async def test_a_press_of_install_is_an_order_like_any_other(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        home.press()
        await home.until(lambda: home.state()["in_progress"])
        found = await home.database.read(lambda c: deployments.active_of(c, 1))
        assert found is not None
        assert (found.sha256, found.created_by) == (WANTED, "home assistant")
        rows = await home.database.read(audit.recent)
        assert rows[0]["who"] == "home assistant"
        assert "Install in Home Assistant" in str(rows[0])
        # Pressed twice by a finger that trembles it stays one, and no refusal.
        home.press()
        await home.quiet()
        assert [row["kind"] for row in await home.database.read(events.recent)].count(KIND) == 0


async def test_what_was_kept_by_the_broker_or_comes_for_a_stranger_is_no_press(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        home.press(retain=True)
        home.says("homie-ota/device/homie-ota-nobody-0000000000/install", b"install")
        await home.quiet()
        assert await home.database.read(deployments.find) == []


async def test_a_refused_press_is_an_event_that_says_why_and_the_truth_is_told_again(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        await home.write(
            lambda c: quarantine.add(c, Held(1, WANTED, "budget", "It failed three times.", 9.0))
        )
        before = home.sent.count(Publish(AT.state, home.retained[AT.state], 1, True))
        home.press()
        await home.until(lambda: len(home.sent) > before + 2)
        row = (await home.database.read(events.recent))[0]
        assert (row["kind"], row["device_pk"], row["actor"]) == (KIND, 1, "home assistant")
        assert "It failed three times." in row["data"]["text"]
        assert await home.database.read(deployments.find) == []
        # What is held back is no update to offer.
        await home.until(lambda: home.state()["latest_version"] == "1.0.0")
        home.now += 60
        home.press()
        await home.quiet()
        assert "no newer image" in (await home.database.read(events.recent))[0]["data"]["text"]


async def test_without_a_command_topic_nobody_installs(home: Home) -> None:
    async with home.telling(Terms("homeassistant", "http://x", "1", read_only=True), read_only=True):
        await home.until(lambda: AT.state in home.retained)
        assert "command_topic" not in json.loads(home.retained[AT.config])["cmps"]["update"]
        assert home.line.filters == [STATUS, "homeassistant/status"]
        home.press()
        await home.quiet()
        assert await home.database.read(deployments.find) == []


# --- What goes away -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.execute(device.delete()),
        lambda c: c.execute(device.update().values(way="none")),
        lambda c: c.execute(device.update().values(ota_enabled=False)),
    ],
    ids=["deleted", "no way any more", "switched off"],
)
async def test_what_cannot_be_updated_any_more_goes_away(
    home: Home, change: Callable[[Connection], Any]
) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        await home.write(change)
        home.bus.say("device", device_pk=1, state="gone")
        await home.until(lambda: home.retained.keys() == {STATUS})
    order = [each.topic for each in home.sent if not each.payload]
    assert order[:2] == [AT.config, AT.state]
    assert await home.database.read(announced.load) == []


async def test_a_device_with_another_name_is_told_anew_and_the_old_one_goes(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        await home.write(lambda c: c.execute(device.update().values(device_id="porch")))
        home.bus.say("device", device_pk=1, state="ready")
        porch = topics("homeassistant", object_id(Address("homie/", "porch")))
        await home.until(lambda: home.retained.keys() == {STATUS, porch.config, porch.state})


async def test_what_went_away_while_the_server_was_down_is_cleared_at_its_next_start(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
    await home.write(lambda c: c.execute(device.delete()))
    async with home.telling():
        await home.until(lambda: home.retained.keys() == {STATUS})


async def test_a_new_prefix_takes_the_place_of_the_old_one(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
    async with home.telling(Terms("elsewhere", "http://ota.lan", "1.0")):
        there = topics("elsewhere", NAME)
        await home.until(lambda: home.retained.keys() == {STATUS, there.config, AT.state})
        await home.quiet()
        assert [row.prefix for row in await home.database.read(announced.load)] == ["elsewhere"]


async def test_sensors_come_and_go_with_the_setting(home: Home) -> None:
    async with home.telling(Terms("homeassistant", "http://x", "1", diagnostics=True)):
        await home.until(lambda: AT.diagnostics in home.retained)
        first = json.loads(home.retained[AT.diagnostics])
        assert first == {"signal": 80, "uptime": 1, "firmware": "lamp 1.0.0"}
        # They are told every few minutes, and not with every statistics of the device.
        await home.write(lambda c: c.execute(device.update().values(signal=3.0)))
        home.bus.say("device", device_pk=1, state="ready")
        await home.quiet()
        assert json.loads(home.retained[AT.diagnostics]) == first
        home.now += telling.DIAGNOSTICS_EVERY
        home.bus.say("device", device_pk=1, state="ready")
        await home.until(lambda: json.loads(home.retained[AT.diagnostics])["signal"] == 3)
        # Another firmware is told at once.
        await home.write(lambda c: c.execute(device.update().values(fw_version="2.0.0", md5=NEW)))
        home.bus.say("device", device_pk=1, state="ready")
        await home.until(lambda: json.loads(home.retained[AT.diagnostics])["firmware"] == "lamp 2.0.0")
    home.sent.clear()
    async with home.telling():
        await home.until(lambda: home.retained.keys() == {STATUS, AT.config, AT.state})
        await home.until(lambda: list(json.loads(home.retained[AT.config])["cmps"]) == ["update"])
    taken = [json.loads(each.payload)["cmps"].get("signal") for each in home.sent if each.topic == AT.config]
    assert taken[0] == {"p": "sensor"}, "an entity goes when nothing but its platform is told of it"


async def test_switched_off_everything_is_taken_away_once(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
    home.is_open = False
    task = asyncio.create_task(withdraw(home.database, home.new_line()))
    await asyncio.sleep(0.05)
    home.is_open = True
    await home.until(lambda: not home.retained)
    await home.quiet()
    task.cancel()
    assert await home.database.read(announced.load) == []
    count = len(home.sent)
    task = asyncio.create_task(withdraw(home.database, home.new_line()))
    await home.quiet()
    task.cancel()
    assert len(home.sent) == count


# --- Who hears it ---------------------------------------------------------------------------------------------------


async def test_everything_is_told_again_when_home_assistant_has_started(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        del home.retained[AT.config], home.retained[AT.state]
        home.says(birth("homeassistant"), b"online", retain=True)
        home.says(birth("homeassistant"), b"offline")
        await home.quiet()
        assert AT.config not in home.retained, "neither its end nor what the broker kept is a start"
        home.says(birth("homeassistant"), b"online")
        await home.until(lambda: {AT.config, AT.state} <= home.retained.keys())
        count = len(home.sent)
        home.says(birth("homeassistant"), b"online")
        await home.quiet()
        assert len(home.sent) == count, "who says it again and again is not answered each time"


async def test_a_broker_that_was_away_is_told_everything_and_first_that_the_server_is_there(
    home: Home,
) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        home.is_open = False
        home.bus.say("broker", connected=False)
        await home.write(lambda c: add_devices(c, row_of(2)))
        home.bus.say("device", device_pk=2, state="ready")
        await asyncio.sleep(0.05)
        home.retained.clear()
        home.sent.clear()
        home.is_open = True
        home.bus.say("broker", connected=True)
        await home.until(lambda: len(home.retained) == 5)
        assert home.sent[0].topic == STATUS


async def test_somebody_who_says_that_the_server_is_away_is_contradicted(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        home.retained[STATUS] = b"offline"  # the will of a server that led before
        home.says(STATUS, b"offline")
        await home.until(lambda: home.retained[STATUS] == b"online")
        count = len(home.sent)
        home.says(STATUS, b"online")
        await home.quiet()
        assert len(home.sent) == count


async def test_at_a_polite_end_the_last_word_is_offline_and_nothing_comes_after_it(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        await home.line.close()
        home.says(STATUS, b"offline")
        await home.quiet()
        assert home.sent[-1] == WILL
    silent = home.new_line()
    count = len(home.sent)
    await silent.close()
    assert len(home.sent) == count, "who never said that it is there has nothing to take back"


async def test_a_broken_connection_loses_nothing(home: Home) -> None:
    await home.write(lambda c: add_devices(c, *(row_of(pk) for pk in range(2, 60))))
    async with home.telling():
        await home.until(lambda: len(home.sent) > 40)
        home.is_open = False
        await asyncio.sleep(0.05)
        home.is_open = True
        await home.until(lambda: len(home.retained) == 1 + 2 * 59)


async def test_what_is_not_for_us_goes_on_to_the_ingest(home: Home) -> None:
    heard: list[str] = []
    receive = home.line.before(lambda topic, *_: heard.append(topic))
    for topic in (
        "homie/a/$state",
        "homie-ota/marker/abc",
        STATUS,
        AT.install,
        "homeassistant/status",
        "homie-otax",
    ):
        receive(topic, b"online", 0, False)
    assert heard == ["homie/a/$state", "homie-ota/marker/abc", "homie-otax"]


async def test_a_new_image_reaches_whom_it_fits_and_new_notes_those_who_are_shown_it(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        await home.write(lambda c: add_image(c, "c" * 64, "c" * 32, "3.0.0"))
        await home.write(lambda c: c.execute(firmware.update().values(version_key=firmware.c.version)))
        home.bus.say("firmware", sha256="c" * 64)
        await home.until(lambda: home.state()["latest_version"] == "3.0.0")
        await home.write(lambda c: c.execute(firmware.update().values(changelog="Dims.")))
        home.bus.say("firmware", sha256="c" * 64)
        await home.until(lambda: home.state()["release_summary"] == "Dims.")


async def test_what_was_said_too_fast_to_be_heard_is_found_by_a_look(home: Home) -> None:
    async with home.telling():
        await home.until(lambda: AT.state in home.retained)
        await home.write(lambda c: add_devices(c, row_of(2)))
        await home.write(lambda c: c.execute(device.update().values(name="New name")))
        for _ in range(1500):
            home.bus.say("device", device_pk=1, state="ready")
        await home.until(lambda: json.loads(home.retained[AT.config])["dev"]["name"] == "New name")
        home.now += telling.LOOK_EVERY
        home.bus.say("device", device_pk=1, state="ready")
        await home.until(lambda: len(home.retained) == 5)


async def test_messages_are_paced(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(telling, "RATE", 200.0)
    monkeypatch.setattr("homie_ota.announce.home_assistant.telling.asyncio.sleep", counted)
    async with home.telling():
        while AT.state not in home.retained:
            await sleep(0.005)
    assert pauses.count(1 / 200.0) >= len(home.sent)
