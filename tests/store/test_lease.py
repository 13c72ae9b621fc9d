"""One server of several moves updates: one holds the lease, its token only grows, and it is checked when it counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import cures, deployments, lease
from homie_ota.store.cures import Cure
from homie_ota.store.database import Connection
from homie_ota.store.tables import deployment, event
from homie_ota.store.tables import lease as table
from store.lamps import add_device, opened, ordered

NAME = lease.DISPATCH


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def test_one_holds_it_and_keeps_it_as_long_as_it_says_so_in_time(conn: Connection) -> None:
    assert lease.take(conn, NAME, "a", 100.0, 15.0) == 1
    assert lease.take(conn, NAME, "b", 110.0, 15.0) is None
    assert lease.take(conn, NAME, "a", 114.0, 15.0) == 1, "held on to: the same token"
    assert lease.take(conn, NAME, "b", 120.0, 15.0) is None
    assert lease.holder_of(conn, NAME, 120.0) == "a"


def test_when_its_time_is_over_another_takes_it_and_the_token_grows(conn: Connection) -> None:
    lease.take(conn, NAME, "a", 100.0, 15.0)
    assert lease.take(conn, NAME, "b", 115.0, 15.0) == 2
    assert lease.take(conn, NAME, "a", 116.0, 15.0) is None
    assert lease.take(conn, NAME, "a", 130.0, 15.0) == 3, "its own, once lost, is a new one too"


def test_given_back_it_is_free_at_once_and_only_its_holder_can_give_it_back(conn: Connection) -> None:
    lease.take(conn, NAME, "a", 100.0, 15.0)
    assert not lease.give_back(conn, NAME, "b")
    assert lease.give_back(conn, NAME, "a")
    assert lease.holder_of(conn, NAME, 101.0) is None
    assert lease.take(conn, NAME, "b", 101.0, 15.0) == 2


def test_a_server_that_was_held_up_and_lost_its_lease_cannot_offer_anything(conn: Connection) -> None:
    add_device(conn, 1)
    waiting = ordered(conn)
    old = lease.take(conn, NAME, "a", 100.0, 15.0)
    new = lease.take(conn, NAME, "b", 200.0, 15.0)
    assert old is not None
    assert new is not None
    assert deployments.advance(conn, waiting, Event.OFFER, now=201.0, token=old) is None
    assert not deployments.claim_image(conn, waiting.id, now=201.0, token=old)
    after = deployments.get(conn, waiting.id)
    assert after is not None
    assert (after.state, after.image_at) == (DeploymentState.QUEUED, None)
    offered = deployments.advance(conn, waiting, Event.OFFER, now=202.0, token=new)
    assert offered is not None
    assert offered.lease_token == new


def test_nor_can_it_restart_a_device(conn: Connection) -> None:
    add_device(conn, 1, facts={"name": "Lamp"})
    made = ordered(conn)
    conn.execute(deployment.update().values(state="failed", followed="cure"))
    old = lease.take(conn, NAME, "a", 100.0, 15.0)
    lease.take(conn, NAME, "b", 200.0, 15.0)
    assert old is not None
    assert cures.claim(conn, Cure(made.id, 1), old, now=201.0) is None
    assert conn.execute(event.select().where(event.c.kind == "cure")).first() is None


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.0, 40.0), st.booleans()), min_size=1, max_size=40),
)
def test_in_whatever_order_they_ask_one_at_a_time_holds_it_and_tokens_never_come_again(
    steps: list[tuple[str, float, bool]],
) -> None:
    now, holder, until, tokens = 100.0, "", 0.0, dict[int, str]()
    with sa.create_engine("sqlite://").begin() as conn:
        table.create(conn)
        for who, later, gives_back in steps:
            now += later
            if gives_back:
                assert lease.give_back(conn, NAME, who) == (who == holder)
                until = now if who == holder else until
                continue
            token = lease.take(conn, NAME, who, now, 15.0)
            free = until <= now
            assert (token is not None) == (free or who == holder)
            if token is not None:
                assert tokens.setdefault(token, who) == who
                assert token == max(tokens)
                holder, until = who, now + 15.0
