"""What a proxy in front of us says about a request: who asks, by which name, encrypted or not, below which prefix.

Rule: only a proxy that the settings name is believed, for anybody can write such headers; of several addresses the last
one that is not a proxy of ours counts. What is no address, name, scheme or path is as good as not said.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Scope

PREFIX = "homie_ota.prefix"
"""Key in the scope of a request: what stands before all our paths where the asker sees them."""
ASKED_HOST = "homie_ota.asked_host"
"""Key in the scope: the Host header as it came in, where a proxy said that people know us by another."""
STRANGER = "homie_ota.unknown_proxy"
"""Key in the scope: a proxy that is none of ours stands in between, so the address says nothing about who asks."""
INGRESS = "homie_ota.ingress"
"""Key in the scope: the request came through Home Assistant's ingress, which shows pages in a frame of its own."""

_HOST = re.compile(rb"[A-Za-z0-9._~-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_SCHEMES = {b"http": "http", b"https": "https"}


class Proxies:
    """The proxies that are believed (addresses and networks), and the prefix where none of them says one."""

    def __init__(self, trusted: Iterable[str], prefix: str) -> None:
        self._networks = [ipaddress.ip_network(each, strict=False) for each in trusted]
        self._prefix = prefix
        self._trusts = lru_cache(maxsize=1024)(self._looked_up)

    def apply(self, scope: Scope) -> None:
        """Make the scope of a request say what the asker sees; without a trusted proxy only the prefix is added."""
        scope[PREFIX] = self._prefix
        client = scope.get("client")
        if client is None or not self._trusts(client[0]):
            scope[STRANGER] = any(name in _OF_PROXIES for name, _ in scope["headers"])
            return
        told = {name: value for name, value in scope["headers"] if name in _SAID}
        if told:
            self._believe(scope, told)

    def _believe(self, scope: Scope, told: dict[bytes, bytes]) -> None:
        # A header that stands twice is a list in two pieces.
        chain = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        if (who := self._asker(chain)) is not None:
            scope["client"] = (who, 0)
        if (scheme := _SCHEMES.get(_last(told, b"x-forwarded-proto").lower())) is not None:
            scope["scheme"] = scheme
        host = _last(told, b"x-forwarded-host")
        if _HOST.fullmatch(host):
            scope[ASKED_HOST] = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", host), *others]
        ingress = _path(told.get(b"x-ingress-path", b""))
        scope[INGRESS] = ingress is not None
        prefix = ingress if ingress is not None else _path(_last(told, b"x-forwarded-prefix"))
        if prefix is not None:
            scope[PREFIX] = prefix

    def _asker(self, chain: bytes) -> str | None:
        """The last address of a chain that is not a proxy of ours; the first one where all are."""
        found = None
        for part in reversed(chain.decode("latin-1").split(",")):
            address = _address(part.strip())
            if address is None:  # from here on it is what anybody may have written
                return found
            found = address
            if not self._trusts(address):
                return found
        return found

    def _looked_up(self, host: str) -> bool:
        try:
            found = ipaddress.ip_address(host)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)


_SAID = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix", b"x-ingress-path"}
)

_OF_PROXIES = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via"})


def prefix_of(scope: Scope, otherwise: str) -> str:
    """The prefix of a request's links."""
    found = scope.get(PREFIX, otherwise)
    assert isinstance(found, str)
    return found


def _last(told: dict[bytes, bytes], name: bytes) -> bytes:
    return told.get(name, b"").rpartition(b",")[2].strip()


def _path(value: bytes) -> str | None:
    """A prefix as `/a/b`, empty for `/`; None where it is none (`//evil`, `/../`, nothing)."""
    text = value.decode("latin-1").strip()
    if text == "/":
        return ""
    text = text.rstrip("/")
    return text if len(text) <= 200 and _PATH.fullmatch(text) and ".." not in text else None


def _address(text: str) -> str | None:
    """An address, without the port or the brackets that some proxies add."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
