"""Why a deployment ended as it did of a device that asks over HTTP and speaks no Homie.

Rule: all that is known of it is what it says when it asks, so every reason says which of its words it is made of.
"""

from __future__ import annotations

from homie_ota.model import DeploymentState, Way
from homie_ota.rollout.reasons import Reason

ASKED_OLD = Reason(
    "came-back-old",
    "The whole image was sent, and the device asks again with what it ran before: it did not accept what it had "
    "received, or the new one did not start. Look at the serial output of one such device before the next attempt.",
    True,
)
ASKED_AGAIN = Reason(
    "transfer-broken",
    "The device asks again with what it ran before, although not all of the image had gone out. It still runs the old "
    "firmware. Look at its Wi-Fi signal; it gets the image again when it asks.",
    False,
)
NOT_ASKED = Reason(
    "not-back",
    "The device has taken the whole image and has not asked again for several times as long as it usually takes. It "
    "may need to be restarted by hand; if it asks with the new firmware later, this will be shown as a late success.",
    True,
)


def expired(state: DeploymentState, way: Way) -> Reason | None:
    """The reason when it was not heard for too long; None where that of all devices holds."""
    return NOT_ASKED if way is Way.ASKS and state is DeploymentState.REBOOTING else None


def came_back_old(way: Way, *, complete: bool) -> Reason | None:
    """The reason when it says that it runs what it ran before; None where that of all devices holds."""
    if way is not Way.ASKS:
        return None
    return ASKED_OLD if complete else ASKED_AGAIN


def said_so(md5: str, target_md5: str) -> Reason:
    """The words of a success of a device that asks over HTTP: it says itself what it runs, and nothing else."""
    if md5 and md5 == target_md5:
        return Reason(
            "verified", "It asked again, and says by its checksum that it runs this very image.", False
        )
    how = "tells another checksum" if md5 else "tells no checksum"
    return Reason(
        "booted", f"The version says so: it asked again with that of the new firmware, and {how}.", False
    )
