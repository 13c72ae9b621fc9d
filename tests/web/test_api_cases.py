"""The case file of a deployment, as a user would send it along with a report."""

from __future__ import annotations

import time

import pytest

from homie_ota.model import Publish
from homie_ota.store import transcript
from homie_ota.store.transcript import LONGEST, MOST, Said
from web.world import World

API = "/api/v1"


def said(text: str, direction: str = "in") -> Said:
    return Said(time.time(), direction, "homie/hall/$implementation/ota/status", text, len(text))


def test_a_case_file_holds_what_was_said_what_was_decided_and_what_the_device_is(world: World) -> None:
    firmware = world.firmware()
    pk = world.device("hall", nodes={"relay": {"name": "Relay"}})
    made = world.order(pk, firmware)
    world.write(lambda conn: transcript.add(conn, made.id, [said("202"), said("206 1/2")]))
    answer = world.client().get(f"{API}/deployments/{made.id}/case")
    case = answer.json()
    assert answer.headers["content-disposition"] == f'attachment; filename="homie-ota-case-{made.id}.json"'
    assert case["format"] == "homie-ota case 1"
    assert [each["text"] for each in case["messages"]] == ["202", "206 1/2"]
    assert case["firmware"]["md5"] == firmware.md5
    assert case["device"]["nodes"] == {"relay": {"name": "Relay"}}
    assert case["deployment"]["before"]["fw_version"] == "1.0.0"
    assert [each["data"].get("event") for each in case["events"]] == [None, "offer"]


def test_there_is_no_case_file_of_a_deployment_that_does_not_exist(world: World) -> None:
    answer = world.client().get(f"{API}/deployments/77/case")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_a_device_is_listened_to_only_while_it_is_being_updated(world: World) -> None:
    busy, idle = world.device("busy"), world.device("idle")
    made = world.order(busy, world.firmware())
    unwatched = world.write(lambda conn: transcript.heard(conn, {busy: [said("202")], idle: [said("?")]}))
    assert unwatched == {idle}
    assert [each["text"] for each in world.read(lambda conn: transcript.of(conn, made.id))] == ["202"]


def test_a_device_that_floods_fills_no_disk(world: World) -> None:
    pk = world.device("hall")
    made = world.order(pk, world.firmware())
    for _ in range(3):
        flood = [said("x" * 10_000)] * (MOST // 2)
        world.write(lambda conn, flood=flood: transcript.heard(conn, {pk: flood}))  # type: ignore[misc]
    kept = world.read(lambda conn: transcript.of(conn, made.id))
    assert len(kept) == MOST
    assert {len(each["text"]) for each in kept} == {LONGEST}


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"1.1.0", "1.1.0"),
        (b"\xe9" + bytes(9000), "(image, 9001 bytes)"),
        (b"http://ota:9080/ota/i/AbC-_9xyz", "http://ota:9080/ota/i/***"),
    ],
)
def test_what_we_said_is_kept_without_images_and_without_words_that_open_something(
    payload: bytes, text: str
) -> None:
    kept = transcript.outgoing(5.0, Publish("homie/hall/$ota", payload))
    assert (kept.direction, kept.text, kept.size) == ("out", text, len(payload))
