"""The hub of live pages: drawn once however many look, only what changed is sent, nobody waits for the slowest."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from homie_ota.bus import Notice
from homie_ota.errors import NotFound
from homie_ota.store.accounts import Right
from homie_ota.store.database import Connection
from homie_ota.web.live import PAGES, Asked, Hub, LivePage
from homie_ota.web.live import hub as hubs
from homie_ota.web.live.channels import GZIP_HEAD, Message, Sight, event
from homie_ota.web.live.viewers import PING, Viewer
from homie_ota.web.people import Person
from homie_ota.web.render import Render
from web.world import World

ANYBODY = Person("", frozenset({Right.READ}), "live")


class Board:
    """A page of two parts whose texts the test writes; it counts how often it was read."""

    def __init__(self) -> None:
        self.texts = {"one": "1", "two": "2"}
        self.reads = 0
        self.is_gone = False
        self.cost = 0.0

    def read(self, _conn: Connection, asked: Asked) -> dict[str, Any]:
        self.reads += 1
        if self.is_gone:
            raise NotFound("It is not here any more.")
        end = time.thread_time() + self.cost
        while time.thread_time() < end:
            pass
        return {"texts": dict(self.texts), "key": asked.key}

    def draw(self, _render: Render, values: dict[str, Any]) -> dict[str, str]:
        return {name: f'<p id="{name}">{text}</p>' for name, text in values["texts"].items()}

    def concerns(self, notice: Notice, _values: dict[str, Any]) -> bool:
        return notice.about.get("device_pk") == 1


@pytest.fixture
def board() -> Iterator[Board]:
    found = Board()
    LivePage("board", "base.html", found.read, found.draw, found.concerns)
    yield found
    del PAGES["board"]


@pytest.fixture
async def hub(world: World, board: Board, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    monkeypatch.setattr(hubs, "AT_ONCE", 0.0)
    monkeypatch.setattr(hubs, "MOMENT", 0.01)
    found = Hub(world.shell)
    yield found
    found.end()


def look(hub: Hub, key: str = "", *, person: Person = ANYBODY, seen: int | None = None) -> Viewer:
    sight = Sight("board", key, (), person, "en", "")
    return hub.join(sight, seen=hub.number if seen is None else seen, is_packed=False)


async def told(viewer: Viewer) -> str:
    async with asyncio.timeout(10):
        while (piece := await viewer.take()) == PING:
            pass
        return piece.decode()


async def test_however_many_look_a_page_is_read_once_and_all_get_the_same_bytes(
    world: World, hub: Hub, board: Board
) -> None:
    viewers = [look(hub) for _ in range(50)]
    board.texts["one"] = "changed"
    world.bus.say("device", device_pk=1)
    pieces = [await told(viewer) for viewer in viewers]
    assert board.reads == 1
    assert len(set(pieces)) == 1
    assert (
        '<hx-partial hx-target="#one" hx-swap="outerMorph"><p id="one">changed</p></hx-partial>' in pieces[0]
    )


async def test_only_parts_that_changed_are_sent(world: World, hub: Hub, board: Board) -> None:
    viewer = look(hub)
    for text in ("first", "second"):
        board.texts["two"] = text
        world.bus.say("device", device_pk=1)
        piece = await told(viewer)
    assert "second" in piece
    assert "#one" not in piece
    assert "#banner" not in piece


async def test_what_a_page_does_not_show_is_not_even_read(world: World, hub: Hub, board: Board) -> None:
    viewer = look(hub)
    world.bus.say("device", device_pk=1)
    await told(viewer)
    for number in range(2, 40):
        world.bus.say("device", device_pk=number)
    await asyncio.sleep(0.1)
    assert board.reads == 1


async def test_many_notices_of_a_moment_are_one_reading(world: World, hub: Hub, board: Board) -> None:
    viewer = look(hub)
    for number in range(500):
        board.texts["one"] = str(number)
        world.bus.say("device", device_pk=1, state=str(number))
    assert "499" in await told(viewer)
    assert board.reads == 1


async def test_what_happens_between_the_page_and_its_stream_is_not_missed(
    world: World, hub: Hub, board: Board
) -> None:
    seen = hub.number
    board.texts["one"] = "in between"
    world.bus.say("device", device_pk=1)
    assert "in between" in await told(look(hub, seen=seen))


async def test_a_page_that_is_up_to_date_is_sent_nothing(hub: Hub, board: Board) -> None:
    look(hub)
    await asyncio.sleep(0.1)
    assert board.reads == 0


async def test_who_comes_later_gets_what_was_drawn_after_they_came(
    world: World, hub: Hub, board: Board
) -> None:
    first = look(hub)
    board.texts["one"] = "a"
    world.bus.say("device", device_pk=1)
    await told(first)
    late = look(hub, seen=0)
    piece = await told(late)
    assert "#one" in piece
    assert "#two" in piece


async def test_who_reads_slowly_gets_all_of_now_instead_of_every_step(
    world: World, hub: Hub, board: Board
) -> None:
    slow, quick = look(hub), look(hub)
    for number in range(5):
        board.texts["one"] = f"step {number}"
        world.bus.say("device", device_pk=1)
        await told(quick)
    piece = await told(slow)
    assert "step 4" in piece
    assert "step 3" not in piece
    assert "#two" in piece


async def test_people_of_other_rights_do_not_share_what_is_drawn(
    world: World, hub: Hub, board: Board
) -> None:
    look(hub)
    admin = look(hub, person=Person("", frozenset(Right), "live"))
    world.bus.say("device", device_pk=1)
    await told(admin)
    assert board.reads == 2


async def test_when_the_thing_is_gone_the_page_is_told_why_and_the_stream_ends(
    world: World, hub: Hub, board: Board
) -> None:
    viewer = look(hub)
    board.is_gone = True
    world.bus.say("device", device_pk=1)
    assert await told(viewer) == "event: over\ndata: It is not here any more.\n\n"
    assert await told(viewer) == ""


async def test_when_the_server_stops_every_stream_ends(world: World, hub: Hub, board: Board) -> None:
    viewers = [look(hub), look(hub, "other")]
    world.bus.say("stop")
    assert [await told(viewer) for viewer in viewers] == ["", ""]


async def test_nobody_looks_and_nothing_is_kept(world: World, hub: Hub, board: Board) -> None:
    viewer = look(hub)
    assert hub.viewers == 1
    hub.leave(viewer)
    assert hub.viewers == 0
    world.bus.say("device", device_pk=1)
    await asyncio.sleep(0.05)
    assert board.reads == 0


async def test_a_page_that_cannot_be_drawn_does_not_stop_the_others(
    world: World, hub: Hub, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    LivePage("broken", "base.html", lambda _conn, _asked: {"x": 1 // 0})
    try:
        hub.join(Sight("broken", "", (), ANYBODY, "en", ""), seen=hub.number, is_packed=False)
        viewer = look(hub)
        world.bus.say("device", device_pk=1)
        assert "#one" in await told(viewer)
    finally:
        del PAGES["broken"]
    assert "broken could not be drawn" in caplog.text


@pytest.mark.parametrize(("spent", "pause"), [(0.0, 0.5), (0.1, 0.5), (0.5, 1.5), (2.0, 6.0)])
def test_drawing_never_takes_more_than_a_quarter_of_a_core(spent: float, pause: float) -> None:
    assert hubs.pause_after(spent) == pytest.approx(pause)
    assert spent / (spent + hubs.pause_after(spent)) <= hubs.SHARE


def test_a_packed_stream_is_the_plain_one_for_whoever_unpacks_it() -> None:
    messages = [Message({"one": "<p>ä</p>\n<p>b</p>"}), Message({"two": "x" * 70_000})]
    unpacker = zlib.decompressobj(31)
    found = unpacker.decompress(GZIP_HEAD)
    for message in messages:
        found += unpacker.decompress(message.packed)
    assert found == b"".join(message.plain for message in messages)
    assert len(messages[1].packed) < 1000


def test_an_event_of_several_lines_is_one_event() -> None:
    assert event("a\r\nb\n\nc", "over") == b"event: over\ndata: a\ndata: b\ndata: \ndata: c\n\n"
