"""Rows of rollouts: founded as previewed, moved by compare-and-set, members that follow their deployments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homie_ota.errors import Conflict, NotEligible, NotFound, WrongUse
from homie_ota.model import Deployment, DeploymentState, Purpose
from homie_ota.rollout import strategy
from homie_ota.rollout.course import Move
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Gate, MemberState, OnHarm, Plan, RolloutState, WaveRule, WaveState
from homie_ota.rollout.reasons import ABSENT, CANCELLED, NOT_BACK, Reason, worse
from homie_ota.rollout.rhythm import Awake
from homie_ota.store import (
    acting,
    attempts,
    benching,
    deployments,
    devices,
    filling,
    marks,
    memberships,
    playback,
    previews,
    progress,
    returning,
    rollouts,
    steering,
    targets,
)
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection, Database
from homie_ota.store.previews import Preview
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, firmware, presence, quarantine, target

M, S = MemberState, RolloutState
OLD, NEW, OTHER = "a" * 32, "b" * 32, "c" * 32
WANTED, BEFORE = "f" * 64, "e" * 64
QUICK = Gate(verified=1.0, harmful=0, soak=0.0)
PLAN = Plan((WaveRule(count=1, gate=QUICK), WaveRule(gate=replace(QUICK, harmful=1, verified=0.5))))
VERIFIED = Reason("verified", "Healthy.", False)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A connection inside a transaction, with the image that is wanted and the one that ran before."""
    is_sqlite = request.param == "sqlite"
    address = str(tmp_path / "x.sqlite3") if is_sqlite else request.getfixturevalue("postgres")
    database = Database(address.replace("+psycopg", ""))
    database.migrate()
    with database._durable.begin() as found:
        add_image(found, WANTED, NEW, "2.0.0")
        add_image(found, BEFORE, OLD, "1.0.0")
        yield found
    database.close()


def add_image(conn: Connection, sha256: str, md5: str, version: str, **values: object) -> None:
    row = {"sha256": sha256, "md5": md5, "name": "lamp", "version": version, "filename": f"lamp-{version}.bin",
           "chip": "esp8266", "size": 1000, "uploaded_at": 1.0, **values}  # fmt: skip
    conn.execute(firmware.insert().values(**row))


def add_device(conn: Connection, pk: int, device_id: str, **values: object) -> None:
    row: dict[str, object] = {
        "pk": pk, "base": "homie/", "device_id": device_id, "name": device_id, "mac": "", "ip": "", "homie": "3.0.1",
        "implementation": "esp8266", "way": "mqtt", "ota_enabled": True, "state": "ready", "state_since": 1.0,
        "fw_name": "lamp", "fw_version": "1.0.0", "version_key": "", "md5": OLD, "signal": 80.0, "uptime": 1.0,
        "heap": None, "facts": {}, "nodes": {}, "recent": [], "first_seen": 1.0, "last_seen": 1.0, **values,
    }  # fmt: skip
    devices.save(conn, [row])
    address = {"base": "homie/", "device_id": device_id, "device_pk": pk, "dialect": "mqtt", "since": 1.0}
    devices.save_addresses(conn, [address])


def fleet(conn: Connection, count: int = 5, **values: object) -> None:
    for pk in range(1, count + 1):
        add_device(conn, pk, f"lamp-{pk}", signal=100.0 - pk, **values)


def preview(conn: Connection, query: str = "fw:lamp", plan: Plan | None = PLAN) -> Preview:
    found = firmwares.get(conn, WANTED)
    assert found is not None
    return previews.make(conn, found, query, plan, now=10.0)


def founded(conn: Connection, query: str = "fw:lamp", plan: Plan = PLAN, **how: object) -> Rollout:
    return previews.found(conn, preview(conn, query, plan), query, by="me", now=10.0, **how)  # type: ignore[arg-type]


def started(conn: Connection, query: str = "fw:lamp", plan: Plan = PLAN, **how: object) -> Rollout:
    moved = rollouts.move(conn, founded(conn, query, plan, **how), Move.START, now=11.0, by="me")
    assert moved is not None
    return moved


