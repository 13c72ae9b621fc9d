"""Files that are no images of an ESP: what people upload by mistake (esp-image.md), and a few nobody thought of.

Rule: the same bytes at every call; no clock and no chance in them.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from struct import pack
from zlib import crc32

from esp.builders import ARM, Piece, app, arduino, code, image, noise

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0"


def user_bin(seed: object = 0) -> bytes:
    """`user1.bin` of Espressif's old SDK: magic EA, an empty load address, then a common image; a CRC at the end."""
    code = noise(2048, f"irom {seed}")
    head = pack("<BBBBI", 0xEA, 4, 0, 0x20, 0x40100004) + pack("<II", 0, len(code)) + code
    pieces = [Piece(0x40100000, noise(512, seed)), Piece(0x3FFE8000, noise(128, f"data {seed}"))]
    body = head + image(pieces, 0, 0x20, 0x40100004, before=len(head))
    crc = crc32(body)
    return body + pack("<I", crc ^ 0xFFFFFFFF if crc & 0x80000000 else crc + 1)


def elf(machine: int = 94) -> bytes:
    """An executable for Xtensa (94) or RISC-V (243), as the compiler leaves it before the image is made."""
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header += pack("<HHIIIIIHHHHHH", 2, machine, 1, 0x40100004, 52, 6000, 0x300, 52, 32, 1, 40, 3, 2)
    return (
        header
        + pack("<IIIIIIII", 1, 0x1000, 0x40201010, 0x40201010, 4000, 4000, 5, 0x1000)
        + noise(6200, "elf")
    )


def uf2(family: int = 0xC47E5767, data: bytes = noise(1000, "uf2")) -> bytes:
    """Blocks of 512 bytes with 256 of the image in each."""
    parts = [data[at : at + 256].ljust(256, b"\0") for at in range(0, len(data), 256)]
    return b"".join(
        pack("<IIIIIIII", 0x0A324655, 0x9E5D5157, 0x2000, 256 * n, 256, n, len(parts), family)
        + part.ljust(476, b"\0")
        + pack("<I", 0x0AB16F30)
        for n, part in enumerate(parts)
    )


def intel_hex(data: bytes = noise(400, "hex"), end: str = "\r\n") -> bytes:
    """Lines of 16 bytes, each with its address and checksum, and the line that ends it."""
    lines = [_record(0, at, data[at : at + 16]) for at in range(0, len(data), 16)]
    return (end.join([_record(4, 0, b"\x40\x20"), *lines, _record(1, 0, b"")]) + end).encode()


def _record(kind: int, address: int, data: bytes) -> str:
    body = pack(">BHB", len(data), address & 0xFFFF, kind) + data
    return f":{body.hex().upper()}{-sum(body) & 0xFF:02X}"


def s_record() -> bytes:
    """Motorola's way of writing the same."""
    return b"S00600004844521B\r\nS1130000285F245F2212226A000424290008237C2A\r\nS9030000FC\r\n"


def zipped(data: bytes = b"") -> bytes:
    """A zip archive with an image in it, as a release page gives it out."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("firmware.bin"), data or arduino())
    return packed.getvalue()


def tarred(data: bytes = b"") -> bytes:
    """A tar archive, not compressed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("firmware.bin")
        member.size = len(data or arduino())
        archive.addfile(member, io.BytesIO(data or arduino()))
    return packed.getvalue()


def seven_zip() -> bytes:
    """The head of a 7z archive, and packed bytes."""
    return b"7z\xbc\xaf\x27\x1c\0\x04" + noise(2000, "7z")


def rar() -> bytes:
    """The head of a RAR archive, and packed bytes."""
    return b"Rar!\x1a\x07\x01\0" + noise(2000, "rar")


def xz(data: bytes = b"") -> bytes:
    """An xz file."""
    return lzma.compress(data or arduino())


def bzip2(data: bytes = b"") -> bytes:
    """A bzip2 file."""
    return bz2.compress(data or arduino())


def gzipped(data: bytes = b"") -> bytes:
    """A gzip file without a time in it."""
    return gzip.compress(data or app("esp32"), mtime=0)


def html(text: str = "404 Not Found") -> bytes:
    """An error page that somebody saved as lamp.bin."""
    return f"<!DOCTYPE html>\n<html lang='en'><head><title>{text}</title></head><body>{text}</body></html>\n".encode()


