"""Why a deployment ended as it did: one sentence for people, and whether the device took harm.

Rule: each reason says what happened and what to do now. `harmful` means that something was flashed and the device is
not as it should be; a refusal or a broken transfer leaves the old firmware running.
"""

from __future__ import annotations

from typing import NamedTuple

from homie_ota.model import DeploymentState, OtaEvent, Way

SELF_DROP = 38.0
"""Seconds after which a transfer that ends in a reconnect has dropped itself (homie-ota.md rule 21: about 41 s)."""

COMPLETE = 0.95
"""The part of an image after whose last `206` we take the transfer for complete: statuses get lost (rule 4)."""


class Reason(NamedTuple):
    """`code` is stable; `text` is for people."""

    code: str
    text: str
    harmful: bool


REFUSALS: dict[OtaEvent, Reason] = {
    OtaEvent.SAME: Reason(
        "same-image", "The device says that it runs this image already (304). Nothing to do.", False
    ),
    OtaEvent.BAD_FIRMWARE: Reason(
        "bad-firmware",
        "The device refused the image as no valid firmware (400 BAD_FIRMWARE): wrong start, length or flash size. It "
        "still runs the old one. Build the image for this board and flash size and upload that.",
        False,
    ),
    OtaEvent.BAD_CHECKSUM: Reason(
        "bad-checksum",
        "What arrived at the device was not what was sent (400 BAD_CHECKSUM). It still runs the old firmware. Try "
        "again; if it happens again, look at the Wi-Fi signal and at the broker's payload limit.",
        False,
    ),
    OtaEvent.NO_SPACE: Reason(
        "no-space",
        "The image does not fit beside the running one (400 NOT_ENOUGH_SPACE). It still runs the old firmware. Make "
        "the image smaller, or go through a smaller image first.",
        False,
    ),
    OtaEvent.BAD_REQUEST: Reason(
        "bad-request", "The device did not accept the offer. It still runs the old firmware.", False
    ),
    OtaEvent.DISABLED: Reason(
        "ota-disabled",
        "Updates are switched off in the device's configuration (403). Set ota.enabled to true there, then try again.",
        False,
    ),
    OtaEvent.FLASH_ERROR: Reason(
        "flash-error",
        "The device could not write its flash (500 FLASH_ERROR). It still runs the old firmware. Try once more; if "
        "it happens again, the flash chip is worn or wrongly configured.",
        False,
    ),
    OtaEvent.NO_PARTITION: Reason(
        "no-partition",
        "The device has no OTA partitions (500): its partition table cannot take an update. It must be flashed by "
        "cable once, with a partition table that has two OTA partitions.",
        False,
    ),
    OtaEvent.ERROR: Reason(
        "device-error",
        "The device reported an internal error (500). It still runs the old firmware. Restart it, then try again.",
        False,
    ),
    OtaEvent.STUCK: Reason(
        "stuck",
        "The device takes no update until it restarts, because an earlier one was cut off: Homie 2.0.0 does that (500 "
        "INTERNAL_ERROR 0). It still runs the old firmware. Restart it, then try again.",
        False,
    ),
}

FLASH_CONFIG = Reason(
    "flash-config",
    "The device says that the flash size setting of what it runs does not match its chip (500 INTERNAL_ERROR 8): it "
    "refuses every image until it was flashed by cable once, with the right flash size.",
    False,
)

NOT_SENT = Reason(
    "not-sent",
    "The offer did not leave the server: the broker was not connected. Nothing was sent; try again.",
    False,
)
RUNS_IT = Reason("runs-it", "The device runs this image already.", False)
CANCELLED = Reason("cancelled", "Taken back before it was sent.", False)
ABSENT = Reason(
    "absent",
    "The device was not there, or could not be updated, until the date up to which this was to wait. Nothing was sent.",
    False,
)
NO_HTTP_REQUEST = Reason(
    "no-http-request",
    "The device restarted to fetch the image, and came back with its old firmware without asking this server. Check "
    "that its configuration names this server's address, port and path for OTA.",
    False,
)
NOT_BACK = Reason(
    "not-back",
    "The device has not come back after the transfer. It may need to be restarted by hand; if it comes back with the "
    "new firmware later, this will be shown as a late success.",
    True,
)
NOT_READY = Reason(
    "not-ready",
    "The device came back with the new firmware but never became ready. Look at what it does; the new firmware may "
    "hang while it starts.",
    True,
)

RESTARTING = Reason(
    "restarting",
    "The device came back with the new firmware and restarts again and again. Look at its power supply and at what the "
    "new firmware does after its start.",
    True,
)
SILENT = Reason(
    "silent",
    "The device is ready with the new firmware, but tells no statistics any more, as it did before. It may hang, or an "
    "update that was cut off before holds it up: restart it; if it stays silent, go back to what it ran before.",
    True,
)
LEFT = Reason(
    "left",
    "The device came back with the new firmware, went away again and has not returned. Look at its power and Wi-Fi; if "
    "it comes back with the new firmware and stays, this will be shown as a late success.",
    True,
)
WENT_BACK = Reason(
    "went-back",
    "The device came up with the new firmware and then went back to the old one by itself: it was rolled back, or "
    "somebody else flashed it. Do not send the same image again before you know why.",
    True,
)
HARMS = {"restarting": RESTARTING, "silent": SILENT, "left": LEFT}
"""What the soak found (`soak.Found`) → the reason, where it is harm."""