def step(conn: Connection, of: Rollout, now: float) -> list[str]:
    """What the engine does at a moment, until nothing changes: the names of the actions."""
    done: list[str] = []
    while True:
        current = rollouts.require(conn, of.id)
        found = strategy.decide(progress.view(conn, current), now)
        if not found or not acting.act(conn, current, found, now=now):
            return done
        done += [type(each).__name__ for each in found]
        assert len(done) < 50, done


def fill(conn: Connection, of: Rollout, now: float) -> list[Deployment]:
    return filling.fill(conn, rollouts.require(conn, of.id), now=now).made


def outcomes(conn: Connection, of: Rollout) -> dict[int, str]:
    found, _ = memberships.page(conn, of.id, limit=1000)
    return {each.device_pk: str(each.outcome) for each in found}


def end(
    conn: Connection, made: Deployment, *path: Event, reason: Reason | None = None, now: float = 20.0
) -> None:
    """Move a deployment along; its reason belongs to the last move."""
    moved: Deployment | None = deployments.get(conn, made.id)
    for at, event in enumerate(path):
        assert moved is not None
        last = at == len(path) - 1
        moved = deployments.advance(conn, moved, event, now=now, reason=reason if last else None)
        assert moved is not None, event
    if moved is not None and moved.state is DeploymentState.SUCCEEDED:
        image = firmwares.get(conn, made.sha256)
        assert image is not None
        runs = {"md5": image.md5, "fw_version": image.version}
        conn.execute(device.update().where(device.c.pk == made.device_pk).values(**runs))


GOOD = (Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL)
BAD = (Event.OFFER, Event.ACCEPT, Event.FLASH, Event.EXPIRE)


# --- Before the start ----------------------------------------------------------------------------------------------


def test_a_preview_says_who_goes_when_and_who_is_left_out_and_why(conn: Connection) -> None:
    fleet(conn, 4)
    add_device(conn, 5, "runs-it", md5=NEW)
    add_device(conn, 6, "switched-off", ota_enabled=False)
    add_device(conn, 7, "pinned")
    marks.pin(conn, 7, 1e9, "the party", by="me", now=10.0)
    add_device(conn, 8, "bad")
    conn.execute(
        quarantine.insert().values(device_pk=8, sha256=WANTED, code="x", reason="Three times.", since=1.0)
    )
    add_device(conn, 9, "busy")
    deployments.insert(
        conn, device_pk=9, sha256=BEFORE, size=1, previous_sha256="", before={}, by="me", now=9.0
    )  # fmt: skip
    found = preview(conn)
    assert [[line.place.device_pk for line in wave] for wave in found.waves] == [[1], [2, 3, 4]]
    assert {line.judged.row["device_id"]: line.judged.code for line in found.left_out} == {
        "runs-it": "runs-it", "switched-off": "ota-disabled", "pinned": "pinned", "bad": "quarantined", "busy": "busy",
    }  # fmt: skip
    assert "the party" in next(line.place.reason for line in found.left_out if line.judged.code == "pinned")


def test_the_way_back_is_counted_and_the_missing_images_are_asked_for(conn: Connection) -> None:
    fleet(conn, 3)
    add_device(conn, 4, "old", md5=OTHER, fw_version="0.9")
    add_device(conn, 5, "older", md5=OTHER, fw_version="0.9")
    found = preview(conn)
    assert found.way_back.text.startswith("way back: 3 of 5.")
    assert [(each.version, each.md5, each.devices) for each in found.missing] == [("0.9", OTHER, 2)]
    assert any("way back" in text for text in found.warnings)


def test_bench_devices_go_first_and_those_of_last_go_last(conn: Connection) -> None:
    fleet(conn, 4)
    marks.put_tag(conn, 3, "bench", by="me", now=1.0)
    found = preview(conn, plan=replace(PLAN, last="id:lamp-1"))
    assert [[line.place.device_pk for line in wave] for wave in found.waves] == [[3], [2, 4], [1]]


