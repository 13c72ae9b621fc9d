"""What axe-core finds wrong with a page, in a few words each."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page


async def complaints(page: Page) -> list[str]:
    """Every violation with the first elements that have it."""
    found = await Axe().run(page)
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:150] for node in each['nodes'][:3]]}"
        for each in found.response["violations"]
    ]
