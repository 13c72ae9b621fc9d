"""What may wait a moment before it is written: the progress of a transfer, and what a device says meanwhile.

Rule: only what moves nothing waits, and never longer than PROGRESS_EVERY; whatever moves a deployment takes all of it
along. A device tells its progress with every packet (homie-ota.md rule 5): written each time, twenty transfers fill a
core.
"""

from __future__ import annotations

from collections.abc import Sequence

from homie_ota.model import Address, OtaEvent
from homie_ota.rollout.proof import News, StatusNews

PROGRESS_EVERY = 0.5
"""Seconds between two writes of one device's progress."""


class Pacing:
    """When something of each device was written last."""

    def __init__(self) -> None:
        self._at: dict[Address, float] = {}

    def may_wait(self, device: Address, news: Sequence[News], now: float) -> bool:
        """Whether this news of a device can be written later; who is told no, writes it now."""
        if not all(isinstance(each, StatusNews) and each.event is OtaEvent.PROGRESS for each in news):
            self._at.pop(device, None)
            return False
        if 0.0 <= now - self._at.get(device, 0.0) < PROGRESS_EVERY:
            return True
        self._at[device] = now
        return False
