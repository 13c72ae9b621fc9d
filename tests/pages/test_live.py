"""Live pages in a real browser: what happens is seen without loading the page again."""

from __future__ import annotations

import time

from playwright.async_api import Page

from homie_ota.store import events
from pages.site import Site, live


async def test_what_happens_is_seen_in_a_page_that_is_open(site: Site, tab: Page) -> None:
    pk = site.world.device("hall")
    await tab.goto(site.url + "/log")
    await live(tab)
    await tab.evaluate("window.untouched = true")
    site.world.write(lambda c: events.add(c, "device", at=time.time(), device_pk=pk, actor="anna"))
    site.world.bus.say("device", device_pk=pk)
    await tab.wait_for_selector("#log a")
    assert "anna" in await tab.inner_text("#log")
    assert await tab.evaluate("window.untouched") is True
