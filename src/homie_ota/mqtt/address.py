"""Where a broker is, and who we are there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from homie_ota.errors import WrongUse


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and who we are there; `tls` uses the system's certificates unless `ca_file` is given."""

    host: str
    port: int = 1883
    username: str = ""
    password: str = ""
    tls: bool = False
    ca_file: str = ""

    @classmethod
    def from_url(cls, url: str) -> Broker:
        """Read `mqtt://user:pw@host:1883` or `mqtts://…`; raises WrongUse when it is neither."""
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
        try:
            port = parts.port
        except ValueError:
            raise WrongUse("The broker's address has no usable port; expected mqtt://host:1883.") from None
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise WrongUse(
                "The broker's address should look like mqtt://user:password@host:1883 or mqtts://host."
            )
        tls = parts.scheme == "mqtts"
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, port or (8883 if tls else 1883), username, password, tls)

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"