WORSE = {
    "worse-heap": "It has less free memory; look for what the new firmware keeps or loses.",
    "worse-signal": "Its radio is weaker; look at its place and antenna, and at the Wi-Fi settings of the firmware.",
    "node-missing": "If the node was left out on purpose, give the firmware another name, and it will only be said.",
}
"""What `health` found worse → what to do."""

UNTESTED = Reason("booted", "", False)
"""No soak was asked for: that it came back ready with the target is all that is known."""

LATE = Reason(
    "late",
    "The device came back with the new firmware after all, when it had been given up and another image was waiting for "
    "it; its health was not looked at.",
    False,
)

FINAL = frozenset({RESTARTING.code, SILENT.code, WENT_BACK.code, *WORSE, REFUSALS[OtaEvent.SAME].code})
"""Failures that no later announce of the target undoes: it ran the target and was not well, or ran it before."""

_EXPIRED: dict[DeploymentState, Reason] = {
    DeploymentState.OFFERED: Reason(
        "no-answer",
        "The device did not answer the offer. Nothing is known to have been flashed. Check that it is really online "
        "and that the broker lets an image of this size through; then try again.",
        False,
    ),
    DeploymentState.TRANSFERRING: Reason(
        "transfer-silent",
        "The transfer began and then nothing more was heard. The device most likely still runs the old firmware. Look "
        "at its Wi-Fi signal and try again.",
        False,
    ),
    DeploymentState.REBOOTING: NOT_BACK,
    DeploymentState.VERIFYING: NOT_READY,
}


def refused(event: OtaEvent, detail: str) -> Reason:
    """The reason for a refusal, with the device's own words where they add something."""
    wrong_size = event is OtaEvent.ERROR and detail.split()[-1:] == [
        "8"
    ]  # the core's UPDATE_ERROR_FLASH_CONFIG
    reason = FLASH_CONFIG if wrong_size else REFUSALS[event]
    return reason._replace(text=f"{reason.text} (It said: {detail}.)") if detail else reason


GONE = Reason(
    "gone",
    "The device left during the transfer and has not come back. Most likely nothing was changed: the old firmware "
    "stays until an image is complete. Look at its power and Wi-Fi.",
    False,
)


def expired(state: DeploymentState, way: Way, *, complete: bool) -> Reason:
    """The reason when `state` went too long without news; `complete`: the whole image had arrived."""
    if state is DeploymentState.REBOOTING and not complete:
        return GONE
    if way is Way.HTTP and state is DeploymentState.OFFERED:
        return NO_HTTP_REQUEST._replace(
            text="The device was told to fetch the image and has not asked this server for it. Check that its "
            "configuration names this server's address, port and path for OTA; then try again."
        )
    return _EXPIRED[state]


def came_back_old(state: DeploymentState, way: Way, *, complete: bool, took: float) -> Reason:
    """The reason when the device announces what it ran before; `took` seconds passed since the offer."""
    if complete:
        return Reason(
            "came-back-old",
            "The whole image was transferred, and the device came back with its old firmware: the new one did not "
            "start, or the device rolled it back. Check that the image is built for exactly this board.",
            True,
        )
    if way is Way.HTTP and state is DeploymentState.OFFERED:
        return NO_HTTP_REQUEST
    if took >= SELF_DROP:
        return Reason(
            "too-slow",
            f"The device dropped its own connection {took:.0f} s into the transfer; Homie 2 and 3 do that after about "
            "41 s. It still runs the old firmware. The Wi-Fi is too slow for this image: bring the device closer, "
            "send to fewer devices at a time, or make the image smaller.",
            False,
        )
    return Reason(
        "transfer-broken",
        "The device lost its connection during the transfer. It still runs the old firmware. Look at its Wi-Fi signal "
        "and try again.",
        False,
    )


def came_back_other(name: str, version: str) -> Reason:
    """The reason when the device announces a third image."""
    return Reason(
        "came-back-other",
        f"The device came back with {name or 'an unnamed firmware'} {version}, which is neither the old nor the new "
        "image. Somebody else may have flashed it.",
        True,
    )


def worse(code: str, finding: str) -> Reason:
    """The reason when the device is worse off than before, and than its siblings; `code` is one of WORSE."""
    return Reason(code, f"The device runs the new firmware and is worse off: {finding}. {WORSE[code]}", True)


def verified(seconds: float, restarts: int, compared: str) -> Reason:
    """The words of a success after a whole soak of so many seconds; `compared` are the findings of `health`."""
    first = f"Healthy for {_span(seconds)} without a restart" + (" since its last one" if restarts else "")
    return Reason("verified", f"{first}{': ' if compared else ''}{compared}.", False)


def booted(why: str) -> Reason:
    """The words of a success whose health nobody knows."""
    return Reason("booted", f"It runs the new firmware and is ready; its health is not known: {why}.", False)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


REWRITTEN = (
    "The device announces the name and version of this firmware but another checksum: its updater rewrote the flash "
    "mode while flashing. The update is good; do not send it again."
)
UNPROVEN = (
    "This kind of device tells no checksum; it came back after a complete transfer with the name and version of the "
    "new firmware."
)
