"""Quarantine, leftovers and outlook over the API: what is told, what is released and cleared, and by whom."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from homie_ota.rollout import telling
from homie_ota.store import audit, leftovers, quarantine, rhythm
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import leftover
from web.world import World

API = "/api/v1"
TOPIC = "homie/hall/$implementation/ota/firmware/" + "a" * 32


def held(world: World, *versions: str) -> int:
    pk = world.device("hall")
    for version in versions:
        image = world.firmware(version=version)
        put = Held(pk, image.sha256, "came-back-old", "This image did harm.", time.time())
        world.write(partial(quarantine.add, held=put))
    return pk


def test_what_is_in_quarantine_is_listed_and_refused_and_a_release_lets_it_go(world: World) -> None:
    pk = held(world, "2.0.0", "3.0.0")
    client = world.client()
    told = client.get(f"{API}/quarantine").json()["items"]
    assert {(each["device"], each["firmware_version"], each["code"]) for each in told} == {
        ("homie~hall", "2.0.0", "came-back-old"),
        ("homie~hall", "3.0.0", "came-back-old"),
    }
    body = {"device": "hall", "firmware": "lamp@2.0.0"}
    refused = client.post(f"{API}/deployments", json=body)
    assert refused.status_code == 409
    assert "This image did harm" in refused.json()["detail"]
    answer = client.post(f"{API}/devices/hall/release", json={"firmware": "lamp@2.0.0"})
    assert answer.json() == {"detail": "Released: 1 image may be tried again."}
    assert client.post(f"{API}/deployments", json=body).status_code == 202
    assert [each.sha256 for each in world.read(lambda c: quarantine.of_device(c, pk))] != []
    assert client.post(f"{API}/devices/hall/release").status_code == 200
    assert client.post(f"{API}/devices/hall/release").status_code == 404
    assert world.read(audit.recent)[0]["what"] == "released a device"


def test_an_order_may_wait_until_a_moment_to_come(world: World) -> None:
    world.device("hall", state="lost")
    world.firmware()
    client, body = world.client(), {"device": "hall", "firmware": "lamp@2.0.0"}
    for until, words in (
        ("2020-01-01T00:00:00Z", "before now"),
        ("2099-01-01T00:00:00", "no zone"),
        ("soon", "until"),
    ):
        answer = client.post(f"{API}/deployments", json={**body, "until": until})
        assert answer.status_code == 400
        assert words in answer.json()["detail"]
    made = client.post(f"{API}/deployments", json={**body, "until": "2099-01-01T00:00:00Z"}).json()
    assert (made["not_after"], made["not_before"]) == ("2099-01-01T00:00:00Z", None)


def leave(world: World, kind: str = "image", topic: str = TOPIC, text: str = "a" * 32) -> None:
    pk = world.device("hall", state="lost")
    row = {
        "topic": topic,
        "device_pk": pk,
        "kind": kind,
        "text": text,
        "size": 450_000,
        "found_at": time.time(),
    }
    world.write(lambda conn: conn.execute(leftover.insert().values(**row)))


def test_a_leftover_is_listed_with_what_clears_it_and_cleared_only_when_asked(world: World) -> None:
    leave(world)
    client = world.client()
    (told,) = client.get(f"{API}/leftovers").json()["items"]
    assert (told["topic"], told["kind"], told["device"], told["asked_at"]) == (
        TOPIC,
        "image",
        "homie~hall",
        None,
    )
    assert "an empty retained message" in told["detail"]
    assert world.read(leftovers.due) == []
    asked = client.post(f"{API}/leftovers/clear", json={"topic": TOPIC})
    assert asked.status_code == 202
    assert asked.json()["asked_by"] == "anyone"
    assert [each.message.topic for each in world.read(leftovers.due)] == [TOPIC]
    assert world.read(audit.recent)[0]["why"] == TOPIC


@pytest.mark.parametrize(("topic", "status"), [("homie/hall/$state", 404), ("", 400), ("x" * 300, 400)])
def test_nothing_else_can_be_cleared(world: World, topic: str, status: int) -> None:
    leave(world)
    assert world.client().post(f"{API}/leftovers/clear", json={"topic": topic}).status_code == status


def test_a_request_whose_device_never_said_what_it_runs_cannot_be_cleared_and_says_why(world: World) -> None:
    pk = world.old_device("old", state="lost", fw_version="")
    row = {
        "topic": "devices/old/$ota",
        "device_pk": pk,
        "kind": "ota",
        "text": "9",
        "size": 1,
        "found_at": 1.0,
    }
    world.write(lambda conn: conn.execute(leftover.insert().values(**row)))
    answer = world.client().post(f"{API}/leftovers/clear", json={"topic": "devices/old/$ota"})
    assert answer.status_code == 409
    assert "is not known" in answer.json()["detail"]


def test_a_look_is_a_word_to_whoever_holds_the_lease(world: World) -> None:
    with world.bus.listen() as listener:
        assert world.client().post(f"{API}/leftovers/look").status_code == 202
        said = [each for each in listener._notices if each.kind == "leftovers"]
    assert [each.about for each in said] == [{"look": True}]


def test_the_outlook_of_a_sleeper_tells_when_it_wakes_and_whether_an_image_fits(world: World) -> None:
    pk = world.device("hall", state="sleeping")
    world.firmware()
    now = time.time()
    for at in range(5):
        woke = now - 3000.0 + 600.0 * at
        world.write(partial(rhythm.note, woke=[pk], left=[], now=woke, watching=True))
        world.write(partial(rhythm.note, woke=[], left=[pk], now=woke + 20.0, watching=True))
    told = world.client().get(f"{API}/devices/hall/outlook", params={"firmware": "lamp@2.0.0"}).json()
    assert (told["every_s"], told["awake_for_s"], told["samples"]) == (600.0, 20.0, 5)
    assert told["next_chance"] is not None
    assert (told["fits"], told["rate"]) == (None, None), "nobody has measured a transfer yet"
    assert world.client().get(f"{API}/devices/nobody/outlook").status_code == 404


def test_without_a_login_where_one_is_asked_for_nothing_is_told_or_done(
    make_world: Callable[..., World],
) -> None:
    client = make_world(admin=True, auth={"mode": "password"}).client()
    assert client.get(f"{API}/leftovers").status_code == 401
    assert client.post(f"{API}/leftovers/clear", json={"topic": TOPIC}).status_code == 401


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("quarantine", {"event": "held", "code": "stuck", "reason": "It broke."}, "held: It broke."),
        ("quarantine", {"event": "released", "sha256": "f" * 64}, "released"),
        ("leftover", {"event": "found", "topic": TOPIC, "kind": "image"}, f"found: {TOPIC}"),
        (
            "cure",
            {"event": "restart", "topic": "homie/x/config/set", "payload": "{}"},
            "restart: homie/x/config/set",
        ),
        (
            "alarm",
            {"event": "began", "code": "behind", "text": "It stays behind."},
            "began: It stays behind.",
        ),
        ("alarm", {"event": "ended", "code": "behind", "text": ""}, "ended"),
        ("firmware", {"from": "a", "key": "b", "name": "lamp", "version": "2.0.0"}, "runs lamp 2.0.0 now"),
    ],
)
def test_what_happened_is_told_as_a_sentence(kind: str, data: dict[str, str], text: str) -> None:
    assert telling.sentence({"kind": kind, "data": data}) == text
