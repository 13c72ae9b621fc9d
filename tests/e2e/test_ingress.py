"""Pages inside Home Assistant: its ingress takes the prefix off and names it in a header; every link has to have it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin

import httpx

from e2e.serving import PLAIN, Server, first, fleet_of, until
from homie_ota.simulator.fleet import sample_image
from servers import Mosquitto

PREFIX = "/api/hassio_ingress/Tok_en-1"
HEADERS = {
    "X-Ingress-Path": PREFIX,
    "X-Forwarded-For": "192.168.1.9, 172.30.32.1",
    "X-Forwarded-Host": "abc.ui.example.net",
    "X-Forwarded-Proto": "https",
    "X-Remote-User-Name": "admin",
    "Accept": "text/html",
    "Sec-Fetch-Site": "same-origin",
}
ADDON = {"http__trusted_proxies": "127.0.0.1,172.30.32.1", "http__allowed_hosts": "*"}
LINK = re.compile(r'\s(?:href|src|action|formaction|hx-[a-z:-]*(?:get|post|connect))="([^"#][^"]*)"')


def browser(server: Server) -> httpx.AsyncClient:
    """A browser behind the ingress: a client that says what the ingress says, with the paths that it leaves."""
    return httpx.AsyncClient(base_url=server.url, headers=HEADERS, **PLAIN)


def inside(link: str) -> str:
    """The path that the ingress hands on for an address of a page; a failure where it leads out of the frame."""
    path = urljoin(f"{PREFIX}/", link)
    assert path.startswith(f"{PREFIX}/"), f"{link} leads out of the ingress"
    return path.removeprefix(PREFIX)


def links(page: str) -> set[str]:
    """The addresses in a page, but those of other sites."""
    found = {unescape(each) for each in LINK.findall(page)}
    return {each for each in found if not each.startswith(("https://", "http://", "data:", "mailto:"))}


async def test_every_link_form_and_stream_of_the_pages_stays_inside(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ADDON).up()
    async with fleet_of(mosquitto.url, "v3") as fleet, browser(server) as client:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        await server.upload(sample_image(kind, "2.0.0", "v3"))
        seen: set[str] = set()
        ahead = {"/", f"/device/homie~{device_id}", "/firmware", "/rollouts", "/log", "/health"}
        streams: set[str] = set()
        for _ in range(2):
            pages = {path: await client.get(path) for path in sorted(ahead - seen)}
            seen |= ahead
            for path, answer in pages.items():
                assert answer.status_code == 200, f"{path}: {answer.status_code}"
                assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
                if answer.headers["Content-Type"].startswith("text/html"):
                    ahead |= {inside(each) for each in links(answer.text)}
            streams |= {each for each in ahead if each.startswith("/live/")}
            # What changes something is not tried by following it, and a stream has no end.
            ahead = {each for each in ahead if not each.startswith(("/live/", "/logout", "/api/v1/events"))}
            ahead = {each for each in ahead if each.partition("?")[0] in READ or "/static/" in each}
        assert len(seen) > 10
        assert streams


READ = (
    "/",
    "/firmware",
    "/rollouts",
    "/log",
    "/health",
    "/account",
    "/rollouts/new",
    "/firmware/compare",
    "/deployments",
)
"""Pages that can be looked at by their address."""


async def test_a_page_inside_lives(make_server: Callable[..., Server], mosquitto: Mosquitto) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ADDON).up()
    async with fleet_of(mosquitto.url, "v3") as fleet, browser(server) as client:
        device_id, _ = first(fleet)
        await server.sees(device_id)
        page = (await client.get("/")).text
        (stream,) = [inside(each) for each in links(page) if "/live/" in each]
        heard: list[str] = []

        async def listen() -> None:
            async with client.stream("GET", stream, headers={"Accept": "text/event-stream"}) as answer:
                assert answer.status_code == 200
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                async for line in answer.aiter_lines():
                    heard.append(line)  # noqa: PERF401 - it is looked at meanwhile

        task = asyncio.create_task(listen())
        try:
            await asyncio.sleep(0.5)
            await fleet.power_off(device_id)
            await until(lambda: any(device_id in line for line in heard), "the page hears that it went")
            told = links("\n".join(heard))
            assert told, "what comes by the stream has links of its own"
            assert [each for each in told if not each.startswith(f"{PREFIX}/")] == []
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_who_logs_in_inside_stays_inside(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, "--auth", "password", **ADDON).up()
    (line,) = [each for each in server.log.splitlines() if each.startswith("first login: user admin")]
    async with browser(server) as client:
        asked = await client.get("/firmware")
        assert asked.status_code == 303
        form = await client.get(inside(asked.headers["Location"]))
        visit = cookie_of(form)
        (action,) = [inside(unescape(each)) for each in re.findall(r'action="([^"]*/login)"', form.text)]
        fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form.text))
        password = line.rpartition(" ")[2]
        done = await client.post(
            action,
            data={**fields, "name": "admin", "password": password},
            headers={"Origin": "https://abc.ui.example.net", "Cookie": visit},
        )
        assert done.status_code == 303, done.text
        assert inside(done.headers["Location"]) == "/firmware"
        assert (await client.get("/firmware", headers={"Cookie": cookie_of(done)})).status_code == 200


def cookie_of(answer: httpx.Response) -> str:
    """The cookie that a browser would send back. By hand, for it is one of the prefix, which this client takes off."""
    told = answer.headers["Set-Cookie"]
    assert re.search(rf"path={PREFIX}/?(;|$)", told, re.IGNORECASE), (
        f"Home Assistant would get it, too: {told}"
    )
    assert "httponly" in told.lower()
    return str(told.partition(";")[0])
