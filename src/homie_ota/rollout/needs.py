"""Which devices need a person, for what, and what that person can do: one table, in the order of urgency.

Rule: a device needs a person when nothing here will end its trouble by itself and it is not as it was wanted. Who is
away, asleep, pinned or waits for a slot needs nobody. What each row means in rows of the database is in
`store/overview.py`; the word is the same in queries (`needs:harmed`), in the API and on the pages.
"""

from __future__ import annotations

from typing import NamedTuple

from homie_ota.model.standing import Need


class Meaning(NamedTuple):
    """How a need is said: `words` in a list, `advice` what to do about it."""

    words: str
    advice: str


MEANINGS: dict[Need, Meaning] = {
    Need.LEFTOVER: Meaning("leftover on the broker", "Clear what the broker keeps for it."),
    Need.HARMED: Meaning(
        "harmed by its last update", "Look at it; send another image, or say that you looked."
    ),
    Need.QUARANTINED: Meaning("in quarantine", "Release it, or send another image."),
    Need.FAILED: Meaning("its last update failed", "Read why, then send again, or say that you looked."),
    Need.ALARM: Meaning(
        "behaves oddly", "Look at what the alarm says; it ends by itself when the cause is gone."
    ),
    Need.ALERT: Meaning("says alert", "Look at what the device reports."),
    Need.UNKNOWN: Meaning("never said how it is", "Switch it on, or delete it if it is a ghost."),
}

FAILURES: dict[str, str] = {
    "bad-firmware": "refused the image as no valid firmware",
    "bad-checksum": "what arrived was not what was sent",
    "no-space": "no room for the image",
    "bad-request": "did not accept the offer",
    "ota-disabled": "updates are off in its configuration",
    "flash-error": "could not write its flash",
    "no-partition": "has no OTA partitions",
    "device-error": "reported an internal error",
    "stuck": "takes no update until it restarts",
    "flash-config": "refuses every image: its flash setting is wrong",
    "not-sent": "the offer did not leave the server",
    "no-http-request": "never asked for the image",
    "not-back": "has not come back",
    "not-ready": "came back and never became ready",
    "restarting": "restarts again and again",
    "silent": "came back and tells no statistics",
    "left": "came back and went away again",
    "went-back": "went back to the old image by itself",
    "worse-heap": "has less free memory than before",
    "worse-signal": "has a weaker signal than before",
    "node-missing": "lost a node",
    "no-answer": "did not answer the offer",
    "transfer-silent": "fell silent during the transfer",
    "transfer-broken": "the transfer broke off",
    "gone": "left during the transfer",
    "too-slow": "too slow: it dropped its own connection",
    "came-back-old": "came back with its old firmware",
    "came-back-other": "came back with another firmware",
}
"""Code of a failed deployment → the few words that a row has room for; the page of the deployment says the rest."""

_RANKS = {need: number for number, need in enumerate(Need, 1)}

RANK_UPDATING, RANK_WAITING, RANK_REST = 20, 30, 90
"""Behind all who need a person: who is being updated, who waits for it, and everybody else."""


def rank(need: Need) -> int:
    """The place of a need in lists, 1 is the most urgent."""
    return _RANKS[need]


def need_of(number: int | None) -> Need | None:
    """The need of a rank; None for a rank behind them, or none."""
    return next((need for need, at in _RANKS.items() if at == number), None)
