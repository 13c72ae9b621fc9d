"""What a person orders for one device is its target until it is taken back; a database of before learns it too."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from homie_ota.store import deployments, orders, target_rows
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.tables import deployment, rollout, target
from store.lamps import BEFORE, WANTED, add_device, add_image, failed, opened, ordered


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1)
        yield found


def aims(conn: Connection) -> dict[int, tuple[str, str]]:
    rows = conn.execute(sa.select(target.c.device_pk, target.c.sha256, target.c.source))
    return {pk: (sha256, source) for pk, sha256, source in rows}


def test_an_order_is_the_target_and_stays_it_when_it_fails(conn: Connection) -> None:
    made = ordered(conn)
    assert aims(conn) == {1: (WANTED, "order")}
    failed(conn, made, 20.0)
    assert aims(conn) == {1: (WANTED, "order")}


def test_an_order_that_is_taken_back_wants_nothing_any_more(conn: Connection) -> None:
    deployments.cancel(conn, ordered(conn).id, by="me", now=11.0)
    assert aims(conn) == {}


def test_an_order_takes_over_from_a_rollout_and_its_end_leaves_another_target_alone(conn: Connection) -> None:
    target_rows.put(conn, [1], BEFORE, source="rollout 7")
    made = ordered(conn)
    assert aims(conn) == {1: (WANTED, "order")}
    target_rows.put(conn, [1], BEFORE, source="rollout 7")
    deployments.cancel(conn, made.id, by="me", now=11.0)
    assert aims(conn) == {1: (BEFORE, "rollout 7")}


def test_an_order_that_is_taken_back_leaves_what_was_wanted_before_it(conn: Connection) -> None:
    failed(conn, ordered(conn), 20.0)
    add_image(conn, "3" * 64, "3" * 32, "3.0.0")
    other = orders.order(conn, device_pk=1, sha256="3" * 64, by="me", now=30.0)
    assert aims(conn) == {1: ("3" * 64, "order")}
    deployments.cancel(conn, other.id, by="me", now=31.0)
    assert aims(conn) == {1: (WANTED, "order")}


def test_after_an_order_that_is_taken_back_the_rollout_wants_its_image_again_also_over_a_stone(
    conn: Connection,
) -> None:
    failed(conn, ordered(conn), 20.0)
    about = {
        "name": "",
        "query": "id:*",
        "state": "finished",
        "plan": {},
        "state_since": 1.0,
        "created_at": 1.0,
    }
    conn.execute(rollout.insert().values(id=7, sha256="5" * 64, **about))
    conn.execute(deployment.update().values(rollout_id=7))
    target_rows.put(conn, [1], "5" * 64, source="rollout 7")
    deployments.cancel(conn, ordered(conn, now=30.0).id, by="me", now=31.0)
    assert aims(conn) == {1: ("5" * 64, "rollout 7")}


def test_what_somebody_else_sends_by_hand_is_the_target_too(conn: Connection) -> None:
    image = firmwares.get(conn, WANTED)
    assert image is not None
    assert orders.external(conn, device_pk=1, firmware=image, now=10.0) is not None
    assert aims(conn) == {1: (WANTED, "order")}


def test_an_older_database_learns_what_was_ordered_last(conn: Connection) -> None:
    for pk in (2, 3, 4):
        add_device(conn, pk)
    ordered(conn, 1)
    deployments.cancel(conn, ordered(conn, 2).id, by="me", now=11.0)
    ordered(conn, 3)
    conn.execute(deployment.update().where(deployment.c.device_pk == 3).values(rollout_id=7))
    ordered(conn, 4)
    conn.execute(target.delete())
    target_rows.put(conn, [4], BEFORE, source="rollout 7")
    with Operations.context(MigrationContext.configure(conn)):
        import_module("homie_ota.store.migrations.versions.0013_ordered").upgrade()
    assert aims(conn) == {1: (WANTED, "order"), 4: (BEFORE, "rollout 7")}
