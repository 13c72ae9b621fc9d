"""Why a device runs what it runs, from the rows of a whole life: order, refusal, pin, quarantine, rollout, trouble."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homie_ota.errors import NotFound
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.why import Why
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import deployments, events, marks, quarantine, target_rows, why
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import leftover
from web.world import World

NOON = LocalTime(2, 720)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, {})
    yield world
    world.close()


def asked(world: World, pk: int) -> Why:
    return world.read(lambda conn: why.of(conn, pk, NOON, time.time()))


def end(world: World, number: int, event: Event, reason: Reason) -> None:
    found = world.deployment(number)
    world.write(lambda conn: deployments.advance(conn, found, event, now=time.time(), reason=reason))


def test_a_device_that_is_gone_has_no_answer(house: World) -> None:
    with pytest.raises(NotFound):
        asked(house, 99)


def test_what_waits_for_a_sleeper_says_so_and_shows_its_order(house: World) -> None:
    pk = house.device("hall", state="sleeping")
    made = house.order(pk, house.firmware(), offered=False)
    answer = asked(house, pk)
    assert answer.code == "waiting"
    assert f"lamp 2.0.0 waits as deployment {made.id}: The device is sleeping" in answer.text
    assert [step.what for step in answer.steps] == [f"deployment {made.id}: queued by test"]


def test_what_waits_for_a_slot_says_that_it_comes_next(house: World) -> None:
    pk = house.device("hall")
    house.order(pk, house.firmware(), offered=False)
    assert "a transfer slot" in asked(house, pk).text


def test_what_runs_says_where_it_is(house: World) -> None:
    pk = house.device("hall")
    house.order(pk, house.firmware())
    assert asked(house, pk).code == "running"


def test_a_failure_is_told_with_its_reason_and_every_move(house: World) -> None:
    pk = house.device("hall")
    made = house.order(pk, house.firmware())
    end(house, made.id, Event.REFUSE, Reason("no-space", "The image does not fit.", False))
    answer = asked(house, pk)
    assert (answer.code, answer.text[-23:]) == ("failed", "The image does not fit.")
    assert [step.what.split()[-1] for step in answer.steps] == ["test", "offered", "failed"]
    assert answer.steps[-1].reason == "The image does not fit."


def test_a_pin_and_a_quarantine_are_told_with_their_reasons(house: World) -> None:
    pk, now = house.device("hall"), time.time()
    house.write(lambda conn: marks.pin(conn, pk, now + 60, "the exhibition", by="eve", now=now))
    answer = asked(house, pk)
    assert (answer.code, answer.until) == ("pinned", now + 60)
    assert "the exhibition" in answer.text
    held = Held(pk, house.firmware().sha256, "alternates", "It goes back by itself each time.", now)
    house.write(lambda conn: quarantine.add(conn, held))
    answer = asked(house, pk)
    assert answer.code == "quarantined"
    assert f"{house.firmware().name} {house.firmware().version}: It goes back by itself" in answer.text
    house.write(lambda conn: quarantine.add(conn, held._replace(sha256="d" * 64)))
    assert asked(house, pk).text.count("It goes back by itself") == 1, "one reason, however many images"


@pytest.mark.parametrize(
    ("kind", "topic", "part"),
    [
        ("image", "homie/hall/$implementation/ota/firmware/abc", "an empty retained message"),
        ("ota", "devices/hall/$ota", "the version that it runs"),
    ],
)
def test_what_lies_on_the_broker_is_told_with_what_clears_it(
    house: World, kind: str, topic: str, part: str
) -> None:
    pk = house.device("hall")
    row: dict[str, Any] = {
        "topic": topic,
        "device_pk": pk,
        "kind": kind,
        "text": "",
        "size": 9,
        "found_at": 1.0,
    }
    house.write(lambda conn: conn.execute(leftover.insert().values(**row)))
    answer = asked(house, pk)
    assert answer.code == "leftover"
    assert topic in answer.text
    assert part in answer.text


def test_alarms_and_leftovers_are_called_so_among_the_decisions(house: World) -> None:
    pk = house.device("hall")
    began, found = {"event": "began"}, {"event": "found"}
    house.write(lambda conn: events.add(conn, "alarm", at=1.0, device_pk=pk, data=began))
    house.write(lambda conn: events.add(conn, "leftover", at=2.0, device_pk=pk, data=found))
    assert [step.what for step in asked(house, pk).steps] == ["alarm began", "leftover found"]


def test_a_target_that_the_device_may_not_get_says_why(house: World) -> None:
    pk = house.device("hall", implementation="esp32")
    image = house.firmware()
    house.write(lambda conn: target_rows.put(conn, [pk], image.sha256, source="test"))
    answer = asked(house, pk)
    assert answer.code == "not-eligible"
    assert "ESP8266" in answer.text


def test_trouble_after_a_success_is_told_behind_the_answer_for_a_week(house: World) -> None:
    pk, now = house.device("hall"), time.time()
    data = {"event": "went-back", "text": "It went back by itself."}
    house.write(lambda conn: events.add(conn, "device", at=now, device_pk=pk, data=data))
    assert asked(house, pk).text.endswith("It went back by itself.")
    old = {"event": "went-back", "text": "It went back long ago."}
    house.write(lambda conn: events.add(conn, "device", at=now - 8 * 86400, device_pk=pk, data=old))
    assert "long ago" not in asked(house, pk).text


def test_a_member_that_waits_for_its_wave_is_told_what_the_wave_before_still_needs(house: World) -> None:
    pks = [house.device(name, signal=signal) for name, signal in (("attic", 90.0), ("hall", 50.0))]
    image = house.firmware()
    wanted = {"query": "fw:lamp", "firmware": image.sha256, "name": "autumn", "start": True}
    assert house.client().post("/api/v1/rollouts", json=wanted).status_code == 201
    answer = asked(house, pks[1])
    assert answer.code == "in-rollout"
    assert "It is in wave 2 of Rollout 1 (autumn). Wave 1 goes first: verified 0/1" in answer.text