def test_without_a_plan_there_is_a_canary_and_all_at_once_is_a_warning(conn: Connection) -> None:
    fleet(conn, 20)
    assert [len(wave) for wave in preview(conn, plan=None).waves] == [1, 2, 17]
    at_once = preview(conn, plan=Plan((WaveRule(gate=QUICK),)))
    assert any("one wave" in text for text in at_once.warnings)


def test_a_device_goes_over_stepping_stones(conn: Connection) -> None:
    add_image(conn, "1" * 64, "1" * 32, "3.0.0", requires=">=2.0")
    add_device(conn, 1, "lamp-1")
    wanted = firmwares.get(conn, "1" * 64)
    assert wanted is not None
    found = previews.make(conn, wanted, "fw:lamp", PLAN, now=10.0)
    line = found.waves[0][0]
    assert (line.judged.image.version, line.judged.over) == ("2.0.0", "1.0.0 → 2.0.0 → 3.0.0")
    assert any("stepping stones" in text for text in found.warnings)


def test_who_is_not_there_is_said_to_be_waited_for(conn: Connection) -> None:
    fleet(conn, 2)
    add_device(conn, 3, "attic", state="lost")
    add_device(conn, 4, "cellar", state="sleeping")
    said = [text for text in preview(conn).warnings if "not there" in text]
    assert said == [
        "attic (and 1 more) are not there now. A wave waits 24 h at most for who is away; then they are late joiners."
    ]


def test_an_image_that_speaks_another_generation_is_foretold(conn: Connection) -> None:
    fleet(conn, 3)
    add_device(conn, 4, "bench", md5=NEW, homie="5.0", fw_version="2.0.0")
    conn.execute(device.update().where(device.c.pk == 4).values(base="homie/5/"))
    found = preview(conn)
    (said,) = [text for text in found.warnings if "Homie 5" in text]
    assert said.startswith("lamp-1 (and 2 more) will come back with Homie 5 below homie/5/")


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [("id:nobody", NotFound, "No device fits"), ("id:off", NotEligible, "off: off has OTA switched off")],
)
def test_a_rollout_for_nobody_is_refused_with_the_reason(
    conn: Connection, query: str, error: type[Exception], words: str
) -> None:
    add_device(conn, 1, "off", ota_enabled=False)
    with pytest.raises(error, match=words):
        founded(conn, query)


# --- Moves ---------------------------------------------------------------------------------------------------------


def test_a_rollout_moves_only_from_the_revision_that_was_seen(conn: Connection) -> None:
    fleet(conn)
    seen = founded(conn)
    assert rollouts.move(conn, seen, Move.START, now=11.0, by="me") is not None
    assert rollouts.move(conn, seen, Move.START, now=12.0, by="me") is None
    with pytest.raises(Conflict, match="What can be done now: pause, drain, abort, revert"):
        rollouts.move(conn, rollouts.require(conn, seen.id), Move.START, now=13.0)


def test_every_move_of_a_rollout_and_its_waves_is_an_event(conn: Connection) -> None:
    fleet(conn, 1)
    of = started(conn)
    step(conn, of, 12.0)
    end(conn, fill(conn, of, 12.0)[0], *GOOD, reason=VERIFIED)
    step(conn, of, 30.0)
    told = [(each["data"]["event"], each["data"].get("state")) for each in rollouts.story(conn, of.id)]
    assert told[::-1] == [
        ("create", "draft"), ("start", "running"), ("wave", "running"), ("wave", "passed"), ("wave", "passed"),
        ("wave", "running"), ("finish", "finished"),
    ]  # fmt: skip


