"""What follows a failure in rows: the next attempt, a quarantine, a release; and a person who orders in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.errors import Conflict, NotEligible, NotFound
from homie_ota.model import Deployment, DeploymentState, OtaEvent, Purpose
from homie_ota.rollout.attempts import Followed
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import AnnounceNews, News
from homie_ota.rollout.reasons import NOT_BACK, REFUSALS, Reason
from homie_ota.store import (
    alternation,
    attempts,
    changes,
    cures,
    deployments,
    devices,
    events,
    lease,
    orders,
    quarantine,
)
from homie_ota.store.cures import Cure
from homie_ota.store.database import Connection
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import deployment
from store.lamps import (
    BEFORE,
    BROKEN,
    NEW,
    OLD,
    SILENT,
    WANTED,
    add_device,
    failed,
    followed,
    next_pk,
    offered,
    opened,
    ordered,
    row_of,
    wakes,
)

S = DeploymentState
STUCK = REFUSALS[OtaEvent.STUCK]
FACTS = {"name": "Lamp", "config": '{"name":"Lamp","wifi":{"ssid":"x"}}'}
REFUSED = REFUSALS[OtaEvent.BAD_REQUEST]


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1, facts=FACTS)
        yield found


def again(conn: Connection, of: Deployment, now: float, reason: Reason = BROKEN) -> Deployment:
    found = followed(conn, of, now, reason)
    assert found is not None
    return found


def kinds(conn: Connection) -> list[str]:
    return [each["data"].get("event", "") for each in events.recent(conn) if each["kind"] == quarantine.KIND]


# --- Attempts -------------------------------------------------------------------------------------------------------


def test_a_broken_transfer_is_queued_again_for_later_as_a_row_of_its_own(conn: Connection) -> None:
    second = again(conn, ordered(conn), 100.0)
    assert (second.attempt, second.state, second.not_before, second.created_by) == (
        2,
        S.QUEUED,
        160.0,
        "retry",
    )
    assert next_pk(conn, 159.0) is None
    assert next_pk(conn, 161.0) == 1


def test_three_attempts_then_a_person_who_releases_it_and_the_count_begins_anew(conn: Connection) -> None:
    third = again(conn, again(conn, ordered(conn), 100.0), 300.0)
    assert followed(conn, third, 600.0) is None
    held = quarantine.of(conn, 1, WANTED)
    assert held is not None
    assert held.code == "transfer-broken"
    assert "3 attempts failed" in held.reason
    with pytest.raises(NotEligible, match="quarantine"):
        ordered(conn, now=700.0)
    with pytest.raises(NotEligible):
        orders.order(conn, device_pk=1, sha256=WANTED, by="me", now=700.0, override="I know better")
    assert quarantine.release(conn, 1, by="me", now=800.0) == 1
    assert quarantine.of_device(conn, 1) == []
    assert kinds(conn) == ["released", "held"]
    fourth = ordered(conn, now=900.0)
    assert again(conn, fourth, 1000.0).attempt == 5, "three more"
    with pytest.raises(NotFound, match="Nothing of this device"):
        quarantine.release(conn, 1, by="me", now=1001.0)


def test_harm_ends_in_quarantine_at_once_and_a_late_success_ends_the_quarantine(conn: Connection) -> None:
    sent = offered(conn, ordered(conn), 99.0)
    rebooting = deployments.advance(conn, sent, Event.FLASH, now=100.0)
    assert rebooting is not None
    ended = deployments.advance(conn, rebooting, Event.EXPIRE, now=300.0, reason=NOT_BACK)
    assert ended is not None
    assert attempts.follow(conn, ended, 300.0) is None
    assert quarantine.of(conn, 1, WANTED) is not None
    assert quarantine.release_those_that_made_it(conn, now=301.0) == []
    back = deployments.advance(conn, ended, Event.HEAL, now=400.0)
    assert back is not None
    assert back.late
    assert quarantine.release_those_that_made_it(conn, now=401.0) == [1]
    assert quarantine.of_device(conn, 1) == []


def test_a_failure_is_followed_once_however_often_it_is_looked_at(conn: Connection) -> None:
    ended = failed(conn, ordered(conn), 100.0)
    assert [each.id for each in attempts.unfollowed(conn)] == [ended.id]
    assert attempts.follow(conn, ended, 100.0) is not None
    assert attempts.follow(conn, ended, 101.0) is None
    assert attempts.unfollowed(conn) == []


def test_a_refusal_that_a_person_has_to_change_something_for_is_not_followed_by_anything(
    conn: Connection,
) -> None:
    ended = failed(conn, ordered(conn), 100.0, REFUSED)
    assert attempts.follow(conn, ended, 100.0) is None
    assert quarantine.of_device(conn, 1) == []
    assert attempts.unfollowed(conn) == []
    assert ordered(conn, now=200.0).attempt == 2


def test_what_was_not_refused_waits_until_the_device_came_back(conn: Connection) -> None:
    second = again(conn, ordered(conn), 100.0, SILENT)
    assert next_pk(conn, 1e7) is None
    wakes(conn, 1, 120.0)
    assert next_pk(conn, 161.0) == 1
    assert second.attempt == 2


def test_what_somebody_else_started_is_not_tried_again(conn: Connection) -> None:
    made = ordered(conn)
    conn.execute(deployment.update().values(purpose=Purpose.OUTSIDE.value))
    read = deployments.get(conn, made.id)
    assert read is not None
    assert followed(conn, read, 100.0) is None


def test_a_success_in_between_gives_the_whole_budget_back(conn: Connection) -> None:
    for now in (100.0, 200.0):
        failed(conn, ordered(conn, now=now - 50.0), now)
    sent = offered(conn, ordered(conn, now=300.0), 301.0)
    confirmed = deployments.advance(conn, sent, Event.CONFIRM, now=302.0)
    assert confirmed is not None
    deployments.advance(conn, confirmed, Event.HEAL, now=303.0)
    assert attempts.past(conn, 1, WANTED) == []
    assert again(conn, ordered(conn, now=400.0), 500.0).not_before == 560.0


# --- Orders in between ----------------------------------------------------------------------------------------------


def test_ordering_what_waits_for_its_second_attempt_sends_it_now(conn: Connection) -> None:
    second = again(conn, ordered(conn), 100.0)
    taken = ordered(conn, now=101.0)
    assert (taken.id, taken.attempt, taken.created_by, taken.not_before) == (second.id, 2, "me", None)
    assert next_pk(conn, 102.0) == 1


def test_ordering_another_image_takes_the_place_of_what_waits(conn: Connection) -> None:
    second = again(conn, ordered(conn), 100.0)
    conn.execute(deployment.update().where(deployment.c.id == second.id).values(sha256=BEFORE))
    made = ordered(conn, now=101.0)
    assert made.id != second.id
    gone = deployments.get(conn, second.id)
    assert gone is not None
    assert (gone.state, gone.code) == (S.CANCELLED, "gave-way")


def test_what_a_person_ordered_before_is_still_a_conflict(conn: Connection) -> None:
    ordered(conn)
    with pytest.raises(Conflict):
        ordered(conn, now=11.0)


# --- The cure -------------------------------------------------------------------------------------------------------


def test_a_device_that_is_stuck_after_a_cut_transfer_is_restarted_once_and_then_updated(
    conn: Connection,
) -> None:
    token = lease.take(conn, lease.DISPATCH, "a", 90.0, 1e6)
    assert token is not None
    second = again(conn, ordered(conn), 100.0)
    third = again(conn, second, 200.0, STUCK)
    (due,) = cures.due(conn)
    assert due == Cure(second.id, 1)
    wakes(conn, 1, 205.0, facts=FACTS)
    assert next_pk(conn, 210.0) is None, "it only connected again; it waits for its restart"
    assert ordered(conn, now=211.0).id == third.id
    assert next_pk(conn, 212.0) is None, "an order changes nothing about that"
    message = cures.claim(conn, due, token, now=220.0)
    assert message == ("homie/lamp-1/$implementation/config/set", b'{"name":"Lamp"}', 1, False)
    assert cures.claim(conn, due, token, now=221.0) is None, "once"
    assert cures.due(conn) == []
    assert next_pk(conn, 222.0) is None
    wakes(conn, 1, 230.0)
    assert next_pk(conn, 231.0) == 1
    (told,) = [each for each in events.recent(conn) if each["kind"] == "cure"]
    assert told["data"]["event"] == "restart"


def test_a_device_of_which_nothing_harmless_is_known_waits_for_a_person_to_restart_it(
    conn: Connection,
) -> None:
    token = lease.take(conn, lease.DISPATCH, "a", 90.0, 1e6)
    assert token is not None
    again(conn, again(conn, ordered(conn), 100.0), 200.0, STUCK)
    wakes(conn, 1, 205.0, facts={})
    (due,) = cures.due(conn)
    assert cures.claim(conn, due, token, now=220.0) is None
    (told,) = [each for each in events.recent(conn) if each["kind"] == "cure"]
    assert "restart it by hand" in told["data"]["why"]
    wakes(conn, 1, 230.0)
    assert next_pk(conn, 231.0) == 1


def test_a_second_stuck_answer_after_the_cure_is_left_to_a_person(conn: Connection) -> None:
    token = lease.take(conn, lease.DISPATCH, "a", 90.0, 1e6)
    assert token is not None
    third = again(conn, again(conn, ordered(conn), 100.0), 200.0, STUCK)
    (due,) = cures.due(conn)
    cures.claim(conn, due, token, now=220.0)
    wakes(conn, 1, 230.0)
    assert followed(conn, third, 300.0, STUCK) is None
    held = quarantine.of(conn, 1, WANTED)
    assert held is not None
    assert held.code == "stuck"
    assert cures.due(conn) == []


def test_a_cure_that_did_not_leave_us_is_due_again(conn: Connection) -> None:
    token = lease.take(conn, lease.DISPATCH, "a", 90.0, 1e6)
    assert token is not None
    again(conn, again(conn, ordered(conn), 100.0), 200.0, STUCK)
    (due,) = cures.due(conn)
    assert cures.claim(conn, due, token, now=220.0)
    cures.put_back(conn, due)
    assert cures.due(conn) == [due]
    wakes(conn, 1, 230.0)
    assert next_pk(conn, 231.0) is None


# --- Back and forth -------------------------------------------------------------------------------------------------


def announce(conn: Connection, key: str, now: float) -> list[Held]:
    """The device announces what it runs, as ingest takes it in."""
    version = "2.0.0" if key == NEW else "1.0.0"
    news: dict[int, list[News]] = {1: [AnnounceNews(now, "lamp", version, key, True)]}
    changed = changes.note(conn, news)
    devices.save(conn, [row_of(1, md5=key, fw_version=version)])
    return [held for pk in changed for held in alternation.notice(conn, pk, now)]


def test_a_device_that_goes_back_and_forth_by_itself_is_left_alone_with_both_images(conn: Connection) -> None:
    offered(conn, ordered(conn), 100.0)
    assert announce(conn, NEW, 110.0) == []
    assert announce(conn, NEW, 111.0) == [], "said twice is no change"
    assert announce(conn, OLD, 120.0) == []
    held = announce(conn, NEW, 130.0)
    assert {each.sha256 for each in held} == {WANTED, BEFORE}
    assert {each.code for each in held} == {"alternates"}
    assert announce(conn, OLD, 140.0) == [], "told once"
    assert [each.code for each in quarantine.of_device(conn, 1)] == ["alternates", "alternates"]


def test_a_retained_announce_and_a_first_one_are_no_change(conn: Connection) -> None:
    retained: dict[int, list[News]] = {1: [AnnounceNews(100.0, "lamp", "2.0.0", NEW, False)]}
    assert changes.note(conn, retained) == []
    assert changes.note(conn, {7: [AnnounceNews(100.0, "lamp", "2.0.0", NEW, True)]}) == []
    assert changes.of(conn, 1) == []


def test_of_a_forger_who_changes_all_the_time_only_the_newest_are_kept(conn: Connection) -> None:
    for at in range(3 * changes.KEPT):
        announce(conn, f"{at:032x}", 1000.0 + at)
    assert len(changes.of(conn, 1)) == changes.KEPT


def test_all_that_is_held_is_listed_with_its_image(conn: Connection) -> None:
    quarantine.add(conn, Held(1, WANTED, "stuck", "Why.", 5.0))
    ((held, name, version),) = quarantine.every(conn)
    assert (held.reason, name, version) == ("Why.", "lamp", "2.0.0")
    assert attempts.mark(conn, 999, "", Followed.NOTHING) is False
