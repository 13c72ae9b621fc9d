"""An order as somebody places it: by names, refused where it makes no sense, written down whoever gave it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from homie_ota.errors import NotFound, WrongUse
from homie_ota.model import DeploymentState
from homie_ota.store import audit, deployments
from homie_ota.store.placing import Order, place
from store.lamps import WANTED, add_device, on_sqlite


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    with on_sqlite(tmp_path / "x.sqlite3") as found:
        add_device(found, 1)
        yield found


def wish(device: str = "lamp-1", firmware: str = WANTED, **more: float | str) -> Order:
    return Order(device, firmware, "anna", "10.0.0.9", **more)  # type: ignore[arg-type]


def test_an_order_queues_the_image_and_leaves_who_and_from_where(conn: Connection) -> None:
    made = place(conn, wish(until=500.0), now=10.0)
    assert (made.state, made.sha256, made.not_after) == (DeploymentState.QUEUED, WANTED, 500.0)
    (deed,) = audit.recent(conn)
    assert (deed["who"], deed["what"], deed["from_where"]) == ("anna", "ordered an update", "10.0.0.9")
    assert deed["why"].endswith(f"deployment {made.id}")


def test_the_reason_that_lifts_a_rule_is_cleaned_and_kept(conn: Connection) -> None:
    made = place(conn, wish(override="  it is a test lamp "), now=10.0)
    assert made.override == "it is a test lamp"
    assert audit.recent(conn)[0]["why"].endswith("it is a test lamp")


def test_a_moment_that_is_over_is_refused_before_anything_is_written(conn: Connection) -> None:
    with pytest.raises(WrongUse, match="before now"):
        place(conn, wish(until=10.0), now=10.0)
    assert deployments.active_of(conn, 1) is None
    assert audit.recent(conn) == []


@pytest.mark.parametrize("order", [wish(device="nobody"), wish(firmware="lamp@9.9")])
def test_what_nobody_knows_is_not_found(conn: Connection, order: Order) -> None:
    with pytest.raises(NotFound):
        place(conn, order, now=10.0)
