"""Whom an image fits, from rows: what ends of deployments taught, of one device and of the fleet; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.errors import Conflict, NotEligible, NotFound, WrongUse
from homie_ota.model import DeploymentState, Firmware, OtaEvent, Purpose
from homie_ota.rollout import reasons
from homie_ota.rollout.eligibility import Order, Verdict
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import audit, deployments, devices, fits, marks, orders, quarantine
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection, Database
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import device, firmware, learned

NOW, MIB = 5000.0, 1 << 20
OLD, NEW, NEXT = "a" * 32, "b" * 32, "c" * 32
NO_SPACE = reasons.REFUSALS[OtaEvent.NO_SPACE]
BAD = reasons.REFUSALS[OtaEvent.BAD_FIRMWARE]


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """Three lamps of one vendor that run 1.0.0, and the images 1.0.0, 2.0.0 and 3.0.0."""
    is_sqlite = request.param == "sqlite"
    address = str(tmp_path / "x.sqlite3") if is_sqlite else request.getfixturevalue("postgres")
    database = Database(address.replace("+psycopg", ""))
    database.migrate()
    with database._durable.begin() as found:
        for version, md5, size in (
            ("1.0.0", OLD, 390_000),
            ("2.0.0", NEW, 400_000),
            ("3.0.0", NEXT, 410_000),
        ):
            add_image(found, version, md5, size)
        for pk in (1, 2, 3):
            add_lamp(found, pk)
        yield found
    database.close()


def add_image(conn: Connection, version: str, md5: str, size: int, **columns: Any) -> None:
    row = {
        "sha256": md5 * 2, "md5": md5, "name": "lamp", "version": version, "filename": f"lamp-{version}.bin",
        "chip": "esp8266", "flash": MIB, "mode": "dio", "size": size, "uploaded_at": 1.0, **columns,
    }  # fmt: skip
    conn.execute(firmware.insert().values(**row))


def add_lamp(conn: Connection, pk: int, **columns: Any) -> None:
    row = {
        "pk": pk, "base": "homie/", "device_id": f"lamp-{pk}", "name": "", "mac": f"A0:20:A6:00:00:0{pk}", "ip": "",
        "homie": "3.0.1", "implementation": "esp8266", "way": "mqtt", "ota_enabled": True, "state": "ready",
        "state_since": 1.0, "fw_name": "lamp", "fw_version": "1.0.0", "version_key": "", "md5": OLD, "signal": 80.0,
        "uptime": 1.0, "heap": None, "facts": {}, "nodes": {}, "first_seen": 1.0, "last_seen": 1.0, **columns,
    }  # fmt: skip
    devices.save(conn, [row])
    address = {
        "base": row["base"],
        "device_id": row["device_id"],
        "device_pk": pk,
        "dialect": "",
        "since": 1.0,
    }
    devices.save_addresses(conn, [address])


def image(conn: Connection, md5: str = NEW) -> Firmware:
    found = firmwares.by_md5(conn, md5)
    assert found is not None
    return found


def played(conn: Connection, pk: int, md5: str, *events: Event, reason: Reason | None = None) -> None:
    """A deployment that goes this way; the device announces the image when it confirms."""
    at = orders.order(conn, device_pk=pk, sha256=md5 * 2, by="me", now=10.0)
    for event in events:
        after: dict[str, object] | None = {"md5": md5} if event is Event.CONFIRM else None
        last = reason if event is Event.REFUSE else None
        moved = deployments.advance(conn, at, event, now=20.0, reason=last, after=after)
        assert moved is not None, event
        at = moved


def took(conn: Connection, pk: int, md5: str = NEW) -> None:
    played(conn, pk, md5, Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL)
    version = image(conn, md5).version
    conn.execute(device.update().where(device.c.pk == pk).values(md5=md5, fw_version=version))


def refused(conn: Connection, pk: int, reason: Reason, md5: str = NEW) -> None:
    played(conn, pk, md5, Event.OFFER, Event.REFUSE, reason=reason)


def test_all_are_counted_and_those_that_must_not_get_it_are_named_with_the_reason(conn: Connection) -> None:
    add_lamp(conn, 4, implementation="esp32")
    add_lamp(conn, 5, way="none", facts={"homie": "5.0"})
    found = fits.find(conn, image(conn), verdict=Verdict.NO, now=NOW)
    assert (found.fits.count, found.fits.of) == (3, 5)
    assert [(each.key, each.answer.code) for each in found.devices] == [
        ("homie~lamp-4", "wrong-chip"),
        ("homie~lamp-5", "no-way"),
    ]
    assert "Homie 5.0 has no updates" in found.devices[1].text


def test_who_refused_so_many_bytes_is_told_so_at_the_next_order_before_anything_is_sent(
    conn: Connection,
) -> None:
    refused(conn, 1, NO_SPACE)
    with pytest.raises(NotEligible, match="had less than 776 KB") as refusal:
        orders.order(conn, device_pk=1, sha256=NEXT * 2, by="me", now=NOW)
    (reason,) = refusal.value.reasons
    assert reason["code"] == "too-large"
    assert "NOT_ENOUGH_SPACE" in str(reason["evidence"])
    assert reason["at"] == 20.0
    assert refusal.value.more()["overridable"] is True


def test_what_a_device_took_is_room_that_it_has(conn: Connection) -> None:
    assert fits.judge(conn, image(conn), now=NOW, pks=[1])[0].answer.fit.answer == "unknown"
    took(conn, 1)
    conn.execute(device.update().where(device.c.pk == 1).values(md5=OLD, fw_version="1.0.0"))
    answer = fits.judge(conn, image(conn), now=NOW, pks=[1])[0].answer
    assert answer.fit.answer == "fits"
    assert "deployment 1" in answer.fit.evidence


def test_a_device_is_the_chip_whose_image_it_runs(conn: Connection) -> None:
    add_image(conn, "2.0.0-c3", "d" * 32, 400_000, chip="esp32-c3")
    add_image(conn, "2.0.0-s2", "e" * 32, 400_000, chip="esp32-s2")
    conn.execute(device.update().where(device.c.pk == 1).values(implementation="esp32", md5="d" * 32))
    answer = orders.verdict(conn, 1, image(conn, "e" * 32), now=NOW)
    assert (answer.code, answer.refusals[0].evidence) == (
        "wrong-chip",
        "It runs lamp 2.0.0-c3, known by its MD5.",
    )


def test_an_image_with_another_flash_mode_comes_back_rewritten_and_is_not_sent_again(
    conn: Connection,
) -> None:
    took(conn, 1)
    conn.execute(device.update().where(device.c.pk == 1).values(md5="9" * 32))
    rewritten = {"device_pk": 1, "evidence": "Its updater did it.", "at": 20.0}
    for fact, value in (("rewritten_md5", "9" * 32), ("rewritten_as", NEW * 2)):
        conn.execute(learned.insert().values(fact=fact, value=value, **rewritten))
    answer = orders.verdict(conn, 1, image(conn), now=NOW)
    assert (answer.code, answer.refusals[0].evidence) == ("runs-it", "Its updater did it.")
    assert not orders.verdict(conn, 1, image(conn, NEXT), now=NOW).has("no-way-back"), "it is known what runs"


def test_siblings_speak_for_an_image_or_against_it_and_never_refuse(conn: Connection) -> None:
    add_lamp(conn, 4, mac="11:22:33:00:00:04")
    refused(conn, 2, BAD, NEXT)
    found = {each.subject.pk: each.answer for each in fits.judge(conn, image(conn, NEXT), now=NOW)}
    assert found[1].has("siblings-refused")
    assert found[1].allowed
    assert [each.code for each in found[2].refusals] == ["refused-before"], "one for that flash size runs"
    assert not found[2].has("siblings-refused"), "a device is no sibling of its own"
    assert not found[4].has("siblings-refused"), "another vendor"
    took(conn, 1)
    assert orders.verdict(conn, 3, image(conn), now=NOW).has("siblings-took")


def test_who_runs_another_flash_size_hears_that_its_siblings_took_this_one(conn: Connection) -> None:
    add_image(conn, "4.0.0", "d" * 32, 400_000, flash=4 * MIB)
    add_image(conn, "5.0.0", "e" * 32, 400_000, flash=4 * MIB)
    took(conn, 2, "d" * 32)
    answer = orders.verdict(conn, 1, image(conn, "e" * 32), now=NOW)
    assert "1 device like lamp-1 took an image for 4096 KB of flash." in answer.notes
    assert not orders.verdict(conn, 2, image(conn, "e" * 32), now=NOW).has("siblings-took-flash")


def test_pins_and_quarantines_are_lifted_by_nothing_but_letting_go(conn: Connection) -> None:
    marks.pin(conn, 1, NOW + 100, "the roof is open", by="me", now=NOW)
    quarantine.add(conn, Held(2, NEW * 2, "budget", "Three attempts failed.", 100.0))
    for pk, code in ((1, "pinned"), (2, "quarantined")):
        answer = orders.verdict(conn, pk, image(conn), "please", now=NOW)
        assert (answer.code, answer.overridable) == (code, False)
    assert orders.verdict(conn, 1, image(conn), now=NOW + 101).allowed, "its end has come"
    assert orders.verdict(conn, 1, image(conn)).allowed, "a pin holds what is queued, and does not end it"
    marks.unpin(conn, 1, by="me", now=NOW)
    assert orders.verdict(conn, 1, image(conn), now=NOW).allowed


def test_going_back_and_going_against_the_rules_are_in_the_audit_log(conn: Connection) -> None:
    conn.execute(device.update().where(device.c.pk == 1).values(fw_version="9.0", md5="9" * 32))
    orders.order(conn, device_pk=1, sha256=NEW * 2, by="ann", now=NOW)
    conn.execute(device.update().where(device.c.pk == 2).values(implementation="esp32"))
    orders.order(conn, device_pk=2, sha256=NEW * 2, by="bob", now=NOW, override="it is an ESP8266")
    orders.order(conn, device_pk=3, sha256=NEW * 2, by="eve", now=NOW)
    against, back = audit.recent(conn)
    assert (back["who"], back["what"]) == ("ann", "went back to an older version")
    assert "2.0.0 is older than the 9.0" in back["why"]
    assert (against["who"], against["what"]) == ("bob", "updated against the rules")
    assert "it is an ESP8266" in against["why"]
    assert "ESP8266 image" in against["why"]


def test_what_goes_out_by_itself_never_goes_back(conn: Connection) -> None:
    conn.execute(device.update().where(device.c.pk == 1).values(fw_version="9.0", md5="9" * 32))
    with pytest.raises(NotEligible, match="nobody asked"):
        orders.order(conn, device_pk=1, sha256=NEW * 2, by="follow", now=NOW, named=False)
    made = orders.order(
        conn, device_pk=1, sha256=NEW * 2, by="revert", now=NOW, named=False, purpose=Purpose.REVERT
    )
    assert (made.purpose, made.state) == (Purpose.REVERT, DeploymentState.QUEUED)


def test_a_device_without_checksums_runs_the_one_image_of_its_version(conn: Connection) -> None:
    add_lamp(conn, 4, way="http", md5="", homie="", implementation="")
    asked = {"free_space": "400000", "sketch_size": "500000", "sketch_md5": "0" * 32, "family": "esp8266"}
    devices.learn(conn, 4, asked, evidence="It said so in its HTTP request.", now=30.0)
    fit = orders.verdict(conn, 4, image(conn), now=NOW).fit
    assert fit.text.startswith("400000 bytes fit into the 510592 "), "what was free beside a larger image"
    add_image(conn, "1.0.0", "f" * 32, 380_000, filename="lamp-1.0.0~f.bin")
    assert "the 400000 that" in orders.verdict(conn, 4, image(conn), now=NOW).fit.text, (
        "one of two: not known"
    )


def test_of_several_images_of_one_version_the_one_that_is_eligible_is_meant(conn: Connection) -> None:
    add_image(conn, "2.0.0", "d" * 32, 400_000, chip="esp32", filename="lamp-2.0.0~d.bin")
    several = firmwares.named(conn, "lamp", "2.0.0")
    assert orders.choose(conn, 1, several).md5 == NEW
    conn.execute(device.update().where(device.c.pk == 1).values(implementation="", md5="9" * 32))
    with pytest.raises(Conflict, match="2 images"):
        orders.choose(conn, 1, several)


def test_pages_of_the_answer_together_are_all_and_each_counts_all(conn: Connection) -> None:
    add_lamp(conn, 4, implementation="esp32")
    found, cursor = [], None
    for _ in range(4):
        part = fits.find(conn, image(conn), limit=1, cursor=cursor, now=NOW)
        assert (part.fits.count, part.fits.of) == (3, 4)
        found += [each.device_id for each in part.devices]
        cursor = part.next
    assert (found, cursor) == (["lamp-1", "lamp-2", "lamp-3", "lamp-4"], None)


def test_some_are_asked_about_by_query_verdict_or_name(conn: Connection) -> None:
    add_lamp(conn, 4, implementation="esp32")
    assert fits.find(conn, image(conn), "id:lamp-2", now=NOW).fits.of == 1
    refused_ones = fits.find(conn, image(conn), verdict=Verdict.NO, now=NOW)
    assert [each.device_id for each in refused_ones.devices] == ["lamp-4"]
    assert refused_ones.fits.of == 4
    assert [each.key for each in fits.find(conn, image(conn), names=["lamp-3"], now=NOW).devices] == [
        "homie~lamp-3"
    ]
    with pytest.raises(NotFound):
        fits.find(conn, image(conn), names=["lamp-9"], now=NOW)
    with pytest.raises(WrongUse, match="yes-with-warnings"):
        fits.find(conn, image(conn), verdict="maybe", now=NOW)


def test_the_fleet_is_judged_in_as_many_statements_as_one_device(conn: Connection) -> None:
    def statements(count: int) -> int:
        told: list[str] = []
        sa.event.listen(conn, "before_cursor_execute", lambda *each: told.append(each[2]))
        judged = fits.judge(conn, image(conn), now=NOW, pks=list(range(1, count + 1)))
        assert len(judged) == count
        return len(told)

    few = statements(2)
    for pk in range(4, 60):
        add_lamp(conn, pk, mac=f"A0:20:A6:00:00:{pk}")
    told: list[str] = []
    sa.event.listen(conn, "before_cursor_execute", lambda *each: told.append(each[2]))
    assert len(fits.judge(conn, image(conn), now=NOW)) == 59
    assert len(told) <= few


def test_devices_that_are_alike_are_judged_once_and_as_each_would_be(conn: Connection) -> None:
    for pk in range(4, 40):
        add_lamp(
            conn, pk, mac=f"A0:20:A6:00:00:{pk}" if pk % 2 else "", implementation=("esp8266", "esp32", "")[pk % 3],
            ota_enabled=(True, False, None)[pk % 5 % 3], md5=(OLD, NEW, "", "9" * 32)[pk % 4],
            way=("mqtt", "http")[pk % 7 % 2],
        )  # fmt: skip
        told = {
            "free_space": str(399_000 + 1000 * (pk % 3)),
            "no_space_total": "790000",
            "took_total": "800000",
        }
        chosen = dict(list(told.items())[: pk % 4])
        devices.learn(conn, pk, chosen, evidence="It was seen.", now=float(pk % 6))
    marks.pin(conn, 7, NOW + 9, "no", by="me", now=NOW)
    quarantine.add(conn, Held(8, NEW * 2, "budget", "Three attempts failed.", 100.0))
    judged = fits.judge(conn, image(conn), now=NOW)
    verdicts = {each.subject.pk: (each.verdict, each.code) for each in judged}
    alone = {each.subject.pk: orders.verdict(conn, each.subject.pk, image(conn), now=NOW) for each in judged}
    assert verdicts == {pk: (answer.verdict, answer.code) for pk, answer in alone.items()}
    assert [each.answer for each in judged] == [alone[each.subject.pk] for each in judged]
    assert len(set(verdicts.values())) > 5


def test_the_same_version_of_other_bytes_is_said(conn: Connection) -> None:
    add_image(conn, "1.0.0", "d" * 32, 390_000, filename="lamp-1.0.0~d.bin")
    answer = orders.verdict(conn, 1, image(conn, "d" * 32), now=NOW)
    assert answer.newer.answer is Order.EQUAL
    assert answer.has("same-version")
