"""Everything known of a device that is no reading: each fact with where it comes from, and since when it is so.

Rule: a fact without a source is not shown. What was announced is as old as the last announce; what a person, a request
or a deployment taught has its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from homie_ota.homie.evidence import ASKS
from homie_ota.model import Firmware
from homie_ota.rollout.eligibility import lessons
from homie_ota.store import moved, pace
from homie_ota.store.learned import Lesson
from homie_ota.web import words
from homie_ota.web.texts import _

Row = Mapping[str, Any]


class Known(NamedTuple):
    """One fact for people; `at` is when it was said or learned, None where that is not known."""

    label: str
    value: str
    source: str
    at: float | None = None


def known(
    row: Row, taught: Sequence[Lesson], image: Firmware | None, announced_at: float | None
) -> list[Known]:
    """The facts of a device, those that people look for first; `image` is the stored one that it runs."""
    told = _stats_at(row)
    found = [
        Known(_("address"), f"{row['base']}{row['device_id']}", _named_by(row), row["first_seen"]),
        *_announced(row, announced_at),
        *_statistics(row, told),
        *_of_image(image),
        *(_taught(each) for each in taught),
        *_rest(row, announced_at),
        *_past(row),
    ]
    return [each for each in found if each.value]


def _stats_at(row: Row) -> float | None:
    return row["recent"][-1][0] if row["recent"] else None


def _announced(row: Row, at: float | None) -> Iterator[Known]:
    enabled = {None: "", True: _("switched on"), False: _("switched off")}[row["ota_enabled"]]
    firmware = " ".join(each for each in (row["fw_name"], row["fw_version"]) if each)
    said = {
        _("firmware"): firmware,
        _("MD5 of what runs"): row["md5"],
        _("implementation"): row["implementation"],
        _("Homie"): row["homie"],
        _("updates"): enabled,
        _("IP address"): row["ip"],
        _("MAC address"): row["mac"],
    }
    source = _("said when it asked over HTTP") if _asks(row) else _("announced over MQTT")
    for label, value in said.items():
        yield Known(label, value, source, at)
    yield Known(
        _("updated by"),
        row["way"] if row["way"] != "none" else "",
        _("it asks by itself") if _asks(row) else _("worked out from what it announces"),
        at,
    )


def _asks(row: Row) -> bool:
    """Whether it was adopted because it asked over HTTP, and never came to the broker."""
    return ASKS in (row["facts"] or {})


def _named_by(row: Row) -> str:
    return _("its MAC") if _asks(row) else _("its topics")


def _statistics(row: Row, at: float | None) -> Iterator[Known]:
    signal = "" if row["signal"] is None else f"{row['signal']:.0f} %"
    for label, value in (
        (_("signal"), signal),
        (_("uptime"), words.duration(row["uptime"])),
        (_("free heap"), words.size(row["heap"])),
    ):
        yield Known(label, value, _("statistics over MQTT"), at)


def _of_image(image: Firmware | None) -> Iterator[Known]:
    if image is None:
        return
    source, at = _("read from the image that it runs"), image.uploaded_at
    flash = " ".join(each for each in (words.flash(image.flash_size), image.flash_mode) if each)
    for label, value in (
        (_("chip"), image.chip),
        (_("flash setting"), flash),
        (_("image size"), words.size(image.size)),
        (_("brand"), image.brand),
    ):
        yield Known(label, value, source, at)


def _labels() -> dict[str, str]:
    return {
        lessons.CHIP: _("chip of the last image that ran"),
        lessons.FLASH_CONFIG: _("says its flash setting is wrong while it runs"),
        lessons.FLASH_REFUSED: _("refused an image for a flash of"),
        lessons.IMAGE_REFUSED: _("refused as no firmware"),
        lessons.NO_SPACE_BESIDE: _("no room, beside"),
        lessons.NO_SPACE_SIZE: _("no room for"),
        lessons.NO_SPACE_TOTAL: _("no room for both images of"),
        moved.ASKED: _("asks for images at"),
        moved.ASTRAY: _("asked in vain at"),
        pace.REBOOT: _("its restarts took"),
        pace.RATE: _("rate of its transfers"),
        lessons.REWRITTEN_AS: _("changed the flash mode of"),
        lessons.REWRITTEN_MD5: _("and announces since then"),
        lessons.TOOK_FLASH: _("took an image for a flash of"),
        lessons.TOOK_SIZE: _("took an image of"),
        lessons.TOOK_TOTAL: _("had room for both images of"),
        lessons.FREE_SPACE: _("free flash"),
        lessons.SKETCH_SIZE: _("size of what runs"),
        lessons.SKETCH_MD5: _("MD5 of what runs, over HTTP"),
        lessons.CHIP_SIZE: _("flash chip"),
        lessons.FAMILY: _("chip family"),
    }


_SIZES = frozenset(
    {
        lessons.FREE_SPACE,
        lessons.SKETCH_SIZE,
        lessons.NO_SPACE_SIZE,
        lessons.NO_SPACE_TOTAL,
        lessons.TOOK_SIZE,
        lessons.TOOK_TOTAL,
    }
)
_FLASHES = frozenset({lessons.CHIP_SIZE, lessons.FLASH_REFUSED, lessons.TOOK_FLASH})


def _taught(each: Lesson) -> Known:
    return Known(_labels().get(each.fact, each.fact), _value(each), each.evidence, each.at)


def _value(each: Lesson) -> str:
    number = int(each.value) if each.value.isdecimal() and len(each.value) < 16 else None
    if each.fact in _SIZES and number is not None:
        return words.size(number)
    if each.fact in _FLASHES and number is not None:
        return words.flash(number)
    say = _MEASURED.get(each.fact)
    return ", ".join(say(word) for word in each.value.split()) if say else each.value


def _rate(word: str) -> str:
    return f"{float(word) / 1024:.0f} KB/s" if word.replace(".", "", 1).isdecimal() else word


_MEASURED: dict[str, Callable[[str], str]] = {pace.REBOOT: lambda word: f"{word} s", pace.RATE: _rate}


_SHOWN = frozenset(
    {
        "name",
        "ip",
        "mac",
        "md5",
        "fw/name",
        "fw/version",
        "homie",
        "signal",
        "uptime",
        "heap",
        "nodes",
        "nodes/told",
    }
    | {"ota/enabled", "implementation", "config", "legacy", "stats"}
)
"""Facts that have a place of their own on the page, or are ours alone."""


def _rest(row: Row, at: float | None) -> Iterator[Known]:
    labels = {
        "implementation/version": _("version of the implementation"),
        "interval": _("seconds between statistics"),
        "ota/running": _("partition that runs"),
        "ota/boot": _("partition that starts next"),
        "ota/retained": _("kept for it on the broker"),
        "reset/reason": _("why it last restarted"),
        "wifi/last_disconnect_reason": _("why it last left the Wi-Fi"),
        "mqtt/last_disconnect_reason": _("why it last left the broker"),
    }
    for name, value in sorted((row["facts"] or {}).items()):
        if name not in _SHOWN and name != ASKS:
            yield Known(labels.get(name, name), value, _("announced over MQTT"), at)


def _past(row: Row) -> Iterator[Known]:
    for each in row["addresses"]:
        if each["until"] is not None:
            yield Known(_("was"), f"{each['base']}{each['device_id']}", _("its older topics"), each["until"])
