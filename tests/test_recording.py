"""Every device is looked at in turn, and what is new of it is written: nothing twice, and nothing of a guess."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homie_ota.bus import Bus
from homie_ota.errors import StorageFull
from homie_ota.fleet.curves import RAN, SLEPT
from homie_ota.ingest import Ingest, recording
from homie_ota.store import series
from homie_ota.store.database import Database

HOUR, DAY = 3600, 86_400
BEGAN = 1_700_006_400.0 - 1_700_006_400 % DAY + 10 * HOUR


class Watch:
    """An ingest with a clock of its own; `minutes` lets devices tell and time go by."""

    def __init__(self, database: Database) -> None:
        self.now, self.database = BEGAN, database
        self.start()

    def start(self) -> None:
        self.ingest = Ingest(self.database, Bus(), ["homie/"], clock=lambda: self.now)

    def say(self, device: str, topic: str, text: str) -> None:
        self.ingest.receive(f"homie/{device}/{topic}", text.encode(), 0, False)

    async def minutes(self, count: int, *devices: str, uptime: float = 0.0) -> None:
        """So many minutes, in each of which these devices tell their statistics."""
        for minute in range(count):
            for device in devices:
                self.say(device, "$stats/uptime", str(uptime + 60 * minute))
                self.say(device, "$stats/signal", "70")
            await self.ingest.write()
            for _ in range(6):
                self.now += 10.0
                await self.ingest.recorder.look()

    async def curve(self, metric: str = "uptime", pk: int = 1, days: float = 1.0) -> series.Curve:
        since = self.now - days * DAY
        return await self.database.read(lambda conn: series.read(conn, pk, metric, since, self.now))

    async def stored(self, kind: series.Kind, pk: int = 1) -> list[int]:
        found = await self.database.read(lambda conn: series.load(conn, pk, kind, 0, self.now))
        return list(found.times)

    async def seen(self, pk: int = 1) -> list[int]:
        found = await self.database.read(lambda conn: series.load(conn, pk, series.LIFE, 0, self.now))
        return [int(each) for each in found.columns.get("seen", ())]


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    found = Watch(database)
    await found.ingest.recorder.look()
    found.say("lamp", "$homie", "3.0.1")
    found.say("lamp", "$state", "ready")
    found.ingest.reread.settled = True
    await found.ingest.write()
    yield found
    database.close()


async def test_every_round_of_a_device_that_tells_one_a_minute_is_kept(watch: Watch) -> None:
    await watch.minutes(40, "lamp")
    assert len(await watch.stored(series.STATS)) >= 34
    assert (await watch.curve()).values == [60.0 * minute for minute in range(40)]


async def test_after_a_crash_the_curve_goes_on_without_a_gap_and_nothing_is_there_twice(watch: Watch) -> None:
    await watch.minutes(13, "lamp")
    watch.start()
    await watch.ingest.restore()
    await watch.minutes(13, "lamp", uptime=13 * 60.0)
    assert (await watch.curve()).values == [60.0 * minute for minute in range(26)]


async def test_hours_that_are_over_are_summed_up(watch: Watch) -> None:
    await watch.minutes(130, "lamp")
    assert await watch.stored(series.STATS_BY_HOUR) == [int(BEGAN), int(BEGAN) + HOUR]
    assert len((await watch.curve(days=30)).times) == 3


async def test_a_sleeper_that_wakes_shortly_was_seen_awake_and_asleep(watch: Watch) -> None:
    await watch.minutes(1)
    watch.say("lamp", "$state", "sleeping")
    await watch.ingest.write()
    await watch.minutes(70)
    assert await watch.seen() == [RAN, SLEPT, SLEPT]
    watch.say("lamp", "$state", "ready")
    await watch.ingest.write()
    watch.say("lamp", "$state", "sleeping")
    await watch.ingest.write()
    await watch.minutes(5)
    assert (await watch.seen())[-1] == RAN | SLEPT


async def test_while_the_broker_is_away_nothing_is_known_of_any_state(watch: Watch) -> None:
    await watch.minutes(6)
    before = await watch.stored(series.LIFE)
    watch.ingest.forget_presence()
    await watch.minutes(120)
    assert await watch.stored(series.LIFE) == before
    watch.ingest.reread.settled = True
    await watch.minutes(6)
    assert len(await watch.stored(series.LIFE)) == len(before) + 1


async def test_values_are_sampled_once_in_a_quarter_of_an_hour(watch: Watch) -> None:
    for minute in range(60):
        watch.say("lamp", "sensor/temperature", str(20 + minute / 10))
        await watch.minutes(1)
    found = await watch.curve("sensor/temperature")
    assert len(found.times) == 4
    assert found.values == sorted(found.values, key=lambda each: each or 0.0)


async def test_what_the_disk_did_not_take_is_written_later_as_far_as_the_fleet_still_holds_it(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("The disk is full.")

    whole = recording.write_turn
    monkeypatch.setattr(recording, "write_turn", full)
    await watch.minutes(6, "lamp")
    monkeypatch.setattr(recording, "write_turn", whole)
    await watch.minutes(6, "lamp", uptime=360.0)
    assert await watch.stored(series.STATS) == [int(BEGAN) + 60 * minute for minute in range(3, 11)]


async def test_each_of_many_devices_has_its_turn_and_a_forgotten_one_is_no_burden(watch: Watch) -> None:
    for number in range(40):
        watch.say(f"bulb-{number}", "$state", "ready")
    await watch.ingest.write()
    await watch.minutes(7, *(f"bulb-{number}" for number in range(40)))
    for pk in range(2, 42):
        assert await watch.stored(series.STATS, pk)
    watch.ingest.identity.forget(2)
    await watch.minutes(7)
    assert 2 not in watch.ingest.recorder._noted


async def test_a_clock_that_jumps_back_starts_the_curves_anew(watch: Watch) -> None:
    await watch.minutes(10, "lamp")
    watch.now -= 5 * HOUR
    await watch.minutes(10, "lamp")
    stored = await watch.stored(series.STATS)
    assert stored[0] < BEGAN


async def test_how_long_a_message_takes_to_its_rows_is_told_of_the_last_batch_that_wrote_any(
    watch: Watch,
) -> None:
    took = watch.ingest.lag
    assert took > 0.0
    await watch.ingest._flush()  # nothing was heard
    assert watch.ingest.lag == took
