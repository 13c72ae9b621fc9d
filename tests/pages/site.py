"""An installation behind a real server, what a browser must never complain about, and waiting for the live stream."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Page, Request, ViewportSize

from web.world import Server, World

WIDTH: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}

NO_VIOLATIONS = """document.addEventListener("securitypolicyviolation",
    (event) => console.error(`policy broken: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""


@dataclass(frozen=True)
class Site:
    """An installation and the server in front of it."""

    world: World
    server: Server

    @property
    def url(self) -> str:
        """The address without a slash at its end: `site.url + "/log"`."""
        return self.server.url + self.world.settings.http.base_path


def watch(page: Page, complaints: list[str]) -> Page:
    """Write down everything that a page of ours must not do."""

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{page.url}: {message.text}")

    def request(asked: Request) -> None:
        if urlsplit(asked.url).hostname not in ("127.0.0.1", None):
            complaints.append(f"{page.url} asked {asked.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("request", request)
    return page


async def live(page: Page) -> None:
    """Wait until a page is connected to its stream."""
    await page.wait_for_selector("html[data-live]")
