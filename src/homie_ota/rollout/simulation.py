"""A rollout played on given presences: what would become of each device, and when each wave would pass.

Rule: the decisions are the engine's own (`decide`, `may_start`, `attempts`, `lifecycle`, `members`, `revert`); only the
time, the devices and what happens to them are made up. The same arguments give the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from homie_ota.rollout.actions import Action
from homie_ota.rollout.course import Move
from homie_ota.rollout.duration import USUAL_RATE
from homie_ota.rollout.fates import Fates, Terms, nothing_fails
from homie_ota.rollout.gates import Tally
from homie_ota.rollout.ledger import Ledger
from homie_ota.rollout.plan import MemberState, Plan, RolloutState, WaveState
from homie_ota.rollout.playing import Play
from homie_ota.rollout.revert import Case
from homie_ota.rollout.rhythm import Awake
from homie_ota.rollout.stage import Figures, Flight, Scene
from homie_ota.rollout.waves import Member, arrange
from homie_ota.rollout.windows import LocalTime

DAY = 86400.0


class Subject(NamedTuple):
    """One device: its place, when it is awake (oldest first, not overlapping), bytes a second, and whether the store
    holds what it runs now. `held` is what keeps it from its image (empty: nothing); it goes over `steps` images.
    """

    member: Member
    presences: Sequence[Awake]
    rate: float = USUAL_RATE
    way_back: bool = True
    held: str = ""
    steps: int = 1


class End(NamedTuple):
    """What became of one device: its state since then and why, after so many attempts."""

    device_pk: int
    wave: int
    state: MemberState
    reason: str
    since: float
    attempts: int


class WavePlayed(NamedTuple):
    """One wave at the end; the last one is the lane of late joiners."""

    number: int
    state: WaveState
    tally: Tally
    started_at: float | None
    passed_at: float | None


class Played(NamedTuple):
    """What would happen: the rollout's end, its waves, each device, every decision with its time, what was on the air
    (by `device_pk`); and the figures.
    """

    state: RolloutState
    reason: str
    waves: tuple[WavePlayed, ...]
    ends: tuple[End, ...]
    story: tuple[tuple[float, Action], ...]
    flights: tuple[Flight, ...]
    figures: Figures
    events: int
    ended_at: float


def utc(at: float) -> LocalTime:
    """The moment of the week in UTC; 1970-01-01 was a Thursday."""
    days, seconds = divmod(at, DAY)
    return LocalTime(int(days + 3) % 7, int(seconds // 60))


def simulate(
    subjects: Sequence[Subject],
    size: int,
    plan: Plan,
    *,
    begins: float,
    ends: float,
    fates: Fates = nothing_fails,
    terms: Terms = Terms(),  # noqa: B008 - frozen
    local: Callable[[float], LocalTime] = utc,
) -> Played:
    """Play the rollout of an image of `size` bytes from `begins` to `ends`; `fates` are asked by `device_pk`."""
    numbers = {subject.member.device_pk: number for number, subject in enumerate(subjects)}
    placed = arrange([subject.member for subject in subjects], plan)
    waves = [[numbers[member.device_pk] for member in wave] for wave in placed]
    pks = [subject.member.device_pk for subject in subjects]
    presences, rates = [each.presences for each in subjects], [each.rate for each in subjects]
    held = {number: each.held for number, each in enumerate(subjects) if each.held}
    steps = {number: each.steps for number, each in enumerate(subjects) if each.steps > 1}
    scene = Scene(
        plan, size, presences, rates, lambda device, number: fates(pks[device], number), terms, local, held, steps
    )  # fmt: skip
    ledger = Ledger(plan, waves, lambda device: _case(subjects[device], ledger.rows[device].state), held)
    ledger.move(Move.START, "")
    play = Play(ledger, scene, [device for wave in waves for device in wave], begins)
    play.run(ends)
    return _played(play, pks)


def again(presences: Sequence[Awake], begins: float, ends: float, period: float) -> list[Awake]:
    """The last `period` seconds of a device's presence before `begins`, over and over until `ends`."""
    recent = [each for each in presences if each.until is None or each.until > begins - period]
    if not recent or recent[-1].until is None:
        return recent
    shifted, round_ = [], 1
    while begins + (round_ - 1) * period < ends:
        moved = (
            Awake(each.since + round_ * period, each.until + round_ * period) for each in recent if each.until
        )
        shifted += [each for each in moved if each.until is not None and each.until > begins]
        round_ += 1
    return shifted


def _case(subject: Subject, state: MemberState) -> Case:
    return Case(state, previous="previous", stored=subject.way_back)


def _played(play: Play, pks: Sequence[int]) -> Played:
    ledger = play.ledger
    waves = [
        WavePlayed(view.number, wave.state, view.tally, wave.started_at, wave.passed_at)
        for wave, view in zip(ledger.waves, [*ledger.view().waves, ledger.view().lane], strict=True)
        if view is not None
    ]
    flights = tuple(each._replace(device=pks[each.device]) for each in play.flights)
    ends = tuple(_end(play, device, pk) for device, pk in enumerate(pks))
    return Played(
        ledger.state, ledger.reason, tuple(waves), ends, tuple(play.story), flights, play.figures,
        play.agenda.taken, play.agenda.now,
    )  # fmt: skip


def _end(play: Play, device: int, pk: int) -> End:
    row = play.ledger.rows[device]
    reason = row.reason or (_OPEN[row.state] if row.state in _OPEN else play.hold(device))
    return End(pk, row.wave, row.state, reason, row.since, play.attempts(device))


_OPEN = {
    MemberState.RUNNING: "It was under way at the end of the simulation.",
}
