"""Where a broker is, and who we are there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from homie_ota.errors import WrongUse


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and who we are there; `tls` uses the system's certificates unless `ca_file` is given.

    `certificate_file` and `key_file` (PEM; the key may be in the first) are for a broker that asks for a certificate.
    """

    host: str
    port: int = 1883
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""

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

    def context(self) -> ssl.SSLContext | None:
        """What to speak TLS with, None without; read from the files each time, so that new ones count.

        Raises WrongUse with a sentence that names the file which cannot be used.
        """
        if not self.tls:
            return None
        try:
            made = ssl.create_default_context(cafile=self.ca_file or None)
            if self.certificate_file:
                made.load_cert_chain(self.certificate_file, self.key_file or None, password="")
        except OSError as error:  # ssl.SSLError is one
            files = [each for each in (self.ca_file, self.certificate_file, self.key_file) if each]
            missing = [each for each in files if not Path(each).is_file()]
            why = f"there is no {missing[0]}" if missing else f"{', '.join(files)}: {_why(error)}"
            raise WrongUse(
                f"No TLS to the broker: {why}. See ca_file, certificate_file and key_file in [mqtt]."
            ) from None
        return made

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and "MISMATCH" in str(error.reason):
        return "certificate and key do not belong together"
    return error.strerror or str(error)
