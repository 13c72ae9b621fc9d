"""Uploads and pages of firmware in a real browser, also with its JavaScript switched off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from homie_ota.simulator.images import make_image
from homie_ota.store import firmware as firmwares
from servers import Chromium
from web.browser import Tab
from web.test_browser import BLOCKED
from web.world import Server, World

READY = "document.readyState === 'complete'"


def choose(tab: Tab, path: Path) -> None:
    """Choose a file in the form to upload, as a person does."""
    document = tab._ask("DOM.getDocument")["root"]["nodeId"]
    node = tab._ask("DOM.querySelector", nodeId=document, selector="#upload input[type=file]")["nodeId"]
    tab._ask("DOM.setFileInputFiles", files=[str(path)], nodeId=node)


def type_in(tab: Tab, name: str, text: str) -> None:
    tab.run(f"document.querySelector('#upload [name={name}]').value = {text!r}")


def go(tab: Tab, url: str) -> None:
    """Load a page; `Tab.open` waits for an event, which no page has whose scripts are switched off."""
    tab._ask("Page.navigate", url=url)
    tab.wait_for(f"location.href === {url!r} && {READY}")


def press(tab: Tab, selector: str, condition: str) -> str:
    """Press a button and wait for the page that follows; its text."""
    tab.run(f"document.querySelector({selector!r}).click()")
    tab.wait_for(f"{condition} && {READY}")
    return str(tab.run("document.body.innerText"))


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_refused_image_is_stored_with_a_reason_and_sent_with_one_click(
    world: World, chromium: Chromium, tmp_path: Path, scripts: bool
) -> None:
    path = tmp_path / "lamp.bin"
    path.write_bytes(make_image("lamp", "2.0.0")[:-16])
    world.device("hall")

    def work(url: str) -> None:
        with Tab(chromium) as tab:
            tab._ask("Emulation.setScriptExecutionDisabled", value=not scripts)
            go(tab, f"{url}/firmware")
            choose(tab, path)
            type_in(tab, "description", "for the hall")
            refused = press(tab, "#upload button", "document.title.startsWith('Not stored')")
            assert "This image is cut off" in refused
            assert tab.run("document.querySelector('[name=description]').value") == "for the hall"
            choose(tab, path)
            # Without a reason the browser itself does not send the form.
            assert tab.run("document.querySelector('#upload').checkValidity()") is False
            type_in(tab, "override", "it runs on my desk")
            stored = press(tab, "#upload button", "location.search.startsWith('?uploaded')")
            assert "because: it runs on my desk" in stored
            go(tab, f"{url}/device/hall")
            asked = press(tab, "main form button", "location.pathname === '/update'")
            assert "Update anyway: 2 warnings" in asked
            assert "This image is cut off" in asked
            assert "queued" in press(tab, "button.go", "location.pathname.startsWith('/deployment/')")

    async with Server(world) as server:
        await asyncio.to_thread(work, server.url)
    (image,) = world.read(firmwares.find)
    assert (image.override, image.description) == ("it runs on my desk", "for the hall")
    assert world.deployment(1).sha256 == image.sha256


async def test_a_person_prunes_compares_and_deletes_by_clicking(
    make_world: Callable[..., World], chromium: Chromium
) -> None:
    world = make_world(http={"base_path": "/homie-ota"})
    images = [await asyncio.to_thread(world.firmware, "lamp", version) for version in ("1.0", "1.1", "1.2")]

    def work(url: str) -> None:
        with Tab(chromium) as tab:
            tab.open(f"{url}/firmware/{images[2].filename}")
            compared = press(tab, "form[action$=compare] button", "location.pathname.endsWith('/compare')")
            assert "version" in compared
            tab.open(f"{url}/firmware/prune?keep=2")
            gone = press(tab, "button.bad", "location.search.startsWith('?pruned')")
            assert "1 image was deleted." in gone
            tab.open(f"{url}/firmware/{images[1].filename}")
            tab.run("document.querySelectorAll('details').forEach(each => each.open = true)")
            press(tab, "button.bad", "location.pathname.endsWith('/firmware')")

    async with Server(world) as server:
        await asyncio.to_thread(work, f"{server.url}/homie-ota")
    assert world.read(firmwares.find) == [images[2]]


async def test_no_page_of_firmware_breaks_the_policy_or_the_width_of_a_phone(
    world: World, chromium: Chromium
) -> None:
    a = await asyncio.to_thread(world.firmware, "a-lamp-with-a-name-as-long-as-it", "2.0.0")
    b = await asyncio.to_thread(world.firmware, "lamp", "2.0.0", size=60_000)
    for number in range(30):
        world.device(
            f"a-device-with-a-long-name-{number:02}", implementation="esp32" if number % 2 else "esp8266"
        )
    world.images.left_alone = [("page-1.0.bin", "this is an HTML page saved under this name. " * 3)]
    paths = [
        "/firmware",
        f"/firmware/{a.filename}",
        f"/firmware/compare?a={a.sha256}&b={b.sha256}",
        "/firmware/prune?keep=1",
    ]

    def work(url: str) -> None:
        with Tab(chromium) as tab:
            tab._ask(
                "Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True
            )
            for path in paths:
                tab.open(url + path)
                assert tab.run(BLOCKED) == [], path
                tab.run("document.querySelectorAll('details').forEach(each => each.open = true)")
                # A phone makes the page smaller where it does not fit: its own width tells nothing.
                assert tab.run("document.documentElement.scrollWidth") <= 360, path

    async with Server(world) as server:
        await asyncio.to_thread(work, server.url)
