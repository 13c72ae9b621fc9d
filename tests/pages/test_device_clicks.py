"""The page of a device in a real browser: an update from order to verified, a value set, a deletion undone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

from homie_ota.fleet.packed import Curves
from homie_ota.model import DeploymentState, Publish
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments, devices, marks, series, transcript
from homie_ota.store.transcript import Said
from pages import axe
from pages.site import PHONE, Site, live
from web.world import World

NODES: dict[str, Any] = {
    "light": {
        "properties": {
            "on": {"datatype": "boolean", "settable": True},
            "level": {"datatype": "integer", "format": "0:100", "unit": "%", "settable": True},
        }
    }
}


def say(world: World, pk: int, **values: str) -> None:
    """The device tells values of its light."""
    rows = [
        {"device_pk": pk, "node": "light", "prop": prop, "value": value, "num": None, "at": time.time()}
        for prop, value in values.items()
    ]
    world.write(lambda c: devices.save_readings(c, rows))
    world.bus.say("device", device_pk=pk)


@pytest.fixture
def pk(site: Site) -> int:
    """A lamp that answers every command with its new value, as a device does."""
    world = site.world
    number = world.device("hall", nodes=NODES, recent=[[time.time() - 5, 600.0, 20_000.0, 60.0]])
    say(world, number, on="false", level="40")

    async def answer(message: Publish) -> None:
        prop = message.topic.split("/")[-2]
        await asyncio.to_thread(say, world, number, **{prop: message.payload.decode()})

    world.shell.set_property = answer
    return number


async def test_an_update_is_sent_by_one_click_and_watched_from_the_offer_to_verified(
    site: Site, tab: Page, pk: int
) -> None:
    world = site.world
    image = await asyncio.to_thread(world.firmware, size=400_000)
    await tab.goto(f"{site.url}/device/hall")
    await tab.click("#images button.go")
    await expect(tab.locator("h1")).to_contain_text("Deployment 1")
    await tab.goto(f"{site.url}/device/hall")
    await live(tab)
    await tab.evaluate("window.untouched = true")
    await expect(tab.locator("#verdict")).to_contain_text("waits for it")
    now_step = tab.locator("#running tr.now th")

    def move(event: Event, **more: Any) -> None:
        attempt = world.deployment(1)
        assert world.write(lambda c: deployments.advance(c, attempt, event, now=time.time(), **more))
        world.bus.say("deployment", id=1, device_pk=pk)

    for event, step, sentence in (
        (Event.OFFER, "offered", "it was offered"),
        (Event.ACCEPT, "transferring", "the image is on its way"),
    ):
        await asyncio.to_thread(move, event)
        await expect(now_step).to_have_text(step)
        await expect(tab.locator("#verdict")).to_contain_text(sentence)

    def progress(conn: Any) -> None:
        deployments.progress(conn, 1, done=100_000, now=time.time() + 5.0)
        transcript.add(
            conn, 1, [Said(time.time(), "in", "homie/hall/$implementation/ota/status", "206 1/4", 7)]
        )

    await asyncio.to_thread(world.write, progress)
    world.bus.say("deployment", id=1, device_pk=pk)
    await expect(tab.locator("#running progress")).to_have_attribute("value", "100000")
    await expect(tab.locator("#running time[data-countdown]")).not_to_be_empty()
    await expect(tab.locator("#running summary")).to_have_text("Transcript: 1 message")
    await tab.click("#running summary")
    await asyncio.to_thread(move, Event.FLASH)
    await expect(now_step).to_have_text("rebooting")
    await expect(tab.locator("#running tr.now")).to_contain_text("back by")
    await expect(tab.locator("#running #said")).to_be_visible()  # what was opened stays open
    world.device("hall", pk=pk, fw_version="2.0.0", md5=image.md5, nodes=NODES)
    await asyncio.to_thread(move, Event.CONFIRM)
    await expect(now_step).to_have_text("verifying")
    await asyncio.to_thread(move, Event.HEAL, after={"verdict": "same", "heap": 20_000.0})
    await expect(tab.locator("#verdict")).to_contain_text("Runs lamp 2.0.0")
    await expect(tab.locator("#verdict")).to_contain_text("healthy; nothing to do.")
    await expect(tab.locator("#running tr")).to_have_count(0)
    await expect(tab.locator("#history")).to_contain_text("succeeded")
    await expect(tab.locator("#compared")).to_contain_text("same")
    assert await tab.evaluate("window.untouched") is True
    assert world.deployment(1).state is DeploymentState.SUCCEEDED


async def test_a_property_is_set_and_its_new_value_appears_without_loading_the_page(
    site: Site, tab: Page, pk: int
) -> None:
    assert pk
    await tab.goto(f"{site.url}/device/hall")
    await live(tab)
    await tab.evaluate("window.untouched = true")
    row = tab.locator("#values tr", has_text="on").first
    await expect(row.locator("td.value")).to_have_text("false")
    await row.get_by_role("button", name="to true").click()
    await expect(tab.locator("#answer")).to_contain_text("true was sent to light/on")
    await expect(row.locator("td.value")).to_have_text("true")
    level = tab.get_by_label("value for light/level")
    await level.fill("70")
    await level.press("Enter")
    await expect(tab.locator("#values tr", has_text="level").locator("td.value")).to_have_text("70 %")
    assert await tab.evaluate("window.untouched") is True


async def test_what_is_being_typed_is_not_disturbed_by_news(site: Site, tab: Page, pk: int) -> None:
    await tab.goto(f"{site.url}/device/hall")
    await live(tab)
    level = tab.get_by_label("value for light/level")
    await level.fill("7")
    await asyncio.to_thread(say, site.world, pk, level="55")
    await expect(tab.locator("#values tr", has_text="level").locator("td.value")).to_have_text("55 %")
    await expect(level).to_have_value("7")
    await expect(level).to_be_focused()


async def test_without_scripts_a_property_is_set_by_a_form(site: Site, bare_tab: Page, pk: int) -> None:
    assert pk
    await bare_tab.goto(f"{site.url}/device/hall")
    await bare_tab.locator("#values tr", has_text="on").first.get_by_role("button", name="to true").click()
    await expect(bare_tab).to_have_url(f"{site.url}/device/homie~hall#values")
    await expect(bare_tab.locator("#values tr", has_text="on").first.locator("td.value")).to_have_text("true")


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_device_is_deleted_by_typing_its_id_and_put_back(
    site: Site, tab: Page, bare_tab: Page, pk: int, scripts: bool
) -> None:
    page = tab if scripts else bare_tab
    site.world.write(lambda c: marks.put_tag(c, pk, "attic", by="anna", now=time.time()))
    site.world.device("hall", pk=pk, state="lost", nodes=NODES)
    await page.goto(f"{site.url}/device/hall")
    await page.click("#delete summary")
    await page.get_by_label("Type hall").fill("hall")
    await page.click("#delete button.bad")
    await expect(page.locator("main")).to_contain_text("homie/hall")
    await page.get_by_role("button", name="Put back hall").click()
    await expect(page.locator("h1")).to_contain_text("Hall")
    await expect(page.locator("#marks")).to_contain_text("#attic")


async def test_curves_are_drawn_over_a_day_and_a_month(site: Site, tab: Page, pk: int) -> None:
    now = int(time.time())
    times = [now - 3600 * n for n in range(20, 0, -1)]
    curves = Curves(
        times, {"signal": [float(n) for n in range(20)], "heap": [20_000.0 + n for n in range(20)]}
    )
    site.world.write(lambda c: series.append(c, series.STATS, {pk: curves}))
    site.world.write(lambda c: series.append(c, series.STATS_BY_HOUR, {pk: curves}))
    await tab.goto(f"{site.url}/device/hall")
    signal = tab.locator("figure[data-metric=signal]")
    await expect(signal.locator("canvas")).to_have_count(1)
    await expect(signal.locator(".spark").first).not_to_be_empty()
    async with tab.expect_response(
        lambda answer: "span=month" in answer.url and "signal" in answer.url
    ) as asked:
        await tab.click("button[data-span=month]")
    assert (await (await asked.value).json())["span"] == "month"
    await expect(tab.locator("button[data-span=month]")).to_have_attribute("aria-pressed", "true")


async def test_the_transcript_is_copied(site: Site, tab: Page, pk: int) -> None:
    made = site.world.order(pk, await asyncio.to_thread(site.world.firmware))
    said = Said(time.time(), "out", "homie/hall/$implementation/ota/firmware/0", "(image, 9 bytes)", 9)
    site.world.write(lambda c: transcript.add(c, made.id, [said]))
    await tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await tab.goto(f"{site.url}/deployment/{made.id}")
    await tab.click("#transcript summary")
    await tab.click("button[data-copy=said]")
    await expect(tab.locator("button[data-copy=said]")).to_contain_text("✓")
    assert "> homie/hall/$implementation/ota/firmware/0 (image, 9 bytes)" in await tab.evaluate(
        "navigator.clipboard.readText()"
    )


async def test_a_busy_page_fits_a_phone_and_reads_well_to_who_cannot_see_it(
    site: Site, tab: Page, pk: int
) -> None:
    made = site.world.order(pk, await asyncio.to_thread(site.world.firmware))
    site.world.write(lambda c: deployments.advance(c, made, Event.ACCEPT, now=time.time()))
    await tab.set_viewport_size(PHONE)
    for address in ("/device/hall", f"/deployment/{made.id}", "/deployments"):
        await tab.goto(site.url + address)
        for each in await tab.locator("details").all():
            await each.evaluate("(element) => { element.open = true }")
        assert await tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], address
        assert await axe.complaints(tab) == [], address


async def test_the_page_is_used_by_the_keyboard_alone(site: Site, tab: Page, pk: int) -> None:
    await asyncio.to_thread(site.world.firmware)
    await tab.goto(f"{site.url}/device/hall")
    await live(tab)
    await tab.keyboard.press("v")
    await expect(tab.locator("#values form.set button").first).to_be_focused()
    await tab.keyboard.press("Enter")
    await expect(tab.locator("#values td.value").first).to_have_text("true")
    await tab.keyboard.press("i")
    await expect(tab.locator("#images")).to_be_in_viewport()
    await tab.keyboard.press("Tab")
    await tab.get_by_role("button", name="Send lamp 2.0.0").focus()
    await tab.keyboard.press("Enter")
    await expect(tab.locator("h1")).to_contain_text("Deployment 1")
    assert site.world.deployment(1).device_pk == pk