def test_a_wave_begins_only_when_the_one_before_has_passed(conn: Connection) -> None:
    fleet(conn, 3)
    of = started(conn)
    assert step(conn, of, 12.0)[0] == "StartWave"
    (canary,) = fill(conn, of, 12.0)
    assert (canary.device_pk, canary.wave, canary.rollout_id) == (1, 0, of.id)
    assert fill(conn, of, 12.0) == []
    assert step(conn, of, 13.0) == []
    end(conn, canary, *GOOD, reason=VERIFIED)
    assert step(conn, of, 30.0)[:2] == ["PassWave", "StartWave"]
    assert [each.device_pk for each in fill(conn, of, 30.0)] == [2, 3]
    assert outcomes(conn, of) == {1: "verified", 2: "queued", 3: "queued"}


def test_the_rollout_finishes_with_its_story_and_the_targets_stay(conn: Connection) -> None:
    fleet(conn, 3)
    of = started(conn)
    now = 12.0
    for _ in range(3):
        step(conn, of, now)
        for made in fill(conn, of, now):
            end(conn, made, *GOOD, reason=VERIFIED, now=now + 1)
        now += 10
    found = rollouts.require(conn, of.id)
    assert (found.state, found.ended_at) == (S.FINISHED, 32.0)
    assert "3 of 3" in found.reason
    wanted = conn.execute(target.select()).mappings().all()
    assert {(each["device_pk"], each["sha256"]) for each in wanted} == {(1, WANTED), (2, WANTED), (3, WANTED)}


def test_harm_in_the_canary_pauses_and_a_person_may_bear_it(conn: Connection) -> None:
    fleet(conn, 3)
    of = started(conn)
    step(conn, of, 12.0)
    end(conn, fill(conn, of, 12.0)[0], *BAD, reason=NOT_BACK)
    assert step(conn, of, 30.0) == ["FailWave", "Pause"]
    assert rollouts.require(conn, of.id).state is S.PAUSED
    assert "harm" in rollouts.require(conn, of.id).reason
    assert step(conn, of, 31.0) == []
    with pytest.raises(WrongUse, match="give a reason"):
        steering.steer(conn, of.id, Move.RESUME, now=40.0, by="me")
    resumed = steering.steer(
        conn, of.id, Move.RESUME, now=40.0, by="me", reason="a bad socket, not the image"
    )
    assert "harm so far (1) is accepted" in resumed.sentence
    assert rollouts.waves(conn, of.id)[0].borne == 1
    assert "PassWave" in step(conn, of, 41.0)
    assert [each.device_pk for each in fill(conn, of, 41.0)] == [2, 3]


def test_a_late_success_counts_and_an_older_failure_does_not(conn: Connection) -> None:
    fleet(conn, 1)
    of = started(conn)
    step(conn, of, 12.0)
    (first,) = fill(conn, of, 12.0)
    end(conn, first, *BAD, reason=NOT_BACK)
    assert outcomes(conn, of) == {1: "harmful"}
    end(conn, first, Event.CONFIRM, Event.HEAL, reason=VERIFIED, now=50.0)
    assert outcomes(conn, of) == {1: "verified"}


def test_a_retry_is_a_new_attempt_of_the_same_member(conn: Connection) -> None:
    fleet(conn, 1)
    of = started(conn)
    step(conn, of, 12.0)
    (first,) = fill(conn, of, 12.0)
    end(conn, first, Event.OFFER, Event.BREAK, reason=Reason("not-sent", "Not sent.", False))
    # As long as nobody has decided whether it is tried again, the wave has not failed.
    assert step(conn, of, 21.0) == []
    again = deployments.insert(
        conn, device_pk=1, sha256=WANTED, size=1, previous_sha256=BEFORE, before={}, by="me", now=22.0,
        rollout_id=of.id, wave=0, not_before=60.0,
    )  # fmt: skip
    assert outcomes(conn, of) == {1: "queued"}
    end(conn, again, *GOOD, reason=VERIFIED, now=70.0)
    assert outcomes(conn, of) == {1: "verified"}


# --- Who is left out, comes late, comes anew -----------------------------------------------------------------------


