"""The page of the server's own health: what each line says, when it warns, and what to do then."""

from __future__ import annotations

import asyncio
import re
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homie_ota.homie.leftovers import Kind, Leftover
from homie_ota.model import Address
from homie_ota.store import events, lease, leftovers, quarantine, vitals
from homie_ota.store.database import Database, Writing
from homie_ota.store.disks import Disk
from homie_ota.store.quarantine import Held
from homie_ota.store.vitals import Vitals
from homie_ota.web import health_lines, health_page
from homie_ota.web.health_lines import LINES, Known, Verdict
from homie_ota.web.shell import BrokerStatus, Door
from web.world import BROWSER, World

NOW = 1_800_000_000.0
GB = 1 << 30
BROKER = BrokerStatus(connected=True, address="mqtt://10.0.0.2:1883", since=NOW - 60)
VITALS = Vitals("SQLite 3", 1 << 20, "0009", "host 1", NOW - 9, 0, 0, None, 0, 0, 3)
WELL = Known(
    NOW, BROKER, VITALS, Writing(0, 0.01), (Disk("disk", "/data", 100 * GB, 50 * GB),), 16 << 20, NOW - 1e6
)
AWAY = BrokerStatus(
    connected=False, address="mqtt://10.0.0.2:1883", since=NOW - 60, last_error="refused: not authorised"
)


def test_where_all_is_well_nothing_is_to_be_done() -> None:
    found = health_lines.lines(WELL)
    assert len(found) == len(LINES) + 1
    assert {line.verdict for line in found} == {Verdict.GOOD}
    assert {line.advice for line in found} == {""}
    assert len({line.topic for line in found}) == len(found)


def disk(free: int, total: int = 100 * GB) -> Known:
    return WELL._replace(disks=(Disk("disk", "/data", total, free),))


@pytest.mark.parametrize(
    ("known", "topic", "verdict", "said", "advice"),
    [
        (WELL._replace(broker=AWAY), "broker", "bad", "not authorised", "[mqtt]"),
        (WELL._replace(broker=replace(BROKER, dropped=3)), "drops", "mind", "3 messages", "max_queued_messages"),
        (WELL._replace(broker=replace(BROKER, refused={"topics": 7})), "limits", "mind", "7 topics", "base_topics"),
        (WELL._replace(broker=replace(BROKER, lag=3.0, waiting=9)), "ingest", "mind", "9 devices", "too slow"),
        (WELL._replace(broker=replace(BROKER, lag=30.0)), "ingest", "bad", "30 s", "too slow"),
        (
            WELL._replace(vitals=VITALS._replace(queued=2, oldest_queued=NOW - 20 * 86400)),
            "queue", "mind", "2 wait", "Why",
        ),
        (WELL._replace(vitals=VITALS._replace(leader=None)), "engine", "mind", "Nobody moves", "dispatch"),
        (WELL._replace(vitals=VITALS._replace(quarantined=1)), "quarantine", "mind", "1 image is kept", "release"),
        (WELL._replace(vitals=VITALS._replace(leftovers=2)), "leftovers", "bad", "2 retained", "homie-ota leftovers"),
        (WELL._replace(writing=Writing(3, 2.0)), "writer", "mind", "2 s", "SD card"),
        (WELL._replace(writing=Writing(3, 9.0)), "writer", "bad", "9 s", "SD card"),
        (WELL._replace(vitals=VITALS._replace(newest=NOW + 3600)), "clock", "mind", "future", "put back"),
        (WELL._replace(version_day=NOW + 1), "clock", "bad", "before the day", "set-ntp"),
        (disk(4 * GB), "disk", "mind", "4.0 GB of 100.0 GB", "Delete old images"),
        (disk(100 << 20, 200 << 20), "disk", "mind", "100.0 MB", "Delete old images"),
        (disk(1 << 20), "disk", "bad", "1024 KB", "Delete old images"),
    ],
)  # fmt: skip
def test_what_is_not_well_says_so_and_what_to_do(
    known: Known, topic: str, verdict: str, said: str, advice: str
) -> None:
    (line,) = [each for each in health_lines.lines(known) if each.verdict is not Verdict.GOOD]
    assert (line.topic, line.verdict) == (topic, verdict)
    assert said in line.said
    assert advice in line.advice


