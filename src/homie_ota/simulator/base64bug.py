"""The base64 decoder of homie-esp8266, with its bug (homie-ota.md rule 9).

Rule: a chunk that begins at position 1 or 2 of a group of four loses what its first characters say. Recorded: the
image becomes shorter by as many characters, or keeps its length and holds one wrong byte, depending on the build.
"""

from __future__ import annotations

from base64 import b64decode

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MAGIC = 0xE9


def looks_like_an_image(data: bytes) -> bool:
    """Whether these first bytes are base64 of something that begins as an image does."""
    first, second = (ALPHABET.find(data[i : i + 1] or b"=") for i in (0, 1))
    return first >= 0 and second >= 0 and (first << 2 | second >> 4) == _MAGIC


def is_clean(data: bytes, index: int, total: int) -> bool:
    """Whether a chunk holds nothing but base64, with padding in the last two places only."""
    text = data.rstrip(b"=")
    padding_fits = len(text) == len(data) or index + len(text) >= total - 2
    return padding_fits and not text.translate(None, ALPHABET)


def padding_of(data: bytes) -> int:
    """Padding characters at the end of a chunk."""
    return len(data) - len(data.rstrip(b"="))


class Decoder:
    """Decodes chunk after chunk, as wrongly as the firmware does."""

    def __init__(self, *, garbles: bool) -> None:
        self._garbles = garbles
        self._pending = b""

    def decode(self, data: bytes) -> bytes:
        """The bytes that this chunk completes."""
        text = data.rstrip(b"=")
        phase = len(self._pending)
        broken = phase in (1, 2) and len(text) > 1
        if broken and not self._garbles:
            text = text[phase:]
        decoded = self._all(text)
        if broken and self._garbles and len(decoded) > 1:
            # The second byte stays what it was in the buffer: a character.
            decoded = decoded[:1] + text[1:2] + decoded[2:]
        return decoded

    def _all(self, text: bytes) -> bytes:
        group = self._pending + text
        done = len(self._pending) * 3 // 4
        self._pending = group[len(group) - len(group) % 4 :]
        return b64decode(group + b"A" * (-len(group) % 4))[done : len(group) * 3 // 4]
