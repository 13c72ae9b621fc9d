"""What to think of before an image goes to a device: everything that warns, and what is known besides.

Rule: nothing here refuses. A warning says what may happen; a note says what speaks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from homie_ota.model import Firmware, Way
from homie_ota.rollout import constraint
from homie_ota.rollout.eligibility.chips import chip_of, family
from homie_ota.rollout.eligibility.fit import FILES, left_for_files
from homie_ota.rollout.eligibility.may import Case, stone_holds
from homie_ota.rollout.eligibility.nouns import Candidate, Order, Reason, Room, Running, Weight

Think = Callable[[Case], Reason | None]


def of_image(firmware: Firmware) -> Iterator[Reason]:
    """What the inspection found to be thought of, and that a person stored it against a refusal."""
    if firmware.override:
        text = (
            f"{firmware.filename} was stored although the inspection refused it, because: {firmware.override}"
        )
        yield Reason("stored-by-override", text, evidence="The inspection of the file says so.")
    for text in firmware.warnings:
        yield Reason("image", text, evidence="The inspection of the file says so.")


# --- Versions ------------------------------------------------------------------------------------------------------


def _downgrade(case: Case) -> Reason | None:
    if case.newer.answer is not Order.OLDER or not (case.ask.named or case.is_revert):
        return None
    text = (
        f"{case.firmware.version} is older than the {case.device.fw_version} that {case.device.device_id} runs: it "
        "would go back."
    )
    return Reason("downgrade", text, _weight(case))


def _other_name(case: Case) -> Reason | None:
    device, firmware = case.device, case.firmware
    if not device.fw_name or device.fw_name == firmware.name:
        return None
    text = f"{device.device_id} runs {device.fw_name!r}; this image is {firmware.name!r}."
    return Reason("other-name", text, _weight(case))


def _weight(case: Case) -> Weight:
    """On the way back to what ran before both are as they should be."""
    return Weight.NOTES if case.is_revert else Weight.WARNS


def _same_version(case: Case) -> Reason | None:
    newer = case.newer
    if newer.answer is not Order.EQUAL or newer.same_bytes is not False:
        return None
    return Reason("same-version", f"{case.device.device_id}: {newer.text}")


def _order_unknown(case: Case) -> Reason | None:
    device = case.device
    if (
        case.newer.answer is not Order.UNKNOWN
        or not device.fw_version
        or device.fw_name != case.firmware.name
    ):
        return None
    return Reason("order-unknown", case.newer.text, Weight.NOTES)


def _stone_unknown(case: Case) -> Reason | None:
    firmware = case.firmware
    if case.is_revert or not firmware.requires or stone_holds(case.device, firmware) is not None:
        return None
    if constraint.read(firmware.requires) is None:
        text = f"What has to run before {firmware.filename} cannot be read: {firmware.requires!r}."
    else:
        text = (
            f"{firmware.filename} may only follow {firmware.name} {firmware.requires}; whether "
            f"{case.device.device_id} runs that, nobody can tell."
        )
    return Reason("stone-unknown", text)


# --- Flash and space -----------------------------------------------------------------------------------------------


def _flash_mode(case: Case) -> Reason | None:
    running, firmware = case.device.running, case.firmware
    if running is None or not (running.flash_mode and firmware.flash_mode):
        return None
    if running.flash_mode == firmware.flash_mode or not _is_esp8266(running, firmware):
        return None
    text = (
        f"{firmware.filename} has flash mode {firmware.flash_mode.upper()}, what {case.device.device_id} runs has "
        f"{running.flash_mode.upper()}: its updater will change that byte, and it will announce another checksum. If "
        "the chip cannot do the mode, it does not start."
    )
    return Reason("flash-mode", text, evidence=running.evidence)


def _flash_layout(case: Case) -> Reason | None:
    running, firmware = case.device.running, case.firmware
    if running is None or not (running.flash_size and firmware.flash_size):
        return None
    if running.flash_size == firmware.flash_size or not _is_esp8266(running, firmware):
        return None
    text = (
        f"{firmware.filename} is built for {firmware.flash_size // 1024} KB of flash, what {case.device.device_id} "
        f"runs for {running.flash_size // 1024} KB. Its file system may be at another place then, and the "
        "configuration of the device in it."
    )
    return Reason("flash-layout", text, evidence=running.evidence)


def _is_esp8266(running: Running, firmware: Firmware) -> bool:
    return "esp32" not in (family(running.chip), family(firmware.chip))


def _tight(case: Case) -> Reason | None:
    left = left_for_files(case.device, case.firmware) if case.fit.answer is Room.UNKNOWN else None
    if left is None or left >= FILES:
        return None
    text = f"{case.fit.text} It fits if the file system of the device has no more than {left // 1024} KB."
    return Reason("tight", text)


def _other_family(case: Case) -> Reason | None:
    """`esp32-idf` and the like: no promise, but a hint."""
    device, firmware = case.device, case.firmware
    if chip_of(device).word or not family(device.implementation):
        return None
    if family(firmware.chip) in ("", family(device.implementation)):
        return None
    text = (
        f"{firmware.filename} is an {firmware.chip.upper()} image, and {device.device_id} calls itself "
        f"{device.implementation}."
    )
    return Reason("other-family", text, evidence="It announces that as its $implementation.")


def _chip_unknown(case: Case) -> Reason | None:
    """What is not known refuses nothing, but an image for the wrong chip may be the last one that a device takes."""
    device, firmware = case.device, case.firmware
    told = chip_of(device).word or family(device.implementation)
    if told or device.way not in (Way.MQTT, Way.TWO_STEP) or not family(firmware.chip):
        return None
    text = (
        f"Which chip {device.device_id} has is not known: it says nothing about it, and no image of it is stored here. "
        f"{firmware.filename} is for the {firmware.chip.upper()} alone."
    )
    return Reason("chip-unknown", text)


# --- Keys and ways back --------------------------------------------------------------------------------------------


def _signature(case: Case) -> Reason | None:
    running, firmware = case.device.running, case.firmware
    if running is None or running.signed is firmware.signed:
        return None
    if running.signed:
        text = (
            f"What {case.device.device_id} runs takes signed images only, and {firmware.filename} is not signed: it "
            "will be refused. Sign it with the same key."
        )
        return Reason("signature-missing", text, evidence=running.evidence)
    text = (
        f"{firmware.filename} is signed: from then on {case.device.device_id} takes only images that are signed with "
        "the same key. Loss of that key means no OTA ever again."
    )
    return Reason("signature-begins", text, evidence=running.evidence)


def _no_way_back(case: Case) -> Reason | None:
    device = case.device
    if device.running is not None or not device.md5:
        return None
    text = f"The image that {device.device_id} runs now is not stored here: there is no way back to it."
    return Reason("no-way-back", text, Weight.NOTES)


def _next_address(case: Case) -> Reason | None:
    if case.device.way is not Way.HTTP or not case.firmware.magic:
        return None
    text = (
        f"This image is for Homie 2 or later: {case.device.device_id} will come back below another base topic, named "
        "by its MAC. It stays one device with one history here; rules for its old topics elsewhere have to follow."
    )
    return Reason("next-address", text)


def _unproven(case: Case) -> Reason | None:
    if case.device.way is not Way.URL and not (case.device.way is Way.ASKS and not case.device.md5):
        return None
    text = "This kind of device tells no checksum: success is judged by name and version alone."
    return Reason("no-checksum", text)


# --- Siblings ------------------------------------------------------------------------------------------------------


def _siblings(case: Case) -> Reason | None:
    """Supporting evidence, and a warning at most: other devices are other devices."""
    siblings, firmware = case.around.siblings, case.firmware
    if siblings.refused > siblings.took:
        text = f"{_count(siblings.refused)} like {case.device.device_id} refused this image{_but(siblings.took)}."
        return Reason("siblings-refused", text, evidence=_ALIKE)
    if siblings.took:
        text = f"{_count(siblings.took)} like {case.device.device_id} took this image."
        return Reason("siblings-took", text, Weight.NOTES, _ALIKE)
    if siblings.took_flash and _flash_is_new(case.device, firmware):
        size = f"{firmware.flash_size // 1024} KB"
        text = (
            f"{_count(siblings.took_flash)} like {case.device.device_id} took an image for {size} of flash."
        )
        return Reason("siblings-took-flash", text, Weight.NOTES, _ALIKE)
    return None


def _flash_is_new(device: Candidate, firmware: Firmware) -> bool:
    return device.running is None or device.running.flash_size != firmware.flash_size


_ALIKE = "They have the same MAC vendor and run firmware of the same name."


def _count(number: int) -> str:
    return "1 device" if number == 1 else f"{number} devices"


def _but(took: int) -> str:
    return f", and {took} took it" if took else ""


THOUGHTS: tuple[Think, ...] = (
    _other_name,
    _downgrade,
    _same_version,
    _order_unknown,
    _stone_unknown,
    _other_family,
    _chip_unknown,
    _flash_mode,
    _flash_layout,
    _tight,
    _signature,
    _next_address,
    _unproven,
    _siblings,
    _no_way_back,
)
