"""The stream of events: each once, in order, whoever listens from whenever on; and what is gone is said."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from homie_ota.store import events, tail
from homie_ota.store.tables import event
from homie_ota.web.live import history
from web.world import Server, World

API = "/api/v1"
STREAM = f"{API}/events"


def note(world: World, number: int, pk: int | None = None, kind: str = "mark") -> None:
    data = {"event": "tag", "tag": f"t{number}"}
    world.write(lambda conn: events.add(conn, kind, at=time.time(), device_pk=pk, data=data))


def told(text: str) -> list[dict[str, Any]]:
    """The messages of a stream, each with its id as `_id`."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.partition(": ")[::2] for line in block.splitlines())
        if "data" in lines:
            found.append({**json.loads(lines["data"]), "_id": lines.get("id")})
    return found


def replay(world: World, query: str, **headers: str) -> list[dict[str, Any]]:
    answer = world.client().get(f"{STREAM}?follow=false{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return told(answer.text)


def test_an_event_is_told_with_its_number_as_the_id(world: World) -> None:
    pk = world.device("hall")
    note(world, 1, pk)
    (only,) = replay(world, "&since=0")
    assert only.pop("_id") == "1"
    assert only.pop("at").endswith("Z")
    assert only == {
        "seq": 1, "kind": "mark", "device": "homie~hall", "deployment": None, "actor": "", "text": "tag t1",
        "data": {"event": "tag", "tag": "t1"},
    }  # fmt: skip


def test_who_comes_back_gets_what_happened_since_and_the_header_wins(world: World) -> None:
    for number in range(5):
        note(world, number)
    assert [each["seq"] for each in replay(world, "&since=3")] == [4, 5]
    assert [each["seq"] for each in replay(world, "&since=1", **{"Last-Event-ID": "4"})] == [5]
    assert replay(world, "") == []  # from now on
    assert replay(world, "&since=5") == []


def test_a_long_history_is_told_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail.part, "__kwdefaults__", {"limit": 7})
    for number in range(30):
        note(world, number)
    assert [each["seq"] for each in replay(world, "&since=0")] == list(range(1, 31))


def test_only_what_was_asked_for_is_told(world: World) -> None:
    hall, attic = world.device("hall"), world.device("attic")
    for pk, kind in ((hall, "mark"), (attic, "mark"), (hall, "alarm"), (None, "leftover")):
        note(world, 0, pk, kind)
    assert [each["seq"] for each in replay(world, "&since=0&device=hall")] == [1, 3]
    assert [each["seq"] for each in replay(world, "&since=0&kind=mark")] == [1, 2]
    assert [each["seq"] for each in replay(world, "&since=0&kind=alarm&kind=leftover")] == [3, 4]
    assert [each["seq"] for each in replay(world, "&since=0&kind=mark&device=homie~attic")] == [2]


@pytest.mark.parametrize(
    ("asked", "headers", "status"),
    [
        ("?device=nobody", {}, 404),
        ("?kind=%C3%A4", {}, 400),
        ("?since=-1", {}, 400),
        ("?since=x", {}, 400),
        ("?since=99999999999999999999", {}, 400),
        ("", {"Last-Event-ID": "x"}, 400),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    world: World, asked: str, headers: dict[str, str], status: int
) -> None:
    answer = world.client().get(STREAM + asked, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_what_is_not_kept_any_more_is_told_as_a_gap(world: World) -> None:
    for number in range(10):
        note(world, number)
    world.write(lambda conn: conn.execute(event.delete().where(event.c.seq.in_([3, 4, 6]))))
    first, *rest = replay(world, "&since=2")
    assert (first["kind"], first["since"], first["missing"], first["_id"]) == ("gap", 2, 3, None)
    assert [each["seq"] for each in rest] == [5, 7, 8, 9, 10]
    assert [each["kind"] for each in replay(world, "&since=6")] == ["mark"] * 4


def test_a_number_that_this_log_has_not_reached_is_of_another_one(world: World) -> None:
    note(world, 1)
    (only,) = replay(world, "&since=4711")
    assert (only["kind"], only["missing"]) == ("gap", None)


async def test_around_the_switch_from_what_was_to_what_is_no_event_is_missed_or_doubled(world: World) -> None:
    """Somebody writes all the time, while others come, and come back, at any moment."""
    note(world, 0)

    async def write() -> None:
        for number in range(60):
            await asyncio.to_thread(note, world, number)
            world.bus.say("device", device_pk=1)
            await asyncio.sleep(0.005)
        await asyncio.to_thread(note, world, 0, None, "end")

    async with Server(world) as server, httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        listeners = [asyncio.create_task(listen(client, some)) for some in (1, 3, 7, 1000)]
        await write()
        every = await asyncio.wait_for(asyncio.gather(*listeners), 30)
    newest = world.read(tail.newest)
    assert newest == 62
    assert every == [list(range(1, newest + 1))] * 4


async def listen(client: httpx.AsyncClient, some: int) -> list[int]:
    """All numbers up to the end, by connections that are cut after `some` messages each."""
    seen, last, kind = list[int](), "0", ""
    while kind != "end":
        asked = client.stream("GET", STREAM, headers={"Last-Event-ID": last}, params={"notices": False})
        async with asked as stream:
            left = some
            async for line in stream.aiter_lines():
                name, _, value = line.partition(": ")
                last = value if name == "id" else last
                if name == "data":
                    message, left = json.loads(value), left - 1
                    seen.append(message["seq"])
                    kind = message["kind"]
                if not left or kind == "end":
                    break
    return seen


async def test_what_nobody_spoke_of_on_this_bus_is_told_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOK", 0.05)
    async with (
        Server(world) as server,
        httpx.AsyncClient(base_url=server.url, timeout=20) as client,
        client.stream("GET", STREAM) as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        await asyncio.to_thread(note, world, 1)
        async for line in lines:
            if line.startswith("data: "):
                assert json.loads(line[6:])["seq"] == 1
                break


def test_behind_a_number_that_may_still_come_nothing_is_told_until_it_is_settled(world: World) -> None:
    for number in range(5):
        note(world, number)
    world.write(lambda conn: conn.execute(sa.delete(event).where(event.c.seq == 3)))

    def seqs(after: int, settled: int) -> tuple[list[int], int]:
        found = world.read(lambda conn: tail.part(conn, tail.Wanted(), after=after, settled=settled))
        return [row["seq"] for row in found.rows], found.reached

    assert seqs(0, settled=0) == ([1, 2], 2)
    assert seqs(2, settled=2) == ([], 2)
    assert seqs(2, settled=3) == ([4, 5], 5)
