"""The list of devices in a real browser: by keyboard, live without rows that jump, in two at once, without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from homie_ota.model import Firmware
from homie_ota.store import devices, marks, memberships, naming, rollouts
from homie_ota.store.database import Connection
from pages import axe, fleet
from pages.site import Site, live

Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
async def furnished(site: Site) -> tuple[Firmware, Firmware]:
    """Forty devices in as many situations: the image that lamps run, and the one that they should get."""
    return await asyncio.to_thread(fleet.furnish, site.world)


async def _press(tab: Page, keys: str) -> None:
    for key in keys:
        await tab.keyboard.press(key)


async def _ids(tab: Page) -> list[str]:
    return await tab.eval_on_selector_all("#devices tr", "rows => rows.map(each => each.id)")  # type: ignore[no-any-return]


async def _say(site: Site, pk: int, **columns: object) -> None:
    """A device changed, as the ingest writes and says it."""

    def write(conn: Connection) -> None:
        row = devices.row(conn, pk)
        assert row is not None
        row.pop("addresses")
        kept = {name: value for name, value in row.items() if name not in ("pinned_until", "pin_reason")}
        devices.save(conn, [{**kept, **columns}])

    await site.world.database.write(write)
    site.world.bus.say("device", device_pk=pk)


async def test_from_a_query_to_a_started_update_without_a_mouse(
    site: Site, tab: Page, furnished: tuple[Firmware, Firmware]
) -> None:
    _, new = furnished
    await tab.goto(site.url)
    await _press(tab, "/")
    await tab.keyboard.type("fw:plug signal:>0 -id:attic-plug")
    await tab.keyboard.press("Enter")
    await tab.wait_for_url("**q=fw*")
    await _press(tab, "jxjxjx")
    await expect(tab.locator("tr.chosen")).to_have_count(3)
    await _press(tab, "u")
    await expect(tab.locator("#strip select[name=firmware]")).to_be_focused()
    await tab.keyboard.type(f"lamp {new.version}")
    await expect(tab.locator("#strip .tally")).to_contain_text("3 change.")
    await expect(tab.locator("#strip select[name=firmware]")).to_have_value(new.sha256)
    for _ in range(4):
        if await tab.evaluate("document.activeElement.matches('#strip button.go')"):
            break
        await tab.keyboard.press("Tab")
    said = await tab.inner_text("#strip .tally b")
    await tab.keyboard.press("Enter")
    await tab.wait_for_url("**/rollouts/*")
    (made, *_) = site.world.read(lambda c: rollouts.find(c, limit=1))
    assert said == "3 change."
    assert made.sha256 == new.sha256


async def test_the_numbers_of_the_strip_are_what_then_happens(
    site: Site, tab: Page, furnished: tuple[Firmware, Firmware]
) -> None:
    _, new = furnished
    await tab.goto(site.url + "/?q=id:hall-lamp,shed-lamp,tower-lamp,dark-lamp&sort=id")
    await _press(tab, "jxjxjxjxu")
    await tab.select_option("#strip select[name=firmware]", new.sha256)
    await expect(tab.locator("#strip .tally b")).to_have_text(
        "2 change, 1 already runs it, 1 no: updates are off in its configuration."
    )
    await tab.click("#strip button.go:has-text('Start with')")
    await tab.wait_for_url("**/rollouts/*")
    (made, *_) = site.world.read(lambda c: rollouts.find(c, limit=1))
    assert _members(site, made.id) == {"shed-lamp", "tower-lamp"}


def _members(site: Site, number: int) -> set[str]:
    def read(conn: Connection) -> set[str]:
        found, _ = memberships.page(conn, number, outcome="", limit=100, after=0)
        names = naming.devices(conn, [each.device_pk for each in found])
        return {names[each.device_pk][1] for each in found if each.wave >= 0}

    return site.world.read(read)


async def test_cells_change_in_place_and_rows_stay_until_asked(site: Site, tab: Page) -> None:
    pks = [await asyncio.to_thread(site.world.device, f"lamp-{letter}") for letter in "abcd"]
    await tab.goto(site.url)
    await live(tab)
    before = await _ids(tab)
    where = await tab.locator(f"#row-{pks[2]}").bounding_box()
    await _press(tab, "jx")
    await _say(site, pks[3], state="alert", state_since=site.world.shell.clock())
    await expect(tab.locator(f"#row-{pks[3]} .state")).to_have_text("alert")
    await expect(tab.locator("#summary")).to_contain_text("1 NEEDS YOU")
    assert await _ids(tab) == before
    await expect(tab.locator("#moves")).to_contain_text("1 moved")
    await expect(tab.locator(f"#row-{pks[0]} input")).to_be_checked()
    new = await asyncio.to_thread(site.world.device, "lamp-e")
    site.world.bus.say("device", device_pk=new)
    await expect(tab.locator("#moves")).to_contain_text("1 moved, 1 new")
    assert await _ids(tab) == before
    assert await tab.locator(f"#row-{pks[2]}").bounding_box() == where
    await _press(tab, "r")
    await expect(tab.locator("#devices tr").first).to_have_attribute("id", f"row-{pks[3]}")
    await expect(tab.locator("#moves")).to_be_hidden()
    await expect(tab.locator(f"#row-{pks[0]} input")).to_be_checked()
    await expect(tab.locator("#devices tr")).to_have_count(5)


async def test_what_leaves_the_filter_stays_where_it_is_and_says_so(site: Site, tab: Page) -> None:
    pks = [await asyncio.to_thread(site.world.device, f"lamp-{letter}") for letter in "ab"]
    await tab.goto(site.url + "/?q=state:ready")
    await live(tab)
    await _say(site, pks[0], state="lost")
    await expect(tab.locator("#moves")).to_contain_text("1 gone from here")
    await expect(tab.locator(f"#row-{pks[0]}")).to_have_class("gone")
    await _press(tab, "r")
    await expect(tab.locator("#devices tr")).to_have_count(1)


async def test_two_browsers_see_what_one_of_them_does(site: Site, visit: Visit) -> None:
    pk = await asyncio.to_thread(site.world.device, "lamp-a")
    await asyncio.to_thread(site.world.device, "lamp-b")
    one, two = await visit(), await visit()
    for tab in (one, two):
        await tab.goto(site.url + "/?cols=state,id,tags,next")
        await live(tab)
    await _press(one, "jxjxu")
    await one.click("#strip .more summary")
    await one.fill("#strip input[name=tag]", "attic")
    await one.click("#strip button[value=tag]")
    await expect(one.locator("#strip")).to_contain_text("Tagged: 2 devices.")
    await expect(two.locator(f"#row-{pk}")).to_contain_text("attic")
    await two.click(f"#row-{pk} input")
    await _press(two, "u")
    await two.click("#strip .more summary")
    await two.fill("#strip input[name=reason]", "guests")
    await two.click("#strip form:has(input[value=pin]) button")
    await expect(one.locator(f"#row-{pk}")).to_contain_text("(guests)")
    pin = site.world.read(lambda c: marks.pin_of(c, pk, site.world.shell.clock()))
    assert pin is not None
    assert pin.reason == "guests"
    await expect(one.locator(f"#row-{pk} input")).to_be_checked()


async def test_columns_and_saved_filters_work_without_scripts(site: Site, bare_tab: Page) -> None:
    await asyncio.to_thread(site.world.device, "hall-lamp", ip="10.0.0.9")
    await asyncio.to_thread(site.world.device, "plug")
    await bare_tab.goto(site.url + "/?q=hall")
    await bare_tab.click("summary:has-text('Columns')")
    await bare_tab.check("input[value=ip]")
    await bare_tab.uncheck("input[value=back]")
    await bare_tab.click("button:has-text('Show these')")
    assert "10.0.0.9" in await bare_tab.inner_text("#devices")
    await bare_tab.click("summary:has-text('Save this view')")
    await bare_tab.fill("input[name=name]", "the hall")
    await bare_tab.click("details button:has-text('Save')")
    await bare_tab.goto(site.url)  # the columns are remembered
    assert "Way back" not in await bare_tab.inner_text("thead")
    await bare_tab.click("nav[aria-label='Saved filters'] a")
    await expect(bare_tab.locator("#devices tr")).to_have_count(1)
    await bare_tab.click("summary:has-text('Save this view')")
    await bare_tab.click("button:has-text('delete')")
    await expect(bare_tab.locator("nav[aria-label='Saved filters']")).to_have_count(0)


async def test_an_update_is_started_without_scripts(site: Site, bare_tab: Page) -> None:
    image = await asyncio.to_thread(site.world.firmware, "lamp", "2.0.0")
    for name in ("attic", "hall"):
        await asyncio.to_thread(site.world.device, name)
    await bare_tab.goto(site.url)
    for each in await bare_tab.locator("#devices input").all():
        await each.check()
    await bare_tab.click("#act")
    await bare_tab.select_option("select[name=firmware]", image.sha256)
    await bare_tab.click("button:has-text('Look')")
    assert "2 change." in await bare_tab.inner_text("#strip")
    await bare_tab.click("button.go")
    await bare_tab.wait_for_url("**/rollouts/*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_list_and_its_strip_are_for_everybody(
    site: Site, visit: Visit, furnished: tuple[Firmware, Firmware], scheme: str
) -> None:
    tab = await visit(color_scheme=scheme)
    await tab.goto(site.url)
    await _press(tab, "jxjxu")
    await tab.select_option("#strip select[name=firmware]", furnished[1].sha256)
    await expect(tab.locator("#strip .tally")).to_be_visible()
    await tab.click("#strip .more summary")
    assert await axe.complaints(tab) == []


async def test_without_the_broker_every_value_shows_its_age(site: Site, tab: Page) -> None:
    await asyncio.to_thread(site.world.device, "hall", last_seen=site.world.shell.clock() - 90)
    await tab.goto(site.url)
    await live(tab)
    await expect(tab.locator("#devices .aged").first).to_be_hidden()
    site.world.broker = replace(site.world.broker, connected=False)
    site.world.bus.say("broker", connected=False)
    await expect(tab.locator("#banner")).to_contain_text("No connection to the broker")
    await expect(tab.locator("#devices .aged").first).to_be_visible()
