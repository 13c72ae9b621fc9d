"""Signs as minisign does, for tests: a key by number, and files with signatures as that program writes them."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Signer:
    """Somebody with a key; `public` is the second line of their minisign.pub."""

    def __init__(self, number: int, key_id: bytes = b"") -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32))
        self.key_id = key_id or number.to_bytes(8)
        point = self.private.public_key().public_bytes_raw()
        self.public = base64.b64encode(b"Ed" + self.key_id + point).decode()


def signed(image: bytes, who: Signer, comment: str = "timestamp:1\tfile:lamp.bin\thashed") -> str:
    """The text of the `.minisig` file of an image."""
    made = who.private.sign(hashlib.blake2b(image).digest())
    whole = who.private.sign(made + comment.encode())
    return (
        f"untrusted comment: x\n{base64.b64encode(b'ED' + who.key_id + made).decode()}\n"
        f"trusted comment: {comment}\n{base64.b64encode(whole).decode()}\n"
    )
