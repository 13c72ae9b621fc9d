"""Pages for fingers, for those who get dizzy, and for paper."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page

from pages.site import Site
from pages.test_every_page import home

__all__ = ["home"]

Visit = Callable[..., Awaitable[Page]]
LEAST = 24
"""Pixels that a finger needs each way (WCAG 2.2, 2.5.8)."""
PLACES = ("/", "/device/hall-lamp", "/firmware", "/rollouts/new", "/log", "/deployments")

SMALL = """() => [...document.querySelectorAll("button, select, summary, input:not([type=hidden])")]
  .filter((each) => each.checkVisibility())
  .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
  .filter(([, box]) => box.height && (box.width < LEAST || box.height < LEAST))
  .map(([text, box]) => `${Math.round(box.width)} × ${Math.round(box.height)}: ${text}`)""".replace(
    "LEAST", str(LEAST)
)


@pytest.mark.parametrize("place", PLACES)
async def test_what_a_finger_presses_is_large_enough(home: Site, visit: Visit, place: str) -> None:
    tab = await visit(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740})
    await tab.goto(home.url + place)
    assert await tab.evaluate(SMALL) == []


MOVES = """() => {
  const box = document.createElement("p");
  box.style.transition = "opacity 9s";
  document.body.append(box);
  return getComputedStyle(box).transitionDuration;
}"""


async def test_nothing_moves_for_who_asked_for_that(home: Site, visit: Visit) -> None:
    for wish, may_move in (("reduce", False), ("no-preference", True)):
        tab = await visit(reduced_motion=wish)
        await tab.goto(f"{home.url}/")
        assert (await tab.evaluate(MOVES) == "9s") is may_move


TO_PRESS = """() => [...document.querySelectorAll("button, input, header nav, footer .themes")]
  .filter((each) => each.checkVisibility()).length"""


@pytest.mark.parametrize("place", ["/", "/device/hall-lamp", "/rollouts/1/story"])
async def test_paper_gets_what_is_told_and_nothing_to_press(home: Site, visit: Visit, place: str) -> None:
    tab = await visit(color_scheme="dark")
    await tab.goto(home.url + place)
    await tab.emulate_media(media="print")
    assert await tab.evaluate(TO_PRESS) == 0
    assert await tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert await tab.locator("h1").is_visible()
