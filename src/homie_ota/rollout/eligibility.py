"""May this device get this firmware? One answer, for page, API, command line and Home Assistant alike.

Rule: a refusal says why with what is known; what is not known refuses nothing. A typed reason (`override`) can lift the
refusals in OVERRIDABLE and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

from homie_ota.model import Firmware, Way

OVERRIDABLE = frozenset({"wrong-chip", "too-large", "flash-too-small"})
CHIPS_OF = {"esp8266": ("esp8266",), "esp32": ("esp32",)}
"""Which chip words of an image fit an `$implementation`; `esp32` says only the family (esp-image.md)."""

HTTP_WANTED = 16
"""Characters of a `$ota` payload; longer ones are ignored without a word (homie-ota.md, 1.5)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a device that matters here; empty or None means unknown. Sizes in bytes."""

    device_id: str
    way: Way
    way_evidence: str = ""
    implementation: str = ""
    ota_enabled: bool | None = None
    fw_name: str = ""
    fw_version: str = ""
    md5: str = ""
    free_space: int | None = None
    chip_size: int | None = None
    offer_fits: bool = True  # the dialect can name this firmware: `$ota`'s 16 characters, a topic's 128


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` say why not, `warnings` what to think of; `code` is stable (`eligible` when allowed)."""

    allowed: bool
    code: str
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judge(candidate: Candidate, firmware: Firmware, override: str = "") -> Verdict:
    """Whether `candidate` may get `firmware`; `override` is a person's typed reason against what can be lifted."""
    found = [rule(candidate, firmware) for rule in _RULES]
    refusals = [(code, text) for code, text in (each for each in found if each) if _holds(code, override)]
    lifted = tuple(text for code, text in (each for each in found if each) if not _holds(code, override))
    warnings = lifted + tuple(_warnings(candidate, firmware))
    if refusals:
        return Verdict(False, refusals[0][0], tuple(text for _, text in refusals), warnings)
    return Verdict(True, "eligible", (), warnings)


def _holds(code: str, override: str) -> bool:
    return not (override.strip() and code in OVERRIDABLE)


def _no_way(device: Candidate, _firmware: Firmware) -> tuple[str, str] | None:
    if device.way is not Way.NONE:
        return None
    return (
        "no-way",
        f"{device.device_id} cannot be updated from here: {device.way_evidence or 'no known OTA way'}.",
    )


def _disabled(device: Candidate, _firmware: Firmware) -> tuple[str, str] | None:
    if device.ota_enabled is not False:
        return None
    return "ota-disabled", (
        f"{device.device_id} has OTA switched off ($implementation/ota/enabled is false): it would receive the whole "
        "image and refuse it. Set ota.enabled to true in its configuration first."
    )


def _runs_it(device: Candidate, firmware: Firmware) -> tuple[str, str] | None:
    if device.md5 and device.md5 == firmware.md5:
        return "runs-it", f"{device.device_id} runs this very image already."
    unsure = device.way in (Way.HTTP, Way.URL) and not device.md5
    if unsure and (device.fw_name, device.fw_version) == (firmware.name, firmware.version):
        return "runs-it", (
            f"{device.device_id} runs {firmware.name} {firmware.version} already, and this kind of device cannot tell "
            "two images of one version apart. Give the new build a new version."
        )
    return None


def _wrong_chip(device: Candidate, firmware: Firmware) -> tuple[str, str] | None:
    fitting = CHIPS_OF.get(device.implementation)
    if fitting is None or not firmware.chip or firmware.chip.startswith(fitting):
        return None
    return "wrong-chip", (
        f"{firmware.filename}: this is an {firmware.chip.upper()} image, but {device.device_id} is an "
        f"{device.implementation.upper()}. Upload the {device.implementation.upper()} build."
    )


def _too_large(device: Candidate, firmware: Firmware) -> tuple[str, str] | None:
    if device.free_space is None or firmware.size <= device.free_space:
        return None
    return "too-large", (
        f"{firmware.filename} has {firmware.size} bytes; {device.device_id} said that it has {device.free_space} bytes "
        "free beside the running firmware."
    )


def _flash_too_small(device: Candidate, firmware: Firmware) -> tuple[str, str] | None:
    if device.chip_size is None or not firmware.flash_size or firmware.flash_size <= device.chip_size:
        return None
    return "flash-too-small", (
        f"{firmware.filename} is built for {firmware.flash_size // 1024} KB of flash; {device.device_id} has "
        f"{device.chip_size // 1024} KB. Build it for the smaller flash."
    )


def _unnameable(device: Candidate, firmware: Firmware) -> tuple[str, str] | None:
    if device.offer_fits:
        return None
    if device.way is Way.HTTP:
        return "unnameable", (
            f"{device.device_id} (Homie 1.5) takes at most {HTTP_WANTED} characters as the wanted version, and "
            f"{firmware.version!r} of {firmware.name!r} does not fit. Give the build a shorter version."
        )
    return "unnameable", (
        f"The topic for {device.device_id}'s image would be longer than the 128 characters that its firmware reads."
    )


_RULES = (_no_way, _disabled, _runs_it, _wrong_chip, _too_large, _flash_too_small, _unnameable)


def _warnings(device: Candidate, firmware: Firmware) -> list[str]:
    found = list(firmware.warnings)
    if device.fw_name and device.fw_name != firmware.name:
        found.append(f"{device.device_id} runs {device.fw_name!r}; this image is {firmware.name!r}.")
    if device.way is Way.HTTP and firmware.magic:
        found.append(
            f"This image is for Homie 2 or later: {device.device_id} will come back below another base topic, named by "
            "its MAC. It stays one device with one history here; rules for its old topics elsewhere have to follow."
        )
    if device.way is Way.URL:
        found.append("This kind of device tells no checksum: success is judged by name and version alone.")
    return found
