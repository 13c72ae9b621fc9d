"""The Homie magic: the name, version and brand that homie-esp8266 firmware carries between byte marks.

Rule: of two left marks the nearer one counts, a value is never longer than its mark allows, and values are data. They
may stand more than once; the first ones count, and a disagreement is said. Facts: esp-image.md, Homie magic.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Finding
from homie_ota.esp.image.text import clean
from homie_ota.esp.image.window import Marks, Window

FLAG = b"%HOMIE_ESP8266_FW%"


class _Word(NamedTuple):
    """One value of the magic: what stands left and right of it, and how many bytes it may have."""

    word: str
    left: bytes
    right: bytes
    longest: int
    rare: int  # the byte of the left mark that is rarest in real firmware


_WORDS = (
    _Word("name", b"\xbf\x84\xe4\x13\x54", b"\x93\x44\x6b\xa7\x75", 32, 0),
    _Word("version", b"\x6a\x3f\x3e\x0e\xe1", b"\xb0\x30\x48\xd4\x1a", 16, 0),
    _Word("brand", b"\xfb\x2a\xf5\x68\xc0", b"\x6e\x2f\x0f\xeb\x2d", 32, 2),
)
_ALONE = re.compile(rb"(?<=\0)\d{1,2}\.\d{1,2}\.\d{1,2}(?:-[a-z]{2,5}[.\d]{0,3})?(?=\0)")
_NEAR = 1000
_MOST_OF_A_WORD = 5
_MOST_MARKS = 2000


class Magic:
    """Collects the magic from the windows of a file."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._first: dict[str, str] = {}
        self._others: set[str] = set()
        self._marks = [(word, Marks(word.left, _MOST_MARKS, word.rare)) for word in _WORDS]
        self._flag = Marks(FLAG, 1)
        self._beside: list[bytes] = []

    def look(self, window: Window) -> None:
        """Take the next window."""
        for word, marks in self._marks:
            for position in marks.in_window(window):
                self._read(word, window.data, position + len(word.left))
        for position in self._flag.in_window(window):
            self._beside = _ALONE.findall(window.data, position, position + _NEAR)

    def _read(self, word: _Word, data: bytes, begin: int) -> None:
        end = data.find(word.right, begin, begin + word.longest + len(word.right))
        value = data[begin:end] if end >= 0 else b""
        if word.left in value:
            return  # a later left mark is nearer
        text = clean(value.decode(errors="replace"))
        if not text:
            return
        if self._first.setdefault(word.word, text) != text:
            self._others.add(word.word)
        if sum(seen == word.word for seen, _ in self.found) < _MOST_OF_A_WORD:
            self.found.append((word.word, text))

    def value(self, word: str) -> str:
        """The first value of `name`, `version` or `brand`, empty when there is none."""
        return self._first.get(word, "")

    def versions(self) -> list[str]:
        """Versions that stand alone near the magic: those of the Homie library and of its convention are there."""
        others = [each.decode() for each in self._beside if each.decode() != self.value("version")]
        return [f"beside the Homie magic {each}" for each in dict.fromkeys(others)][:_MOST_OF_A_WORD]

    def exhausted(self) -> bool:
        """Whether there were more marks than are looked at."""
        return any(marks.exhausted for _, marks in self._marks)

    def findings(self) -> list[Finding]:
        """What is odd about the magic."""
        several = [
            finding("magic-disagrees", word=word, taken=self._first[word]) for word in sorted(self._others)
        ]
        half = {"name", "version"} - self._first.keys()
        announced = self._flag.left == 0
        if len(half) == 1:
            has = "name" if "version" in half else "version"
            several.append(finding("magic-incomplete", has=f"only the {has}"))
        elif half and (announced or self._first):
            several.append(finding("magic-incomplete", has="neither name nor version"))
        return several
