"""Tells the local network by mDNS where the pages are, and where devices of Homie 1.5 that look for it find images.

Rule: never on loopback, never against the settings (`mdns`, `mdns_ota` in `[http]`), and never a reason not to run: a
network that cannot do it is a line in the log. At the end it says goodbye.
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
    """What is told: the service's kind, its name, where it is; `interfaces` empty: all of them.

    The kind (`scheme`) is `http` or `https` for the pages, and for devices what their configuration calls it.
    """

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
                    "%s cannot be announced by mDNS: %s. %s in [http] ends this.", *self._words(error)
                )
            await asyncio.sleep(AGAIN)

    def _words(self, error: Exception) -> tuple[str, Exception, str]:
        if self.scheme in ("http", "https"):
            return "The pages", error, "mdns = false"
        return "Images for devices of Homie 1.5", error, 'mdns_ota = ""'

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
            # Not strict: devices may ask for a kind longer than the 15 characters that DNS-SD allows.
            await (await zeroconf.async_register_service(info, allow_name_change=True, strict=False))
            log.info("Announced by mDNS: %s.", info.name)
            await asyncio.Event().wait()
        finally:
            await zeroconf.async_close()  # with a goodbye for what was told


def announcement(settings: Settings, scheme: str, address: tuple[str, int]) -> Announcement | None:
    """What to tell of the pages that are at `address`; None on loopback, or where the settings say no."""
    return _of(scheme, address, f"{settings.http.base_path}/") if settings.http.mdns else None


def announcement_for_devices(settings: Settings, address: tuple[str, int] | None) -> Announcement | None:
    """What to tell devices of Homie 1.5 whose `config.json` has the name of `mdns_ota` as `"mdns"` in `"ota"`.

    They take address and port of the first answer, and the path from their own configuration (JSON configuration file
    of homie-esp8266 1.5.0). `address` is where plain HTTP is spoken, None where it is not.
    """
    kind = settings.http.mdns_ota
    return _of(kind, address, settings.ota.path) if kind and address else None


def _of(kind: str, address: tuple[str, int], path: str) -> Announcement | None:
    host, port = address
    here = own_address(host)
    if ipaddress.ip_address(here).is_loopback:
        return None
    name = f"homie-ota-{socket.gethostname().partition('.')[0]}"[:63]
    interfaces = () if host in ("0.0.0.0", "::") else (host,)
    return Announcement(kind, name, here, port, path, interfaces)
