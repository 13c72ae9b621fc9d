"""Takes a picture of every page into docs/screenshots/, in a home full of devices; `ARGS="device log"` for some.

Rule: what is shown is what `tests/pages/home.py` makes, so pictures change only when pages do. A picture is at most
150 KB: the README and the documents show them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser, StorageState, ViewportSize, async_playwright

from pages.home import furnish
from pages.site import PHONE
from servers import find_program
from smallpng import smaller
from web.world import Server, World

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
SCREEN: ViewportSize = {"width": 1200, "height": 760}
TALLEST = 1500
MOST_BYTES = 150_000


AS_USUAL: dict[str, Any] = {}


class Shot(NamedTuple):
    """One picture; `do` are things to do before: `press x`, `click SELECTOR`, `open` (all details)."""

    name: str
    path: str
    do: tuple[str, ...] = ()
    options: dict[str, Any] = AS_USUAL


DARK: dict[str, Any] = {"color_scheme": "dark"}
SMALL: dict[str, Any] = {"viewport": PHONE, "is_mobile": True, "has_touch": True}

SHOTS = (
    Shot("inventory", "/"),
    Shot("inventory-dark", "/", (), DARK),
    Shot("inventory-phone", "/", (), SMALL),
    Shot("inventory-query", "/?q=fw:lamp+signal:<50"),
    Shot("inventory-strip", "/?q=fw:lamp", ("press j", "press x", "press j", "press x", "press u")),
    Shot("act", "/act?device=homie~stairs-lamp&device=homie~hall-lamp&firmware=lamp@2.0.1"),
    Shot("device", "/device/attic-air"),
    Shot("device-dark", "/device/attic-air", (), DARK),
    Shot("device-phone", "/device/hall-lamp", (), SMALL),
    Shot("device-updating", "/device/desk-lamp"),
    Shot("device-failed", "/device/porch-lamp"),
    Shot("deployment", "/deployment/9"),
    Shot("deployment-failed", "/deployment/7"),
    Shot("deployments", "/deployments"),
    Shot("update", "/update?device=hall-lamp&firmware=lamp@2.1.0"),
    Shot("firmware", "/firmware"),
    Shot("image", "/firmware/lamp-2.0.1.bin"),
    Shot("compare", "/firmware/compare?a=lamp@2.0.0&b=lamp@2.0.1"),
    Shot("prune", "/firmware/prune?keep=1"),
    Shot("rollouts", "/rollouts"),
    Shot("rollout", "/rollouts/2"),
    Shot("rollout-harm", "/rollouts/3"),
    Shot("rollout-done", "/rollouts/1"),
    Shot("rollout-new", "/rollouts/new?query=fw:lamp&firmware=lamp@2.0.1"),
    Shot("story", "/rollouts/1/story"),
    Shot("log", "/log"),
    Shot("removed", "/removed"),
    Shot("knocking", "/knocking"),
    Shot("first-steps", "/first-steps"),
    Shot("login", "/login"),
    Shot("account", "/account"),
    Shot("people", "/people"),
    Shot("health", "/health"),
    Shot("api", "/api/v1/docs"),
)


async def log_in(browser: Browser, url: str, name: str, password: str) -> StorageState:
    """The cookies of somebody who may do everything."""
    page = await browser.new_page()
    await page.goto(f"{url}/login")
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", password)
    await page.click("main button")
    found = await page.context.storage_state()
    await page.close()
    return found


async def take(browser: Browser, url: str, shot: Shot, session: StorageState) -> tuple[int, bool]:
    """One picture; its bytes, and whether the page answered as it should."""
    context = await browser.new_context(
        **{"viewport": SCREEN, "timezone_id": "Europe/Berlin", **shot.options, "storage_state": session}
    )
    page = await context.new_page()
    answer = await page.goto(url + shot.path)
    await page.wait_for_timeout(400)
    for what in shot.do:
        verb, _, about = what.partition(" ")
        await (page.keyboard.press(about) if verb == "press" else page.click(about))
        await page.wait_for_timeout(250)
    height = min(TALLEST, int(await page.evaluate("document.documentElement.scrollHeight")))
    width = shot.options.get("viewport", SCREEN)["width"]
    await page.set_viewport_size({"width": width, "height": height})  # so that what is fixed is at the end
    await page.wait_for_timeout(150)
    image = await page.screenshot()
    await page.goto("about:blank")
    image = await smaller(page, image)
    (FOLDER / f"{shot.name}.png").write_bytes(image)
    await context.close()
    return len(image), answer is not None and answer.ok


async def main(names: list[str]) -> int:
    """Take those that are named, or all; 1 when one is too large or its page failed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="homie-ota-screenshots-") as folder:
        world = World(Path(folder), {"auth": {"mode": "password"}}, admin=True)
        await asyncio.to_thread(furnish, world, time.time())
        program = find_program("chromium", "chromium-browser", package="chromium")
        async with Server(world) as server, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-lcd-text"]
            )
            session = await log_in(browser, server.url, *world.login)
            for shot in SHOTS:
                if not names or shot.name in names:
                    size, is_good = await take(browser, server.url, shot, session)
                    word = "" if is_good else "FAILED" if size <= MOST_BYTES else "TOO LARGE"
                    failed += bool(word) or size > MOST_BYTES
                    print(f"{shot.name:20} {size / 1000:4.0f} KB {word}")
            await browser.close()
        world.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
