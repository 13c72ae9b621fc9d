"""A real browser for the tests of pages, and installations for it to look at.

`tab` is a page of a new visitor, `bare_tab` one whose JavaScript is off; both fail the test at its end when the
console showed an error, a script failed, the policy of the page was broken, or anything was asked of another host.
What a test means to go wrong it takes out of `complaints`. `site` is an installation behind a real server:
`site.world`, `site.url`. Wait by `expect(…)` and `wait_for_selector`: `wait_for_function` needs eval, which our pages
forbid.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from pages.site import NO_VIOLATIONS, WIDTH, Site, watch
from servers import find_program
from web.world import Server, World

MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the tests of a module; every test gets a visitor of its own.

    Not for the whole run: an async fixture keeps its event loop, and all tests after it would have to share that.
    """
    program = find_program("chromium", "chromium-browser", package="chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=program, args=flags)
        yield found
        await found.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about; a test that means it takes it out."""
    return []


@pytest.fixture
async def visit(browser: Browser, complaints: list[str]) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Make visitors: `await visit(java_script_enabled=False, color_scheme="dark", viewport=…)`, any context option."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> Page:
            context = await browser.new_context(**{"viewport": WIDTH, **options})
            stack.push_async_callback(context.close)
            context.set_default_timeout(15_000)
            await context.add_init_script(NO_VIOLATIONS)
            return watch(await context.new_page(), complaints)

        yield make
    assert complaints == []


@pytest.fixture
async def tab(visit: Callable[..., Awaitable[Page]]) -> Page:
    """A visitor with a wide screen."""
    return await visit()


@pytest.fixture
async def bare_tab(visit: Callable[..., Awaitable[Page]]) -> Page:
    """A visitor whose JavaScript is off."""
    return await visit(java_script_enabled=False)


@pytest.fixture
async def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeSite]:
    """Start installations: `await make_site(admin=True, http={"base_path": "/ota"})`; without login else."""
    monkeypatch.setattr("homie_ota.web.login.DELAY", 0.0)
    async with AsyncExitStack() as stack:

        async def make(*, admin: bool = False, **settings: Any) -> Site:
            if admin:
                settings.setdefault("auth", {"mode": "password"})
            world = World(tmp_path / f"site-{len(stack._exit_callbacks)}", settings, admin=admin)  # type: ignore[attr-defined]
            stack.callback(world.close)
            server = await stack.enter_async_context(Server(world))
            return Site(world, server)

        yield make


@pytest.fixture
async def site(make_site: MakeSite) -> Site:
    """An empty installation without login; fill it by `site.world.device(…)`, `pages.site.furnish(site.world)`."""
    return await make_site()