def test_who_cannot_get_it_when_the_wave_begins_is_left_out_then(conn: Connection) -> None:
    fleet(conn, 4)
    of = started(conn)
    conn.execute(device.update().where(device.c.pk == 1).values(ota_enabled=False))
    step(conn, of, 12.0)
    assert fill(conn, of, 12.0) == []
    assert outcomes(conn, of)[1] == "skipped"
    # Nobody was tried: another one goes instead.
    assert "Substitute" in step(conn, of, 13.0)
    assert [each.device_pk for each in fill(conn, of, 13.0)] == [2]


def test_who_is_being_updated_already_is_asked_again_when_that_has_ended(conn: Connection) -> None:
    fleet(conn, 1)
    of = started(conn)
    other = deployments.insert(
        conn, device_pk=1, sha256=BEFORE, size=1, previous_sha256="", before={}, by="me", now=11.0
    )  # fmt: skip
    end(conn, other, Event.OFFER)
    step(conn, of, 12.0)
    assert fill(conn, of, 12.0) == []
    assert outcomes(conn, of) == {1: "waiting"}
    end(conn, other, Event.BREAK, reason=Reason("not-sent", "", False))
    assert len(fill(conn, of, 30.0)) == 1


def test_who_never_woke_up_is_absent_and_comes_late(conn: Connection) -> None:
    fleet(conn, 3)
    waves = (PLAN.waves[0], WaveRule(gate=QUICK))
    of = started(conn, plan=replace(PLAN, waves=waves, absent_after=100.0))
    conn.execute(device.update().where(device.c.pk == 2).values(state="sleeping", state_since=15.0))
    step(conn, of, 12.0)
    end(conn, fill(conn, of, 12.0)[0], *GOOD, reason=VERIFIED)
    step(conn, of, 21.0)
    second, third = fill(conn, of, 21.0)
    end(conn, third, *GOOD, reason=VERIFIED, now=22.0)
    assert step(conn, of, 100.0) == []
    assert "MarkAbsent" in step(conn, of, 122.0)
    assert outcomes(conn, of) == {1: "verified", 2: "absent", 3: "verified"}
    late = deployments.get(conn, second.id)
    assert late is not None
    assert (late.state, late.wave) == (DeploymentState.QUEUED, of.lane)
    assert rollouts.require(conn, of.id).state is S.RUNNING, "it waits for late joiners"
    end(conn, late, *GOOD, reason=VERIFIED, now=200.0)
    step(conn, of, 201.0)
    assert rollouts.require(conn, of.id).state is S.FINISHED


@pytest.mark.parametrize("state", ["ready", "lost"])
def test_who_swallowed_an_offer_and_never_came_back_failed_and_holds_its_wave_no_longer(
    conn: Connection, state: str
) -> None:
    fleet(conn, 2)
    of = started(conn, plan=replace(PLAN, absent_after=100.0))
    step(conn, of, 12.0)
    (first,) = fill(conn, of, 12.0)
    end(conn, first, Event.OFFER, Event.EXPIRE, reason=Reason("no-answer", "No answer.", False))
    ended = deployments.get(conn, first.id)
    assert ended is not None
    again = attempts.follow(conn, ended, 21.0)
    assert again is not None
    conn.execute(device.update().where(device.c.pk == 1).values(state=state))
    assert step(conn, of, 100.0) == []
    assert "MarkAbsent" in step(conn, of, 122.0)
    # No other canary goes instead: the image may be what silenced it.
    assert outcomes(conn, of) == {1: "unharmed", 2: "waiting"}
    assert rollouts.require(conn, of.id).state is S.PAUSED
    taken_back = deployments.get(conn, again.id)
    assert taken_back is not None
    assert (taken_back.state, taken_back.code) == (DeploymentState.CANCELLED, "silent")


