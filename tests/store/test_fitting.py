"""Whom an image fits, of the whole fleet, judged kind by kind: as if each device had been asked; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homie_ota.model import Firmware
from homie_ota.rollout.eligibility import Verdict
from homie_ota.store import firmware as firmwares
from homie_ota.store import fits, fitting, kinds, quarantine
from homie_ota.store.database import Connection, Database
from homie_ota.store.kinds import NAMELESS
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import device, firmware, learned
from homie_ota.store.tables import quarantine as quarantine_table

NOW, MIB = 5000.0, 1 << 20
OLD, NEW, ALIEN = "a" * 32, "b" * 32, "9" * 32


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two images of lamps: what runs and what is asked about."""
    if request.param == "sqlite":
        address = str(tmp_path_factory.mktemp("fitting") / "x.sqlite3")
    else:
        address = request.getfixturevalue("postgres_cluster").new_database()
    made = Database(address.replace("+psycopg", ""))
    made.migrate()
    made.write_now(lambda conn: conn.execute(firmware.insert(), [image(OLD, "1.0.0"), image(NEW, "2.0.0")]))
    yield made
    made.close()


def image(md5: str, version: str) -> dict[str, Any]:
    return {
        "sha256": md5 * 2, "md5": md5, "name": "lamp", "version": version, "filename": f"lamp-{version}.bin",
        "chip": "esp8266", "flash": MIB, "mode": "dio", "size": 400_000, "uploaded_at": 1.0,
    }  # fmt: skip


LONG = "x" * 90
FACTS = {
    "free_space": st.sampled_from(["399000", "500000"]),
    "no_space_total": st.sampled_from(["790000", "900000"]),
    "took_total": st.just("810000"),
    "took_flash": st.sampled_from([str(MIB), "7:chip:esp32"]),
    "flash_refused": st.just(str(MIB)),
    "image_refused": st.just(NEW * 2),
    "chip": st.sampled_from(["esp8266", "esp32-c3"]),
    "rewritten_md5": st.just(ALIEN),
    "rewritten_as": st.just(NEW * 2),
}
ONE_FACT = st.one_of(
    *(st.tuples(st.just(fact), st.tuples(value, st.integers(1, 3))) for fact, value in FACTS.items())
)
LAMPS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["bulb", LONG]),
            "mac": st.sampled_from(["", "A0:20:A6", "11:22:33"]),
            "implementation": st.sampled_from(["esp8266", "ESP8266", "esp32", ""]),
            "way": st.sampled_from(["mqtt", "mqtt", "http", "none"]),
            "ota_enabled": st.sampled_from([True, True, False, None]),
            "fw_name": st.sampled_from(["lamp", "lamp", "plug", ""]),
            "fw_version": st.sampled_from(["1.0.0", "2.0.0", "9", ""]),
            "md5": st.sampled_from([OLD, NEW, ALIEN, ""]),
            "homie": st.sampled_from(["5.0", ""]),
            "pin": st.sampled_from([None, None, None, NOW + 9, NOW - 9]),
            "why": st.sampled_from(["the roof is open", "guests"]),
            "held": st.sampled_from([False, False, False, True]),
            "facts": st.lists(ONE_FACT, max_size=4).map(dict),
        }
    ),
    max_size=12,
)  # fmt: skip


def fill(conn: Connection, lamps: list[dict[str, Any]]) -> None:
    for table in (quarantine_table, learned, device):
        conn.execute(table.delete())
    for pk, lamp in enumerate(lamps, 1):
        columns = ("implementation", "way", "ota_enabled", "fw_name", "fw_version", "md5")
        mac = f"{lamp['mac']}:00:00:{pk:02}" if lamp["mac"] else ""
        name, facts = f"{lamp['id']}-{pk}", {"homie": lamp["homie"]}
        row = {
            "pk": pk, "base": "homie/", "device_id": name, "mac": mac, "facts": facts, "pinned_until": lamp["pin"],
            "pin_reason": lamp["why"] if lamp["pin"] else "", "first_seen": 1.0, "last_seen": 1.0,
            **{column: lamp[column] for column in columns},
        }  # fmt: skip
        conn.execute(device.insert().values(**row))
        for fact, (value, at) in lamp["facts"].items():
            told = {
                "device_pk": pk,
                "fact": fact,
                "value": value,
                "evidence": f"Seen at {at}.",
                "at": float(at),
            }
            conn.execute(learned.insert().values(**told))
        if lamp["held"]:
            quarantine.add(conn, Held(pk, NEW * 2, "budget", f"Attempt {pk} failed.", 100.0))


def asked_about(conn: Connection) -> Firmware:
    found = firmwares.by_md5(conn, NEW)
    assert found is not None
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lamps=LAMPS)
def test_every_device_is_in_one_group_that_says_what_is_said_of_it_alone(
    database: Database, lamps: list[dict[str, Any]]
) -> None:
    def work(conn: Connection) -> None:
        fill(conn, lamps)
        alone = {
            each.subject.pk: (each.verdict, each.code, each.text.replace(each.device_id, NAMELESS))
            for each in fits.judge(conn, asked_about(conn), now=NOW)
        }
        found = fitting.judge(conn, asked_about(conn), now=NOW)
        together = [(pk, group[:3]) for group in found.groups for pk in group.pks]
        assert dict(together) == alone
        assert len(together) == found.of == len(lamps)

    database.write_now(work)


def test_devices_that_differ_in_name_alone_are_one_kind(database: Database) -> None:
    lamp = {
        "id": "bulb", "mac": "A0:20:A6", "implementation": "esp8266", "way": "mqtt", "ota_enabled": True,
        "fw_name": "lamp", "fw_version": "1.0.0", "md5": OLD, "homie": "", "pin": None, "why": "", "held": False,
        "facts": {"took_total": ("810000", 1)},
    }  # fmt: skip

    def work(conn: Connection) -> None:
        fill(
            conn,
            [lamp | {"facts": {"took_total": ("810000", at)}} for at in (1, 2, 3)] + [lamp | {"md5": NEW}],
        )
        assert sorted(len(each.pks) for each in kinds.load(conn, now=NOW)) == [1, 3]
        assert sorted(len(each.pks) for each in kinds.load(conn, [2], now=NOW)) == [1, 1, 2]
        told: list[str] = []
        sa.event.listen(conn, "before_cursor_execute", lambda *each: told.append(each[2]))
        found = fitting.judge(conn, asked_about(conn), now=NOW)
        assert len(told) <= 8, "however many devices there are"
        assert (found.count(Verdict.NO), found.with_code("runs-it")) == (1, 1)

    database.write_now(work)


def test_the_devices_of_a_group_are_named_page_by_page_in_the_order_of_their_ids(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(conn: Connection) -> None:
        conn.execute(device.delete())
        for pk, name in enumerate(("c", "a", "d", "b"), 1):
            row = {"pk": pk, "base": "homie/", "device_id": name, "first_seen": 1.0, "last_seen": 1.0}
            conn.execute(device.insert().values(**row))
        for few in (2000, 1):
            monkeypatch.setattr(fitting, "FEW", few)
            pages = [fitting.named(conn, (1, 2, 4), limit=2, offset=at) for at in (0, 2)]
            assert [each.device_id for page in pages for each in page] == ["a", "b", "c"]

    database.write_now(work)
