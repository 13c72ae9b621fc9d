"""May this device get this image? Every rule that refuses, and which of them a person's typed reason lifts.

Rule: what is not known refuses nothing. LIFTABLE says for each code whether it can be overridden: what can be wrong
about our knowledge can, what cannot work cannot, and what a person holds back is for that person to let go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from homie_ota.model import Firmware, Purpose, Way
from homie_ota.rollout import constraint
from homie_ota.rollout.eligibility import lessons
from homie_ota.rollout.eligibility.chips import chip_of
from homie_ota.rollout.eligibility.nouns import (
    Ask,
    Candidate,
    Circumstances,
    Fit,
    Newer,
    Order,
    Reason,
    Room,
    Weight,
)

LIFTABLE: dict[str, bool] = {
    "no-way": False,
    "ota-disabled": False,
    "runs-it": False,
    "not-an-image": False,
    "unnameable": False,
    "pinned": False,  # lifted by unpinning alone: who pinned it said why
    "quarantined": False,  # lifted by a release alone
    "dead-end": False,  # lifted by a bench device that shows the contrary
    "wrong-kind": True,
    "wrong-chip": True,
    "flash-too-small": True,
    "flash-config": True,
    "too-large": True,
    "refused-before": True,
    "stepping-stone": True,
    "downgrade": True,  # where nobody asked for it: a standing target; else it only warns
}
"""Code of a refusal → whether a typed reason lifts it."""

KINDS_TO_OVERRIDE = frozenset({"factory", "boot-loader", "split-half", "truncated"})
"""Kinds of file that a person may know to be good all the same; of the others none can be flashed by OTA."""

HTTP_WANTED = 16
"""Characters of a `$ota` payload; longer ones are ignored without a word (homie-ota.md, 1.5)."""


class Case(NamedTuple):
    """A device, an image, and what was found out about the two."""

    device: Candidate
    firmware: Firmware
    around: Circumstances
    ask: Ask
    newer: Newer
    fit: Fit

    @property
    def is_revert(self) -> bool:
        """True for the way back to what ran before."""
        return self.ask.purpose is Purpose.REVERT


Rule = Callable[[Case], Reason | None]


def _refusal(code: str, text: str, evidence: str = "", at: float | None = None) -> Reason:
    return Reason(code, text, Weight.REFUSES, evidence, at, LIFTABLE[code])


# --- What cannot work, and what is held back -----------------------------------------------------------------------


def _no_way(case: Case) -> Reason | None:
    device = case.device
    if device.way is not Way.NONE:
        return None
    why = device.way_evidence or "no known OTA way"
    return _refusal("no-way", f"{device.device_id} cannot be updated from here: {why.rstrip('.')}.")


def _disabled(case: Case) -> Reason | None:
    if case.device.ota_enabled is not False:
        return None
    text = (
        f"{case.device.device_id} has OTA switched off: it would receive the whole image and refuse it. Set "
        "ota.enabled to true in its configuration first."
    )
    return _refusal("ota-disabled", text, "It announces $implementation/ota/enabled false.")


def _runs_it(case: Case) -> Reason | None:
    device, firmware = case.device, case.firmware
    if device.md5 and device.md5 == firmware.md5:
        return _refusal("runs-it", f"{device.device_id} runs this very image already.", _announced(device))
    if _runs_it_rewritten(device, firmware):
        seen = device.facts[lessons.REWRITTEN_AS]
        text = (
            f"{device.device_id} runs this very image already; its updater changed the flash mode, so it announces "
            "another checksum. Sent again, it would be flashed again, for nothing."
        )
        return _refusal("runs-it", text, seen.evidence, seen.at)
    unsure = device.way in (Way.HTTP, Way.URL, Way.ASKS) and not device.md5
    # A sketch that asks tells its version and no name: the same version of another name could not be proven either.
    name = firmware.name if device.way is Way.ASKS else device.fw_name
    if unsure and (name, device.fw_version) == (firmware.name, firmware.version):
        text = (
            f"{device.device_id} runs {firmware.name} {firmware.version} already, and this kind of device cannot tell "
            "two images of one version apart. Give the new build a new version."
        )
        return _refusal("runs-it", text)
    return None


def _runs_it_rewritten(device: Candidate, firmware: Firmware) -> bool:
    """Rules 12 and 13 of homie-ota.md: an endless loop otherwise."""
    image, md5 = device.facts.get(lessons.REWRITTEN_AS), device.facts.get(lessons.REWRITTEN_MD5)
    if image is None or md5 is None or image.value != firmware.sha256:
        return False
    return bool(device.md5) and device.md5 == md5.value


def _announced(device: Candidate) -> str:
    return f"It says that it runs the MD5 {device.md5}."


def _kind(case: Case) -> Reason | None:
    firmware = case.firmware
    if firmware.kind in ("application", "") or firmware.override:
        return None
    code = "wrong-kind" if firmware.kind in KINDS_TO_OVERRIDE else "not-an-image"
    word = firmware.kind.replace("-", " ")
    text = f"{firmware.filename} is no application image but a file of the kind “{word}”. Upload the sketch."
    return _refusal(code, text, "The inspection of the file says so.")


def _unnameable(case: Case) -> Reason | None:
    if case.around.offer_fits:
        return None
    device, firmware = case.device, case.firmware
    if device.way is Way.HTTP:
        text = (
            f"{device.device_id} (Homie 1.5) takes at most {HTTP_WANTED} characters as the wanted version, and "
            f"{firmware.version!r} of {firmware.name!r} does not fit. Give the build a shorter version."
        )
        return _refusal("unnameable", text)
    text = f"The topic for {device.device_id}'s image would be longer than the 128 characters that its firmware reads."
    return _refusal("unnameable", text)


def _pinned(case: Case) -> Reason | None:
    pin = case.device.pinned
    if pin is None:
        return None
    text = f"{case.device.device_id} is pinned: {_quoted(pin.reason)}. Unpin it first."
    return _refusal("pinned", text, "A person pinned it.", pin.at)


def _quarantined(case: Case) -> Reason | None:
    held = case.around.quarantined
    if held is None:
        return None
    text = (
        f"{case.firmware.filename} is in quarantine for {case.device.device_id}: {_quoted(held.reason)}. Release it "
        "from there first."
    )
    return _refusal("quarantined", text, held.reason, held.at)


def _quoted(text: str) -> str:
    return text.strip().rstrip(".") or "no reason was given"


def _dead_end(case: Case) -> Reason | None:
    if case.firmware.proven != "dead-end" or case.ask.purpose is Purpose.BENCH:
        return None
    text = (
        f"{case.firmware.filename} is a dead end: a bench device that ran it could not be updated again. It goes to "
        "nobody until a bench device shows the contrary."
    )
    return _refusal("dead-end", text, "A bench device tried it.")


# --- What a person may know better ---------------------------------------------------------------------------------


def _wrong_chip(case: Case) -> Reason | None:
    device, firmware = case.device, case.firmware
    chip = chip_of(device)
    if chip.takes(firmware.chip):
        return None
    text = (
        f"{firmware.filename}: this is an {firmware.chip.upper()} image, but {device.device_id} is an "
        f"{chip.word.upper()}. Upload the {chip.word.upper()} build."
    )
    return _refusal("wrong-chip", text, chip.evidence, chip.at)


def _flash_too_small(case: Case) -> Reason | None:
    device, firmware = case.device, case.firmware
    chip, refused = device.facts.get(lessons.CHIP_SIZE), device.facts.get(lessons.FLASH_REFUSED)
    if chip and chip.number and firmware.flash_size > chip.number:
        has = f"{device.device_id} has {chip.number // 1024} KB"
        return _refusal("flash-too-small", _too_much_flash(firmware, has), chip.evidence, chip.at)
    if refused and refused.number and firmware.flash_size >= refused.number:
        has = f"{device.device_id} refused an image for {refused.number // 1024} KB"
        return _refusal("flash-too-small", _too_much_flash(firmware, has), refused.evidence, refused.at)
    return None


def _too_much_flash(firmware: Firmware, has: str) -> str:
    size = firmware.flash_size // 1024
    return f"{firmware.filename} is built for {size} KB of flash; {has}. Build it for the smaller flash."


def _flash_config(case: Case) -> Reason | None:
    told = case.device.facts.get(lessons.FLASH_CONFIG)
    if told is None or not told.value or told.value != case.device.md5:
        return None
    text = (
        f"{case.device.device_id} says that its flash size setting does not match its chip: as long as it runs what "
        "it runs now, it refuses every image. Flash it by cable once, with the right flash size."
    )
    return _refusal("flash-config", text, told.evidence, told.at)


def _too_large(case: Case) -> Reason | None:
    fit = case.fit
    return _refusal("too-large", fit.text, fit.evidence, fit.at) if fit.answer is Room.TOO_LARGE else None


def _refused_before(case: Case) -> Reason | None:
    told = case.device.facts.get(lessons.IMAGE_REFUSED)
    if told is None or told.value != case.firmware.sha256:
        return None
    text = (
        f"{case.device.device_id} refused this very image as no valid firmware. Build it for this board and flash "
        "size, and upload that."
    )
    return _refusal("refused-before", text, told.evidence, told.at)


def _stepping_stone(case: Case) -> Reason | None:
    device, firmware = case.device, case.firmware
    if case.is_revert or stone_holds(device, firmware) is not False:
        return None
    text = (
        f"{firmware.filename} may only follow {firmware.name} {firmware.requires}; {device.device_id} runs "
        f"{device.fw_version}. Bring it to {firmware.name} {firmware.requires} first."
    )
    return _refusal("stepping-stone", text, f"The image was stored with requires {firmware.requires}.")


def stone_holds(device: Candidate, firmware: Firmware) -> bool | None:
    """Whether what has to run before this image does; None when nobody can tell."""
    wanted = constraint.read(firmware.requires)
    if wanted is None:
        return None
    if not wanted.parts:
        return True
    return wanted.holds(device.fw_version) if device.fw_name == firmware.name else None


def _downgrade(case: Case) -> Reason | None:
    """Possible, but asked for by name (attack-checklist, row 4): what goes out by itself never goes back."""
    if case.newer.answer is not Order.OLDER or case.is_revert or case.ask.named:
        return None
    text = (
        f"{case.firmware.version} is older than the {case.device.fw_version} that {case.device.device_id} runs, and "
        "nobody asked for that. Order it by name to go back."
    )
    return _refusal("downgrade", text, case.newer.text)


RULES: tuple[Rule, ...] = (
    _no_way,
    _disabled,
    _runs_it,
    _kind,
    _unnameable,
    _pinned,
    _quarantined,
    _dead_end,
    _wrong_chip,
    _too_large,
    _flash_too_small,
    _flash_config,
    _refused_before,
    _stepping_stone,
    _downgrade,
)
"""In the order in which a person should hear them."""
