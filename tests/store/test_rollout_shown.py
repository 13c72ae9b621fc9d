"""What is read of a rollout to be shown: its punch card, the numbers of what can be done, its story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.model import DeploymentState
from homie_ota.rollout import card, strategy
from homie_ota.rollout.course import Move
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Gate, MemberState, Plan, WaveRule
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import (
    acting,
    cards,
    choosing,
    deployments,
    filling,
    firmware,
    holds,
    memberships,
    previews,
    progress,
    rollouts,
    stories,
)
from homie_ota.store.cards import Line
from homie_ota.store.database import Connection
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device
from homie_ota.store.tables import firmware as firmware_table
from store.lamps import BEFORE, WANTED, add_device, add_image, opened

D, M = DeploymentState, MemberState
QUICK = Gate(verified=0.1, harmful=9, soak=0.0)
PLAN = Plan((WaveRule(count=1, gate=QUICK), WaveRule(gate=QUICK)))
WELL = Reason("verified", "Healthy.", False)
WORSE = Reason("worse-heap", "Less free memory.", True)
BROKEN = Reason("transfer-broken", "It broke.", False)
GOOD = (Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL)
HARM = (*GOOD[:-1], Event.HARM)
FAILED = (Event.OFFER, Event.REFUSE)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def step(conn: Connection, of: Rollout, now: float) -> None:
    for _ in range(4):
        current = rollouts.require(conn, of.id)
        acting.act(conn, current, strategy.decide(progress.view(conn, current), now), now=now)
    filling.fill(conn, rollouts.require(conn, of.id), now=now)


def started(conn: Connection, count: int = 8) -> Rollout:
    """A rollout whose second wave runs, with its canary updated."""
    for pk in range(1, count + 1):
        add_device(conn, pk, signal=100.0 - pk)
    add_device(conn, 99, ota_enabled=False)
    image = firmware.get(conn, WANTED)
    assert image is not None
    preview = previews.make(conn, image, "fw:lamp", PLAN, now=10.0)
    made = previews.found(conn, preview, "fw:lamp", by="me", now=10.0)
    moved = rollouts.move(conn, made, Move.START, now=11.0)
    assert moved is not None
    step(conn, moved, 12.0)
    end(conn, 1, *GOOD, reason=WELL)
    step(conn, moved, 30.0)
    return rollouts.require(conn, moved.id)


def end(conn: Connection, pk: int, *path: Event, reason: Reason = WELL, now: float = 20.0) -> None:
    for event in path:
        attempt = deployments.active_of(conn, pk)
        assert attempt is not None
        assert deployments.advance(conn, attempt, event, now=now, reason=reason)
    conn.execute(deployment.update().where(deployment.c.state == "failed").values(followed="nothing"))


def read(conn: Connection, of: Rollout, now: float = 100.0) -> dict[int, Line]:
    sizes = {wave: sum(each.values()) for wave, each in memberships.tallies(conn, of.id).items()}
    return cards.read(conn, of, sizes, now)


def various(conn: Connection) -> Rollout:
    of = started(conn)
    end(conn, 2, *GOOD, now=40.0)
    end(conn, 3, *HARM, reason=WORSE)
    end(conn, 4, *FAILED, reason=BROKEN)
    end(conn, 5, *GOOD[:2])
    end(conn, 6, *GOOD[:4])
    add_device(conn, 7, state="sleeping")
    return of


# --- The card ------------------------------------------------------------------------------------------------------


def test_a_small_wave_is_a_link_a_device_and_a_large_one_says_the_same_in_rows(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = various(conn)
    singly = read(conn, of)
    assert [each.name for each in singly[1].holes][:2] == ["lamp-2", "lamp-3"]
    assert "".join(each.punch.sign for each in singly[1].holes) == "+X!#v:."
    assert "".join(each.punch.sign for each in singly[-1].holes) == "/"
    monkeypatch.setattr(card, "MOST_LINKS", 2)
    many = read(conn, of)
    assert many[0] == singly[0]
    (row,) = many[1].rows
    assert "".join(each.sign * count for each, count in row.runs) == "+X!#v.."  # who is held is not told here
    assert card.label(row.counts) == "2 waiting, 1 sending, 1 verifying, 1 good, 1 unharmed, 1 harm"


def test_rows_are_in_the_order_of_the_members(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "MOST_LINKS", 0)
    monkeypatch.setattr(card, "A_ROW", 3)
    of = various(conn)
    rows = read(conn, of)[1].rows
    assert [each.first for each in rows] == [0, 3, 6]
    for each in rows:
        page, _ = memberships.page(conn, of.id, wave=1, after=each.first, limit=3)
        assert sum(count for _, count in each.counts) == len(page)
    page, following = memberships.page(conn, of.id, outcome="harmful,unharmed", limit=1)
    assert [each.device_id for each in page] == ["lamp-3"]
    assert following == 1


# --- What can be done -----------------------------------------------------------------------------------------------


def test_a_stop_reaches_who_was_sent_nothing_and_not_who_is_under_way(conn: Connection) -> None:
    of = various(conn)
    reach = choosing.reach(conn, of)
    assert (reach.sent, reach.unsent) == ({D.TRANSFERRING: 1, D.VERIFYING: 1}, 2)
    assert reach.running == 2


def test_a_way_back_is_counted_where_the_image_is_stored_that_ran_before(conn: Connection) -> None:
    of = various(conn)
    numbers = choosing.numbers(conn, of, memberships.tallies(conn, of.id))
    assert (numbers.first, numbers.members, numbers.updated, numbers.covered) == (1, 8, 3, 3)
    conn.execute(deployment.update().where(deployment.c.device_pk == 2).values(previous_sha256=""))
    assert choosing.numbers(conn, of, memberships.tallies(conn, of.id)).covered == 2
    # A second attempt finds the new image; what counts is what the first one found.
    late = deployment.update().where(deployment.c.device_pk == 3)
    conn.execute(late.values(attempt=2, previous_sha256=WANTED))
    assert choosing.numbers(conn, of, memberships.tallies(conn, of.id)).covered == 2


# --- The story ------------------------------------------------------------------------------------------------------


def test_a_story_tells_each_wave_what_ran_before_and_who_was_not_brought(conn: Connection) -> None:
    of = various(conn)
    first, second, left_out = stories.chapters(conn, of)
    assert (first.counts, first.names, first.before) == ({M.VERIFIED: 1}, ["lamp-1"], [("lamp 1.0.0", 1)])
    assert (second.first_at, second.last_at) == (40.0, 40.0)
    assert second.counts[M.HARMFUL] == 1
    assert (left_out.number, left_out.names) == (-1, [])
    found = stories.exceptions(conn, of)
    assert [(each.device_id, each.outcome) for each in found] == [
        ("lamp-3", M.HARMFUL), ("lamp-4", M.UNHARMED), ("lamp-99", M.SKIPPED),
    ]  # fmt: skip
    assert found[0].reason == "Less free memory."


def test_an_image_that_is_not_stored_is_named_as_the_device_named_it(conn: Connection) -> None:
    of = various(conn)
    told = {"fw_name": "lamp", "fw_version": "0.9"}
    conn.execute(
        deployment.update().where(deployment.c.device_pk == 2).values(previous_sha256="", before=told)
    )
    assert stories.chapters(conn, of)[1].before == [("lamp 0.9", 1)]


def test_two_builds_of_one_version_are_told_apart_by_their_hash(conn: Connection) -> None:
    of = various(conn)
    other = "0123456789abcdef" * 4
    add_image(conn, other, "9" * 32, "1.0.0-again")
    conn.execute(firmware_table.update().where(firmware_table.c.sha256 == other).values(version="1.0.0"))
    conn.execute(deployment.update().where(deployment.c.device_pk == 2).values(previous_sha256=other))
    assert [each.before for each in stories.chapters(conn, of)[:2]] == [
        [(f"lamp 1.0.0 ({BEFORE[:8]})", 1)],
        [("lamp 1.0.0 (01234567)", 1)],
    ]


def test_what_was_sent_is_counted_without_the_ways_back(conn: Connection) -> None:
    of = various(conn)
    sent = stories.sent(conn, of)
    assert (sent.images, sent.bytes, sent.retries) == (6, 6000, 0)
    back = deployment.update().where(deployment.c.device_pk == 2)
    conn.execute(back.values(purpose="revert", sha256=BEFORE))
    assert stories.sent(conn, of).images == 5


# --- Why each waits -------------------------------------------------------------------------------------------------


def test_every_member_of_a_page_says_why_it_waits(conn: Connection) -> None:
    of = started(conn)
    for pk in (3, 4):
        add_device(conn, pk, state="sleeping")
    conn.execute(device.update().where(device.c.pk == 5).values(pinned_until=1e9, pin_reason="exhibition"))
    conn.execute(deployment.update().where(deployment.c.device_pk == 6).values(not_before=1e9))
    page, _ = memberships.page(conn, of.id, wave=1)
    told = {each.device_pk: each.reason for each in holds.told(conn, page, LocalTime(0, 0), 50.0, most=1)}
    asleep = "The device is sleeping. It gets the image as soon as it is ready."
    assert told == {
        2: "", 3: asleep, 4: asleep, 5: "It is pinned: exhibition.",
        6: "It waits a while before the next attempt.", 7: "", 8: "",
    }  # fmt: skip
