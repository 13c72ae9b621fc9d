"""What a device tells of itself as a whole: its state and its facts, also by leftover topics of older generations.

Rule: after an update the broker keeps the old generation's topics beside the new ones; whichever arrives first, the
newer topic counts.
"""

from __future__ import annotations

from sys import intern

from homie_ota.fleet.caps import Caps
from homie_ota.fleet.known import (
    FACT,
    FACT_BITS,
    REMOVED,
    STATE,
    STATE_BIT,
    STATE_TOPIC_BIT,
    STATISTIC,
    KnownDevice,
)
from homie_ota.fleet.recent import COLUMNS, Recent
from homie_ota.model import FactSeen, OtaRequestSeen, State, StateSeen

_STATISTICS = frozenset({"signal", "uptime", "heap", "cputemp", "cpuload", "battery", "supply"})
TOLD_NODES = "nodes/told"
"""A fact of ours: the nodes that a device without `$nodes` announced when it last came, as `$nodes` would list them."""

_ANNOUNCING = frozenset({State.INIT, State.READY, State.ALERT})

# What many devices say alike is kept once.
_SHARED = frozenset(FACT_BITS) - _STATISTICS - {"name", "ip", "mac", "config"}


_AN_ANNOUNCE = 60.0
"""Seconds before `ready` in which nodes belong to the same announce, where the device was not seen to leave."""


def state(known: KnownDevice, seen: StateSeen, now: float, caps: Caps) -> int:
    """The state by `$state` or by `$online`; which of them counts, `resolve` knows.

    UNKNOWN no device says: it means that the broker knows neither topic any more.
    """
    if seen.state is State.UNKNOWN:
        return _unknown(known, now)
    known.heard |= STATE_BIT
    known.removed = False
    if seen.legacy:
        known.by_online = seen.state
    else:
        known.by_state = seen.state
        known.heard |= STATE_TOPIC_BIT
    changed = 0
    if not seen.retained and seen.state in _ANNOUNCING:
        known.live_since = now
        if seen.state is State.READY and "nodes" not in known.facts and not known.described:
            changed = _note_nodes(known, now, caps)
    return changed | resolve(known, now)


def _note_nodes(known: KnownDevice, now: float, caps: Caps) -> int:
    """Homie 2.0.0 has no `$nodes`, and the broker keeps the topics of nodes that a new firmware has not."""
    since = now - _AN_ANNOUNCE if known.state is State.READY else known.state_since
    told = sorted(each for each, node in known.nodes.items() if node.live_at >= since and node.live_at > 0.0)
    return put(known, TOLD_NODES, ",".join(told), caps) if told else 0


def _unknown(known: KnownDevice, now: float) -> int:
    known.by_state = known.by_online = None
    if known.state is State.UNKNOWN:
        return 0
    known.state = State.UNKNOWN
    known.state_since = now
    return STATE


def resolve(known: KnownDevice, now: float) -> int:
    """Choose between `$state` and `$online` by the generation that the device announces."""
    found = known.by_state or known.by_online
    if known.by_state and known.by_online and known.facts.get("homie", "").startswith(("1.", "2.0")):
        found = known.by_online
    if found is None or found is known.state:
        return 0
    known.state = found
    known.state_since = now
    return STATE


def fact(known: KnownDevice, seen: FactSeen, now: float, caps: Caps) -> int:
    """One fact; empty: its topic was cleared."""
    _, name, value, retained, legacy = seen
    bit = FACT_BITS.get(name, 0)
    known.heard |= bit
    if not value and name in ("state", "homie"):
        return _removed(known, name, now, caps, legacy=legacy)
    claimed = 0
    if legacy or "legacy" in known.facts:
        claim = _claim(known.facts, name, value, retained, legacy)
        if claim is None:
            return 0
        claimed = claim
    if not retained and name in COLUMNS:
        claimed |= _note_statistic(known, name, value, now)
    if known.facts.get(name, "") == value:
        return claimed
    changed = put(known, name, value, caps)
    if name == "homie":
        changed |= resolve(known, now)
    return changed | claimed


def _note_statistic(known: KnownDevice, name: str, value: str, now: float) -> int:
    if known.recent is None:
        known.recent = Recent()
    return STATISTIC if known.recent.note(name, value, now) else 0


def put(known: KnownDevice, name: str, value: str, caps: Caps) -> int:
    """Keep a fact, or drop it when it is empty."""
    old = known.facts.get(name)
    if (old or "") == value:
        return 0
    free = 0 if name in FACT_BITS else 1
    if not value and old is not None:
        del known.facts[name]
        caps.take(known, -free, -len(old))
        return FACT
    if not caps.take(known, free if old is None else 0, len(value) - len(old or "")):
        return 0
    known.facts[intern(name)] = intern(value) if name in _SHARED else value
    return STATISTIC if name in _STATISTICS or name.startswith("stats/") else FACT


def _claim(facts: dict[str, str], name: str, value: str, retained: bool, legacy: bool) -> int | None:
    """Note which topics told a fact; None when a leftover of an older generation has to give way to the newer one."""
    told = facts.get("legacy", "").split()
    is_told = name in told
    if legacy and name in facts and not is_told and (retained or not value):
        return None
    if is_told == (legacy and bool(value)):
        return 0
    rest = [each for each in told if each != name]
    told = sorted([*rest, name] if legacy and value else rest)
    if told:
        facts["legacy"] = intern(" ".join(told))
    else:
        facts.pop("legacy", None)
    return FACT


def _removed(known: KnownDevice, name: str, now: float, caps: Caps, *, legacy: bool) -> int:
    """`$state`, `$online` or `$homie` was cleared: the device is gone, unless another of them still says its state."""
    put(known, name, "", caps)
    if legacy:
        known.by_online = None
    else:
        known.by_state = None
    if legacy and known.by_state is not None:
        return resolve(known, now)
    known.removed = True
    return _unknown(known, now) | FACT | REMOVED


def ota_request(known: KnownDevice, seen: OtaRequestSeen, now: float, caps: Caps) -> int:
    """A retained request makes a device reboot for ever when it cannot be met, so it is kept as a fact."""
    if not seen.retained and seen.wanted:
        return 0
    text = f"version {seen.wanted}" if seen.wanted else ""
    return fact(known, FactSeen(seen.device, "ota/retained", text, seen.retained, legacy=True), now, caps)
