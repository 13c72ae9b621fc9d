"""The newest image that a device may take: the same for a fleet as for each device by itself; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from homie_ota.rollout.versions import version_key
from homie_ota.store import firmware as firmwares
from homie_ota.store import newest, orders, quarantine
from homie_ota.store.database import Connection, Database
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import device, firmware
from store.lamps import opened, row_of
from store.test_fitting import LAMPS, MIB, NEW, NOW, OLD, fill, image

NEWER = "c" * 32


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Three images of lamps, and one of plugs."""
    if request.param == "sqlite":
        address = str(tmp_path_factory.mktemp("newest") / "x.sqlite3")
    else:
        address = request.getfixturevalue("postgres_cluster").new_database()
    made = Database(address.replace("+psycopg", ""))
    made.migrate()
    rows = [image(OLD, "1.0.0"), image(NEW, "2.0.0"), {**image(NEWER, "10.0.0"), "flash": 4 * MIB}]
    made.write_now(lambda conn: conn.execute(firmware.insert(), rows))
    yield made
    made.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lamps=LAMPS)
def test_what_a_fleet_may_take_is_what_each_device_may_take_and_an_order_says_the_same(
    database: Database, lamps: list[dict[str, Any]]
) -> None:
    def work(conn: Connection) -> None:
        fill(conn, lamps)
        together = newest.of_all(conn, now=NOW)
        images = {each.sha256: each for each in firmwares.find(conn, name="lamp")}
        for pk, lamp in enumerate(lamps, 1):
            alone = newest.of(conn, [pk], now=NOW)
            assert alone == ({pk: together[pk]} if pk in together else {})
            if pk in together:
                chosen = images[together[pk]]
                answer = orders.verdict(conn, pk, chosen, now=NOW)
                assert answer.allowed, answer.sentence
                assert (lamp["fw_name"], lamp["fw_version"]) in (
                    ("lamp", "1.0.0"),
                    ("lamp", "2.0.0"),
                    ("lamp", "9"),
                )
                assert chosen.version != lamp["fw_version"]

    database.write_now(work)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Connection]:
    """A database with lamp 1.0.0 and 2.0.0."""
    with opened(request, tmp_path) as found:
        yield found


def add(conn: Connection, version: str, **more: Any) -> str:
    """One more image of lamps; its SHA-256."""
    digest = f"{sum(version.encode()) + int(more.get('uploaded_at', 0)):032x}"
    row = {"sha256": digest * 2, "md5": digest, "name": "lamp", "version": version, "filename": f"{digest}.bin",
           "version_key": "", "chip": "esp8266", "size": 1000, "uploaded_at": 1.0, **more}  # fmt: skip
    conn.execute(firmware.insert().values(**row))
    return digest * 2


def of_one(conn: Connection, **values: Any) -> str | None:
    """What the one device may take: asked alone, and as a fleet."""
    conn.execute(device.delete())
    conn.execute(device.insert().values(**row_of(1, **values)))
    alone, together = newest.of(conn, [1], now=NOW), newest.of_all(conn, now=NOW)
    assert alone == together
    return alone.get(1)


LATEST = "f" * 64


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ({}, LATEST),
        ({"fw_version": "1.9.9", "md5": "9" * 32}, LATEST),
        ({"fw_version": "2.0.0", "md5": "b" * 32}, None),  # it runs the newest
        ({"fw_version": "2.0.0", "md5": "9" * 32}, None),  # the same version, of other bytes: no newer one
        ({"fw_version": "3.0.0", "md5": "9" * 32}, None),  # going back is no update
        ({"fw_version": "master", "md5": "9" * 32}, None),  # nobody can tell
        ({"fw_version": "", "md5": ""}, None),
        ({"fw_name": "plug"}, None),
        ({"way": "none"}, None),
        ({"ota_enabled": False}, None),
        ({"pinned_until": NOW + 1, "pin_reason": "guests"}, None),
        ({"pinned_until": NOW - 1, "pin_reason": "guests"}, LATEST),
    ],
)  # fmt: skip
def test_the_newest_is_never_older_and_never_what_cannot_be_compared(
    conn: Connection, runs: dict[str, Any], expected: str | None
) -> None:
    assert of_one(conn, **runs) == expected


def test_an_image_that_this_device_may_not_take_makes_room_for_the_next_one_down(conn: Connection) -> None:
    conn.execute(
        firmware.update().values(version_key=version_key("2.0.0")).where(firmware.c.sha256 == LATEST)
    )
    far = add(conn, "4.0.0", version_key=version_key("4.0.0"), requires=">=3")
    near = add(conn, "3.0.0", version_key=version_key("3.0.0"), uploaded_at=5.0)
    assert of_one(conn) == near, "4.0.0 wants 3.0.0 before it"
    assert of_one(conn, fw_version="3.0.0", md5="9" * 32) == far
    quarantine.add(conn, Held(1, near, "budget", "Attempt 1 failed.", 100.0))
    assert newest.of(conn, [1], now=NOW) == newest.of_all(conn, now=NOW) == {1: far}
    conn.execute(device.update().values(fw_version="1.0.0"))
    assert newest.of(conn, [1], now=NOW) == newest.of_all(conn, now=NOW) == {1: LATEST}


def test_of_two_builds_of_one_version_the_later_upload_is_meant(conn: Connection) -> None:
    key = version_key("5.0.0")
    add(conn, "5.0.0", version_key=key, uploaded_at=5.0)
    later = add(conn, "5.0.0", version_key=key, uploaded_at=7.0)
    assert of_one(conn) == later


def test_a_fleet_costs_a_few_statements_a_firmware_name_and_nothing_for_who_is_up_to_date(
    conn: Connection,
) -> None:
    rows = [row_of(pk, fw_version="2.0.0", md5="b" * 32) for pk in range(1, 60)]
    conn.execute(device.insert(), rows)
    told: list[str] = []
    sa.event.listen(conn, "before_cursor_execute", lambda *each: told.append(each[2]))
    assert newest.of_all(conn, now=NOW) == {}
    up_to_date = len(told)
    conn.execute(device.update().values(fw_version="1.0.0", md5="a" * 32))
    told.clear()
    assert set(newest.of_all(conn, now=NOW)) == set(range(1, 60))
    assert up_to_date <= 5
    assert len(told) <= up_to_date + 5, told
