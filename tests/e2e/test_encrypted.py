"""A real server with https, a port for devices alone, and a broker that asks for a certificate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from certificates import Authority
from e2e.serving import PATIENCE, Server
from servers import Mosquitto, unused_port, wait_until
from web.world import ESP


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


class Encrypted(Server):
    """A server whose pages are served by https."""

    def __init__(self, folder: Path, authority: Authority, *options: str, **settings: str) -> None:
        certificate, key = authority.issue("localhost", into="server")
        self.device_port = unused_port()
        told = {
            "http__tls_certificate": str(certificate),
            "http__tls_key": str(key),
            "http__device_port": str(self.device_port),
        }
        super().__init__(folder, *options, **{**told, **settings})
        self.options = ("--host", "127.0.0.1", "--port", str(self.port), *options)
        self.url = f"https://localhost:{self.port}"


@pytest.fixture
async def server(
    tmp_path: Path, authority: Authority, start_mosquitto: Callable[..., Mosquitto]
) -> AsyncIterator[Encrypted]:
    certificate, key = authority.issue("127.0.0.1", into="broker")
    broker = start_mosquitto(
        f"cafile {authority.ca_file}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true",
        "user root", "max_queued_messages 1000000",
    )  # fmt: skip
    ours = authority.issue("homie-ota", into="client")
    made = Encrypted(
        tmp_path / "server", authority, "--mqtt", f"mqtts://127.0.0.1:{broker.port}", "--auth", "none",
        mqtt__ca_file=str(authority.ca_file), mqtt__certificate_file=str(ours[0]), mqtt__key_file=str(ours[1]),
    )  # fmt: skip
    await made.up()
    yield made
    await made.down()


def shown(server: Encrypted, authority: Authority) -> str:
    """The serial number of the certificate that the pages show now."""
    import socket

    with (
        closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as plain,
        authority.context().wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        told = encrypted.getpeercert()
        assert told
        return str(told["serialNumber"])


async def test_pages_are_encrypted_devices_have_a_plain_port_and_the_broker_knows_us(
    server: Encrypted, authority: Authority
) -> None:
    verified = httpx.AsyncClient(
        base_url=server.url, verify=authority.context(), trust_env=False, timeout=PATIENCE
    )
    async with verified as client:
        page = await client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "secure" in page.headers["set-cookie"].lower()
        health = (await client.get("/healthz")).json()
    assert health["broker"]["connected"], server.log
    assert f"homie-ota: https://127.0.0.1:{server.port}/" in server.log
    assert f"devices fetch firmware from http://127.0.0.1:{server.device_port}/ota" in server.log
    plain = f"http://127.0.0.1:{server.device_port}"
    async with httpx.AsyncClient(base_url=plain, trust_env=False, timeout=PATIENCE) as device:
        assert (await device.get("/ota", headers=ESP)).status_code in (304, 403)
        assert (await device.get("/ota/i/nothing")).status_code == 403
        for path in (
            "/",
            "/healthz",
            "/login",
            "/api/v1/devices",
            "/firmware",
            "/static/style.css",
            "/otax",
            "//ota",
        ):
            answer = await device.get(path)
            assert answer.status_code == 404, path
            assert "set-cookie" not in answer.headers
        assert (await device.post("/upload", content=b"x")).status_code == 404


async def test_who_speaks_plainly_to_the_encrypted_port_gets_no_page(server: Encrypted) -> None:
    with pytest.raises(httpx.HTTPError):
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            await client.get(f"http://127.0.0.1:{server.port}/")


async def test_a_renewed_certificate_is_shown_by_the_running_server(
    server: Encrypted, authority: Authority
) -> None:
    before = await asyncio.to_thread(shown, server, authority)
    authority.issue("localhost", into="server")
    await asyncio.to_thread(
        wait_until, lambda: shown(server, authority) != before, "the new certificate is shown", PATIENCE
    )
