"""Pages in a real browser: they refresh themselves, break no rule of their own, and forms work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from homie_ota.model import DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments
from servers import Chromium
from web.browser import Tab
from web.world import Server, World

BLOCKED = """new Promise(done => {
  const found = [];
  const note = (reports) => found.push(...reports.map((each) => each.body.blockedURL));
  new ReportingObserver(note, { types: ["csp-violation"], buffered: true }).observe();
  setTimeout(() => done(found), 200);
})"""


def move(world: World, number: int, event: Event) -> None:
    attempt = world.deployment(number)
    assert world.write(lambda c: deployments.advance(c, attempt, event, now=time.time()))
    world.bus.say("deployment", id=number, device_pk=attempt.device_pk)


@pytest.mark.parametrize("prefix", ["", "/homie-ota"])
async def test_a_running_update_is_watched_without_loading_the_page_again(
    make_world: Callable[..., World], chromium: Chromium, prefix: str
) -> None:
    world = make_world(http={"base_path": prefix})
    firmware = await asyncio.to_thread(world.firmware, size=400_000)
    attempt = world.order(world.device("hall"), firmware)
    async with Server(world) as server:
        tab = await asyncio.to_thread(Tab, chromium)
        with tab:
            await asyncio.to_thread(tab.open, f"{server.url}{prefix}/deployment/{attempt.id}")
            await asyncio.to_thread(tab.run, "window.untouched = true")
            async with asyncio.timeout(20):
                while not world.app.state.listeners:
                    await asyncio.sleep(0.02)
            move(world, attempt.id, Event.ACCEPT)
            await asyncio.to_thread(tab.wait_for, "document.querySelector('#deployment .transferring')")
            world.write(lambda c: deployments.progress(c, attempt.id, done=100_000, now=time.time()))
            world.bus.say("deployment", id=attempt.id, device_pk=attempt.device_pk)
            await asyncio.to_thread(tab.wait_for, "document.querySelector('progress').value === 100000")
            move(world, attempt.id, Event.FLASH)
            move(world, attempt.id, Event.CONFIRM)
            move(world, attempt.id, Event.HEAL)
            await asyncio.to_thread(tab.wait_for, "document.querySelector('#deployment .succeeded')")
            assert await asyncio.to_thread(tab.run, "window.untouched") is True


async def test_a_person_orders_an_update_by_clicking(world: World, chromium: Chromium) -> None:
    await asyncio.to_thread(world.firmware)
    world.device("hall-<b>lamp")
    async with Server(world) as server:
        tab = await asyncio.to_thread(Tab, chromium)
        with tab:
            await asyncio.to_thread(tab.open, server.url)
            for click in ("tbody a", "main form button", "button.go"):
                before = await asyncio.to_thread(tab.run, "location.href")
                await asyncio.to_thread(tab.run, f"document.querySelector({click!r}).click()")
                await asyncio.to_thread(
                    tab.wait_for, f"location.href !== {before!r} && document.readyState === 'complete'"
                )
            text = await asyncio.to_thread(tab.run, "document.body.innerText")
    assert "queued" in text
    assert "hall-<b>lamp" in text
    assert world.deployment(1).state is DeploymentState.QUEUED


async def test_no_page_breaks_its_own_content_security_policy(world: World, chromium: Chromium) -> None:
    firmware = await asyncio.to_thread(world.firmware)
    world.order(world.device("hall"), firmware)
    paths = [
        "/",
        "/device/hall",
        "/firmware",
        f"/firmware/{firmware.filename}",
        "/deployment/1",
        "/log",
        "/api/v1/docs",
    ]
    async with Server(world) as server:
        tab = await asyncio.to_thread(Tab, chromium)
        with tab:
            for path in paths:
                await asyncio.to_thread(tab.open, server.url + path)
                blocked = await asyncio.to_thread(tab.run, BLOCKED)
                assert blocked == [], path
                styled = await asyncio.to_thread(tab.run, "getComputedStyle(document.body).fontFamily")
                assert "monospace" in styled


async def test_the_page_of_the_api_tries_a_request(world: World, chromium: Chromium) -> None:
    world.device("hall")
    async with Server(world) as server:
        tab = await asyncio.to_thread(Tab, chromium)
        with tab:
            await asyncio.to_thread(tab.open, f"{server.url}/api/v1/docs")
            await asyncio.to_thread(tab.run, "document.querySelector('form[data-try]').requestSubmit()")
            await asyncio.to_thread(
                tab.wait_for, "document.querySelector('pre').textContent.includes('homie~hall')"
            )
