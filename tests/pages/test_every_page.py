"""Every page of the site: with and without scripts, in both colours, on a phone, for people who cannot see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page, Request
from starlette.routing import Mount, Route

from pages import axe
from pages.conftest import MakeSite
from pages.every import FAILING, NOT_PAGES, PAGES, PERSONAL
from pages.home import furnish
from pages.site import PHONE, Site, live
from web.world import Server, World

ADDRESSES = [address for addresses in PAGES.values() for address in addresses]
FIRST_VISIT = 120 * 1024
PUSHED = """
[...document.querySelectorAll(".wide")]
  .filter((each) => each.querySelector("td.text:not(:empty)") && each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.getAttribute("aria-label"))
"""
"""Tables with sentences that are wider than the page."""
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One home for all tests of this module; none of them changes it."""
    folder: Path = tmp_path_factory.mktemp("home")
    world = World(folder, {})
    await asyncio.to_thread(furnish, world, time.time())
    async with Server(world) as server:
        yield Site(world, server)
    world.close()


def leave_out_what_was_meant(complaints: list[str], address: str) -> None:
    """A browser tells of every status that is an error, meant or not."""
    if address in FAILING:
        complaints[:] = [each for each in complaints if "status of 4" not in each]


async def test_every_route_that_answers_with_a_page_is_in_the_list(home: Site) -> None:
    routes = home.world.app.routes
    found = {each.path for each in routes if isinstance(each, Route) and "GET" in (each.methods or {"GET"})}
    found |= {each.path for each in routes if isinstance(each, Mount)}
    assert found - NOT_PAGES == set(PAGES) | set(PERSONAL)
    assert found >= NOT_PAGES


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_page_is_small_fits_a_phone_and_is_right_for_people_who_cannot_see_it(
    home: Site, tab: Page, complaints: list[str], address: str
) -> None:
    finished: list[Request] = []
    tab.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - it wants a real function
    answer = await tab.goto(home.url + address)
    assert answer is not None
    assert (answer.status == 200) is (address not in FAILING)
    await live(tab)
    assert await transferred(finished) <= FIRST_VISIT, [each.url for each in finished]
    await look_at(tab)
    leave_out_what_was_meant(complaints, address)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_page_can_be_read_without_scripts_and_from_its_outline(
    home: Site, bare_tab: Page, address: str, complaints: list[str]
) -> None:
    await bare_tab.goto(home.url + address)
    assert len(await bare_tab.inner_text("main")) > 20
    assert await bare_tab.locator("#offline").is_hidden()
    for landmark in ("header", "main", "footer"):
        assert await bare_tab.locator(f"body > {landmark}").count() == 1, landmark
    tags = await bare_tab.locator("h1, h2, h3, h4").evaluate_all("all => all.map(each => each.tagName)")
    levels = [int(each[1]) for each in tags]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), tags
    leave_out_what_was_meant(complaints, address)


@pytest.mark.parametrize("address", [each for addresses in PERSONAL.values() for each in addresses])
async def test_pages_of_people_who_logged_in_are_right_for_all_of_them(
    make_site: MakeSite, tab: Page, address: str
) -> None:
    site = await make_site(admin=True)
    name, password = site.world.login
    await tab.goto(site.url + address)
    await tab.fill("[name=name]", name)
    await tab.fill("[name=password]", password)
    await tab.click("main button")
    await tab.wait_for_url("**" + address)
    await live(tab)
    await look_at(tab)


async def look_at(tab: Page) -> None:
    """Everything that can be seen, in both colours, and as wide as a phone."""
    await tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for scheme in SCHEMES:
        await tab.emulate_media(color_scheme=scheme)
        assert await axe.complaints(tab) == [], scheme
    await tab.set_viewport_size(PHONE)
    assert await tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await tab.evaluate(PUSHED) == [], "a sentence that has to be pushed into sight is not read"


async def transferred(finished: list[Request]) -> int:
    """All bytes that came, heads of answers included."""
    sizes = [await each.sizes() for each in finished]
    return sum(each["responseHeadersSize"] + each["responseBodySize"] for each in sizes)