def test_new_devices_are_found_once_and_newer_firmware_is_followed(conn: Connection) -> None:
    fleet(conn, 1)
    of = started(conn, standing=True, follow="2.*")
    add_device(conn, 2, "new")
    assert targets.newcomers(conn, of, after=0, now=20.0) == [2]
    memberships.join(conn, of.id, [memberships.Place(2, of.lane, 0)], now=20.0)
    assert targets.newcomers(conn, of, after=0, now=20.0) == []
    assert targets.newest(conn, of) is None
    add_image(conn, "2" * 64, "2" * 32, "2.1.0")
    add_image(conn, "3" * 64, "3" * 32, "3.0.0")
    add_image(conn, "4" * 64, "4" * 32, "2.2.0", chip="esp32")
    add_image(conn, "5" * 64, "5" * 32, "2.3.0", proven="dead-end")
    found = targets.newest(conn, of)
    assert found is not None
    assert found.version == "2.1.0"


# --- Back ----------------------------------------------------------------------------------------------------------


def test_abort_takes_back_what_waits_and_leaves_what_was_sent(conn: Connection) -> None:
    fleet(conn, 4)
    of = started(conn, plan=Plan((WaveRule(count=2, gate=QUICK), WaveRule(gate=QUICK))))
    step(conn, of, 12.0)
    sent, _queued = fill(conn, of, 12.0)
    end(conn, sent, Event.OFFER)
    aborted = steering.steer(conn, of.id, Move.ABORT, now=13.0, by="me")
    assert aborted.sentence.endswith("1 transferring cannot stop; 3 will not start.")
    assert outcomes(conn, of) == {1: "running", 2: "withdrawn", 3: "withdrawn", 4: "withdrawn"}
    assert [each["device_pk"] for each in conn.execute(target.select()).mappings()] == [1]
    end(conn, sent, Event.CONFIRM, Event.HEAL, reason=VERIFIED)
    assert outcomes(conn, of)[1] == "verified"


def test_what_a_crash_left_queued_is_found_and_taken_back(conn: Connection) -> None:
    fleet(conn, 2)
    of = started(conn)
    step(conn, of, 12.0)
    fill(conn, of, 12.0)
    aborted = rollouts.move(conn, rollouts.require(conn, of.id), Move.ABORT, now=13.0, by="me")
    assert aborted is not None
    assert filling.left_behind(conn) == [aborted]
    assert filling.take_back(conn, aborted, CANCELLED, now=13.0) == 1
    assert filling.left_behind(conn) == []


def updated(conn: Connection, count: int = 3) -> Rollout:
    """A finished rollout to some lamps."""
    fleet(conn, count)
    of = started(conn, plan=Plan((WaveRule(gate=QUICK),)))
    step(conn, of, 12.0)
    for made in fill(conn, of, 12.0):
        end(conn, made, *GOOD, reason=VERIFIED, now=13.0)
    step(conn, of, 14.0)
    assert rollouts.require(conn, of.id).state is S.FINISHED
    return rollouts.require(conn, of.id)


def test_revert_sends_each_device_what_it_ran_before_and_never_twice(conn: Connection) -> None:
    of = updated(conn)
    # The second was flashed by hand with what it ran before; of the third's old image nothing is known.
    conn.execute(device.update().where(device.c.pk == 2).values(md5=OLD, fw_version="1.0.0"))
    conn.execute(deployment.update().where(deployment.c.device_pk == 3).values(previous_sha256=""))
    going = rollouts.move(conn, of, Move.REVERT, now=20.0, by="me")
    assert going is not None
    (back,) = returning.go_back(conn, going, now=20.0).made
    assert (back.device_pk, back.sha256, back.purpose) == (1, BEFORE, Purpose.REVERT)
    assert outcomes(conn, of) == {1: "reverting", 2: "reverted", 3: "stranded"}
    end(conn, back, *GOOD, reason=VERIFIED, now=21.0)
    assert outcomes(conn, of)[1] == "reverted"
    step(conn, of, 22.0)
    ended = rollouts.require(conn, of.id)
    assert ended.state is S.FINISHED
    assert returning.go_back(conn, ended, now=30.0).decided == 0


