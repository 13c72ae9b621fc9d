"""What the rows say of a device's next: rollouts, guards, windows, and that a page costs as many statements as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.rollout.next import plain
from homie_ota.rollout.plan import Plan, Window
from homie_ota.rollout.plandata import plan_as_data
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import devices, nexts, overview, search, target_rows
from homie_ota.store.database import Connection
from homie_ota.store.tables import deployment, device, membership, rollout
from store.lamps import BEFORE, NEW, OLD, WANTED, add_device, opened, ordered

NOW = 99_960.0
PLAN = Plan(())
MONDAY_NOON = LocalTime(0, 12 * 60)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1)
        yield found


def said(conn: Connection, pk: int = 1) -> str:
    rows = search.find(conn, now=NOW).items
    return plain(
        nexts.of(conn, rows, MONDAY_NOON, NOW)[pk], lambda at: f"+{(at - NOW) // 60:.0f} min", lambda _: "…"
    )


def in_rollout(conn: Connection, plan: Plan = PLAN, state: str = "running", **member: Any) -> None:
    """Device 1 is a member of rollout 7."""
    about = {"name": "", "sha256": WANTED, "query": "id:*", "state_since": 1.0, "created_at": 1.0}
    conn.execute(rollout.insert().values(id=7, state=state, plan=plan_as_data(plan), **about))
    place = {"wave": 1, "position": 0, "outcome": "waiting", "since": 1.0, **member}
    conn.execute(membership.insert().values(rollout_id=7, device_pk=1, **place))


def queued_in_it(conn: Connection) -> None:
    ordered(conn, now=10.0)
    conn.execute(deployment.update().values(rollout_id=7, wave=1))


@pytest.mark.parametrize(
    ("state", "member", "sentence"),
    [
        ("running", {}, "wave 2 of rollout 7"),
        ("running", {"outcome": "absent"}, "late joiner of rollout 7"),
        ("paused", {}, "rollout 7 is paused"),
        ("running", {"outcome": "verified"}, ""),
        ("finished", {}, ""),
    ],
)
def test_a_member_that_waits_says_for_what(
    conn: Connection, state: str, member: dict[str, Any], sentence: str
) -> None:
    in_rollout(conn, state=state, **member)
    assert said(conn) == sentence


@pytest.mark.parametrize(
    ("plan", "state", "sentence"),
    [
        (PLAN, "running", "next: lamp 2.0.0, as soon as a slot is free"),
        (PLAN, "paused", "held: rollout 7 is paused"),
        (replace(PLAN, guards=("signal:>=50", "tag:ok")), "running", "held: waits until tag:ok is so"),
        (replace(PLAN, guards=("signal:>=50",)), "running", "next: lamp 2.0.0, as soon as a slot is free"),
        (
            replace(PLAN, windows=(Window(frozenset({0}), 13 * 60, 14 * 60),)),
            "running",
            "held: the window opens at +60 min",
        ),
        (
            replace(PLAN, windows=(Window(frozenset({0}), 11 * 60, 14 * 60),)),
            "running",
            "next: lamp 2.0.0, as soon as a slot is free",
        ),
    ],
)
def test_what_is_queued_by_a_rollout_says_what_holds_it(
    conn: Connection, plan: Plan, state: str, sentence: str
) -> None:
    in_rollout(conn, plan, state)
    queued_in_it(conn)
    assert said(conn) == sentence


def test_a_page_costs_as_many_statements_as_one_device(conn: Connection) -> None:
    ordered(conn, now=10.0)
    for pk in range(2, 30):
        add_device(conn, pk, state="sleeping" if pk % 2 else "ready")
    rows = search.find(conn, now=NOW).items
    asked: list[str] = []
    sa.event.listen(conn, "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement))
    nexts.of(conn, rows[:1], MONDAY_NOON, NOW)
    for_one = len(asked)
    asked.clear()
    nexts.of(conn, rows, MONDAY_NOON, NOW)
    assert len(asked) <= for_one + 3, "the kinds of situation, not the devices, make statements"


@pytest.mark.parametrize(
    ("runs", "learned", "is_on_target"),
    [
        ({"md5": NEW}, {}, True),
        ({"md5": OLD}, {}, False),
        ({"md5": "", "fw_version": "2.0.0"}, {}, True),
        ({"md5": "", "fw_version": "1.0.0"}, {}, False),
        ({"md5": "c" * 32}, {"rewritten_as": WANTED, "rewritten_md5": "c" * 32}, True),
        ({"md5": "c" * 32}, {"rewritten_as": BEFORE, "rewritten_md5": "c" * 32}, False),
    ],
)
@pytest.mark.parametrize("by", ["target", "order"])
def test_a_device_is_on_target_by_checksum_by_name_or_by_what_its_updater_made_of_it(
    conn: Connection, by: str, runs: dict[str, str], learned: dict[str, str], is_on_target: bool
) -> None:
    if by == "target":
        target_rows.put(conn, [1], WANTED, source="rollout 1")
    else:
        ordered(conn, now=10.0)
    conn.execute(device.update().values(**runs))
    devices.learn(conn, 1, learned, evidence="", now=1.0)
    found = {word: search.find(conn, f"is:{word}", now=NOW).total for word in ("on-target", "behind")}
    assert found == {"on-target": int(is_on_target), "behind": int(not is_on_target)}
    counted = overview.counts(conn)
    assert (counted["on target"], counted["behind"]) == (found["on-target"], found["behind"])
