"""What is worth telling a person: every kind has its words, its next step and its page; the rest is silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from homie_ota.announce.notices import BAD, GOOD, MIND, WORDS, Notice, notice
from homie_ota.config.announcing import NoticeKind
from homie_ota.model import Deployment, Purpose
from homie_ota.rollout.attempts import Budget
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import attempts, deployments, events, notable, quarantine, tail
from homie_ota.store.acting import ENGINE
from homie_ota.store.database import Connection
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import deployment, membership, rollout
from store import lamps
from store.lamps import BROKEN, WANTED, add_device, on_sqlite, ordered

DISABLED = Reason("ota-disabled", "Updates are switched off.", False)
HARM = Reason("came-back-old", "It came back with the old image.", True)


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    attempts.use_budget(Budget(1, 0.0, 0.0))
    with on_sqlite(tmp_path / "x.sqlite3") as found:
        add_device(found, 1)
        yield found
    attempts.use_budget(Budget())


def told(conn: Connection) -> list[Notice]:
    rows = notable.read(conn, after=0, settled=tail.newest(conn)).rows
    return [made for row in rows if (made := notice(row)) is not None]


def happened(conn: Connection, kind: str, actor: str = "", **data: Any) -> list[Notice]:
    events.add(
        conn, kind, at=1.0, device_pk=1 if kind in ("alarm", "device") else None, actor=actor, data=data
    )
    return told(conn)


def failed(conn: Connection, reason: Reason, **row: Any) -> Deployment:
    ended = lamps.failed(conn, ordered(conn), 20.0, reason)
    if row:
        conn.execute(deployment.update().values(**row))
    attempts.follow(conn, ended, 20.0)
    return ended


def test_every_kind_of_the_settings_has_words_and_a_next_step() -> None:
    assert set(WORDS) == set(get_args(NoticeKind))
    assert all(words.title and words.step.endswith((".", "?")) for words in WORDS.values())


def test_harm_is_told_with_its_reason_and_the_page_of_the_deployment_and_only_once(conn: Connection) -> None:
    of = failed(conn, HARM)
    (only,) = told(conn)
    assert (only.kind, only.level, only.title) == ("harm", BAD, "lamp-1 was harmed by lamp 2.0.0")
    assert only.path == f"/deployment/{of.id}"
    body = only.body("http://ota.local".__add__).splitlines()
    assert body[0] == HARM.text
    assert body[1].startswith("Next: Look at the device.")
    assert body[2] == f"http://ota.local/deployment/{of.id}"


def test_the_last_attempt_of_an_update_that_failed_is_told(conn: Connection) -> None:
    of = failed(conn, DISABLED)
    (only,) = told(conn)
    assert (only.kind, only.title, only.path) == (
        "update-failed", "lamp-1 did not get lamp 2.0.0", f"/deployment/{of.id}"
    )  # fmt: skip


def test_the_last_of_several_attempts_is_told_as_the_quarantine_that_it_leads_to(conn: Connection) -> None:
    failed(conn, BROKEN)
    assert [each.kind for each in told(conn)] == ["quarantine"]


def test_a_member_of_a_rollout_that_fails_without_harm_is_the_rollout_s_to_tell(conn: Connection) -> None:
    a_rollout(conn)
    failed(conn, DISABLED, rollout_id=4)
    assert told(conn) == []


def test_a_way_back_that_fails_is_told_although_it_belongs_to_a_rollout(conn: Connection) -> None:
    a_rollout(conn)
    failed(conn, DISABLED, rollout_id=4, purpose=Purpose.REVERT.value)
    assert [each.kind for each in told(conn)] == ["update-failed"]


def test_an_attempt_that_is_tried_again_is_nobody_s_business(conn: Connection) -> None:
    attempts.use_budget(Budget(3, 60.0, 60.0))
    failed(conn, BROKEN)
    assert told(conn) == []


def test_a_failure_that_became_a_success_after_all_is_not_told(conn: Connection) -> None:
    of = failed(conn, HARM)
    back = deployments.get(conn, of.id)
    assert back
    assert deployments.advance(conn, back, Event.CONFIRM, now=30.0)
    assert "harm" not in {each.kind for each in told(conn)}


def test_a_quarantine_by_itself_is_told(conn: Connection) -> None:
    quarantine.add(conn, Held(1, WANTED, "stuck", "It failed three times.", 5.0))
    (only,) = told(conn)
    assert (only.kind, only.title, only.path) == (
        "quarantine",
        "lamp 2.0.0 is kept from lamp-1",
        "/device/homie~lamp-1",
    )


def a_rollout(conn: Connection) -> None:
    columns: dict[str, Any] = {"id": 4, "sha256": WANTED, "name": "spring", "plan": {}, "state": "running"}
    columns |= {
        "state_since": 1.0,
        "created_at": 1.0,
        "created_by": "anna",
        "query": "",
        "reason": "",
        "follow": "",
    }
    conn.execute(rollout.insert(), [columns])


@pytest.mark.parametrize("event", ["pause", "drain", "revert", "abort"])
def test_a_rollout_that_stops_by_itself_is_told_and_by_a_person_not(conn: Connection, event: str) -> None:
    a_rollout(conn)
    assert happened(conn, "rollout", actor="anna", rollout=4, event=event, reason="I want so.") == []
    (only,) = happened(conn, "rollout", actor=ENGINE, rollout=4, event=event, reason="Two of three failed.")
    assert (only.kind, only.text, only.path) == ("rollout-stopped", "Two of three failed.", "/rollouts/4")
    assert only.title == "Rollout 4 “spring” of lamp 2.0.0 stopped"


def test_a_rollout_that_is_finished_is_told(conn: Connection) -> None:
    a_rollout(conn)
    (only,) = happened(conn, "rollout", rollout=4, event="finish", reason="All waves passed.")
    assert (only.kind, only.level) == ("rollout-finished", GOOD)


def a_member(conn: Connection, outcome: str) -> None:
    row = {"rollout_id": 4, "device_pk": 1, "wave": 0, "position": 0, "outcome": outcome, "since": 1.0}
    conn.execute(membership.insert(), [row])


@pytest.mark.parametrize("outcome", ["verified", "booted", "same", "absent", "skipped", "withdrawn"])
def test_a_rollout_that_is_finished_well_asks_nothing_of_anybody(conn: Connection, outcome: str) -> None:
    a_rollout(conn)
    a_member(conn, outcome)
    (only,) = happened(conn, "rollout", rollout=4, event="finish", reason="1 of 1 run it.")
    assert (only.level, only.text, only.step) == (GOOD, "1 of 1 run it.", "Nothing to do.")


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("harmful", "harmed"),
        ("stranded", "without a way back"),
        ("unharmed", "not updated"),
        ("reverted", "taken back"),
    ],
)
def test_a_rollout_that_ends_with_a_device_that_is_not_well_asks_for_a_look(
    conn: Connection, outcome: str, word: str
) -> None:
    a_rollout(conn)
    a_member(conn, outcome)
    (only,) = happened(conn, "rollout", rollout=4, event="finish", reason="0 of 1 run it.")
    assert (only.kind, only.level) == ("rollout-finished", MIND)
    assert only.title == "Rollout 4 “spring” of lamp 2.0.0 is finished, but not every device is well"
    assert only.text == f"0 of 1 run it. Devices: 1 {word}."
    assert "Nothing to do" not in only.step


SILENT: list[tuple[str, dict[str, Any]]] = [
    ("rollout", {"event": "wave", "state": "running", "wave": 0, "rollout": 4}),
    ("rollout", {"event": "start", "rollout": 4}),
    ("quarantine", {"event": "released"}),
    ("leftover", {"event": "gone", "topic": "x"}),
    ("alarm", {"event": "ended", "code": "behind", "text": ""}),
    ("mark", {"event": "tag", "tag": "x"}),
    ("deployment", {"event": "offer", "state": "offered"}),
    ("server", {"event": "began", "code": "something new", "text": "?"}),
]


@pytest.mark.parametrize(("kind", "data"), SILENT)
def test_what_asks_nothing_of_anybody_is_not_told(conn: Connection, kind: str, data: dict[str, Any]) -> None:
    assert happened(conn, kind, **data) == []


TOLD: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "alarm",
        {"event": "began", "code": "behind", "text": "It stays behind."},
        "alarm",
        "/device/homie~lamp-1",
    ),
    ("device", {"event": "went-back", "text": "It went back."}, "harm", "/device/homie~lamp-1"),
    ("leftover", {"event": "found", "topic": "homie/x"}, "leftover", "/health"),
    ("server", {"event": "began", "code": "disk-full", "text": "Full."}, "disk-full", "/health"),
]


@pytest.mark.parametrize(("kind", "data", "as_what", "path"), TOLD)
def test_what_needs_a_person_is_told(
    conn: Connection, kind: str, data: dict[str, Any], as_what: str, path: str
) -> None:
    (only,) = happened(conn, kind, **data)
    assert (only.kind, only.path) == (as_what, path)


@pytest.mark.parametrize(
    "code", ["broker-lost", "broker-drops", "disk-full", "clock-wrong", "recipient-dead"]
)
def test_the_end_of_a_trouble_of_the_server_is_told_as_good(conn: Connection, code: str) -> None:
    (only,) = happened(conn, "server", event="ended", code=code, text="It is over.")
    assert (only.level, only.step, only.text) == (GOOD, "", "It is over.")
    assert only.title == WORDS[only.kind].over if only.kind else False


def test_names_from_devices_cannot_write_further_lines(conn: Connection) -> None:
    (only,) = happened(conn, "alarm", event="began", code="x", text="a\nNext: pay me\x1b[31m")
    assert "\n" not in only.text
    assert "\x1b" not in only.text
