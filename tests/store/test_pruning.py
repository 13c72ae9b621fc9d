"""Old history goes, and nothing is decided otherwise for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homie_ota.model import ACTIVE, DeploymentState
from homie_ota.rollout.attempts import Followed
from homie_ota.rollout.proof import AnnounceNews
from homie_ota.store import (
    alarms,
    alternation,
    attempts,
    changes,
    concerned,
    cures,
    deployments,
    events,
    needed,
    overview,
    pruning,
    quarantine,
    transcript,
)
from homie_ota.store.database import Connection, Database
from homie_ota.store.pruning import PARTS, Keep
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import deployment, event, rollout, target
from homie_ota.store.tables import transcript as messages
from homie_ota.store.transcript import Said
from store.lamps import BEFORE, NEW, OLD, WANTED, add_device, add_image, opened

DAY = 86_400.0
NOW = 1000 * DAY
FEW = Keep(events_days=90, transcripts_days=30, deployments=2)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1)
        yield found


def tried(conn: Connection, pk: int = 1, *, days: float = 500.0, **values: Any) -> int:
    """A deployment that ended so many days ago, well unless said otherwise; its number."""
    at = NOW - days * DAY
    row = {
        "device_pk": pk, "sha256": WANTED, "previous_sha256": BEFORE, "state": "succeeded", "outcome": "verified",
        "state_since": at, "created_at": at - 60.0, "offered_at": at - 50.0, "image_at": at - 50.0, "attempt": 1,
        "followed": Followed.NOTHING.value, **values,
    }  # fmt: skip
    made = conn.execute(deployment.insert().values(**row).returning(deployment.c.id))
    number = int(made.scalar_one())
    events.add(conn, "deployment", at=at, device_pk=pk, deployment_id=number, data={"event": "confirm"})
    transcript.add(conn, number, [Said(at, "in", "homie/lamp-1/$state", "ready", 5)])
    return number


def failed(conn: Connection, code: str = "transfer-refused", **values: Any) -> int:
    return tried(conn, **{"state": "failed", "outcome": "unharmed", "code": code, **values})


def pruned(conn: Connection, keep: Keep = FEW) -> dict[str, int]:
    """All the way through, as the dispatch does it."""
    gone = {}
    for part in PARTS:
        after: int | None = 0
        gone[part.name] = 0
        while after is not None:
            page = pruning.look(conn, part, after, NOW, keep)
            if page.old:
                gone[part.name] += pruning.write(conn, part, page.old, NOW, keep)
            after = page.last
    return gone


def left(conn: Connection) -> list[int]:
    return list(conn.execute(sa.select(deployment.c.id).order_by(deployment.c.id)).scalars())


def kinds(conn: Connection) -> list[str]:
    return [each["kind"] for each in reversed(events.recent(conn))]


# --- What goes ------------------------------------------------------------------------------------------------------


def test_of_each_device_the_newest_deployments_stay_and_what_is_told_of_the_others_goes_with_them(
    conn: Connection,
) -> None:
    add_device(conn, 2)
    mine = [tried(conn) for _ in range(5)]
    other = tried(conn, 2)
    gone = pruned(conn)
    assert left(conn) == [*mine[-2:], other]
    assert gone["deployments"] == 3
    assert conn.execute(sa.select(sa.func.count()).where(event.c.deployment_id == mine[0])).scalar() == 0
    assert conn.execute(sa.select(sa.func.count()).where(messages.c.deployment_id == mine[0])).scalar() == 0


def test_that_something_went_is_an_event_with_its_count(conn: Connection) -> None:
    for _ in range(5):
        tried(conn)
    pruned(conn)
    told = [each["data"] for each in events.recent(conn) if each["kind"] == pruning.KIND]
    assert {"event": "pruned", "what": "deployments", "count": 3} in told
    assert {each["what"]: each["count"] for each in told} == {
        "deployments": 3,
        "events": 2,
        "transcripts": 2,
    }
    assert pruned(conn) == {"deployments": 0, "events": 0, "transcripts": 0}


def test_events_and_messages_go_after_their_days(conn: Connection) -> None:
    number = tried(conn, days=500.0)
    for days in (91.0, 89.0, 31.0, 29.0):
        events.add(conn, "mark", at=NOW - days * DAY, device_pk=1)
        transcript.add(conn, number, [Said(NOW - days * DAY, "in", "t", "x", 1)])
    assert pruned(conn) == {"deployments": 0, "events": 2, "transcripts": 4}


def test_zero_keeps_all(conn: Connection) -> None:
    for _ in range(5):
        tried(conn)
    assert set(pruned(conn, Keep(0, 0, 0)).values()) == {0}


def test_what_a_look_found_and_somebody_needs_by_now_stays(conn: Connection) -> None:
    first, *_ = [tried(conn) for _ in range(5)]
    part = PARTS[0]
    page = pruning.look(conn, part, 0, NOW, FEW)
    conn.execute(deployment.update().where(deployment.c.id == first).values(state="verifying"))
    assert pruning.write(conn, part, page.old, NOW, FEW) == len(page.old) - 1
    assert first in left(conn)


def test_many_pages_are_gone_through(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "A_PAGE", 3)
    for _ in range(20):
        tried(conn)
    assert pruned(conn)["deployments"] == 18


# --- What stays -----------------------------------------------------------------------------------------------------


def newer(conn: Connection, count: int = 3, **values: Any) -> None:
    """As many cancelled ones that every other one is old by its number."""
    for _ in range(count):
        tried(conn, **{"state": "cancelled", "outcome": "", "offered_at": None, **values})


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_what_runs_stays_however_long_with_all_that_is_told_of_it(
    conn: Connection, state: DeploymentState
) -> None:
    number = tried(conn, state=state, outcome="")
    newer(conn)
    gone = pruned(conn)
    assert number in left(conn)
    assert len(events.of_deployment(conn, number)) == 1
    assert transcript.count(conn, number) == 1
    assert gone["deployments"] == 1


def test_what_ended_lately_stays(conn: Connection) -> None:
    numbers = [tried(conn, days=29.0) for _ in range(5)]
    pruned(conn)
    assert left(conn) == numbers


def test_a_failure_that_nobody_followed_yet_or_whose_restart_is_due_stays(conn: Connection) -> None:
    # Expired: it counts for no budget.
    waiting = [failed(conn, outcome="expired", followed=each) for each in ("", Followed.CURE.value)]
    decided = failed(conn, outcome="expired", followed=Followed.CURED.value)
    tried(conn)
    newer(conn)
    pruned(conn)
    assert set(waiting) <= set(left(conn))
    assert decided not in left(conn)


def test_attempts_of_a_rollout_that_goes_on_stay(conn: Connection) -> None:
    row = {
        "sha256": WANTED, "query": "", "plan": {}, "state": "paused", "state_since": 1.0, "created_at": 1.0,
    }  # fmt: skip
    conn.execute(rollout.insert().values(id=7, **row))
    mine = tried(conn, rollout_id=7)
    tried(conn)
    newer(conn)
    pruned(conn)
    assert mine in left(conn)
    conn.execute(rollout.update().values(state="finished"))
    pruned(conn)
    assert mine not in left(conn), "the device was updated by somebody else since"


def test_a_rollout_that_ended_can_be_reverted_as_long_as_the_device_runs_what_it_brought(
    conn: Connection,
) -> None:
    first = failed(conn, rollout_id=7)
    tried(conn, rollout_id=7)
    newer(conn)
    pruned(conn)
    assert first in left(conn)


def test_the_target_of_a_device_keeps_its_attempts(conn: Connection) -> None:
    conn.execute(target.insert().values(device_pk=1, sha256=BEFORE))
    first = failed(conn, sha256=BEFORE, outcome="expired")
    tried(conn)
    newer(conn)
    pruned(conn)
    assert first in left(conn)


def test_a_release_from_quarantine_counts_for_ever(conn: Connection) -> None:
    for days in (600.0, 599.0, 598.0):
        failed(conn, days=days)
    quarantine.add(conn, Held(1, WANTED, "budget", "Three times.", NOW - 598 * DAY))
    quarantine.release(conn, 1, by="me", now=NOW - 597 * DAY)
    newer(conn)
    assert attempts.past(conn, 1, WANTED) == []
    pruned(conn)
    assert attempts.past(conn, 1, WANTED) == []
    assert "quarantine" in kinds(conn)
    conn.execute(deployment.delete())
    pruned(conn)
    assert "quarantine" not in kinds(conn)


def test_what_is_in_quarantine_stays_there(conn: Connection) -> None:
    quarantine.add(conn, Held(1, WANTED, "budget", "Three times.", NOW - 598 * DAY))
    pruned(conn)
    held = quarantine.of(conn, 1, WANTED)
    assert held is not None
    assert held.code == "budget"


def test_the_latest_restart_after_an_interrupted_transfer_stays(conn: Connection) -> None:
    failed(conn, "transfer-silent")
    for days in (499.0, 498.0):
        data = {"event": "restart"}
        events.add(conn, attempts.CURE, at=NOW - days * DAY, device_pk=1, data=data)
    latest = deployments.get(conn, failed(conn, days=497.0))
    assert latest is not None
    assert not attempts._was_interrupted(conn, latest)
    assert pruned(conn)["events"] == 3
    assert not attempts._was_interrupted(conn, latest)
    assert cures.due(conn) == []


def test_an_alarm_that_goes_on_stays_and_one_that_ended_goes_with_its_beginning(conn: Connection) -> None:
    def said(what: str, code: str, days: float = 500.0) -> None:
        events.add(conn, alarms.KIND, at=NOW - days * DAY, device_pk=1, data={"event": what, "code": code})

    for what, code in (("began", "behind"), ("began", "silent"), ("ended", "behind"), ("began", "behind")):
        said(what, code)
    said("ended", "behind")
    said("began", "behind")
    before = alarms.standing(conn), overview.needs(conn, [1])
    assert len(before[0]) == 2
    pruned(conn)
    assert (alarms.standing(conn), overview.needs(conn, [1])) == before
    assert kinds(conn).count(alarms.KIND) == 2


def test_that_a_person_looked_at_what_is_in_quarantine_stays(conn: Connection) -> None:
    quarantine.add(conn, Held(1, WANTED, "budget", "Three times.", NOW - 400 * DAY))
    conn.execute(target.insert().values(device_pk=1, sha256=BEFORE))
    first = failed(conn, outcome="expired", followed=Followed.SEEN.value)
    tried(conn)
    newer(conn)
    pruned(conn)
    assert first in left(conn)


def test_who_goes_back_and_forth_by_itself_is_noticed_all_the_same(conn: Connection) -> None:
    for days, md5 in ((3.0, NEW), (2.0, OLD), (1.0, NEW)):
        news = {1: [AnnounceNews(NOW - days * DAY, "lamp", "x", md5, True)]}
        changes.note(conn, news)
        conn.execute(sa.text("UPDATE device SET md5 = :md5"), {"md5": md5})
    for _ in range(30):
        newer(conn, 1)
    pruned(conn, Keep(1, 1, 1))
    assert {each.sha256 for each in alternation.notice(conn, 1, NOW)} == {WANTED, BEFORE}


# --- Whatever happened ----------------------------------------------------------------------------------------------

IMAGES = {WANTED: NEW, BEFORE: OLD, "d" * 64: "d" * 32}
ENDS = [
    ("succeeded", "verified", ""), ("succeeded", "booted", ""), ("failed", "harmful", "rebooting"),
    ("failed", "unharmed", "transfer-broken"), ("failed", "unharmed", "transfer-silent"),
    ("failed", "unharmed", "no-answer"), ("failed", "expired", "absent"), ("cancelled", "withdrawn", ""),
]  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for _ in range(draw(st.integers(1, 14))):
        state, outcome, code = draw(st.sampled_from(ENDS))
        sent = state != "cancelled" and code != "absent"
        found.append(
            {
                "state": state, "outcome": outcome, "code": code, "sha256": draw(st.sampled_from(sorted(IMAGES))),
                "previous_sha256": draw(st.sampled_from(["", *sorted(IMAGES)])),
                "purpose": draw(st.sampled_from(["update", "revert"])),
                "rollout_id": draw(st.sampled_from([None, None, 1, 2])), **({} if sent else {"offered_at": None}),
            }
        )  # fmt: skip
    return found


def decisions(conn: Connection) -> dict[str, Any]:
    """All that is decided from what ended."""
    latest = deployments.find(conn, device_pk=1, limit=1)[0]
    return {
        "needed": needed.find(conn),
        "budget": {sha256: attempts.past(conn, 1, sha256) for sha256 in IMAGES},
        "interrupted": attempts._was_interrupted(conn, latest),
        "alarms": alarms.current(conn, NOW, alarms.Limits(offers=2)),
        "news": {pk: each.id for pk, each in concerned.open_to_news(conn, [1]).items()},
        "care": {
            pk: each.id for pk, each in concerned.offered_last(conn, [1], [DeploymentState.SUCCEEDED]).items()
        },
        "overview": overview.counts(conn),
        "needs": overview.needs(conn, [1]),
        "alternates": alternation.notice(conn, 1, NOW),
    }


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(str(tmp_path_factory.mktemp("pruning") / "x.sqlite3"))
    database.migrate()
    yield database
    database.close()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), keep=st.integers(1, 3))
def test_every_decision_is_the_same_afterwards(
    scratch: Database, history: list[dict[str, Any]], keep: int
) -> None:
    class Enough(Exception):  # takes everything back
        pass

    def look(conn: Connection) -> None:
        add_device(conn, 1)
        for number, (sha256, md5) in enumerate(IMAGES.items()):
            add_image(conn, sha256, md5, f"{number}.0")
        for at, each in enumerate(history):
            tried(conn, days=500.0 - at, **each)
        before = decisions(conn)
        count = len(left(conn))
        gone = pruned(conn, Keep(90, 30, keep))
        assert decisions(conn) == before
        assert len(left(conn)) == count - gone["deployments"]
        raise Enough

    with pytest.raises(Enough):
        scratch.write_now(look)
