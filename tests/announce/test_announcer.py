"""Who is told works while this server leads: begun anew after a failure, ended when another server leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

import homie_ota.announce as room
from homie_ota.announce import Announcer, Part


class Told:
    """A part that counts its beginnings and ends, and fails at the first `faults` of them."""

    def __init__(self, faults: int = 0) -> None:
        self.begun = self.ended = 0
        self._faults = faults

    async def run(self) -> None:
        self.begun += 1
        if self.begun <= self._faults:
            raise RuntimeError("no")
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK", 0.005)
    monkeypatch.setattr(room, "AGAIN", 0.005)


@asynccontextmanager
async def running(parts: dict[str, Part], may: Callable[[], bool]) -> AsyncIterator[None]:
    task = asyncio.create_task(Announcer(parts, may=may).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.002)


async def test_a_part_begins_when_this_server_leads_and_ends_when_another_does() -> None:
    leads = [False]
    told = Told()
    async with running({"told": told.run}, lambda: leads[0]):
        await asyncio.sleep(0.03)
        assert told.begun == 0
        leads[0] = True
        await until(lambda: told.begun == 1)
        leads[0] = False
        await until(lambda: told.ended == 1)
        leads[0] = True
        await until(lambda: told.begun == 2)
    assert told.ended == 2


async def test_a_part_that_fails_begins_anew_and_the_others_do_not_notice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, well = Told(faults=2), Told()
    async with running({"broken": broken.run, "well": well.run}, lambda: True):
        await until(lambda: broken.begun == 3)
        assert well.begun == 1
    assert "Telling broken failed" in caplog.text
