"""Updates in a real browser: ordered by clicking, and watched without loading a page again."""

from __future__ import annotations

import asyncio
import time

import pytest
from playwright.async_api import Page, expect

from homie_ota.model import DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments
from pages.conftest import MakeSite
from pages.site import Site, live
from web.world import World


def move(world: World, number: int, event: Event) -> None:
    attempt = world.deployment(number)
    assert world.write(lambda c: deployments.advance(c, attempt, event, now=time.time()))
    world.bus.say("deployment", id=number, device_pk=attempt.device_pk)


@pytest.mark.parametrize("prefix", ["", "/homie-ota"])
async def test_a_running_update_is_watched_without_loading_the_page_again(
    make_site: MakeSite, tab: Page, prefix: str
) -> None:
    site = await make_site(http={"base_path": prefix})
    world = site.world
    firmware = await asyncio.to_thread(world.firmware, size=400_000)
    attempt = world.order(world.device("hall"), firmware)
    await tab.goto(f"{site.url}/deployment/{attempt.id}")
    await live(tab)
    await tab.evaluate("window.untouched = true")
    move(world, attempt.id, Event.ACCEPT)
    await tab.wait_for_selector("main .state.transferring")
    world.write(lambda c: deployments.progress(c, attempt.id, done=100_000, now=time.time()))
    world.bus.say("deployment", id=attempt.id, device_pk=attempt.device_pk)
    await tab.wait_for_selector("main progress[value='100000']")
    for event in (Event.FLASH, Event.CONFIRM, Event.HEAL):
        move(world, attempt.id, event)
    await tab.wait_for_selector("main .state.succeeded")
    assert await tab.evaluate("window.untouched") is True


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_person_orders_an_update_by_clicking(
    site: Site, tab: Page, bare_tab: Page, scripts: bool
) -> None:
    page = tab if scripts else bare_tab
    await asyncio.to_thread(site.world.firmware)
    site.world.device("hall-<b>lamp")
    await page.goto(site.url)
    await page.click("main tbody a >> text=hall-<b>lamp")
    await page.click("main form[action$='/update'] button")  # one click: it fits, and has a way back
    await page.wait_for_url("**/deployment/1")
    assert "queued" in await page.inner_text("main")
    assert "hall-<b>lamp" in await page.inner_text("main")
    assert site.world.deployment(1).state is DeploymentState.QUEUED


async def test_the_page_of_the_api_tries_a_request(site: Site, tab: Page) -> None:
    site.world.device("hall")
    await tab.goto(f"{site.url}/api/v1/docs")
    await tab.evaluate("document.querySelector('form[data-try]').requestSubmit()")
    await expect(tab.locator("form[data-try] pre").first).to_contain_text("homie~hall")


async def test_the_page_of_the_api_sends_a_body_as_it_is_written_there(site: Site, tab: Page) -> None:
    site.world.device("hall")
    await tab.goto(f"{site.url}/api/v1/docs")
    form = tab.locator("form[data-try='PUT'][data-path$='/pin']")
    await form.evaluate("form => form.closest('details').open = true")
    await form.locator("input[name='id']").fill("hall")
    await form.locator("button").click()
    await expect(form.locator("pre")).to_contain_text('"pin_reason": "guests are coming"')
