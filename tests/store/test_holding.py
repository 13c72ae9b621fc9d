"""Members that a guard, a pin or a leftover keeps from their image hold nobody up for ever; a person is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homie_ota.model import Deployment
from homie_ota.rollout import strategy
from homie_ota.rollout.course import Move
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Gate, Plan, RolloutState, WaveRule, Window
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import (
    acting,
    deployments,
    filling,
    firmware,
    holding,
    leftovers,
    marks,
    memberships,
    previews,
    progress,
    rollouts,
    steering,
)
from homie_ota.store.database import Connection
from homie_ota.store.leftovers import Found
from homie_ota.store.memberships import Member
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import device, reading
from store.lamps import WANTED, add_device, opened

QUICK = Gate(verified=1.0, harmful=0, soak=0.0)
PLAN = Plan((WaveRule(count=1, gate=QUICK), WaveRule(gate=QUICK)), absent_after=100.0)
LATER, NOON = 1e9, LocalTime(2, 720)
VERIFIED = Reason("verified", "Healthy.", False)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def started(conn: Connection, count: int = 3, **plan: Any) -> Rollout:
    for pk in range(1, count + 1):
        add_device(conn, pk, signal=100.0 - pk)
    image = firmware.get(conn, WANTED)
    assert image is not None
    preview = previews.make(conn, image, "fw:lamp", replace(PLAN, **plan), now=10.0)
    made = previews.found(conn, preview, "fw:lamp", by="me", now=10.0)
    moved = rollouts.move(conn, made, Move.START, now=11.0)
    assert moved is not None
    return moved


def look(conn: Connection, of: Rollout, now: float, local: LocalTime = NOON) -> list[Deployment]:
    """What the engine does at a moment; the attempts that it made."""
    seen = rollouts.require(conn, of.id)
    for piece in holding.changes(conn, seen, local, now).pieces:
        holding.note(conn, seen, piece, now=now)
    while acting.act(conn, seen, strategy.decide(progress.view(conn, seen), now), now=now):
        seen = rollouts.require(conn, of.id)
    return filling.fill(conn, seen, now=now).made if seen.state is RolloutState.RUNNING else []


def members(conn: Connection, of: Rollout) -> dict[int, Member]:
    return {each.device_pk: each for each in memberships.page(conn, of.id)[0]}


def succeed(conn: Connection, made: Deployment, now: float) -> None:
    moved = deployments.get(conn, made.id)
    for event in (Event.OFFER, Event.CONFIRM, Event.HEAL):
        assert moved is not None
        reason = VERIFIED if event is Event.HEAL else None
        moved = deployments.advance(conn, moved, event, now=now, reason=reason)
    conn.execute(device.update().where(device.c.pk == made.device_pk).values(md5="b" * 32))


def pin(conn: Connection, pk: int, now: float) -> None:
    marks.pin(conn, pk, LATER, "exhibition", by="me", now=now)


def keep(conn: Connection, _pk: int, now: float) -> None:
    topic = "homie/lamp-1/$implementation/ota/firmware/" + "c" * 32
    leftovers.note(conn, [Found(topic, _image(), 1000)], now=now)


def _image() -> Any:
    from homie_ota.homie import leftovers as read

    found = read.read(["homie/"], "homie/lamp-1/$implementation/ota/firmware/" + "c" * 32, b"\xe9")
    assert found is not None
    return found


def nothing(_conn: Connection, _pk: int, _now: float) -> None:
    """The guard of the plan is not so of any device."""


HELD: list[tuple[str, Callable[[Connection, int, float], None], dict[str, Any], str]] = [
    ("pin", pin, {}, "It is pinned: exhibition."),
    ("leftover", keep, {}, "What is kept on homie/lamp-1/$implementation/ota/firmware/"),
    ("guard", nothing, {"guards": ("relay/on:false",)}, "It waits until relay/on:false is so."),
]


@pytest.mark.parametrize(("hold", "plan", "words"), [row[1:] for row in HELD], ids=[row[0] for row in HELD])
def test_a_canary_that_is_held_back_for_ever_stops_the_rollout_and_a_person_is_told_by_what(
    conn: Connection, hold: Callable[[Connection, int, float], None], plan: dict[str, Any], words: str
) -> None:
    of = started(conn, **plan)
    assert [each.device_pk for each in look(conn, of, 12.0)] == [1]
    hold(conn, 1, 20.0)
    look(conn, of, 21.0)
    look(conn, of, 120.0)
    assert rollouts.require(conn, of.id).state is RolloutState.RUNNING, "its patience is not over"
    look(conn, of, 122.0)
    paused = rollouts.require(conn, of.id)
    assert paused.state is RolloutState.PAUSED
    assert "Nobody of the first wave can be tried. lamp-1: Held back for too long." in paused.reason
    assert words in paused.reason
    assert "then resume" in paused.reason
    canary = members(conn, of)[1]
    assert (canary.outcome, canary.wave) == ("absent", of.lane)
    assert words in canary.reason


def test_when_nothing_holds_the_canary_any_more_it_is_tried_after_all(conn: Connection) -> None:
    of = started(conn)
    look(conn, of, 12.0)
    pin(conn, 1, 20.0)
    look(conn, of, 21.0)
    look(conn, of, 122.0)
    marks.unpin(conn, 1, by="me", now=130.0)
    told = steering.steer(conn, of.id, Move.RESUME, now=131.0, by="me").sentence
    assert "Nothing holds 1 of the first wave any more: it is tried now." in told
    assert look(conn, of, 132.0) == []
    assert {pk: (each.wave, each.outcome) for pk, each in members(conn, of).items()} == {
        1: (0, "queued"), 2: (1, "waiting"), 3: (1, "waiting"),
    }  # fmt: skip
    waiting = deployments.active_of(conn, 1)
    assert waiting is not None
    assert waiting.wave == 0


def test_resumed_while_it_is_still_held_others_are_tried_and_it_follows_late(conn: Connection) -> None:
    of = started(conn)
    look(conn, of, 12.0)
    pin(conn, 1, 20.0)
    look(conn, of, 21.0)
    look(conn, of, 122.0)
    told = steering.steer(conn, of.id, Move.RESUME, now=131.0, by="me").sentence
    assert "1 of the first wave is still held back: others go first." in told
    (second,) = look(conn, of, 132.0)
    assert (second.device_pk, second.wave) == (2, 0)
    succeed(conn, second, 140.0)
    (third,) = look(conn, of, 141.0)
    assert third.device_pk == 3
    succeed(conn, third, 150.0)
    look(conn, of, 151.0)
    marks.unpin(conn, 1, by="me", now=160.0)
    waiting = deployments.active_of(conn, 1)
    assert waiting is not None
    succeed(conn, waiting, 170.0)
    look(conn, of, 171.0)
    assert rollouts.require(conn, of.id).state is RolloutState.FINISHED


def test_a_later_wave_goes_on_without_who_is_held_back(conn: Connection) -> None:
    of = started(conn)
    (canary,) = look(conn, of, 12.0)
    succeed(conn, canary, 13.0)
    second, third = look(conn, of, 14.0)
    succeed(conn, third, 15.0)
    pin(conn, second.device_pk, 20.0)
    look(conn, of, 21.0)
    look(conn, of, 122.0)
    found = members(conn, of)
    assert (found[2].outcome, found[3].outcome) == ("absent", "verified")
    waves = {each.number: each.state for each in rollouts.waves(conn, of.id)}
    assert (rollouts.require(conn, of.id).state, waves[1]) == (RolloutState.RUNNING, "passed")


def test_a_hold_that_was_gone_in_between_begins_anew(conn: Connection) -> None:
    of = started(conn, guards=("relay/on:false",))
    look(conn, of, 12.0)
    look(conn, of, 13.0)
    row = {"device_pk": 1, "node": "relay", "prop": "on", "value": "false", "at": 80.0}
    conn.execute(reading.insert().values(**row))
    look(conn, of, 80.0)
    conn.execute(reading.update().values(value="true"))
    look(conn, of, 90.0)
    look(conn, of, 150.0)
    assert members(conn, of)[1].outcome == "queued"
    look(conn, of, 191.0)
    assert members(conn, of)[1].outcome == "absent"


def test_while_no_window_is_open_nobody_is_held_back_by_anything_else(conn: Connection) -> None:
    nights = (Window(frozenset(range(7)), 120, 300),)
    of = started(conn, windows=nights, guards=("relay/on:false",))
    look(conn, of, 12.0)
    look(conn, of, 13.0)
    look(conn, of, 10_000.0)
    assert members(conn, of)[1].outcome == "queued"
    assert rollouts.require(conn, of.id).state is RolloutState.RUNNING
    look(conn, of, 10_001.0, LocalTime(3, 180))
    look(conn, of, 10_102.0, LocalTime(3, 182))
    assert rollouts.require(conn, of.id).state is RolloutState.PAUSED


def test_a_way_back_that_is_held_back_for_ever_is_stranded(conn: Connection) -> None:
    of = started(conn, count=1)
    (made,) = look(conn, of, 12.0)
    succeed(conn, made, 13.0)
    moved = steering.steer(conn, of.id, Move.REVERT, now=14.0, by="me").rollout
    from homie_ota.store import returning

    returning.go_back(conn, moved, now=15.0)
    pin(conn, 1, 16.0)
    look(conn, of, 17.0)
    assert members(conn, of)[1].outcome == "reverting"
    look(conn, of, 118.0)
    found = members(conn, of)[1]
    assert (found.outcome, rollouts.require(conn, of.id).state) == ("stranded", RolloutState.FINISHED)
