"""How often a recipient that does not answer is tried again, and when it is given up.

Rule: the pauses double up to an hour. What could not be told for so long as the settings say is dropped and counted;
the recipient is dead then, and tried on once an hour, so that it comes back by itself.
"""

from __future__ import annotations

from homie_ota.store.recipients import Recipient

FIRST, LONGEST = 5.0, 3600.0
"""Seconds before the second try, and at most between two."""


def told(of: Recipient, upto: int, now: float) -> Recipient:
    """It has taken everything up to this number."""
    return Recipient(of.name, upto, waiting=of.waiting, last_ok=now)


def passed(of: Recipient, upto: int) -> Recipient:
    """There was nothing for it up to this number."""
    return of._replace(reached=max(of.reached, upto))


def refused(of: Recipient, why: str, now: float, give_up_after: float) -> Recipient:
    """It did not take the next message."""
    since = now if of.failing_since is None else min(of.failing_since, now)
    is_dead = of.is_dead or now - since >= give_up_after
    pause = LONGEST if is_dead else min(LONGEST, FIRST * 2 ** min(of.tries, 20))
    return of._replace(
        tries=of.tries + 1,
        failing_since=since,
        next_at=now + pause,
        last_error=why[:300],
        is_dead=is_dead,
    )


def dropped(of: Recipient, count: int, upto: int) -> Recipient:
    """Events up to this number got too old."""
    lost_after = of.lost_after if of.lost else of.reached
    return of._replace(reached=max(of.reached, upto), lost=of.lost + count, lost_after=lost_after)


def may_try(of: Recipient, now: float) -> bool:
    """Whether its pause is over; a clock that was put back does not make it longer."""
    return now >= of.next_at or of.next_at - now > LONGEST
