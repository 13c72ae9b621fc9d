"""A preview played on when its devices were awake before: what would become of each, and when each wave would pass.

Rule: nobody is made up. A device whose past is not known is there if it is there now, and else never; what holds one
back now does so all the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE
from homie_ota.rollout import simulation
from homie_ota.rollout.duration import USUAL_RATE
from homie_ota.rollout.rhythm import Awake, learn
from homie_ota.rollout.simulation import Played, Subject
from homie_ota.rollout.stones import ARROW
from homie_ota.rollout.waves import Member
from homie_ota.store import benching, estimates, holding, marks, rhythm
from homie_ota.store.previews import Line, Preview
from homie_ota.store.waiting import local_time

DAY = 86400.0
WEEK = 7 * DAY

MOST = 20_000
"""Members that are played; for more a person waits too long."""


def subjects(connection: Connection, seen: Preview, *, begins: float, ends: float) -> list[Subject]:
    """The members of a preview as the simulation takes them; at most MOST."""
    lines = [line for wave in seen.waves for line in wave][:MOST]
    last = (
        {line.place.device_pk for line in seen.waves[-1]} if len(seen.waves) > len(seen.plan.waves) else set()
    )
    bench = marks.tagged(connection, benching.TAG)
    known, rates = _presences(connection, lines), estimates.rates(connection)
    held = _held(connection, seen, lines, begins)
    return [
        Subject(
            _member(line, bench, last),
            _ahead(line, known.get(line.place.device_pk, ()), begins, ends),
            rates.get(line.place.device_pk, USUAL_RATE),
            line.way_back,
            held.get(line.place.device_pk, ""),
            max(1, line.judged.over.count(ARROW)),
        )
        for line in lines
    ]


def play(seen: Preview, found: Sequence[Subject], *, begins: float, ends: float) -> Played:
    """Play it; takes a second for ten thousand devices and a day."""
    return simulation.simulate(
        found, seen.firmware.size, seen.plan, begins=begins, ends=ends, local=local_time
    )


def _member(line: Line, bench: set[int], last: set[int]) -> Member:
    row = line.judged.row
    return Member(row["pk"], row["device_id"], row["signal"], row["pk"] in bench, row["pk"] in last)


def _presences(connection: Connection, lines: Sequence[Line]) -> Mapping[int, Sequence[Awake]]:
    pks = [line.place.device_pk for line in lines]
    found: dict[int, Sequence[Awake]] = {}
    for at in range(0, len(pks), 500):
        found |= rhythm.of_all(connection, pks[at : at + 500])
    return found


def _held(connection: Connection, seen: Preview, lines: Sequence[Line], now: float) -> Mapping[int, str]:
    """What keeps members from their image now: a guard, or what is kept on the broker. When it ends nobody knows."""
    pks = [line.place.device_pk for line in lines]
    found: dict[int, str] = {}
    for at in range(0, len(pks), 500):
        found |= holding.reasons(connection, seen.plan, pks[at : at + 500], now)
    return found


def _ahead(line: Line, known: Sequence[Awake], begins: float, ends: float) -> list[Awake]:
    """When it will be awake, if its last day or week comes again and again."""
    row = line.judged.row
    if row["state"] in AWAKE and learn(known) is None:
        return [Awake(min(begins, row["state_since"]), None)]
    past = [each for each in known if each.until is not None]
    if not past:
        return []
    period = WEEK if begins - past[0].since > 2 * DAY else DAY
    return simulation.again(past, begins, ends, period)
