"""Live pages in a real browser: what happens is seen at once, who works is not disturbed, what is lost is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from homie_ota.store import devices, events
from homie_ota.web.app import BrokerStatus
from homie_ota.web.live import hub as hubs
from pages.conftest import MakeSite
from pages.site import Site, live

Visit = Callable[..., Awaitable[Page]]


def happen(site: Site, pk: int, who: str) -> None:
    site.world.write(lambda c: events.add(c, "device", at=time.time(), device_pk=pk, actor=who))
    site.world.bus.say("device", device_pk=pk)


def leave(site: Site) -> None:
    """The broker is lost, some minutes ago."""
    world = site.world
    world.broker = BrokerStatus(connected=False, address="127.0.0.1:1883", since=time.time() - 180)
    world.bus.say("broker", connected=False)


async def test_what_happens_is_seen_in_a_page_that_is_open(site: Site, tab: Page) -> None:
    pk = site.world.device("hall")
    await tab.goto(site.url + "/log")
    await live(tab)
    await tab.evaluate("window.untouched = true")
    happen(site, pk, "anna")
    await expect(tab.locator("main")).to_contain_text("anna")
    assert await tab.evaluate("window.untouched") is True


async def test_what_one_person_does_another_sees(make_site: MakeSite, visit: Visit) -> None:
    site = await make_site(http={"base_path": "/ota-server"})
    firmware = await asyncio.to_thread(site.world.firmware)
    attempt = site.world.order(site.world.device("hall"), firmware, offered=False)
    acting, looking = await visit(), await visit(color_scheme="dark")
    for page in (acting, looking):
        await page.goto(f"{site.url}/deployment/{attempt.id}")
        await live(page)
    await looking.evaluate("window.untouched = true")
    await acting.click("main form[action*='/deployment/'] button")
    await expect(looking.locator("main")).to_contain_text("cancelled")
    assert await looking.evaluate("window.untouched") is True


async def test_a_form_that_came_by_the_stream_can_be_sent(site: Site, tab: Page) -> None:
    firmware = await asyncio.to_thread(site.world.firmware)
    attempt = site.world.order(site.world.device("hall"), firmware, offered=False)
    await tab.goto(f"{site.url}/deployment/{attempt.id}")
    await live(tab)
    word = await tab.locator("main input[name=word]").first.input_value()
    await tab.evaluate(
        "document.querySelectorAll('main input[name=word]').forEach(each => each.setAttribute('value', 'old'))"
    )
    for channel, _ in site.world.app.state.hub._channels.values():
        channel.shown = {}  # the next message holds every part
    site.world.bus.say("deployment", id=attempt.id, device_pk=attempt.device_pk)
    await expect(tab.locator("main input[name=word]").first).to_have_value(word)
    await tab.click("main form[action*='/deployment/'] button")
    await expect(tab.locator("main")).to_contain_text("cancelled")


async def test_when_the_broker_is_lost_every_page_says_so_and_values_show_their_age(
    site: Site, tab: Page
) -> None:
    site.world.device("hall")
    for path in ("/device/hall", "/login"):
        site.world.broker = BrokerStatus(connected=True, address="127.0.0.1:1883", since=time.time())
        await tab.goto(site.url + path)
        await live(tab)
        assert await tab.locator("body.stale").count() == 0
        leave(site)
        await expect(tab.locator("#banner")).to_contain_text(
            "No connection to the broker 127.0.0.1:1883 for 3 min"
        )
        await expect(tab.locator("body.stale")).to_have_count(1)


async def test_without_scripts_a_lost_broker_is_said_too(site: Site, bare_tab: Page) -> None:
    leave(site)
    await bare_tab.goto(site.url)
    assert "No connection to the broker" in await bare_tab.inner_text("#banner")
    assert await bare_tab.locator("body.stale").count() == 1


async def test_when_the_server_is_gone_the_page_says_so_and_comes_back_by_itself(
    site: Site, tab: Page, complaints: list[str]
) -> None:
    pk = site.world.device("hall")
    await tab.goto(site.url + "/log")
    await live(tab)
    await tab.context.set_offline(True)
    site.world.bus.say("stop")
    await expect(tab.locator("#offline")).to_be_visible()
    await tab.context.set_offline(False)
    happen(site, pk, "bela")
    await expect(tab.locator("main")).to_contain_text("bela", timeout=20_000)
    await expect(tab.locator("#offline")).to_be_hidden()
    complaints.clear()  # the browser tells of each attempt that failed


async def test_a_page_of_something_that_is_deleted_says_so(site: Site, tab: Page) -> None:
    pk = site.world.device("hall", state="lost")
    await tab.goto(site.url + "/device/hall")
    await live(tab)
    site.world.write(lambda c: devices.remove(c, pk))
    site.world.bus.say("device", device_pk=pk, state="gone")
    await expect(tab.locator("#over")).to_be_visible()
    assert len(await tab.inner_text("#over")) > 20


async def test_one_viewer_too_many_is_told_kindly(
    site: Site, tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "VIEWERS", 0)
    await tab.goto(site.url + "/log")
    await expect(tab.locator("#over")).to_contain_text("Too many people")
    assert await tab.locator("main h1").count() == 1


async def test_whose_session_has_ended_is_sent_to_the_login(
    make_site: MakeSite, tab: Page, complaints: list[str]
) -> None:
    site = await make_site(admin=True)
    await tab.goto(site.url + "/log")
    name, password = site.world.login
    await tab.fill("[name=name]", name)
    await tab.fill("[name=password]", password)
    await tab.click("main button")
    await live(tab)
    await tab.context.clear_cookies()
    site.world.bus.say("stop")
    await tab.wait_for_url("**/login**")
    complaints.clear()  # the browser tells of the 401


async def test_open_details_and_the_focus_stay_when_the_page_changes(site: Site, tab: Page) -> None:
    pk = site.world.device("hall")
    await tab.goto(site.url + "/device/hall")
    await live(tab)
    details = tab.locator("main details").first
    await details.evaluate("each => { each.open = true; each.querySelector('summary').focus(); }")
    site.world.write(lambda c: devices.save(c, [{**_row(devices.row(c, pk)), "signal": 33.0}]))
    site.world.bus.say("device", device_pk=pk)
    await expect(tab.locator("main")).to_contain_text("33 %")
    assert await details.evaluate("each => each.open") is True
    assert await tab.evaluate("document.activeElement.tagName") == "SUMMARY"


def _row(found: dict[str, object] | None) -> dict[str, object]:
    assert found is not None
    return {name: value for name, value in found.items() if name not in ("addresses", "dialect")}


async def test_ages_go_on_and_clocks_are_those_of_the_reader(site: Site, visit: Visit) -> None:
    page = await visit(timezone_id="Asia/Tokyo")
    pk = site.world.device("hall")
    await page.goto(site.url + "/log")
    await live(page)
    happen(site, pk, "anna")
    clock = page.locator("main time[data-clock]").first
    await expect(clock).to_be_visible()
    at = await clock.get_attribute("datetime")
    hour = (int((at or "")[11:13]) + 9) % 24
    assert f"{hour:02}:" in await clock.inner_text()
    assert "Asia/Tokyo" in (await clock.get_attribute("title") or "")


async def test_the_colours_can_be_chosen_and_are_remembered(site: Site, bare_tab: Page) -> None:
    await bare_tab.goto(site.url + "/log")
    await bare_tab.click("footer >> text=dark")
    assert await bare_tab.evaluate_handle("document.documentElement") is not None
    await bare_tab.goto(site.url + "/firmware")
    assert await bare_tab.locator("html[data-theme=dark]").count() == 1


async def test_keys_are_told_and_never_taken_from_who_types(site: Site, tab: Page) -> None:
    await tab.goto(site.url + "/login")
    await tab.evaluate("window.pressed = 0; keys.add('z', () => window.pressed++, 'count')")
    await tab.fill("[name=name]", "")
    await tab.focus("[name=name]")
    await tab.keyboard.type("z?")
    assert await tab.evaluate("window.pressed") == 0
    assert await tab.input_value("[name=name]") == "z?"
    await tab.evaluate("document.activeElement.blur()")
    await tab.keyboard.press("z")
    await tab.keyboard.press("Control+z")
    assert await tab.evaluate("window.pressed") == 1
    await tab.keyboard.press("?")
    assert "count" in await tab.inner_text("#keys")


async def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(site: Site, tab: Page) -> None:
    await tab.goto(site.url + "/firmware")
    await tab.keyboard.press("Tab")
    assert await tab.evaluate("document.activeElement.className") == "skip"
    await tab.keyboard.press("Enter")
    assert await tab.evaluate("document.activeElement.id") == "main"
    await tab.keyboard.press("Tab")
    inside = "document.activeElement.closest('main') !== null && getComputedStyle(document.activeElement).outlineStyle"
    assert await tab.evaluate(inside) not in ("none", False)
