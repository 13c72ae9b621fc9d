"""What is told of devices elsewhere: which of them can be updated, what they do, and what an image is called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homie_ota.model import Address, DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments, entities
from homie_ota.store.database import Connection
from homie_ota.store.tables import device, firmware
from store.lamps import WANTED, add_device, opened, ordered

NOW = 50.0


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, True),
        ({"ota_enabled": None}, True),
        ({"ota_enabled": False}, False),
        ({"way": "none"}, False),
        ({"state": "sleeping"}, True),  # what sleeps stays installable
        ({"state": "lost"}, True),
    ],
)
def test_only_what_can_be_updated_is_told(conn: Connection, row: dict[str, Any], expected: bool) -> None:
    add_device(conn, 3, **row)
    assert (3 in entities.load(conn, [3, 4], now=NOW)) is expected
    found = entities.everyone(conn, now=NOW)
    assert [(pk, each.address) for pk, each in found.items()] == (
        [(3, Address("homie/", "lamp-3"))] if expected else []
    )


def test_a_deployment_is_told_until_it_ends(conn: Connection) -> None:
    add_device(conn)
    assert entities.load(conn, [1], now=NOW)[1].moving is None
    made = ordered(conn)
    assert entities.load(conn, [1], now=NOW)[1].moving == entities.Moving(
        DeploymentState.QUEUED, 0, 1000, WANTED
    )
    deployments.advance(conn, made, Event.CANCEL, now=NOW)
    assert entities.load(conn, [1], now=NOW)[1].moving is None


def test_what_decides_about_images_is_seen_to_change_and_what_does_not_is_not(conn: Connection) -> None:
    add_device(conn)

    def judged_by(**values: Any) -> object:
        conn.execute(device.update().values(fw_name="lamp", **values))
        found = entities.load(conn, [1], now=NOW)[1].judged_by
        assert entities.everyone(conn, now=NOW)[1].judged_by == found
        return found

    before = judged_by()
    assert judged_by(signal=3.0, uptime=9.0, name="New name", last_seen=77.0) == before
    pinned = judged_by(pinned_until=NOW + 1)
    assert pinned != before
    assert judged_by(pinned_until=NOW - 1) == before
    assert judged_by(fw_version="1.0.1") != before


def test_the_notes_of_an_image_are_what_changed_else_what_it_is(conn: Connection) -> None:
    assert entities.images(conn, []) == {}
    conn.execute(firmware.update().values(description="Lamps in halls."))
    found = entities.images(conn, [WANTED, "0" * 64])
    assert found == {WANTED: entities.Image(WANTED, "lamp", "2.0.0", "lamp-2.0.0.bin", "Lamps in halls.")}
    conn.execute(firmware.update().values(changelog="Dims." + "x" * 5000))
    notes = entities.images(conn, [WANTED])[WANTED].notes
    assert notes.startswith("Dims.")
    assert len(notes) == entities.NOTES


def test_nobody_is_asked_about_no_device(conn: Connection) -> None:
    assert entities.load(conn, [], now=NOW) == {}
