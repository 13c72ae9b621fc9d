"""Sample images that look like ESP8266 firmware: valid in every field that anybody checks, made in no time.

Rule: what a real build has, these have: the boot loader's image, a second image at 0x1000 that ends exactly
with the file, right XOR checksums, and the Homie magic near the end. The code inside is noise that depends on
the arguments only, so the same arguments always give the same bytes.
"""

from __future__ import annotations

from hashlib import md5
from random import Random
from struct import pack
from typing import NamedTuple

FLASH_MODES = {"qio": 0, "qout": 1, "dio": 2, "dout": 3}
FLASH_SIZES = {
    512 << 10: 0,
    256 << 10: 1,
    1 << 20: 2,
    2 << 20: 3,
    4 << 20: 4,
    8 << 20: 8,
    16 << 20: 9,
}
"""Bytes of flash -> high nibble of header byte 3 (esp-image.md, ESP8266)."""

SKETCH_OFFSET = 0x1000
_ENTRY = 0x40100004
_BOOT_LOADER = (0x4010F000, 624)
"""Load address and length of the boot loader's one segment."""
_LOAD_ADDRESSES = (0x40201010, 0x40100000, 0x3FFE8000)
"""Flash code, RAM code, data."""
_IRAM_BYTES = 0x600
_DATA_BYTES = 0x800
_HEADER_BYTES = 8

_HOMIE = b"\x25HOMIE_ESP8266_FW\x25"
_MARKS = (
    (b"\xbf\x84\xe4\x13\x54", b"\x93\x44\x6b\xa7\x75"),
    (b"\x6a\x3f\x3e\x0e\xe1", b"\xb0\x30\x48\xd4\x1a"),
    (b"\xfb\x2a\xf5\x68\xc0", b"\x6e\x2f\x0f\xeb\x2d"),
)
"""Left and right mark of name, version and brand."""

LABEL = b"\0virtual firmware "
"""What makes a virtual 1.5 device know the name and version of an image that has no magic, as its code would."""

SMALLEST = 0x2000


class Sketch(NamedTuple):
    """A firmware as the device that runs it knows it; `homie` is false for what never joins the broker."""

    name: str
    version: str
    brand: str
    md5: str
    size: int
    homie: bool


def make_image(
    name: str,
    version: str,
    brand: str | None = None,
    *,
    size: int = 40_960,
    flash_mode: str = "dio",
    flash_size: int = 1 << 20,
    seed: int = 0,
    homie: bool = True,
) -> bytes:
    """A whole firmware file of `size` bytes (rounded up to 16, at least SMALLEST).

    `homie=False` leaves the magic out, as images for 1.5 have none; virtual devices still know what they run.
    `flash_mode` is one of FLASH_MODES, `flash_size` one of FLASH_SIZES; another one raises KeyError.
    """
    length = max(SMALLEST, size + -size % 16)
    noise = Random(f"{name}@{version} {seed}")
    header = bytes((FLASH_MODES[flash_mode], FLASH_SIZES[flash_size] << 4))
    address, boot_bytes = _BOOT_LOADER
    boot = _image(header, [(address, noise.randbytes(boot_bytes))])
    label = LABEL + f"{name}@{version}".encode() + b"\0"
    magic = homie_magic(name, version, brand) if homie else b""
    sketch = _image(header, _segments(noise, length - SKETCH_OFFSET, label + magic))
    return boot.ljust(SKETCH_OFFSET, b"\xaa") + sketch


def homie_magic(name: str, version: str, brand: str | None = None) -> bytes:
    """The bytes by which a Homie 2.x (and later) image tells what it is."""
    said = (name, version) if brand is None else (name, version, brand)
    fields = (left + text.encode() + right for (left, right), text in zip(_MARKS, said, strict=False))
    return b"\0".join((_HOMIE, *fields, b""))


def read_sketch(image: bytes) -> Sketch:
    """What a device that boots this image is; name and version are empty where the image does not tell them."""
    name, version, brand = (_between(image, left, right) for left, right in _MARKS)
    if not name and not version:
        name, _, version = _between(image, LABEL, b"\0").partition("@")
    return Sketch(name, version, brand, md5(image).hexdigest(), len(image), _HOMIE in image)


def with_flash_mode(image: bytes, mode: int) -> bytes:
    """The image as the updater leaves it in flash when its mode byte is not the chip's (homie-ota.md rule 12)."""
    return image[:2] + bytes((mode,)) + image[3:]


def _between(image: bytes, left: bytes, right: bytes) -> str:
    start = image.find(left)
    end = image.find(right, start + len(left))
    return image[start + len(left) : end].decode("ascii", "replace") if 0 <= start < end else ""


def _segments(noise: Random, length: int, magic: bytes) -> list[tuple[int, bytes]]:
    """Three segments that fill an image of `length` bytes up to its last, the checksum."""
    headers = _HEADER_BYTES * (1 + len(_LOAD_ADDRESSES))
    code = length - headers - _IRAM_BYTES - _DATA_BYTES - 1
    data = noise.randbytes(_DATA_BYTES - len(magic) - 64) + magic + noise.randbytes(64)
    contents = (noise.randbytes(code), noise.randbytes(_IRAM_BYTES), data)
    return list(zip(_LOAD_ADDRESSES, contents, strict=True))


def _image(mode_and_size: bytes, segments: list[tuple[int, bytes]]) -> bytes:
    """Header, segments, zero padding and the checksum byte at the end of a block of 16."""
    body = bytes((0xE9, len(segments))) + mode_and_size + pack("<I", _ENTRY)
    body += b"".join(pack("<II", address, len(data)) + data for address, data in segments)
    body += bytes(15 - len(body) % 16)
    return body + bytes((xor(b"".join(data for _, data in segments)),))


def xor(data: bytes) -> int:
    """XOR of all bytes with the seed 0xEF; folded in halves: a loop takes a thousand times as long."""
    width = 1 << max(0, (len(data) - 1).bit_length())
    folded = int.from_bytes(data, "big")
    while width > 1:
        width //= 2
        folded = (folded >> (8 * width)) ^ (folded & ((1 << (8 * width)) - 1))
    return folded ^ 0xEF