def test_the_end_of_a_way_back_says_what_harmed_whom(conn: Connection) -> None:
    fleet(conn, 2)
    of = started(conn, plan=replace(PLAN, waves=(WaveRule(gate=QUICK),), on_harm=OnHarm.REVERT))
    step(conn, of, 12.0)
    first, second = fill(conn, of, 12.0)
    end(conn, second, *GOOD, reason=VERIFIED, now=13.0)
    end(conn, first, *GOOD[:-1], Event.HARM, reason=worse("worse-heap", "free heap −60 %"), now=14.0)
    step(conn, of, 15.0)
    going = rollouts.require(conn, of.id)
    assert going.state is S.REVERTING
    assert (
        "Harmed: lamp-1: The device runs the new firmware and is worse off: free heap −60 %." in going.reason
    )
    for back in returning.go_back(conn, going, now=16.0).made:
        end(conn, back, *GOOD, reason=VERIFIED, now=17.0)
    step(conn, of, 18.0)
    ended = rollouts.require(conn, of.id)
    assert (ended.state, outcomes(conn, of)) == (S.FINISHED, {1: "reverted", 2: "reverted"})
    assert ended.reason.startswith("Back: 2 devices; no way back: 0. Harmed: lamp-1: ")
    assert "free heap −60 %" in ended.reason


def test_a_bench_device_goes_back_to_what_it_ran_before_its_trial(conn: Connection) -> None:
    fleet(conn, 1)
    marks.put_tag(conn, 1, "bench", by="me", now=1.0)
    of = started(conn, plan=Plan((WaveRule(gate=QUICK),)))
    step(conn, of, 12.0)
    (made,) = fill(conn, of, 12.0)
    assert made.purpose == Purpose.BENCH
    for now in (13.0, 14.0, 15.0):  # new, old, new
        end(conn, made, *GOOD, reason=VERIFIED, now=now)
        made = next(iter(benching.go_on(conn, of, now=now)), made)
    assert outcomes(conn, of) == {1: "verified"}
    going = rollouts.move(conn, rollouts.require(conn, of.id), Move.REVERT, now=20.0, by="me")
    assert going is not None
    (back,) = returning.go_back(conn, going, now=20.0).made
    assert back.sha256 == BEFORE


def test_what_the_gates_said_is_still_shown_when_everybody_goes_back(conn: Connection) -> None:
    of = updated(conn)
    going = rollouts.move(conn, of, Move.REVERT, now=20.0, by="me")
    assert going is not None
    returning.go_back(conn, going, now=20.0)
    row, seen = rollouts.waves(conn, of.id)[0], progress.view(conn, going)
    assert "verified 3/3" in progress.gate(row, seen, seen.waves[0], 21.0).text


def test_a_way_back_that_fails_leaves_the_device_to_a_person(conn: Connection) -> None:
    of = updated(conn, 1)
    going = rollouts.move(conn, of, Move.REVERT, now=20.0, by="me")
    assert going is not None
    (back,) = returning.go_back(conn, going, now=20.0).made
    end(conn, back, *BAD, reason=NOT_BACK, now=21.0)
    assert outcomes(conn, of) == {1: "stranded"}
    (member,), _ = memberships.page(conn, of.id)
    assert member.reason.startswith("It did not get back to lamp 1.0.0. The device has not come back")
    assert "new firmware" not in member.reason
    step(conn, of, 22.0)
    ended = rollouts.require(conn, of.id).reason
    assert ended.startswith(
        "Back: 0 devices; no way back: 1. Not back: lamp-1: It did not get back to lamp 1.0.0."
    )
    assert returning.go_back(conn, going, now=22.0).decided == 0


def test_who_ends_while_the_others_go_back_goes_back_too(conn: Connection) -> None:
    fleet(conn, 2)
    of = started(conn, plan=Plan((WaveRule(gate=QUICK),)))
    step(conn, of, 12.0)
    first, second = fill(conn, of, 12.0)
    end(conn, first, *GOOD, reason=VERIFIED)
    end(conn, second, Event.OFFER)
    going = rollouts.move(conn, rollouts.require(conn, of.id), Move.REVERT, now=20.0, by="me")
    assert going is not None
    assert [each.device_pk for each in returning.go_back(conn, going, now=20.0).made] == [1]
    assert step(conn, of, 21.0) == []
    end(conn, second, Event.CONFIRM, Event.HEAL, reason=VERIFIED, now=22.0)
    assert [each.device_pk for each in returning.go_back(conn, going, now=23.0).made] == [2]


