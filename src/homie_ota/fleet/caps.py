"""How much is kept: devices, topics, text; what is over a cap is refused and counted.

Rule: an entry (a free fact, a node, a property) is one topic; the facts of FACTS always have room, their text has not.
"""

from __future__ import annotations

from homie_ota.fleet.known import KnownDevice


class Caps:
    """The caps of a fleet, what is in use of them, and what was refused."""

    __slots__ = (
        "max_devices",
        "max_text",
        "max_text_per_device",
        "max_topics",
        "max_topics_per_device",
        "refused_devices",
        "refused_topics",
        "text",
        "topics",
    )

    def __init__(
        self,
        *,
        max_devices: int,
        max_topics_per_device: int,
        max_topics: int,
        max_text_per_device: int,
        max_text: int,
    ) -> None:
        self.max_devices = max_devices
        self.max_topics_per_device = max_topics_per_device
        self.max_topics = max_topics
        self.max_text_per_device = max_text_per_device
        self.max_text = max_text
        self.topics = self.text = 0
        self.refused_devices = self.refused_topics = 0

    def take(self, known: KnownDevice, topics: int, text: int) -> bool:
        """Take room for so many topics and characters more (or, below zero, give back); False when there is none."""
        if (topics > 0 and self._is_full_of_topics(known)) or (
            text > 0 and self._is_full_of_text(known, text)
        ):
            known.refused += 1
            self.refused_topics += 1
            return False
        known.topics += topics
        known.text += text
        self.topics += topics
        self.text += text
        return True

    def _is_full_of_topics(self, known: KnownDevice) -> bool:
        return known.topics >= self.max_topics_per_device or self.topics >= self.max_topics

    def _is_full_of_text(self, known: KnownDevice, text: int) -> bool:
        return known.text + text > self.max_text_per_device or self.text + text > self.max_text
