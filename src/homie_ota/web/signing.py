"""Which uploads are taken where keys are trusted: those with a signature of one of them over the image as it is stored.

Rule: a signature that is missing or wrong is no matter of taste, so no reason lifts that; without trusted keys nothing
is asked for. What whoever has the machine puts into the firmware directory is not asked about.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from homie_ota.errors import BadFirmware
from homie_ota.esp import signature
from homie_ota.esp.image import clean
from homie_ota.store.receiving import Received

FIELD = "signature"
"""The field of the form: the text of the `.minisig` file, or that file."""


async def check(trusted: Sequence[str], received: Received, text: str) -> str:
    """The name of the key that signed it, empty where none is trusted. Raises BadFirmware."""
    keys = tuple(key for each in trusted if (key := signature.read_key(each)) is not None)
    if not trusted:
        return ""
    found = signature.read(text)
    if found is None:
        raise _refused(received, _UNREADABLE if text.strip() else _MISSING)
    by = await asyncio.to_thread(_signer, received.path, found, keys)
    if by is None:
        known = any(key.id == found.key_id for key in keys)
        raise _refused(received, _OTHER_IMAGE if known else _STRANGER)
    return by.name


def _signer(path: Path, found: signature.Signature, keys: tuple[signature.Key, ...]) -> signature.Key | None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "blake2b").digest()
    return signature.signer(found, digest, keys)


_HOW = "Make one: minisign -Sm lamp.bin. Send both: curl -F upload=@lamp.bin -F signature=@lamp.bin.minisig."
_MISSING = f"this server takes signed images only, and no signature came along. {_HOW}"
_UNREADABLE = f"what came as its signature is no file of minisign 0.10 or later. {_HOW}"
_STRANGER = "the key that signed it is not one that this server trusts. Sign it with one of trusted_keys."
_OTHER_IMAGE = (
    "the signature is not of this image: one of the two was changed, or is of another build. Sign the very file that "
    "you send; of a gzip file, what is in it."
)


def _refused(received: Received, why: str) -> BadFirmware:
    name = clean(received.filename)
    return BadFirmware(f"{name}: {why} No reason (override) lifts that.", filename=name)
