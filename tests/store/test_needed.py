"""Who needs an image, on both databases: what may not be deleted, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, DeploymentState, Firmware, Outcome, Purpose
from homie_ota.rollout.plan import RolloutState
from homie_ota.store import events, needed
from homie_ota.store.needed import Need, Why
from homie_ota.store.tables import deployment, device, firmware, metadata, rollout, target
from homie_ota.store.ways_back import WaysBack

NOW = 1_700_000_000.0
A, B, C = "a" * 64, "b" * 64, "c" * 64
DONE, FAILED = DeploymentState.SUCCEEDED, DeploymentState.FAILED


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        made = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('needed') / 'x.sqlite'}")
    else:
        made = sa.create_engine(request.getfixturevalue("postgres_cluster").new_database())
    metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def conn(engine: sa.Engine) -> Iterator[Connection]:
    """Three images, `a` to `c`, of versions 1 to 3; nothing is left of what a test adds."""
    with engine.connect() as connection:
        for number, sha256 in enumerate((A, B, C), 1):
            made = Firmware(sha256, sha256[:32], "lamp", f"{number}.0", f"lamp-{number}.0.bin", 1000)
            row = {
                name: getattr(made, name) for name in ("sha256", "md5", "name", "version", "filename", "size")
            }
            connection.execute(firmware.insert().values(**row, uploaded_at=NOW))
        yield connection
        connection.rollback()


def put_device(conn: Connection, pk: int = 1, md5: str = "?", **more: Any) -> None:
    row = {"pk": pk, "base": "homie/", "device_id": f"d{pk}", "md5": md5, "first_seen": NOW, "last_seen": NOW}
    conn.execute(device.insert().values(**(row | more)))


def put(
    conn: Connection, sha256: str, previous: str = "", state: DeploymentState = DONE, **more: Any
) -> None:
    row = {"device_pk": 1, "sha256": sha256, "previous_sha256": previous, "state": state.value}
    row |= {"state_since": NOW, "created_at": NOW, "offered_at": NOW}
    conn.execute(deployment.insert().values(**(row | more)))


def reasons(conn: Connection, sha256: str) -> set[Why]:
    return {need.why for need in needed.find(conn, [sha256])}


def test_an_image_that_nobody_knows_is_needed_by_nobody(conn: Connection) -> None:
    put_device(conn)
    assert needed.find(conn) == []
    assert needed.sentence([]) == ""


@pytest.mark.parametrize(
    ("columns", "runs"),
    [
        ({"md5": A[:32]}, True),
        ({"md5": "", "fw_name": "lamp", "fw_version": "1.0"}, True),
        ({"md5": "", "fw_name": "lamp", "fw_version": "1.1"}, False),
        ({"md5": "other", "fw_name": "lamp", "fw_version": "1.0"}, False),
    ],
)
def test_what_runs_is_known_by_its_checksum_or_where_there_is_none_by_its_name(
    conn: Connection, columns: dict[str, Any], runs: bool
) -> None:
    put_device(conn, **columns)
    assert needed.find(conn) == ([Need(A, Why.RUNS, "d1", 1)] if runs else [])


def test_what_should_run_and_what_is_on_its_way_is_needed(conn: Connection) -> None:
    put_device(conn)
    conn.execute(target.insert().values(device_pk=1, sha256=A))
    assert reasons(conn, A) == {Why.TARGET}


@pytest.mark.parametrize("state", sorted(DeploymentState))
def test_an_image_is_given_as_long_as_its_deployment_has_not_ended(
    conn: Connection, state: DeploymentState
) -> None:
    put_device(conn)
    put(conn, A, state=state)
    assert (Why.GIVEN in reasons(conn, A)) is (state in ACTIVE)


@pytest.mark.parametrize("state", sorted(RolloutState))
def test_the_image_of_a_rollout_is_needed_until_its_end(conn: Connection, state: RolloutState) -> None:
    row = {"id": 7, "sha256": A, "query": "", "plan": {}, "state": state.value, "state_since": NOW}
    conn.execute(rollout.insert().values(**row, created_at=NOW))
    ended = state in (RolloutState.FINISHED, RolloutState.ABORTED)
    assert needed.find(conn) == ([] if ended else [Need(A, Why.ROLLOUT, "rollout 7", None)])


# --- The way back


def test_what_ran_before_the_last_update_is_kept_for_the_way_back(conn: Connection) -> None:
    put_device(conn, md5=B[:32])
    put(conn, B, previous=A)
    assert reasons(conn, A) == {Why.BEFORE}
    assert reasons(conn, B) == {Why.RUNS, Why.GOOD}


def test_only_the_last_update_counts(conn: Connection) -> None:
    put_device(conn, md5=C[:32])
    put(conn, B, previous=A)
    put(conn, C, previous=B)
    assert reasons(conn, A) == set()
    assert reasons(conn, B) == {Why.BEFORE}


def test_an_update_that_failed_after_the_image_was_sent_keeps_both_ways_back(conn: Connection) -> None:
    # Whatever became of the device: it ran B before C, and A before B.
    put_device(conn, md5=C[:32])
    put(conn, B, previous=A)
    put(conn, C, previous=B, state=FAILED)
    assert reasons(conn, A) == {Why.BEFORE}
    assert reasons(conn, B) == {Why.BEFORE, Why.GOOD}


@pytest.mark.parametrize("state", [DeploymentState.CANCELLED, DeploymentState.FAILED])
def test_an_attempt_that_was_never_offered_says_nothing(conn: Connection, state: DeploymentState) -> None:
    put_device(conn)
    put(conn, C, previous=A, state=state, offered_at=None)
    assert reasons(conn, A) == set()


def test_what_a_revert_took_off_a_device_may_go(conn: Connection) -> None:
    put_device(conn, md5=A[:32])
    put(conn, B, previous=A, state=FAILED, outcome=Outcome.HARMFUL.value)
    put(conn, A, previous=B, purpose=Purpose.REVERT.value, outcome=Outcome.VERIFIED.value)
    assert reasons(conn, B) == set()
    assert Why.GOOD in reasons(conn, A)


def test_even_where_it_had_been_verified_and_the_way_back_only_booted(conn: Connection) -> None:
    put_device(conn, md5=A[:32])
    put(conn, B, previous=A, outcome=Outcome.VERIFIED.value)
    put(conn, A, previous=B, purpose=Purpose.REVERT.value, outcome=Outcome.BOOTED.value)
    assert reasons(conn, B) == set()


def test_the_last_image_that_ran_well_is_kept_behind_one_of_which_nothing_is_known(conn: Connection) -> None:
    put_device(conn, md5=C[:32])
    put(conn, A, outcome=Outcome.VERIFIED.value)
    put(conn, B, previous=A, outcome=Outcome.BOOTED.value)
    put(conn, C, previous=B, outcome=Outcome.BOOTED.value)
    assert reasons(conn, A) == {Why.GOOD}


def test_with_the_device_goes_what_it_needed(conn: Connection) -> None:
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA foreign_keys=ON")
    put_device(conn, 2, md5=B[:32])
    put(conn, B, previous=A, device_pk=2)
    conn.execute(deployment.delete())  # what the foreign key does where it is on
    conn.execute(device.delete())
    assert needed.find(conn) == []


# --- Counts and words


def test_a_device_counts_once_and_the_way_back_does_not_count_as_use(conn: Connection) -> None:
    put_device(conn, 1, md5=A[:32])
    put_device(conn, 2, md5=B[:32])
    conn.execute(target.insert().values(device_pk=1, sha256=A))
    put(conn, B, previous=A, device_pk=2)
    assert needed.in_use_counts(conn, [A, B, C]) == {A: 1, B: 1, C: 0}
    assert needed.in_use_by(conn, A) == 1
    assert needed.in_use_counts(conn, []) == {}
    assert needed.counts(conn, [A, B, C], needed.WAY_BACK) == {A: 1, B: 1, C: 0}
    assert needed.counts(conn, [A, B, C], tuple(Why)) == {A: 2, B: 1, C: 0}


def test_use_is_counted_as_it_is_found(conn: Connection) -> None:
    for pk, md5 in enumerate((A[:32], A[:32], B[:32], "", "?"), 1):
        put_device(conn, pk, md5=md5, fw_name="lamp", fw_version="3.0")
    for pk, sha256 in ((1, A), (2, B), (4, C), (5, C)):
        conn.execute(target.insert().values(device_pk=pk, sha256=sha256))
    for pk, sha256, state in ((1, B, "queued"), (2, B, "offered"), (3, A, "failed"), (5, A, "verifying")):
        put(conn, sha256, state=DeploymentState(state), device_pk=pk)
    found = needed.find(conn, reasons=needed.IN_USE)
    expected = {
        sha256: len({each.device_pk for each in found if each.sha256 == sha256}) for sha256 in (A, B, C)
    }
    assert needed.in_use_counts(conn, [A, B, C]) == expected == {A: 3, B: 3, C: 2}


def test_which_images_are_needed_is_found_without_asking_by_whom(conn: Connection) -> None:
    put_device(conn, 1, md5=A[:32])
    put_device(conn, 2, md5=B[:32])
    put(conn, B, previous=C, device_pk=2)
    assert needed.hashes(conn) == {each.sha256 for each in needed.find(conn)} == {A, B, C}
    assert needed.hashes(conn, needed.WAY_BACK) == {B, C}
    memory = WaysBack()
    assert memory.counts(conn) == needed.counts(conn, [B, C], needed.WAY_BACK)


def test_a_way_back_is_looked_for_again_when_a_deployment_has_moved(conn: Connection) -> None:
    memory = WaysBack()
    put_device(conn, 1, md5=A[:32])
    assert memory.counts(conn) == {}
    put(conn, B, previous=C, state=FAILED)
    assert memory.counts(conn) == {C: 1}
    before = memory.counts(conn)
    assert memory.counts(conn) is before, "nothing moved"
    conn.execute(deployment.update().values(offered_at=None))
    events.add(conn, "deployment", at=NOW, device_pk=1, deployment_id=1)
    assert memory.counts(conn) == {}
    put(conn, B, previous=A, device_pk=1)
    conn.execute(firmware.delete().where(firmware.c.sha256 == A))
    assert memory.counts(conn) == {B: 1}, "an image that is not stored is nobody's way back"


def need(why: Why, who: str, pk: int | None = 1) -> Need:
    return Need(A, why, who, pk)


@pytest.mark.parametrize(
    ("needs", "sentence"),
    [
        ([need(Why.BEFORE, "hall")], "hall may need it to go back"),
        ([need(Why.RUNS, "hall"), need(Why.GOOD, "hall")], "hall runs it"),
        ([need(Why.RUNS, "a", 1), need(Why.RUNS, "b", 2)], "a and b run it"),
        ([need(Why.RUNS, "a", 1), need(Why.RUNS, "a", 2)], "a and a run it"),
        ([need(Why.RUNS, c, n) for n, c in enumerate("abcde")], "a, b, c and 2 more run it"),
        (
            [need(Why.GIVEN, "a"), need(Why.ROLLOUT, "rollout 3", None), need(Why.GOOD, "b", 2)],
            "a is being updated to it; rollout 3 brings it to devices; b may need it to go back: it ran well there",
        ),
    ],
)
def test_who_needs_an_image_is_said_once_each_and_briefly(needs: list[Need], sentence: str) -> None:
    assert needed.sentence(needs) == sentence
