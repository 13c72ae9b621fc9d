"""Rows of deployments: one active a device, moved by compare-and-set, every move an event; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.errors import Conflict, NotEligible, NotFound
from homie_ota.model import Address, Deployment, DeploymentState, Firmware, OtaEvent, Purpose, State
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Limits
from homie_ota.rollout.proof import AnnounceNews, News, StateNews, StatusNews
from homie_ota.rollout.reasons import CANCELLED, NOT_BACK, NOT_SENT, Reason
from homie_ota.rollout.soak import Terms
from homie_ota.store import (
    concerned,
    deployments,
    devices,
    events,
    holds,
    needed,
    news,
    orders,
    turns,
    verifying,
    waiting,
)
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection, Database
from homie_ota.store.news import Presence
from homie_ota.store.tables import firmware as firmware_table
from homie_ota.store.waiting import Look, Ready

S = DeploymentState
OLD, NEW = "a" * 32, "b" * 32
LAMP = Firmware("f" * 64, NEW, "lamp", "2.0.0", "lamp-2.0.0.bin", 1000, chip="esp8266")


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """A connection inside a transaction, on a database with one ready device (1) and one image.

    The first `ready` with the target is enough here; soaks are in test_verifying.py.
    """
    monkeypatch.setitem(verifying.SETTINGS, "terms", Terms(soak=0.0, intervals=0, wakes=0))
    is_sqlite = request.param == "sqlite"
    address = str(tmp_path / "x.sqlite3") if is_sqlite else request.getfixturevalue("postgres")
    database = Database(address.replace("+psycopg", ""))
    database.migrate()
    with database._durable.begin() as found:
        add_device(found, 1, "hall-lamp")
        columns = {"sha256": LAMP.sha256, "md5": LAMP.md5, "name": "lamp", "version": "2.0.0"}
        row = {**columns, "filename": LAMP.filename, "chip": "esp8266", "size": 1000, "uploaded_at": 1.0}
        found.execute(firmware_table.insert().values(**row))
        yield found
    database.close()


def add_device(
    connection: Connection, pk: int, device_id: str, base: str = "homie/", **values: object
) -> None:
    row: dict[str, object] = {
        "pk": pk, "base": base, "device_id": device_id, "name": device_id, "mac": "", "ip": "", "homie": "3.0.1",
        "implementation": "esp8266", "way": "mqtt", "ota_enabled": True, "state": "ready", "state_since": 1.0,
        "fw_name": "lamp", "fw_version": "1.0.0", "version_key": "", "md5": OLD, "signal": 80.0, "uptime": 1.0,
        "heap": None, "facts": {}, "nodes": {}, "first_seen": 1.0, "last_seen": 1.0, **values,
    }  # fmt: skip
    devices.save(connection, [row])
    address = {"base": base, "device_id": device_id, "device_pk": pk, "dialect": "mqtt", "since": 1.0}
    devices.save_addresses(connection, [address])


def ordered(connection: Connection, now: float = 10.0) -> Deployment:
    return orders.order(connection, device_pk=1, sha256=LAMP.sha256, by="me", now=now)


def moved(connection: Connection, deployment: Deployment, *path: Event) -> Deployment:
    for at, event in enumerate(path):
        after = deployments.advance(connection, deployment, event, now=20.0 + at)
        assert after is not None, event
        deployment = after
    return deployment


def test_an_order_is_queued_with_what_the_device_ran_before(connection: Connection) -> None:
    made = ordered(connection)
    assert (made.state, made.attempt, made.bytes_total) == (S.QUEUED, 1, 1000)
    assert made.before["md5"] == OLD
    assert made.deadline is None


def test_a_second_order_while_one_is_active_is_a_conflict_that_names_it(connection: Connection) -> None:
    made = ordered(connection)
    with pytest.raises(Conflict, match=f"Deployment {made.id}"):
        ordered(connection)


def test_a_move_counts_only_from_the_state_that_was_seen(connection: Connection) -> None:
    seen = ordered(connection)
    assert deployments.advance(connection, seen, Event.OFFER, now=11.0) is not None
    assert deployments.advance(connection, seen, Event.OFFER, now=12.0) is None, "offered twice"


def test_the_image_of_an_attempt_can_be_claimed_once(connection: Connection) -> None:
    made = ordered(connection)
    assert deployments.claim_image(connection, made.id, now=11.0)
    assert not deployments.claim_image(connection, made.id, now=12.0)


def test_every_move_is_an_event_and_history_is_kept(connection: Connection) -> None:
    ended = moved(
        connection, ordered(connection), Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL
    )
    assert ended.state is S.SUCCEEDED
    told = [each["data"]["state"] for each in events.of_deployment(connection, ended.id)]
    assert told == ["queued", "offered", "transferring", "rebooting", "verifying", "succeeded"]


@pytest.mark.parametrize(
    ("path", "reason", "outcome", "code"),
    [
        ((Event.OFFER, Event.CONFIRM, Event.HEAL), None, "booted", ""),
        ((Event.OFFER, Event.CONFIRM, Event.HEAL), Reason("verified", "", False), "verified", "verified"),
        ((Event.OFFER, Event.FLASH, Event.EXPIRE), NOT_BACK, "harmful", "not-back"),
        ((Event.OFFER, Event.BREAK), NOT_SENT, "unharmed", "not-sent"),
        ((Event.CANCEL,), CANCELLED, "withdrawn", "cancelled"),
        ((Event.OFFER, Event.ACCEPT), None, "", ""),
    ],
)
def test_an_end_has_an_outcome_and_a_stable_code_and_what_runs_has_none(
    connection: Connection, path: tuple[Event, ...], reason: Reason | None, outcome: str, code: str
) -> None:
    before_last = moved(connection, ordered(connection), *path[:-1])
    after = deployments.advance(connection, before_last, path[-1], now=50.0, reason=reason)
    assert after is not None
    assert (after.outcome, after.code) == (outcome, code)


def test_an_attempt_of_a_rollout_knows_its_wave_its_purpose_and_when_it_may_go(
    connection: Connection,
) -> None:
    made = deployments.insert(
        connection,
        device_pk=1,
        sha256=LAMP.sha256,
        size=1000,
        previous_sha256="",
        before={},
        by="me",
        now=10.0,
        rollout_id=7,
        wave=1,
        purpose=Purpose.REVERT,
        not_before=20.0,
        not_after=90.0,
    )
    assert (made.rollout_id, made.wave, made.purpose) == (7, 1, Purpose.REVERT)
    assert (made.not_before, made.not_after) == (20.0, 90.0)


def test_a_queued_deployment_can_be_taken_back_and_an_offered_one_cannot(connection: Connection) -> None:
    made = ordered(connection)
    assert deployments.cancel(connection, made.id, by="me", now=11.0).reason == CANCELLED.text
    offered = moved(connection, ordered(connection), Event.OFFER)
    with pytest.raises(Conflict, match="cannot be told to stop"):
        deployments.cancel(connection, offered.id, by="me", now=12.0)
    with pytest.raises(NotFound):
        deployments.cancel(connection, 999, by="me", now=12.0)


def test_what_has_ended_is_not_said_to_be_on_its_way_when_somebody_takes_it_back(
    connection: Connection,
) -> None:
    made = ordered(connection)
    deployments.cancel(connection, made.id, by="me", now=20.0)
    with pytest.raises(Conflict, match="has ended already: cancelled"):
        deployments.cancel(connection, made.id, by="me", now=21.0)


def test_a_retry_is_a_new_row_with_the_next_attempt(connection: Connection) -> None:
    first = moved(connection, ordered(connection), Event.OFFER)
    deployments.advance(connection, first, Event.EXPIRE, now=30.0, reason=NOT_BACK)
    assert ordered(connection).attempt == 2


def test_what_a_device_may_not_get_is_refused_with_the_reason(connection: Connection) -> None:
    add_device(connection, 2, "attic-lamp", implementation="esp32")
    with pytest.raises(NotEligible, match="ESP8266 image"):
        orders.order(connection, device_pk=2, sha256=LAMP.sha256, by="me", now=1.0)
    made = orders.order(
        connection, device_pk=2, sha256=LAMP.sha256, by="me", now=1.0, override="it is an ESP8266"
    )
    assert made.override == "it is an ESP8266"


def test_overdue_are_those_whose_deadline_passed_and_news_put_it_off(connection: Connection) -> None:
    sending = moved(connection, ordered(connection), Event.OFFER, Event.ACCEPT)
    assert sending.deadline is not None
    assert deployments.next_deadline(connection) == sending.deadline
    assert [each.id for each in deployments.overdue(connection, sending.deadline + 1)] == [sending.id]
    deployments.progress(connection, sending.id, done=500, now=sending.deadline)
    assert deployments.overdue(connection, sending.deadline + 1) == []


def next_of(connection: Connection, parallel: int, now: float) -> Ready | None:
    return waiting.next_ready(connection, Look(now, limits=Limits(parallel))).ready


def test_only_ready_devices_are_offered_something_and_as_many_as_may_be(connection: Connection) -> None:
    add_device(connection, 2, "attic-lamp", state="sleeping")
    add_device(connection, 3, "cellar-lamp")
    for pk in (2, 1, 3):
        orders.order(connection, device_pk=pk, sha256=LAMP.sha256, by="me", now=10.0)
    first = next_of(connection, 1, 11.0)
    assert first is not None
    assert first.deployment.device_pk == 1
    moved(connection, first.deployment, Event.OFFER)
    assert next_of(connection, 1, 11.0) is None, "one at a time"
    second = next_of(connection, 2, 11.0)
    assert second is not None
    assert second.deployment.device_pk == 3


def test_a_device_that_just_woke_has_a_slot_of_its_own(connection: Connection) -> None:
    add_device(connection, 2, "attic-lamp", state="sleeping")
    for pk in (1, 2):
        orders.order(connection, device_pk=pk, sha256=LAMP.sha256, by="me", now=10.0)
    first = next_of(connection, 1, 11.0)
    assert first is not None
    moved(connection, first.deployment, Event.OFFER)
    add_device(connection, 2, "attic-lamp", state="ready", state_since=50.0)
    turns.woke(connection, [2])
    woken = next_of(connection, 1, 51.0)
    assert woken is not None
    assert woken.deployment.device_pk == 2


@pytest.mark.parametrize(
    ("end", "came_back", "now", "may_go"),
    [
        (Event.EXPIRE, 1.0, 40.0, False),  # nothing more was heard: the image may still be on its way
        (Event.EXPIRE, 35.0, 40.0, True),  # it has come back since
        (Event.EXPIRE, 1.0, 20.0 + holds.STILL_COMING + 1.0, True),
        (Event.REFUSE, 1.0, 40.0, True),  # it said no
        (Event.BREAK, 1.0, 40.0, True),  # nothing was sent
    ],
)
def test_a_new_attempt_waits_while_the_image_of_a_given_up_one_may_still_come_in(
    connection: Connection, end: Event, came_back: float, now: float, may_go: bool
) -> None:
    first = moved(connection, ordered(connection), Event.OFFER)
    deployments.claim_image(connection, first.id, now=20.0)
    deployments.advance(connection, first, end, now=30.0, reason=NOT_BACK)
    second = ordered(connection, now=31.0)
    add_device(connection, 1, "hall-lamp", state_since=came_back)
    ready = next_of(connection, 1, now)
    assert (ready is not None) == may_go
    add_device(connection, 2, "attic-lamp")
    orders.order(connection, device_pk=2, sha256=LAMP.sha256, by="me", now=32.0)
    other = next_of(connection, 1, now)
    assert other is not None
    assert other.deployment.device_pk == (1 if may_go else 2), "nobody else waits for it"
    assert second.attempt == 2


def test_a_late_success_wins_and_takes_the_queued_next_attempt_with_it(connection: Connection) -> None:
    first = moved(connection, ordered(connection), Event.OFFER, Event.ACCEPT, Event.FLASH)
    deployments.advance(connection, first, Event.EXPIRE, now=30.0, reason=NOT_BACK)
    second = ordered(connection, now=31.0)
    heard: list[News] = [AnnounceNews(40.0, "lamp", "2.0.0", NEW, True), StateNews(41.0, State.READY, True)]
    news.apply(connection, {1: heard}, {1: Presence(State.READY, 41.0)})
    late, cancelled = deployments.get(connection, first.id), deployments.get(connection, second.id)
    assert late is not None
    assert (late.state, late.late) == (S.SUCCEEDED, True)
    assert cancelled is not None
    assert cancelled.state is S.CANCELLED


def test_a_late_announce_settles_nothing_once_another_image_was_offered(connection: Connection) -> None:
    first = moved(connection, ordered(connection), Event.OFFER, Event.ACCEPT, Event.FLASH)
    deployments.advance(connection, first, Event.EXPIRE, now=30.0, reason=NOT_BACK)
    moved(connection, ordered(connection, now=31.0), Event.OFFER)
    assert set(concerned.open_to_news(connection, [1])) == {1}
    assert concerned.open_to_news(connection, [1])[1].id != first.id


def test_a_status_without_a_running_deployment_changes_nothing(connection: Connection) -> None:
    forged = StatusNews(40.0, OtaEvent.FLASHED, 0, 0, "")
    assert news.apply(connection, {1: [forged]}, {}) == []
    queued = ordered(connection)
    assert news.apply(connection, {1: [forged]}, {}) == []
    assert deployments.active_of(connection, 1) == queued


def test_of_several_images_of_one_version_the_one_that_fits_is_chosen(connection: Connection) -> None:
    other = {
        "sha256": "e" * 64,
        "md5": "e" * 32,
        "name": "lamp",
        "version": "2.0.0",
        "filename": "lamp-2.0.0~e.bin",
    }
    connection.execute(firmware_table.insert().values(**other, chip="esp32", size=1, uploaded_at=1.0))
    found = firmwares.named(connection, "lamp", "2.0.0")
    assert orders.choose(connection, 1, found).sha256 == LAMP.sha256
    connection.execute(
        firmware_table.update().where(firmware_table.c.sha256 == "e" * 64).values(chip="esp8266")
    )
    with pytest.raises(Conflict, match="eeeeeeeeeeee"):
        orders.choose(connection, 1, firmwares.named(connection, "lamp", "2.0.0"))


def test_a_device_is_found_by_its_id_where_that_is_enough_and_asked_back_where_not(
    connection: Connection,
) -> None:
    assert devices.resolve(connection, "hall-lamp") == 1
    assert devices.resolve(connection, "homie~hall-lamp") == 1
    add_device(connection, 2, "hall-lamp", base="devices/")
    with pytest.raises(Conflict, match="devices~hall-lamp, homie~hall-lamp"):
        devices.resolve(connection, "hall-lamp")
    with pytest.raises(NotFound):
        devices.resolve(connection, "../../etc/passwd")


def test_an_image_that_a_device_without_checksums_runs_is_in_use(connection: Connection) -> None:
    assert needed.in_use_by(connection, LAMP.sha256) == 0
    add_device(connection, 2, "old-lamp", base="devices/", md5="", fw_version="2.0.0", way="http")
    assert needed.in_use_by(connection, LAMP.sha256) == 1
    with pytest.raises(Conflict):
        firmwares.delete(connection, LAMP.sha256)


def test_a_mac_that_an_http_request_told_is_not_wiped_by_an_announce_without_one(
    connection: Connection,
) -> None:
    devices.note_mac(connection, 1, "AA:BB:CC:DD:EE:FF")
    add_device(connection, 1, "hall-lamp")
    assert devices.by_mac(connection, "AA:BB:CC:DD:EE:FF") == 1


def test_a_new_address_joins_the_older_device_and_its_history(connection: Connection) -> None:
    made = ordered(connection)
    add_device(connection, 2, "5ccf7f000001", base="homie/5/")
    devices.link(connection, 2, 1, base="homie/5/", device_id="5ccf7f000001", now=50.0)
    assert devices.by_address(connection, Address("homie/5/", "5ccf7f000001")) == 1
    row = devices.row(connection, 1)
    assert row is not None
    assert [each["until"] for each in row["addresses"]] == [None, 50.0]
    assert devices.row(connection, 2) is None
    assert deployments.active_of(connection, 1) == made


def test_a_device_is_not_forgotten_while_it_is_online_or_being_updated(connection: Connection) -> None:
    with pytest.raises(Conflict, match="online"):
        devices.remove(connection, 1)
    ordered(connection)
    add_device(connection, 1, "hall-lamp", state="lost")
    with pytest.raises(Conflict, match="being updated"):
        devices.remove(connection, 1)
