"""How much one asker may ask: a flood is refused before anything is read, looked up, or hashed for it.

Rule: each asker has a bucket that refills steadily; memory is bounded, whoever asks from wherever.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import ClassVar

from homie_ota.errors import HomieOtaError

BURST_SECONDS = 10.0
"""How long an asker may have been silent to save up for a burst: a page with all that it loads is one."""
KEPT = 10_000


class Flood(HomieOtaError):
    """Somebody asks more than their share."""

    code: ClassVar[str] = "too-many-requests"
    status: ClassVar[int] = 503
    exit_status: ClassVar[int] = 5

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))
        super().__init__(f"Too many requests from you. Try again in {self.retry_after} s.")


class Quotas:
    """Buckets by asker; `rate` is requests a second in the long run (0: no limit). The clock is an argument."""

    def __init__(self, rate: float) -> None:
        self._rate, self._most = rate, rate * BURST_SECONDS
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asker: str, now: float) -> None:
        """Count one request; raises Flood when there were too many."""
        if not self._rate:
            return
        left, at = self._left.pop(asker, (self._most, now))
        left = min(self._most, left + max(0.0, now - at) * self._rate)
        self._left[asker] = (max(0.0, left - 1.0), now)
        if len(self._left) > KEPT:
            self._left.popitem(last=False)
        if left < 1.0:
            raise Flood((1.0 - left) / self._rate)
