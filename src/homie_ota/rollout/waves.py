"""Who is in which wave, and in which order; decided before the start, from what is known then, and shown.

Rule: the same members and the same plan always give the same waves, in whatever order they were found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from homie_ota.rollout.plan import CANARY, REST, TENTH, Order, Plan, WaveRule


class Member(NamedTuple):
    """What is known of a device that decides about its place. `signal` in percent, None unknown.

    `bench`: tagged as a bench device (rule 18); `last`: fits the plan's query `last`.
    """

    device_pk: int
    name: str = ""
    signal: float | None = None
    bench: bool = False
    last: bool = False


def assign(count: int, rules: Sequence[WaveRule]) -> list[int]:
    """The sizes of the waves, one a rule; shares are rounded up and the last wave takes all that are left."""
    sizes, left = [], count
    for rule in rules:
        size = min(left, _asked(rule, count))
        sizes.append(size)
        left -= size
    if sizes:
        sizes[-1] += left
    return sizes


def arrange(members: Iterable[Member], plan: Plan) -> list[list[Member]]:
    """The waves, one a rule of the plan (the last ones may be empty).

    Whom `last` names comes in one wave more, behind all others, so that none of them starts before the others are done.
    """
    ordered = sorted(members, key=_KEYS[plan.order])
    first = [member for member in ordered if not member.last]
    last = [member for member in ordered if member.last]
    if not first:
        first, last = last, []
    waves, at = [], 0
    for size in assign(len(first), plan.waves):
        waves.append(first[at : at + size])
        at += size
    return [*waves, last] if last else waves


def sensible(count: int) -> Plan:
    """The plan for that many devices when nobody chose one: small fleets need no tenth between canary and rest."""
    if count <= 1:
        return Plan((CANARY,))
    return Plan((CANARY, REST)) if count <= 10 else Plan((CANARY, TENTH, REST))


def warnings(plan: Plan, count: int) -> tuple[str, ...]:
    """What a person should think of before this plan starts with that many devices."""
    if count <= 1 or assign(count, plan.waves)[0] < count:
        return ()
    return (_ALL_AT_ONCE.format(count),)


_ALL_AT_ONCE = (
    "All {} devices are in one wave: a bad image reaches every one of them before anything is known of it. Let one "
    "canary go first."
)


def _asked(rule: WaveRule, count: int) -> int:
    if rule.count is not None:
        return rule.count
    return math.ceil(rule.share * count - 1e-9) if rule.share is not None else count


def _by_signal(member: Member) -> tuple[object, ...]:
    # Unknown signal stands in the middle: neither proof of a good radio nor of a bad one.
    return (
        not member.bench,
        -(50.0 if member.signal is None else member.signal),
        member.name,
        member.device_pk,
    )


def _by_name(member: Member) -> tuple[object, ...]:
    return (not member.bench, member.name, member.device_pk)


def _as_found(member: Member) -> tuple[object, ...]:
    return (not member.bench, member.device_pk)


_KEYS = {Order.STRONG_FIRST: _by_signal, Order.NAME: _by_name, Order.AS_FOUND: _as_found}
