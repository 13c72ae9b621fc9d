"""What the build system of the ESP32 family wrote into the application: project, versions, when it was compiled.

Rule: shown, not trusted: in Arduino builds the project is always `arduino-lib-builder`, and the date is the day when
those libraries were built, so it is left out. Facts: `esp_app_desc_t`, esp-image.md.
"""

from __future__ import annotations

import re
from struct import unpack_from

from homie_ota.esp.image.nouns import AppDescriptor
from homie_ota.esp.image.text import c_string, iso_date

_MAGIC = b"\x32\x54\xcd\xab"
_ARDUINO = "arduino-lib-builder"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d{4})")


def descriptor_of(start: bytes, at: int = 32) -> AppDescriptor | None:
    """The app descriptor from the first 288 bytes of an image; None where there is none.

    It stands `at` the beginning of the first segment: after 24 + 8 bytes, on the ESP8266 after 8 + 8.
    """
    data = start[at : at + 176]
    if len(data) < 176 or data[:4] != _MAGIC:
        return None
    (secure_version,) = unpack_from("<I", data, 4)
    version, project, idf = (c_string(data[begin : begin + 32]) for begin in (16, 48, 112))
    time, date = (c_string(data[begin : begin + 16]) for begin in (80, 96))
    elf = data[144:176].hex() if any(data[144:176]) else ""
    compiled = iso(date, time) if project != _ARDUINO else ""
    return AppDescriptor(project, version, compiled, idf, elf, secure_version)


def iso(date: str, time: str = "") -> str:
    """`Sep 13 2022` and `10:18:39`, as compilers write them, as an ISO date and time; empty when it is none."""
    found = _DATE.fullmatch(date)
    if not found or found[1] not in _MONTHS:
        return ""
    day = iso_date(f"{found[3]}-{_MONTHS.index(found[1]) + 1:02}-{int(found[2]):02}")
    return (day and iso_date(f"{day}T{time}")) or day