@pytest.mark.parametrize(
    "known",
    [
        WELL._replace(broker=replace(BROKER, door=Door(own=True))),
        WELL._replace(vitals=VITALS._replace(queued=2, active=1, oldest_queued=NOW - 3600)),
        WELL._replace(vitals=VITALS._replace(newest=NOW + 5)),
        disk(5 * GB),
    ],
)
def test_what_is_usual_is_no_reason_to_worry(known: Known) -> None:
    assert {line.verdict for line in health_lines.lines(known)} == {Verdict.GOOD}


@pytest.mark.parametrize(
    ("holder", "said"),
    [
        ("a1b2c3:77:123:x", "this server (process 77)"),
        ("a1b2c3:78:123:x", "another server (process 78, machine a1b2c3)"),
    ],
)
def test_who_moves_updates_is_said_in_words(holder: str, said: str) -> None:
    found = health_lines.lines(WELL._replace(vitals=VITALS._replace(leader=holder), process=77))
    assert said in next(line.said for line in found if line.topic == "engine")


# --- From rows, and on the page


def test_rows_tell_how_the_engine_is(world: World) -> None:
    firmware, now = world.firmware(), time.time()
    first, second = world.device("hall"), world.device("attic")
    world.order(first, firmware)
    queued = world.order(second, firmware, offered=False)

    def write(conn: Any) -> None:
        assert lease.take(conn, lease.DISPATCH, "host-1 pid 7", now, 60.0)
        quarantine.add(conn, Held(first, "f" * 64, "budget", "It failed.", now))
        seen = Leftover(Address("homie/", "hall"), Kind.IMAGE, "")
        leftovers.note(conn, [leftovers.Found("homie/hall/$implementation/ota/firmware/x", seen, 9)], now=now)
        events.add(conn, "device", at=now + 999)

    world.write(write)
    found = world.read(lambda conn: vitals.read(conn, now))
    assert (found.leader, found.quarantined, found.leftovers, found.devices) == ("host-1 pid 7", 1, 1, 2)
    assert (found.queued, found.active, found.oldest_queued) == (1, 1, queued.created_at)
    assert found.newest == now + 999
    assert found.engine.startswith("SQLite 3.")
    assert found.bytes > 100_000
    assert world.read(lambda conn: vitals.read(conn, now + 120)).leader is None


def test_postgresql_tells_it_too(postgres: str) -> None:
    database = Database(postgres.replace("+psycopg", ""))
    database.migrate()
    try:
        found = database.read_now(lambda conn: vitals.read(conn, NOW))
    finally:
        database.close()
    assert found.engine.startswith("PostgreSQL ")
    assert found.bytes > 1_000_000


def test_the_page_has_a_line_for_everything_and_the_versions(world: World) -> None:
    world.broker = BrokerStatus(connected=True, address="10.0.0.2 <b>", since=time.time(), dropped=5)
    shown = world.client(headers=BROWSER).get("/health").text
    assert "10.0.0.2 &lt;b&gt;" in shown
    assert "The broker says that it dropped 5 messages." in shown
    assert re.search(r"\d things to look at", shown)
    assert re.search(r"SQLAlchemy</th><td>\d", shown)
    assert 'href="/health"' in world.client(headers=BROWSER).get("/log").text, (
        "the foot of every page leads there"
    )


def test_one_disk_is_told_once_and_a_folder_that_is_not_there_yet_is_where_it_will_be(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 5, 5) if path.exists() else None)
    assert [each.free for each in health_page._disks(world.shell)] == [5]


async def test_how_long_work_waits_for_the_writer_is_remembered(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    try:
        await asyncio.gather(database.write(lambda _: time.sleep(0.05)), database.write(lambda _: None))
        assert database.writing().longest > 0.04, "the second waited for the first"
        assert database.writing().waiting == 0
    finally:
        database.close()
