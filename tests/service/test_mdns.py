"""Pages, and images for 1.5 devices, are announced by mDNS: found by a browser on loopback, gone after the goodbye."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from homie_ota.config import Settings
from homie_ota.config.sections import HttpSettings
from homie_ota.service.mdns import Announcement, announcement, announcement_for_devices
from homie_ota.service.ports import Ports
from servers import unused_port

LOOPBACK = ["127.0.0.1"]
GROUP = "224.0.0.251"
KIND = "_http._tcp.local."


def multicast_works(port: int) -> bool:
    """Whether a multicast that this machine sends on loopback comes back to it."""
    member = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        try:
            ear.bind(("", port))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            ear.settimeout(1.0)
            mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            mouth.sendto(b"x", (GROUP, port))
            return ear.recv(8) == b"x"
        except OSError:
            return False


class Network:
    """What a browser of services sees on loopback."""

    def __init__(self, zeroconf: AsyncZeroconf, kind: str = KIND) -> None:
        self.zeroconf, self.kind = zeroconf, kind
        self.names: set[str] = set()
        self._browser = AsyncServiceBrowser(zeroconf.zeroconf, kind, handlers=[self._changed])

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        assert (zeroconf, service_type) == (self.zeroconf.zeroconf, self.kind)
        (self.names.discard if state_change is ServiceStateChange.Removed else self.names.add)(name)

    async def sees(self, *names: str) -> None:
        """Wait until these of ours, and no others, are there."""
        wanted = {f"{name}.{self.kind}" for name in names}
        async with asyncio.timeout(20.0):
            while {each for each in self.names if each.startswith("homie-ota-test")} != wanted:
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self._browser.async_cancel()
        await self.zeroconf.async_close()


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    if not multicast_works(unused_port()):
        pytest.skip("no multicast on loopback here: what mDNS tells cannot be heard")
    made = Network(AsyncZeroconf(interfaces=LOOPBACK))
    yield made
    await made.close()


@pytest.fixture
async def network_of_devices() -> AsyncIterator[Network]:
    """What a 1.5 device with "mdns": "homie-ota" in its configuration sees."""
    if not multicast_works(unused_port()):
        pytest.skip("no multicast on loopback here: what mDNS tells cannot be heard")
    made = Network(AsyncZeroconf(interfaces=LOOPBACK), "_homie-ota._tcp.local.")
    yield made
    await made.close()


def told(port: int) -> Announcement:
    return Announcement("http", "homie-ota-test", "127.0.0.1", port, "/ota/", LOOPBACK)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_pages_are_found_on_the_network_until_the_goodbye(network: Network) -> None:
    running = asyncio.create_task(told(9080).run())
    await network.sees("homie-ota-test")
    info = AsyncServiceInfo(KIND, f"homie-ota-test.{KIND}")
    assert await info.async_request(network.zeroconf.zeroconf, 5000)
    assert (info.parsed_addresses(), info.port) == (["127.0.0.1"], 9080)
    assert info.decoded_properties == {"path": "/ota/"}
    await stop(running)
    await network.sees()


async def test_a_second_server_of_the_same_name_gets_another_one(network: Network) -> None:
    first = asyncio.create_task(told(9080).run())
    await network.sees("homie-ota-test")
    second = asyncio.create_task(told(9081).run())
    await network.sees("homie-ota-test", "homie-ota-test-2")
    await stop(first)
    await network.sees("homie-ota-test-2")
    await stop(second)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_on_loopback_nothing_is_told(host: str) -> None:
    assert announcement(Settings(), "http", (host, 9080)) is None


def test_what_is_told_is_where_the_pages_are_unless_the_settings_say_no() -> None:
    settings = Settings(http=HttpSettings(base_path="/homie-ota"))
    found = announcement(settings, "https", ("192.0.2.7", 9443))
    assert found is not None
    assert (found.scheme, found.address, found.port, found.path) == (
        "https", "192.0.2.7", 9443, "/homie-ota/",
    )  # fmt: skip
    assert found.interfaces == ("192.0.2.7",)
    assert announcement(Settings(http=HttpSettings(mdns=False)), "http", ("192.0.2.7", 9080)) is None


async def test_a_network_that_cannot_do_it_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    # A documentation address: no interface of this machine has it.
    task = asyncio.create_task(told(9080)._replace(interfaces=["192.0.2.7"]).run())
    async with asyncio.timeout(20.0):
        while "cannot be announced" not in caplog.text:
            await asyncio.sleep(0.02)
    assert not task.done()
    await stop(task)


async def test_a_1_5_device_finds_address_and_port_until_the_goodbye(network_of_devices: Network) -> None:
    found = announcement_for_devices(Settings(), ("192.0.2.7", 9081))
    assert found is not None
    here = found._replace(name="homie-ota-test", address="127.0.0.1", interfaces=LOOPBACK)
    running = asyncio.create_task(here.run())
    await network_of_devices.sees("homie-ota-test")
    info = AsyncServiceInfo(network_of_devices.kind, f"homie-ota-test.{network_of_devices.kind}")
    assert await info.async_request(network_of_devices.zeroconf.zeroconf, 5000)
    assert (info.parsed_addresses(), info.port) == (["127.0.0.1"], 9081)
    await stop(running)
    await network_of_devices.sees()


@pytest.mark.parametrize(
    ("name", "address"),
    [("", ("192.0.2.7", 9080)), ("homie-ota", ("127.0.0.1", 9080)), ("homie-ota", None)],
)
def test_devices_are_told_nothing_without_a_name_on_loopback_or_where_all_is_encrypted(
    name: str, address: tuple[str, int] | None
) -> None:
    assert announcement_for_devices(Settings(http=HttpSettings(mdns_ota=name)), address) is None


@pytest.mark.parametrize("given", ["ota", "_ota._tcp"])
def test_the_name_is_what_stands_in_the_configuration_of_the_devices(given: str) -> None:
    settings = Settings(http=HttpSettings(mdns_ota=given, mdns=False))
    found = announcement_for_devices(settings, ("192.0.2.7", 9080))
    assert found is not None
    assert (found.scheme, found.path) == ("ota", "/ota")


def test_devices_are_sent_to_the_port_that_is_theirs() -> None:
    pages, devices = unused_port(), unused_port()
    ports = Ports(Settings(http=HttpSettings(host="127.0.0.1", port=pages, device_port=devices)))
    alone = Ports(Settings(http=HttpSettings(host="127.0.0.1", port=unused_port())))
    assert ports.for_devices == ("127.0.0.1", devices)
    assert alone.for_devices == alone.address
    ports.close()
    alone.close()


async def test_a_name_that_dns_sd_has_no_room_for_is_announced_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    long = told(9080)._replace(scheme="the-ota-server-of-the-house")
    with caplog.at_level("INFO"):
        task = asyncio.create_task(long.run())
        async with asyncio.timeout(20.0):
            while "nnounced by mDNS" not in caplog.text:
                await asyncio.sleep(0.02)
    assert "cannot" not in caplog.text
    await stop(task)
