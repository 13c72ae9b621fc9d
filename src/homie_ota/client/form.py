"""A multipart form with some fields and one file, sent piece by piece: an image is never in memory as a whole."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import BinaryIO

from homie_ota.errors import WrongUse

CHUNK = 64 * 1024

Progress = Callable[[int, int], None]
"""Called with bytes sent and bytes in all."""


class Form:
    """A multipart form of `fields` and the file `filename` of `size` bytes, which goes under the name `upload`."""

    def __init__(self, fields: dict[str, str], filename: str, size: int) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.size = size
        head = [_part(boundary, key) + value + "\r\n" for key, value in fields.items()]
        head.append(_part(boundary, "upload", filename))
        self._head = "".join(head).encode("utf-8", "replace")
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.length = len(self._head) + size + len(self._tail)

    def chunks(self, file: BinaryIO, progress: Progress | None) -> Iterator[bytes]:
        """The form as it is sent; raises WrongUse when the file ends too early."""
        yield self._head
        sent = 0
        # A file that grows meanwhile must not make the form longer than it said.
        while chunk := file.read(min(CHUNK, self.size - sent)):
            yield chunk
            sent += len(chunk)
            if progress:
                progress(sent, self.size)
        if sent < self.size:
            raise WrongUse(f"The file became shorter while it was sent: {sent} of {self.size} bytes.")
        yield self._tail


def _part(boundary: str, name: str, filename: str | None = None) -> str:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        safe = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")  # as browsers do
        head += f'; filename="{safe}"\r\nContent-Type: application/octet-stream'
    return head + "\r\n\r\n"
