"""Sleepers whose wake-ups are too short for what waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.store import alarms, devices, misfits
from homie_ota.store.database import Connection
from homie_ota.store.tables import device, presence
from store.lamps import add_device, opened, ordered

NOW = 100_000.0
SIZE = 1000  # of the images of `lamps`


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """Two sleepers that wake every half an hour; the first has an image waiting."""
    with opened(request, tmp_path) as found:
        for pk in (1, 2):
            add_device(found, pk, state="sleeping")
        ordered(found, now=10.0)
        yield found


def awake(conn: Connection, pk: int, seconds: float) -> None:
    starts = [NOW - 600 - 1800.0 * back for back in range(1, 6)]
    conn.execute(presence.insert(), [{"device_pk": pk, "since": at, "until": at + seconds} for at in starts])


def rate(conn: Connection, pk: int, seconds: float) -> None:
    """It took an image like this one in so many seconds."""
    devices.learn(conn, pk, {"bytes_per_second": f"{SIZE / seconds:.3f}"}, evidence="", now=1.0)


@pytest.mark.parametrize(("lasts", "needs", "is_called"), [(20, 45, True), (60, 45, False), (44, 45, True)])
def test_who_is_awake_for_less_than_its_image_needs(
    conn: Connection, lasts: float, needs: float, is_called: bool
) -> None:
    awake(conn, 1, lasts)
    rate(conn, 1, needs)
    found = dict(misfits.find(conn, NOW))
    assert (1 in found) is is_called
    if is_called:
        assert f"awake for {lasts} s and the image needs about {needs} s" in found[1]


@pytest.mark.parametrize(("needs", "is_called"), [(30, False), (45, True)])
def test_a_rate_of_others_must_miss_by_far(conn: Connection, needs: float, is_called: bool) -> None:
    awake(conn, 1, 20)
    rate(conn, 2, needs)
    assert (1 in dict(misfits.find(conn, NOW))) is is_called


def test_nobody_is_called_for_who_is_awake_or_has_nothing_waiting_or_no_rhythm(conn: Connection) -> None:
    rate(conn, 1, 45)
    rate(conn, 2, 45)
    awake(conn, 2, 20)
    assert dict(misfits.find(conn, NOW)) == {}
    awake(conn, 1, 20)
    conn.execute(device.update().values(state="ready", state_since=NOW - 5))
    assert 1 in dict(misfits.find(conn, NOW)), "it woke just now"
    conn.execute(device.update().values(state_since=NOW - 3600))
    assert dict(misfits.find(conn, NOW)) == {}


def test_it_is_an_alarm(conn: Connection) -> None:
    awake(conn, 1, 20)
    rate(conn, 1, 45)
    assert "will-not-fit" in [each.code for each in alarms.current(conn, NOW)]
