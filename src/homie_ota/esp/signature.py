"""Whose signature an image has: files of minisign (`lamp.bin.minisig`), and the public keys that are trusted.

Rule: a signature counts when both of its parts are good, the one over the image and the one over its comment, and when
it was made by a key that is trusted. Only signatures over the BLAKE2b-512 of a file are read (“ED”), which minisign has
made since 0.10; older ones sign the file itself, which would have to be in memory.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

LONGEST = 4096
"""Characters of a file with a signature: four lines."""
_COMMENT = str(b"trusted comment: ", "ascii")  # a word of the file, none for people


class Key(NamedTuple):
    """A public key: its own 8 bytes of name, and its point."""

    id: bytes
    point: bytes

    @property
    def name(self) -> str:
        """The name as minisign shows it: sixteen digits."""
        return self.id[::-1].hex().upper()


class Signature(NamedTuple):
    """What a file with a signature says; `comment` is signed, too."""

    key_id: bytes
    over_image: bytes
    comment: str
    over_comment: bytes


def read_key(text: str) -> Key | None:
    """The key in the second line of minisign.pub, or in the whole file; None where there is none."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    said = _decoded(lines[-1], 42) if lines else None
    return Key(said[2:10], said[10:]) if said is not None and said[:2] == b"Ed" else None


def read(text: str) -> Signature | None:
    """The signature in a `.minisig` file; None where it is none that is read here."""
    lines = [line.rstrip("\r") for line in text[:LONGEST].strip().split("\n")]
    if len(lines) != 4 or not lines[2].startswith(_COMMENT):
        return None
    said, over_comment = _decoded(lines[1], 74), _decoded(lines[3], 64)
    if said is None or over_comment is None or said[:2] != b"ED":
        return None
    return Signature(said[2:10], said[10:], lines[2].removeprefix(_COMMENT), over_comment)


def signer(found: Signature, blake2b: bytes, trusted: tuple[Key, ...]) -> Key | None:
    """The trusted key that signed the image with this BLAKE2b-512; None when none did."""
    for key in trusted:
        if key.id == found.key_id and _is_by(key, found, blake2b):
            return key
    return None


def _is_by(key: Key, found: Signature, blake2b: bytes) -> bool:
    comment = found.over_image + found.comment.encode()
    return is_good(key.point, blake2b, found.over_image) and is_good(key.point, comment, found.over_comment)


def is_good(point: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of this public key (Ed25519) signed the message; False for bytes that are no key, too."""
    # Imported late: it takes megabytes, and most servers trust no keys.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(point).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(line: str, size: int) -> bytes | None:
    try:
        found = base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == size else None
