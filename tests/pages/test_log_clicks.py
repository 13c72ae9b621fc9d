"""The live tail of the log, health and the first steps in a real browser."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

from playwright.async_api import Page, expect

from homie_ota.store import events
from homie_ota.web import log_pages
from homie_ota.web.shell import BrokerStatus, Door
from pages.site import Site, live
from web.world import World


async def happen(world: World, *words: str) -> None:
    def write(conn: Any) -> None:
        for word in words:
            events.add(conn, "thing", at=time.time(), data={"text": f"says {word}"})

    await asyncio.to_thread(world.write, write)
    world.bus.say("device")


async def test_what_happens_appears_at_the_top(site: Site, tab: Page) -> None:
    await happen(site.world, "one")
    await tab.goto(f"{site.url}/log")
    await live(tab)
    await expect(tab.locator("#tail-status")).to_contain_text("New events appear here")
    await happen(site.world, "two")
    await expect(tab.locator("#tail tbody tr")).to_have_count(2)
    await expect(tab.locator("#tail tbody tr").first).to_contain_text("says two")


async def test_nothing_moves_under_the_pointer_and_what_is_new_is_counted(site: Site, tab: Page) -> None:
    await happen(site.world, "one")
    await tab.goto(f"{site.url}/log")
    await live(tab)
    await tab.hover("#tail tbody tr")
    await happen(site.world, "two", "three")
    status, rows = tab.locator("#tail-status button"), tab.locator("#tail tbody tr")
    await expect(status).to_have_text("2 new: show them")
    await expect(rows).to_have_count(1)
    await happen(site.world, "four")
    await expect(status).to_have_text("3 new: show them")
    await tab.keyboard.press("n")
    await expect(rows).to_have_count(4)
    await expect(rows.first).to_contain_text("says four")
    await expect(tab.locator("#tail-status button")).to_have_count(0)


async def test_who_scrolled_down_is_not_disturbed_until_they_come_back(site: Site, tab: Page) -> None:
    await happen(site.world, *map(str, range(80)))
    await tab.goto(f"{site.url}/log")
    await live(tab)
    await tab.evaluate("scrollTo(0, 900)")
    await happen(site.world, "late")
    status = tab.locator("#tail-status button")
    await expect(status).to_have_text("1 new: show them")
    await expect(status).to_be_in_viewport()
    await status.click()
    await expect(tab.locator("#tail tbody tr").first).to_contain_text("says late")
    assert await tab.evaluate("scrollY") == 0


async def test_a_filter_and_older_pages_work_without_scripts(
    site: Site, bare_tab: Page, monkeypatch: Any
) -> None:
    monkeypatch.setattr(log_pages, "A_PAGE", 2)
    await happen(site.world, "a", "b", "c")
    await bare_tab.goto(f"{site.url}/log")
    await bare_tab.fill("[name=since]", "1h")
    await bare_tab.click("form[role=search] button")
    assert "since=1h" in bare_tab.url
    await bare_tab.click("text=older")
    assert await bare_tab.locator("#tail tbody tr").count() == 1
    assert "says a" in await bare_tab.inner_text("#tail")
    await bare_tab.click("text=Who did what")
    await bare_tab.click("text=Check the chain")
    assert "The chain is whole" in await bare_tab.inner_text("main")


async def test_health_changes_while_it_is_looked_at(site: Site, tab: Page) -> None:
    await tab.goto(f"{site.url}/health")
    await live(tab)
    site.world.broker = BrokerStatus(
        connected=False, address="10.0.0.2:1883", since=time.time(), last_error="refused"
    )
    site.world.bus.say("broker", connected=False)
    await expect(tab.locator("#vitals .verdict.bad").first).to_have_text("BAD")
    await expect(tab.locator("#vitals")).to_contain_text("refused")


async def test_the_first_steps_are_done_one_by_one(site: Site, tab: Page) -> None:
    world = site.world
    world.broker = BrokerStatus(connected=False, since=time.time(), door=Door(host="10.0.0.9"))
    await tab.goto(f"{site.url}/first-steps")
    await live(tab)
    now = tab.locator("li[aria-current=step] b")
    await expect(now).to_have_text("A broker")
    world.broker = BrokerStatus(connected=True, since=time.time(), door=Door(host="10.0.0.9"))
    world.bus.say("broker", connected=True)
    await expect(now).to_have_text("A device")
    pk = await asyncio.to_thread(world.device, "hall")
    world.bus.say("device", device_pk=pk)
    await expect(now).to_have_text("A firmware")
    image = await asyncio.to_thread(world.firmware)
    world.bus.say("firmware", sha256=image.sha256)
    await expect(now).to_have_text("An update")


async def test_a_time_that_is_typed_is_one_of_the_readers_clock(site: Site, visit: Any) -> None:
    def write(conn: Any) -> None:
        for at in ("2026-11-23T08:00:00+00:00", "2026-11-23T09:00:00+00:00"):
            events.add(
                conn, "thing", at=datetime.fromisoformat(at).timestamp(), data={"text": f"at {at[11:16]}"}
            )

    await asyncio.to_thread(site.world.write, write)
    tab = await visit(timezone_id="Asia/Kolkata")
    await tab.goto(f"{site.url}/log")
    await tab.fill("input[name=until]", "2026-11-23 14:00")  # 08:30 in UTC
    await tab.click("form[role=search] button")
    await expect(tab.locator("#tail tbody tr")).to_have_count(1)
    await expect(tab.locator("#tail tbody")).to_contain_text("at 08:00")
    await expect(tab.locator("input[name=until]")).to_have_value("2026-11-23 14:00+05:30")
