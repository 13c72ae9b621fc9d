"""Versions that libraries and build systems leave in an image as text, to tell two images apart.

Rule: only words in a well-known form are taken: a bare number may be anything. A date counts as the day the image was
compiled only where a framework says so itself: `compiled @ …` in every ESP8266 image is the day of the vendor's SDK.
Forms as found in real images.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from homie_ota.esp.image.text import clean, iso_date
from homie_ota.esp.image.window import Marks, Window

_MOST_MARKS = 200
_MOST_VERSIONS = 24
_AROUND = 500


class _Form(NamedTuple):
    """Words that stand near a mark that is rare in images.

    `pattern` is looked for from `before` bytes in front of the mark on; its group is the version, listed as `called`.
    """

    mark: bytes
    called: str
    pattern: re.Pattern[bytes]
    before: int = 0


_WORD = rb"([A-Za-z0-9][A-Za-z0-9._+=-]{0,60})"
_NUMBER = rb"(\d[\w.+-]{0,30})"
_CORE = _Form(b"hardware/esp", "Arduino core", re.compile(rb"hardware/(?:esp8266|esp32)/%s/" % _NUMBER))
_ESPHOME = (
    _Form(b"ESPHome version ", "ESPHome", re.compile(rb"ESPHome version %s" % _NUMBER)),
    _Form(b" (config hash 0x", "", re.compile(rb"\0(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: [+-]\d{4})?\0")),
)
_MICROPYTHON = (
    _Form(b"MicroPython v", "MicroPython", re.compile(rb"MicroPython v%s" % _NUMBER)),
    _Form(b"MicroPython v", "", re.compile(rb"MicroPython v[^\0;]{1,40} on (\d{4}-\d\d-\d\d)")),
)

Forms = tuple[_Form, ...]
ARDUINO_ESP8266: Forms = (
    _CORE,
    *_ESPHOME,
    _Form(b"_RELEASE/glue:", "lwIP", re.compile(rb"(STABLE-\d[\w-]{0,20}_RELEASE)/glue:"), 40),
    _Form(b"_RELEASE/glue:", "lwIP glue", re.compile(rb"/glue:%s" % _WORD)),
)
OTHER_ESP8266: Forms = (
    *_MICROPYTHON,
    _Form(b" powered by Lua ", "NodeMCU", re.compile(rb"NodeM[Cc][Uu] %s" % _NUMBER), 80),
    _Form(b" powered by Lua ", "Lua", re.compile(rb"powered by Lua %s" % _NUMBER)),
    _Form(b" powered by Lua ", "", re.compile(rb"NodeM[Cc][Uu] [^\0]{1,20} build (\d{8})"), 80),
)
ESP32: Forms = (_CORE, *_ESPHOME, *_MICROPYTHON)
"""What is looked for in images of each make; a date is a form without a name."""

_SDK = re.compile(rb"\d{1,2}\.\d{1,2}\.\d{1,2}(?:-dev)?\([0-9a-f]{7,8}\)")


def sdk_version(beginnings: Iterable[bytes]) -> tuple[str, ...]:
    """The version of the ESP8266's SDK, with which the segment of the constants begins, like `2.2.2-dev(38a443e)`."""
    found = (_SDK.match(each) for each in beginnings)
    return tuple(f"SDK {each[0].decode()}" for each in found if each)


class Versions:
    """Collects versions, and the day of compiling where a framework tells it, from the windows of a file."""

    def __init__(self, forms: Forms) -> None:
        self.found: list[str] = []
        self.compiled = ""
        by_mark = {mark: [form for form in forms if form.mark == mark] for mark in {f.mark: 0 for f in forms}}
        self._marks = [(Marks(mark, _MOST_MARKS), same) for mark, same in by_mark.items()]

    def look(self, window: Window) -> None:
        """Take the next window."""
        for marks, forms in self._marks:
            for position in marks.in_window(window):
                for form in forms:
                    self._read(form, window.data, position)

    def _read(self, form: _Form, data: bytes, position: int) -> None:
        found = form.pattern.search(data, max(0, position - form.before), position + _AROUND)
        if not found:
            return
        text = clean(found[1].decode(errors="replace"))
        if not form.called:
            self.compiled = self.compiled or _iso(text)
        elif len(self.found) < _MOST_VERSIONS and f"{form.called} {text}" not in self.found:
            self.found.append(f"{form.called} {text}")


def _iso(text: str) -> str:
    """A date as a framework writes it, `20141209` or `2026-07-05 21:12:11`, as ISO has it."""
    return iso_date(f"{text[:4]}-{text[4:6]}-{text[6:]}" if text.isdecimal() else text.replace(" ", "T"))
