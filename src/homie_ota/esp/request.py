"""What an ESP says about itself when it asks for an update over HTTP.

Rule: everything a device sends is data of unknown quality: what is missing or senseless is None or empty, and nothing
raises. Header names are matched whatever their case; their meaning is that of the ESP8266 and ESP32 Arduino cores and
of Homie 1.x, which puts device id, firmware and wish into the one header `version`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from homie_ota.esp.image import clean

FAMILIES = ("esp8266", "esp32")
_MACS = ("sta-mac", "ap-mac", "base-mac", "chip-id")
_SIZES = ("free-space", "sketch-size", "chip-size")
_WORDS = frozenset((*_MACS, *_SIZES, "sketch-md5", "sketch-sha256", "sdk-version", "mode", "version"))
"""What follows `x-esp8266-` or `x-esp32-` in the requests of all cores."""

MODES = ("sketch", "spiffs", "version")
_LONGEST = 255
_MAC = re.compile(r"[0-9A-F]{12}")
_DIGITS = re.compile(r"[0-9]{1,12}")

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """One request for an update; numbers are None and words empty where the device did not say.

    `mode` is `sketch` (an image), `spiffs` (a file system, never answered with an image) or `version` (only the
    version that there is). `device_id`, `fw_name`, `have` and `want` come from the version header of Homie 1.x;
    `want_hash` is the short hash before the `@` of a wanted `<hash>@<version>`. A plain version is in `have` alone.
    MAC addresses are `A0:20:A6:14:85:06`.
    """

    family: str
    mode: str = "sketch"
    device_id: str = ""
    fw_name: str = ""
    have: str = ""
    want: str = ""
    want_hash: str = ""
    mac: str = ""
    ap_mac: str = ""
    chip_id: int | None = None
    free_space: int | None = None
    chip_size: int | None = None
    sketch_size: int | None = None
    md5: str = ""
    sha256: str = ""
    sdk: str = ""

    @property
    def is_plain(self) -> bool:
        """True for a sketch of no Homie that says who it is: known by its MAC alone."""
        return bool(self.mac) and not self.device_id

    @property
    def mac_end(self) -> str:
        """The last three bytes of the MAC as the chip id tells them (`03:72:FF`), or else of the MAC itself."""
        if self.chip_id is None:
            return self.mac[-8:]
        return self.chip_id.to_bytes(3, "big").hex(":").upper()

    @property
    def wanted(self) -> str:
        """What `$ota` said, as the device repeats it: `1.1.0` or `a75ebc7c7f@1.1.0`."""
        return f"{self.want_hash}@{self.want}" if self.want_hash else self.want


def read(headers: Headers) -> UpdateRequest | None:
    """The request in these headers; None when no header is one of an ESP's (the answer then is 403)."""
    said = _of_one_family(headers)
    if said is None:
        return None
    family, words = said
    mode = words.get("mode", "").lower()
    return UpdateRequest(
        family=family,
        mode=mode if mode in MODES else "sketch",  # core 2.0.0 sends none and wants a sketch
        mac=read_mac(words.get("sta-mac", "")) or read_mac(words.get("base-mac", "")),
        ap_mac=read_mac(words.get("ap-mac", "")),
        chip_id=_chip_id(words.get("chip-id", "")),
        free_space=_number(words.get("free-space", "")),
        chip_size=_number(words.get("chip-size", "")),
        sketch_size=_number(words.get("sketch-size", "")),
        md5=_hex(words.get("sketch-md5", ""), 32),
        sha256=_hex(words.get("sketch-sha256", ""), 64),
        sdk=words.get("sdk-version", ""),
        **read_version(words.get("version", "")),
    )


_KEPT = {
    "sta-mac": "mac", "mode": "mode", "version": "have", "sketch-md5": "md5", "free-space": "free_space",
    "sketch-size": "sketch_size", "chip-size": "chip_size", "sdk-version": "sdk",
}  # fmt: skip
_BETWEEN = " | "


def as_text(request: UpdateRequest) -> str:
    """A plain request on one line, for the record of a deployment; `from_text` reads it again."""
    told = (
        (name, str(value)[:64])
        for name, word in _KEPT.items()
        if (value := getattr(request, word)) is not None
    )
    return _BETWEEN.join(f"x-{request.family}-{name}: {value}" for name, value in told if value)


def from_text(text: str) -> UpdateRequest | None:
    """The request that `as_text` wrote; None for anything else."""
    parts = (part.partition(": ") for part in text.split(_BETWEEN))
    return read([(name, value) for name, _, value in parts])


def read_version(text: str) -> dict[str, str]:
    """The parts of a version header: `device_id`, `fw_name`, `have`, `want`, `want_hash`; only those it has.

    Homie 1.x writes `<id>=<name>=<have>=<want>`, or `<id>=<name>@<have>-><hash>@<want>`; others a plain version.
    """
    text = clean(text, _LONGEST)
    return _with_arrow(text) or _with_equals(text) or ({"have": text} if text else {})


def _with_arrow(text: str) -> dict[str, str]:
    running, arrow, wanted = text.partition("->")
    device_id, _, firmware = running.partition("=")
    name, _, have = firmware.rpartition("@")
    return _homie(device_id, name, have, wanted) if arrow else {}


def _with_equals(text: str) -> dict[str, str]:
    # Only a name could hold an equals sign of its own: the other three stand at the ends.
    device_id, _, rest = text.partition("=")
    rest, _, wanted = rest.rpartition("=")
    name, _, have = rest.rpartition("=")
    return _homie(device_id, name, have, wanted)


def _homie(device_id: str, name: str, have: str, wanted: str) -> dict[str, str]:
    if not (device_id and name):
        return {}
    want_hash, _, want = wanted.rpartition("@")
    return {"device_id": device_id, "fw_name": name, "have": have, "want": want, "want_hash": want_hash}


def _of_one_family(headers: Headers) -> tuple[str, dict[str, str]] | None:
    """The family that speaks here, and what it says without the prefix; the first of two equal headers counts."""
    found: dict[str, dict[str, str]] = {family: {} for family in FAMILIES}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        start, _, rest = name.strip().lower().partition("-")
        family, _, word = rest.partition("-")
        if start == "x" and word in _WORDS and family in found:
            found[family].setdefault(word, clean(value, _LONGEST))
    family = max(FAMILIES, key=lambda each: len(found[each]))
    return (family, found[family]) if found[family] else None


def _number(text: str) -> int | None:
    return int(text) if _DIGITS.fullmatch(text) else None


def _chip_id(text: str) -> int | None:
    number = _number(text)
    return number if number is not None and number < 1 << 24 else None


def read_mac(text: str) -> str:
    """A MAC as `A0:20:A6:14:85:06`, however it is written; empty where it is none."""
    digits = text.upper().replace(":", "").replace("-", "")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)) if _MAC.fullmatch(digits) else ""


def _hex(text: str, length: int) -> str:
    return text.lower() if re.fullmatch(f"[0-9A-Fa-f]{{{length}}}", text) else ""
