"""An authority of our own, and files with certificates of it, for servers and clients of tests."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """Gives out certificates; `ca_file` is what vouches for them."""

    def __init__(self, folder: Path) -> None:
        self._ca, self._folder = trustme.CA(), folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, name: str, *, into: str = "") -> tuple[Path, Path]:
        """Certificate and key for a host or a person, as files."""
        made = self._ca.issue_cert(name, common_name=name)
        certificate, key = (self._folder / f"{into or name}.{kind}" for kind in ("crt", "key"))
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return certificate, key

    def context(self) -> ssl.SSLContext:
        """What a client trusts that knows this authority alone."""
        return ssl.create_default_context(cafile=self.ca_file)
