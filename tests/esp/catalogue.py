"""Every file that the inspection is tried with, what it truly is, and what should be said about it.

Rule: the truth stands here, written by hand from the documents. Tests, the page of inspections and the fuzzer's corpus
all read this one table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

from esp import builders, merged, sealed, strangers
from esp.builders import CHIPS

CLEAN, ACCEPTED, REFUSED, IMPOSSIBLE = "clean", "accepted", "refusal", "impossible"
"""Nothing to warn of; taken, with or without a warning; a typed reason is needed; can never work."""


class Case(NamedTuple):
    """One file. `kinds` are the words that are right for it, the best one first; `chip` is empty where it has none."""

    name: str
    build: Callable[[], bytes]
    kinds: tuple[str, ...]
    chip: str
    verdict: str

    @property
    def data(self) -> bytes:
        """Its bytes, built once."""
        return _built(self.build)


@cache
def _built(build: Callable[[], bytes]) -> bytes:
    return build()


def _signed(build: Callable[[], bytes]) -> bytes:
    return sealed.signed(build())


def _esp8266(name: str, build: Callable[[], bytes], verdict: str, *kinds: str) -> Case:
    return Case(name, build, kinds or ("application",), "esp8266", verdict)


def _no_chip(name: str, build: Callable[[], bytes], *kinds: str) -> Case:
    return Case(name, build, kinds, "", IMPOSSIBLE)


ESP8266 = (
    _esp8266("Arduino (XOR)", builders.arduino, CLEAN),
    _esp8266("Arduino (CRC)", builders.arduino_crc, CLEAN),
    _esp8266("Arduino (CRC) before the sketch", partial(builders.arduino_crc, place=0xFF8), CLEAN),
    _esp8266("Arduino without magic", partial(builders.arduino, extra=b""), ACCEPTED),
    _esp8266("Arduino (XOR), signed", partial(_signed, builders.arduino), ACCEPTED),
    _esp8266("Arduino (CRC), signed", partial(_signed, builders.arduino_crc), ACCEPTED),
    _esp8266("both halves in one", builders.nodemcu, ACCEPTED),
    _esp8266("MicroPython (MD5)", builders.micropython, ACCEPTED),
    _esp8266("RTOS SDK 3", builders.rtos, ACCEPTED),
    _esp8266("without a boot loader", builders.plain_with_code, ACCEPTED),
    _esp8266("half at 0x00000", builders.plain, REFUSED, "split-half"),
    _esp8266("eboot alone", builders.eboot, REFUSED, "boot-loader", "split-half"),
    _esp8266("dump of the flash", builders.flash_dump, REFUSED, "application", "factory"),
)

ESP32 = tuple(
    Case(f"{chip}{words}", partial(build, chip), (kind,), chip, verdict)
    for chip in CHIPS
    for words, build, kind, verdict in (
        ("", builders.app, "application", CLEAN),
        (" without hash", partial(builders.app, hashed=False), "application", ACCEPTED),
        (" boot loader", merged.boot_loader, "boot-loader", REFUSED),
        (" new boot loader", partial(merged.boot_loader, described=True), "boot-loader", REFUSED),
        (" factory", merged.factory, "factory", IMPOSSIBLE if CHIPS[chip].boot else REFUSED),
        (" secure boot 2", sealed.secure_boot_2, "application", ACCEPTED),
    )
)

OTHERS = (
    _no_chip("half at 0x10000", builders.split_rest, "split-half", "foreign"),
    _no_chip("user1.bin of the old SDK", strangers.user_bin, "foreign", "split-half"),
    _no_chip("partition table", merged.partition_table, "partition-table"),
    _no_chip("boot_app0", merged.boot_app0, "boot-app0"),
    _no_chip("LittleFS", strangers.littlefs, "file-system"),
    _no_chip("SPIFFS", strangers.spiffs, "file-system"),
    _no_chip("empty SPIFFS", partial(strangers.spiffs, files=0), "file-system", "erased"),
    _no_chip("FAT", strangers.fat, "file-system", "foreign"),
    _no_chip("encrypted", sealed.encrypted, "encrypted", "foreign"),
    _no_chip("radio settings", strangers.rf_init, "rf-init"),
    _no_chip("radio settings, version 8", partial(strangers.rf_init, 8), "rf-init"),
    _no_chip("erased", strangers.erased, "erased"),
    _no_chip("zeros", strangers.zeros, "erased", "foreign"),
    _no_chip("empty", bytes, "empty"),
    _no_chip("one byte", partial(bytes.fromhex, "61"), "foreign", "text", "truncated"),
    _no_chip("one byte E9", partial(bytes.fromhex, "e9"), "truncated"),
    _no_chip("ELF, Xtensa", strangers.elf, "elf"),
    _no_chip("ELF, RISC-V", partial(strangers.elf, 243), "elf"),
    _no_chip("UF2", strangers.uf2, "uf2"),
    _no_chip("Intel HEX", strangers.intel_hex, "intel-hex"),
    _no_chip("Intel HEX, Unix lines", partial(strangers.intel_hex, end="\n"), "intel-hex"),
    _no_chip("S-records", strangers.s_record, "text", "foreign"),
    _no_chip("zip", strangers.zipped, "archive"),
    _no_chip("tar", strangers.tarred, "archive", "foreign"),
    _no_chip("7z", strangers.seven_zip, "archive"),
    _no_chip("RAR", strangers.rar, "archive"),
    _no_chip("xz", strangers.xz, "archive"),
    _no_chip("bzip2", strangers.bzip2, "archive"),
    _no_chip("gzip of an image", strangers.gzipped, "gzip"),
    _no_chip("gzip of a zip", lambda: strangers.gzipped(strangers.zipped()), "gzip"),
    _no_chip("HTML", strangers.html, "html"),
    _no_chip("HTML with a BOM", lambda: b"\xef\xbb\xbf\r\n" + strangers.html(), "html"),
    _no_chip("XML", strangers.xml, "html", "text"),
    _no_chip("text", strangers.text, "text"),
    _no_chip("JSON", strangers.json_text, "text"),
    _no_chip("base64 of an image", strangers.base64_text, "text"),
    _no_chip("UTF-16 text", lambda: strangers.text().decode().encode("utf-16"), "text", "foreign"),
    _no_chip("PNG", lambda: strangers.PNG + builders.noise(500), "foreign"),
    _no_chip("STM32", strangers.stm32, "foreign"),
    _no_chip("RP2040", strangers.rp2040, "foreign", "encrypted"),
    _no_chip("AVR", strangers.avr, "foreign"),
    _no_chip("MCUboot", lambda: bytes.fromhex("3db8f396") + builders.code(2000), "foreign", "split-half"),
    _no_chip("BK7231", strangers.beken, "foreign"),
)

ODD = (
    Case("esp32 secure boot 1", sealed.secure_boot_1, ("application",), "esp32", ACCEPTED),
    Case("esp32 of the first years", builders.old_app, ("application",), "esp32", ACCEPTED),
    Case(
        "esp32 of the first years without hash",
        partial(builders.old_app, header=bytes(16)),
        ("application",),
        "esp32",
        ACCEPTED,
    ),
    Case(
        "esp32 factory from 0x1000 on",
        merged.factory_from_boot_loader,
        ("factory", "boot-loader"),
        "esp32",
        REFUSED,
    ),
    Case(
        "esp32-p4 factory from 0x2000 on",
        partial(merged.factory_from_boot_loader, "esp32-p4"),
        ("factory", "boot-loader"),
        "esp32-p4",
        REFUSED,
    ),
)
CASES = (*ESP8266, *ESP32, *ODD, *OTHERS)
BY_NAME = {case.name: case for case in CASES}

#: What the real wrong files beside the checkout are, as the list that comes with them says.
REAL_WRONG = {
    "TimerOne-r11.zip": ("archive",),
    "blank-4k.bin": ("erased",),
    "esp_init_data_default.bin": ("rf-init",),
    "esptool-bootloader-esp32c3.bin": ("boot-loader",),
    "esptool-encrypted-hello-world.bin": ("encrypted",),
    "heidelbridge-bootloader-esp32.bin": ("boot-loader",),
    "heidelbridge-partitions.bin": ("partition-table",),
    "nodemcu-0x00000.bin": ("split-half",),
    "nodemcu-0x10000-irom.bin": ("split-half",),
    "onebyte.bin": ("foreign", "text"),
    "wemos-motor_shield-stm32.bin": ("foreign",),
    "zerolength.bin": ("empty",),
}