def test_members_come_in_pages(conn: Connection) -> None:
    fleet(conn, 5)
    add_device(conn, 6, "off", ota_enabled=False)
    of = founded(conn)
    seen, after = [], 0
    while True:
        found, following = memberships.page(conn, of.id, limit=2, after=after)
        seen += [each.device_id for each in found]
        if following is None:
            break
        after = following
    assert seen == ["lamp-1", "lamp-2", "lamp-3", "lamp-4", "lamp-5", "off"]
    assert [each.device_id for each in memberships.page(conn, of.id, wave=0)[0]] == ["lamp-1"]
    assert [each.device_id for each in memberships.page(conn, of.id, outcome="skipped")[0]] == ["off"]


def test_what_waited_until_its_date_is_absent(conn: Connection) -> None:
    fleet(conn, 1)
    of = started(conn)
    step(conn, of, 12.0)
    end(conn, fill(conn, of, 12.0)[0], Event.LAPSE, reason=ABSENT)
    assert outcomes(conn, of) == {1: "absent"}
    assert rollouts.waves(conn, of.id)[0].state is WaveState.RUNNING


# --- How long, and how it would go ---------------------------------------------------------------------------------


def awake(conn: Connection, pk: int, times: list[tuple[float, float | None]]) -> None:
    rows = [{"device_pk": pk, "since": since, "until": until} for since, until in times]
    conn.execute(presence.insert(), rows)


def test_what_was_learned_of_a_device_makes_the_estimate_better(conn: Connection) -> None:
    fleet(conn, 2)
    usual = preview(conn).estimate
    devices.learn(conn, 1, {"bytes_per_second": "100.0 110.0"}, evidence="its last 2", now=1.0)
    slow = preview(conn).estimate
    assert slow.low > usual.low
    assert "1 of 2 devices never took an image from here" in slow.assumed[0]


def test_a_sleeper_is_played_on_its_own_rhythm_and_who_never_came_is_absent(conn: Connection) -> None:
    now, hour = 1_000_000.0, 3600.0
    fleet(conn, 1)
    add_device(conn, 2, "sleeper", state="sleeping", signal=1.0)
    awake(conn, 2, [(now - at * hour, now - at * hour + 300.0) for at in range(12, 0, -1)])
    add_device(conn, 3, "gone", state="lost", signal=0.0)
    seen = preview(conn, plan=replace(PLAN, absent_after=6 * hour))
    found = playback.subjects(conn, seen, begins=now, ends=now + 24 * hour)
    ahead = {each.member.device_pk: each.presences for each in found}
    assert ahead[1] == [Awake(1.0, None)]
    assert [round(each.since - now) % 3600 for each in ahead[2][:3]] == [0, 0, 0]
    assert ahead[3] == []
    played = playback.play(seen, found, begins=now, ends=now + 24 * hour)
    ends = {each.device_pk: str(each.state) for each in played.ends}
    assert ends == {1: "verified", 2: "verified", 3: "absent"}


def test_a_guard_that_is_not_so_and_a_stone_on_the_way_are_played_too(conn: Connection) -> None:
    conn.execute(firmware.update().where(firmware.c.sha256 == WANTED).values(requires=">=1.5"))
    add_image(conn, OTHER * 2, OTHER, "1.5.0")
    fleet(conn, 2)
    guarded = replace(PLAN, guards=("id:lamp-1",), absent_after=3600.0)
    found = playback.subjects(conn, preview(conn, plan=guarded), begins=20.0, ends=30.0)
    assert {each.member.device_pk: (each.steps, each.held) for each in found} == {
        1: (2, ""),
        2: (2, "It waits until id:lamp-1 is so."),
    }
