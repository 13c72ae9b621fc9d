"""Tells the local network by mDNS where the pages are, so that browsers and phones find them without an address.

Rule: never on loopback, never against the settings (`mdns` in `[http]`), and never a reason not to run: a network that
cannot do it is a line in the log. At the end it says goodbye.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.config import Settings
from homie_ota.service.places import own_address

log = logging.getLogger(__name__)

AGAIN = 300.0
"""Seconds before it is tried again where it failed."""


class Announcement(NamedTuple):
    """What is told: the service's kind (`http` or `https`), its name, where it is; `interfaces` empty: all of them."""

    scheme: str
    name: str
    address: str
    port: int
    path: str = "/"
    interfaces: Sequence[str] = ()

    async def run(self) -> None:
        """Tell it until cancelled, and say goodbye then."""
        while True:
            try:
                await self._tell()
            except Exception as error:  # noqa: BLE001 - no network, no multicast, another responder on the port
                log.warning(
                    "The pages cannot be announced by mDNS: %s. mdns = false in [http] ends this.", error
                )
            await asyncio.sleep(AGAIN)

    async def _tell(self) -> None:
        from zeroconf import InterfaceChoice, IPVersion, ServiceInfo
        from zeroconf.asyncio import AsyncZeroconf

        kind = f"_{self.scheme}._tcp.local."
        info = ServiceInfo(
            kind,
            f"{self.name}.{kind}",
            parsed_addresses=[self.address],
            port=self.port,
            properties={"path": self.path},
            server=f"{self.name}.local.",
        )
        version = IPVersion.V6Only if ":" in self.address else IPVersion.V4Only
        where = list(self.interfaces) or InterfaceChoice.All
        zeroconf = AsyncZeroconf(interfaces=where, ip_version=version)
        try:
            # Two servers on one network, or one that comes back before its goodbye was heard: `homie-ota-2`.
            await (await zeroconf.async_register_service(info, allow_name_change=True))
            log.info("The pages are announced by mDNS as %s.", info.name)
            await asyncio.Event().wait()
        finally:
            await zeroconf.async_close()  # with a goodbye for what was told


def announcement(settings: Settings, scheme: str, address: tuple[str, int]) -> Announcement | None:
    """What to tell of a server that listens at `address`; None on loopback, or where the settings say no."""
    host, port = address
    here = own_address(host)
    if not settings.http.mdns or ipaddress.ip_address(here).is_loopback:
        return None
    name = f"homie-ota-{socket.gethostname().partition('.')[0]}"[:63]
    interfaces = () if host in ("0.0.0.0", "::") else (host,)
    return Announcement(scheme, name, here, port, f"{settings.http.base_path}/", interfaces)
