"""Is an image newer than what a device runs? Said as such: newer, older, the same, or nobody can tell.

Rule: never a guess. Versions of two different firmwares are not compared; the same version with other bytes is said.
"""

from __future__ import annotations

from homie_ota.model import Firmware
from homie_ota.rollout.eligibility.nouns import Candidate, Newer, Order
from homie_ota.rollout.versions import compare

_WORDS = {-1: Order.NEWER, 0: Order.EQUAL, 1: Order.OLDER}
"""By how the running version compares with the image's."""


def is_newer(device: Candidate, firmware: Firmware) -> Newer:
    """How the image stands to what the device runs."""
    same = device.md5 == firmware.md5 if device.md5 else None
    if same:
        return Newer(Order.EQUAL, "The device runs this very image.", True)
    if not device.fw_version:
        return Newer(Order.UNKNOWN, "The device has not told which version it runs.", same)
    if device.fw_name != firmware.name:
        runs = f"{device.fw_name} {device.fw_version}".strip()
        text = f"It runs {runs}; versions of two firmwares cannot be compared."
        return Newer(Order.UNKNOWN, text, same)
    order = compare(device.fw_version, firmware.version)
    if order is None:
        text = f"Nobody can tell which is newer, {firmware.version} or the {device.fw_version} that it runs."
        return Newer(Order.UNKNOWN, text, same)
    return _compared(_WORDS[order], device, firmware, same)


def _compared(order: Order, device: Candidate, firmware: Firmware, same: bool | None) -> Newer:
    if order is not Order.EQUAL:
        return Newer(order, f"{firmware.version} is {order} than the {device.fw_version} that it runs.", same)
    if device.fw_version.strip() != firmware.version.strip():
        return Newer(
            order, f"{firmware.version} and the {device.fw_version} that it runs are one version.", same
        )
    if same is None:
        text = f"It runs {device.fw_version} too; whether the bytes are the same, this device does not tell."
        return Newer(order, text, same)
    return Newer(order, f"It runs {device.fw_version} too, but of other bytes (MD5 {device.md5[:8]}…).", same)
