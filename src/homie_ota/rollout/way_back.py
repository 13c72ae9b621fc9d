"""What is said of an update, said of the way back: there the firmware that is sent is the old one.

Rule: the same sentences with other words for the two images, from one table; nothing else about a reason changes.
"""

from __future__ import annotations

BEFORE, LEFT = "firmware that it ran before", "firmware that it was to leave"

WORDS = (
    ("the new one", "the one that it ran before"),
    ("new firmware", BEFORE),
    ("its old firmware", f"the {LEFT}"),
    ("the old one", "the one that it was to leave"),
    ("old firmware", LEFT),
    ("neither the old nor the new image", "neither of the two images"),
    ("if it stays silent, go back to what it ran before", "if it stays silent, a person has to look at it"),
    ("Do not send the same image again before you know why.", "Look why before you send anything."),
)
"""Words about an update → words about the way back, tried in this order."""


def said(text: str) -> str:
    """A sentence about an update as it is right for a way back."""
    for of_update, of_way_back in WORDS:
        text = text.replace(of_update, of_way_back)
    return text