def xml() -> bytes:
    """An error of a storage service in the cloud, saved as lamp.bin."""
    return b"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>NoSuchKey</Code></Error>\n"


def text() -> bytes:
    """Notes, with letters of many languages."""
    return ("Grüße, 你好: this is a README.\nUpload lamp.bin instead.\n" * 30).encode()


def json_text() -> bytes:
    """What an API answers."""
    return b'{"message": "Not Found", "documentation_url": "https://docs.example/rest"}\n'


def base64_text() -> bytes:
    """An image as text: somebody saved what went over MQTT."""
    import base64

    return base64.b64encode(arduino())


def erased(length: int = 4096) -> bytes:
    """Flash memory nobody has written."""
    return b"\xff" * length


def zeros(length: int = 4096) -> bytes:
    """A file that was made but never filled."""
    return bytes(length)


def rf_init(version: int = 0) -> bytes:
    """`esp_init_data_default.bin`: 128 bytes of settings for the ESP8266's radio; of version 8 since SDK 1.5."""
    head = bytes(
        [5, version, 4, 2, 5, 5, 5, 2, 5, 0, 4, 5, 5, 4, 5, 5, 4, 0xFE, 0xFD, 0xFF, 0xF0, 0xF0, 0xF0, 0xE0]
    )
    return head.ljust(64, b"\x01").ljust(128, b"\0")


def littlefs(length: int = 0x4000) -> bytes:
    """An empty LittleFS: its superblock twice, with revisions 1 and 2, and erased blocks."""
    tail = b"\xf0\x0f\xff\xf7littlefs\x2f\xe0\0\x10" + pack(
        "<IIIIII", 0x20001, 4096, length // 4096, 255, 2**31 - 1, 1022
    )
    blocks = [(pack("<I", revision) + tail).ljust(4096, b"\xff") for revision in (1, 2)]
    return b"".join(blocks).ljust(length, b"\xff")


def spiffs(length: int = 0x4000, page: int = 256, block: int = 4096, files: int = 1) -> bytes:
    """A SPIFFS: the lookup page of each block ends with its magic; the first block holds a file or nothing."""
    blocks = []
    for index in range(length // block):
        used = pack("<HH", 0x8001, 0x0001) if index == 0 and files else b""
        magic = (0x20140529 ^ page ^ (length // block - index)) & 0xFFFF
        lookup = used.ljust(page - 4, b"\xff") + pack("<HH", magic, 0)
        entry = pack("<HHB3xIB", 0x8001, 0, 0xF8, 11, 1) + b"/config.json".ljust(32, b"\0") if used else b""
        body = pack("<HHB", 1, 0, 0xFC) + b'{"name": 1}' if used else b""
        blocks.append((lookup + entry.ljust(page, b"\xff") + body).ljust(block, b"\xff"))
    return b"".join(blocks)


def fat(length: int = 0x4000) -> bytes:
    """A FAT file system: a boot sector that ends with 55 AA."""
    head = b"\xeb\xfe\x90MSDOS5.0" + pack("<HBHBHHBH", 4096, 1, 1, 1, 512, length // 4096, 0xF8, 1)
    return (head.ljust(510, b"\0") + b"\x55\xaa").ljust(length, b"\0")


def stm32() -> bytes:
    """The table of interrupts of an STM32: the stack's end in its RAM, then addresses in its flash."""
    return (
        pack("<II", 0x20001000, 0x080004C9) + pack("<I", 0x08000511) * 12 + bytes(16) + code(3000, "arm", ARM)
    )


def rp2040() -> bytes:
    """What a Raspberry Pi Pico's boot loader begins with, then its table of interrupts."""
    vectors = pack("<II", 0x20042000, 0x100001F7) + pack("<I", 0x100001C3) * 14
    return (
        bytes.fromhex("00b5324b2120586098680221884398")
        + code(241, "boot2", ARM)
        + vectors
        + code(3000, "pico", ARM)
    )


def avr() -> bytes:
    """Jumps of an ATmega328P's table of interrupts."""
    return bytes.fromhex("0c945c000c946e00") + bytes.fromhex("0c946e00") * 24 + code(2000, "avr")


def beken() -> bytes:
    """An update for Tuya's BK7231: RBL, another vendor's package."""
    return b"RBL\0" + noise(92, "rbl") + noise(4000, "bk7231")
