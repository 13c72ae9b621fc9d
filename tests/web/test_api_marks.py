"""Pins and tags over the API: who is held back until when and why, and who is called what."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from homie_ota.store import audit, events
from web.world import World

API = "/api/v1"
TOMORROW = datetime.fromtimestamp(time.time() + 86400, UTC).isoformat()


def test_a_pin_holds_a_device_until_its_end_and_says_why(world: World) -> None:
    pk = world.device("hall")
    client = world.client()
    told = client.put(f"{API}/devices/hall/pin", json={"until": TOMORROW, "reason": " the  party "}).json()
    assert (told["device"], told["pin_reason"]) == ("homie~hall", "the party")
    assert datetime.fromisoformat(told["pinned_until"]) == datetime.fromisoformat(TOMORROW)
    found = client.get(f"{API}/devices", params={"q": "pinned:true"}).json()["items"]
    assert [(each["id"], each["pin_reason"]) for each in found] == [("homie~hall", "the party")]
    assert client.delete(f"{API}/devices/hall/pin").json()["pinned_until"] is None
    assert client.delete(f"{API}/devices/hall/pin").status_code == 404
    written = [each["data"]["event"] for each in world.read(lambda c: events.recent(c, device_pk=pk))]
    assert written == ["unpin", "pin"]
    assert [each["what"] for each in world.read(audit.recent)][:2] == ["unpinned a device", "pinned a device"]


def test_an_expired_pin_holds_nobody(world: World) -> None:
    world.device("hall", pinned_until=None)
    client = world.client()
    client.put(f"{API}/devices/hall/pin", json={"until": TOMORROW, "reason": "party"})
    world.now = time.time() + 2 * 86400
    assert client.get(f"{API}/devices", params={"q": "pinned:true"}).json()["items"] == []
    assert client.delete(f"{API}/devices/hall/pin").status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"until": TOMORROW, "reason": "  "}, "needs a reason"),
        ({"until": "2020-01-01T00:00:00Z", "reason": "x"}, "before now"),
        ({"until": "2099-01-01T00:00:00", "reason": "x"}, "no zone"),
        ({"until": "soon", "reason": "x"}, "until"),
        ({"reason": "x"}, "until"),
    ],
)
def test_a_pin_without_an_end_or_a_reason_is_refused(world: World, body: Any, words: str) -> None:
    world.device("hall")
    answer = world.client().put(f"{API}/devices/hall/pin", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


def test_tags_are_put_on_and_taken_away_and_found_by_a_query(world: World) -> None:
    world.device("hall")
    client = world.client()
    for tag in ("attic", "bench", "attic"):
        assert client.put(f"{API}/devices/hall/tags/{tag}").status_code == 200
    assert client.get(f"{API}/devices/hall").json()["tags"] == ["attic", "bench"]
    assert client.get(f"{API}/devices", params={"q": "tag:bench"}).json()["total"] == 1
    assert client.delete(f"{API}/devices/hall/tags/attic").json()["tags"] == ["bench"]
    assert client.delete(f"{API}/devices/hall/tags/attic").status_code == 404
    assert client.put(f"{API}/devices/nobody/tags/x").status_code == 404


@pytest.mark.parametrize("tag", ["two words", "a,b", "x" * 65, '"q"', "-x", "%00", "a:b"])
def test_what_cannot_be_typed_in_a_query_is_no_tag(world: World, tag: str) -> None:
    world.device("hall")
    assert world.client().put(f"{API}/devices/hall/tags/{tag}").status_code == 400


def test_only_who_may_send_firmware_may_pin_or_tag(make_world: Any) -> None:
    world: World = make_world(admin=True)
    world.device("hall")
    assert world.client().put(f"{API}/devices/hall/tags/x").status_code == 401
    assert world.client().put(f"{API}/devices/hall/tags/x", auth=world.login).status_code == 200
