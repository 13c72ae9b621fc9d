"""What the tutorial tells people to write into their sketch is what the server reads."""

from __future__ import annotations

import re

from docs.installed import PROJECT
from docs.recipes import every_block
from homie_ota.esp.image import inspect
from homie_ota.simulator.images import make_image

TEXT = (PROJECT / "docs" / "tutorial" / "first-update.md").read_text("utf-8")


def marks() -> bytes:
    """The bytes that a compiler makes of the marks in the sketch for Homie 1.x."""
    (sketch,) = [block.text for block in every_block(TEXT) if "char marks[]" in block.text]
    words = dict(re.findall(r'^#define (\w+) "(.*)"$', sketch, re.MULTILINE))
    literal = sketch.partition("marks[] =")[2].partition(";")[0]
    found = b""
    for quoted, name in re.findall(r'"([^"]*)"|\b([A-Z]+)\b', literal):
        found += (words[name] if name else quoted).encode().decode("unicode_escape").encode("latin-1")
    return found


def test_the_marks_for_homie_1_are_what_later_versions_write() -> None:
    image = make_image("lamp", "2.0.0")
    flag, name, version = marks()[:18], marks()[18:32], marks()[32:]
    assert name.endswith(b"lamp\x93\x44\x6b\xa7\x75")
    assert version.startswith(b"\x6a\x3f\x3e\x0e\xe12.0.0")
    assert [piece for piece in (flag, name, version) if piece not in image] == []


def test_an_image_with_these_marks_says_its_name_and_version() -> None:
    plain = make_image("other", "9.9.9", homie=False)
    place = plain.rindex(b"\0virtual firmware ") - len(marks())
    found = inspect(plain[:place] + marks() + plain[place + len(marks()) :])
    assert (found.name, found.version) == ("lamp", "2.0.0")
