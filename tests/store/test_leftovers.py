"""What lies on the broker and should not: found, told, cleared when asked, in the way that does no harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.errors import Conflict, NotFound
from homie_ota.homie.leftovers import Kind
from homie_ota.homie.leftovers import Leftover as Seen
from homie_ota.model import Address, Publish
from homie_ota.store import events, leftovers
from homie_ota.store.database import Connection
from homie_ota.store.leftovers import Found
from store.lamps import add_device, add_devices, failed, next_pk, offered, opened, ordered, row_of

IMAGE = "homie/lamp-1/$implementation/ota/firmware/" + "a" * 32
REQUEST = "devices/old/$ota"


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1)
        add_old(found, "lost")
        yield found


def add_old(conn: Connection, state: str, version: str = "1.0.0") -> None:
    add_devices(
        conn, row_of(2, base="devices/", device_id="old", way="http", state=state, fw_version=version, md5="")
    )


def image(topic: str = IMAGE) -> Found:
    device_id = topic.split("/")[1]
    return Found(topic, Seen(Address("homie/", device_id), Kind.IMAGE, "a" * 32), 450_000)


def request_for(version: str) -> Found:
    return Found(REQUEST, Seen(Address("devices/", "old"), Kind.REQUEST, version), len(version))


def found(conn: Connection, *what: Found, now: float = 10.0) -> tuple[int, int]:
    return leftovers.note(conn, what, now=now)


def told(conn: Connection) -> list[str]:
    return [each["data"]["event"] for each in reversed(events.recent(conn)) if each["kind"] == leftovers.KIND]


def published(conn: Connection) -> list[Publish]:
    return [each.message for each in leftovers.due(conn)]


def clear(conn: Connection, topic: str, now: float = 20.0) -> Publish:
    leftovers.ask(conn, topic, by="me", now=now)
    (due,) = leftovers.due(conn)
    leftovers.cleared(conn, due, now=now)
    return due.message


def test_a_look_writes_what_is_new_and_what_is_gone_once(conn: Connection) -> None:
    assert found(conn, image(), request_for("2.0.0")) == (2, 0)
    assert found(conn, image(), request_for("2.0.0"), now=11.0) == (0, 0)
    assert found(conn, image(), now=12.0) == (0, 1)
    assert told(conn) == ["found", "found", "gone"]
    (left,) = leftovers.every(conn)
    assert (left.topic, left.device_pk, left.size, left.found_at) == (IMAGE, 1, 450_000, 10.0)


def test_nothing_is_cleared_by_itself_and_an_image_by_an_empty_retained_payload(conn: Connection) -> None:
    found(conn, image())
    assert published(conn) == []
    assert clear(conn, IMAGE) == Publish(IMAGE, b"", 1, True)
    assert leftovers.every(conn) == []
    assert told(conn) == ["found", "asked", "cleared"]


def test_a_request_is_overwritten_with_the_version_that_the_device_runs_and_never_with_nothing(
    conn: Connection,
) -> None:
    add_old(conn, "ready")
    found(conn, request_for("9.9.9"))
    assert clear(conn, REQUEST) == Publish(REQUEST, b"1.0.0", 1, True)
    (left,) = leftovers.every(conn)
    assert (left.text, left.asked_at) == ("1.0.0", None)
    assert "harmless now" in leftovers.sentence(conn, left)


def test_what_says_the_running_version_is_taken_away_only_while_the_device_is_off(conn: Connection) -> None:
    add_old(conn, "ready")
    found(conn, request_for("1.0.0"))
    with pytest.raises(Conflict, match="switch the device off"):
        leftovers.ask(conn, REQUEST, by="me", now=20.0)
    add_old(conn, "lost")
    assert clear(conn, REQUEST) == Publish(REQUEST, b"", 1, True)
    assert leftovers.every(conn) == []


def test_a_device_that_came_back_in_between_is_not_sent_an_empty_request(conn: Connection) -> None:
    found(conn, request_for("1.0.0"))
    leftovers.ask(conn, REQUEST, by="me", now=20.0)
    add_old(conn, "ready")
    assert published(conn) == []


def test_without_the_running_version_a_request_cannot_be_made_harmless(conn: Connection) -> None:
    add_old(conn, "lost", version="")
    found(conn, request_for("9.9.9"))
    with pytest.raises(Conflict, match="is not known"):
        leftovers.ask(conn, REQUEST, by="me", now=20.0)


def test_what_nobody_found_cannot_be_cleared(conn: Connection) -> None:
    with pytest.raises(NotFound):
        leftovers.ask(conn, "homie/other/$state", by="me", now=20.0)


def test_nothing_is_published_to_a_device_while_it_takes_in_an_image(conn: Connection) -> None:
    sent = offered(conn, ordered(conn), 11.0)
    found(conn, image())
    leftovers.ask(conn, IMAGE, by="me", now=12.0)
    assert published(conn) == []
    failed(conn, sent, 13.0)
    assert published(conn) == [Publish(IMAGE, b"", 1, True)]


def test_an_image_of_a_device_that_nobody_knows_can_be_cleared_too(conn: Connection) -> None:
    topic = "homie/stranger/$implementation/ota/firmware"
    found(conn, image(topic))
    (left,) = leftovers.every(conn)
    assert left.device_pk is None
    assert clear(conn, topic).topic == topic


def test_a_device_with_a_leftover_is_not_updated_until_it_is_gone(conn: Connection) -> None:
    ordered(conn)
    found(conn, image())
    assert next_pk(conn, 20.0) is None
    assert "takes it in at every connect" in leftovers.sentences(conn, 1)[0]
    found(conn, now=21.0)
    assert next_pk(conn, 22.0) == 1
    assert leftovers.sentences(conn, 1) == ()
