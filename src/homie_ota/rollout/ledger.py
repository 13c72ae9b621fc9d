"""The rows of one rollout in memory: what the tables say to the engine, this says to a simulation.

Rule: members move here and nowhere else, and the counts of their waves with them; carrying out an action costs what it
changes, and a view costs the number of waves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from homie_ota.rollout import course, revert
from homie_ota.rollout.actions import (
    Action,
    Drain,
    FailWave,
    Finish,
    MarkAbsent,
    MarkStranded,
    PassWave,
    Pause,
    Revert,
    StartWave,
    Substitute,
    View,
    WaveView,
)  # fmt: skip
from homie_ota.rollout.course import Move
from homie_ota.rollout.gates import Tally
from homie_ota.rollout.members import UPDATED
from homie_ota.rollout.plan import MemberState, Plan, RolloutState, WaveState

S = MemberState
UNSENT = frozenset({S.WAITING, S.QUEUED, S.ABSENT})
"""Members for whom nothing was sent yet: what a stop takes back."""

EXPECTED = frozenset({S.QUEUED, S.REVERTING})
"""Members for whom something waits, and whose device is hoped for."""


@dataclass(slots=True)
class Row:
    """One member; `away_since` while something waits for it and its device is away; `tried`: it was sent something."""

    wave: int
    state: MemberState = S.WAITING
    since: float = 0.0
    reason: str = "Its wave has not begun."
    away_since: float | None = None
    tried: bool = False


@dataclass(slots=True)
class _Wave:
    number: int
    order: deque[int]
    state: WaveState = WaveState.WAITING
    counts: dict[str, int] = field(default_factory=dict)
    started_at: float | None = None
    passed_at: float | None = None
    last_good_at: float | None = None
    borne: int = 0
    away: list[tuple[float, int]] = field(default_factory=list)
    tally: Tally | None = None  # made anew when something was counted


class Ledger:
    """One rollout of devices known by number; `waves` are their numbers in order.

    `case` is asked for what the way back of a device needs; `held` is what keeps devices from their image all the time.
    `away` are those for whom something waits and who are not awake.
    """

    def __init__(
        self,
        plan: Plan,
        waves: Sequence[Iterable[int]],
        case: Callable[[int], revert.Case],
        held: Mapping[int, str] | None = None,
    ) -> None:
        self.plan, self.case, self.held = plan, case, held or {}
        self.given_up: list[int] = []  # those of the first wave that are held
        self.state, self.reason = RolloutState.DRAFT, ""
        self.away: set[int] = set()
        self.waves = [_Wave(number, deque(devices)) for number, devices in enumerate([*waves, ()])]
        self.rows = {device: Row(wave.number) for wave in self.waves for device in wave.order}
        self.concerned: dict[int, None] = {}
        self.back: list[tuple[float, int]] = []
        for wave in self.waves:
            wave.counts[S.WAITING.value] = len(wave.order)

    def view(self) -> View:
        """What `decide` is shown."""
        *waves, lane = (self._wave_view(wave) for wave in self.waves)
        passed = [wave.passed_at for wave in self.waves[:-1] if wave.passed_at is not None]
        reverting = self.oldest(self.back, S.REVERTING)
        passed_at = max(passed) if len(passed) == len(waves) else None
        return View(
            self.state, self.plan, waves, lane, passed_at=passed_at, reverting_since=reverting, held=self._told()
        )  # fmt: skip

    def _told(self) -> str:
        """Who of the first wave was given up because something holds it."""
        count = len(self.given_up)
        who = "1 device is held back" if count == 1 else f"{count} devices are held back"
        return f"{who}: {self.held[self.given_up[0]]}" if count else ""

    def put(
        self, device: int, state: MemberState, now: float, reason: str = "", *, away: bool = False
    ) -> None:
        """A member came into `state`; `away`: its device is not awake."""
        row = self.rows[device]
        wave = self.waves[row.wave]
        _count(wave, row.state, -1)
        _count(wave, state, 1)
        row.state, row.since, row.reason = state, now, reason
        row.tried |= state is S.RUNNING
        if state in UPDATED:
            wave.last_good_at = now
        if state in revert.CONCERNED:
            self.concerned[device] = None
        else:
            self.concerned.pop(device, None)
        self.woke(device)
        if away:
            self.left(device, now)

    def woke(self, device: int) -> None:
        """The device of a member is awake."""
        self.rows[device].away_since = None
        self.away.discard(device)

    def left(self, device: int, now: float) -> None:
        """The device of a member is awake no more; its time until it is absent begins."""
        row = self.rows[device]
        if row.state not in EXPECTED:
            return
        row.away_since = now
        self.away.add(device)
        heappush(self.waves[row.wave].away if row.state is S.QUEUED else self.back, (now, device))

    def join_lane(self, device: int) -> None:
        """A member goes on among the late joiners."""
        row = self.rows[device]
        _count(self.waves[row.wave], row.state, -1)
        row.wave = self.waves[-1].number
        _count(self.waves[-1], row.state, 1)

    def move(self, move: Move, reason: str) -> None:
        """The rollout goes on along its course; a move that cannot be made changes nothing."""
        state = course.after(self.state, move)
        if state is not None:
            self.state, self.reason = state, reason

    def carry_out(self, action: Action, now: float) -> list[int]:
        """Do what was decided; returns the devices for which something is to be queued now."""
        return _CARRY_OUT[type(action)](self, action, now)

    def _wave_view(self, wave: _Wave) -> WaveView:
        if wave.tally is None:
            wave.tally = Tally(sum(wave.counts.values()), **wave.counts)
        away = self.oldest(wave.away, S.QUEUED)
        return WaveView(
            wave.number, wave.state, wave.tally, wave.started_at, wave.last_good_at, away, wave.borne
        )

    def oldest(self, heap: list[tuple[float, int]], state: MemberState) -> float | None:
        """Since when the first of them waits that is still in `state` and was never awake; forgets those before it."""
        while heap:
            since, device = heap[0]
            row = self.rows[device]
            if row.state is state and row.away_since == since:
                return since
            heappop(heap)
        return None


def _count(wave: _Wave, state: MemberState, change: int) -> None:
    wave.counts[state.value] = wave.counts.get(state.value, 0) + change
    wave.tally = None


def _start_wave(ledger: Ledger, action: StartWave, now: float) -> list[int]:
    wave = ledger.waves[action.wave]
    wave.state, wave.started_at = WaveState.RUNNING, now if wave.started_at is None else wave.started_at
    found = [device for device in wave.order if ledger.rows[device].state is S.WAITING]
    wave.order.clear()
    return found


def _pass_wave(ledger: Ledger, action: PassWave, now: float) -> list[int]:
    wave = ledger.waves[action.wave]
    wave.state, wave.passed_at = WaveState.PASSED, now
    return []


def _fail_wave(ledger: Ledger, action: FailWave, _now: float) -> list[int]:
    ledger.waves[action.wave].state = WaveState.FAILED
    return []


def _substitute(ledger: Ledger, action: Substitute, _now: float) -> list[int]:
    source, wave = ledger.waves[action.source], ledger.waves[action.wave]
    found = [source.order.popleft() for _ in range(min(action.members, len(source.order)))]
    for device in found:
        ledger.rows[device].wave = wave.number
        _count(source, S.WAITING, -1)
        _count(wave, S.WAITING, 1)
    if wave.state is WaveState.RUNNING:
        return found
    wave.order.extend(found)
    return []


def _mark_absent(ledger: Ledger, action: MarkAbsent, now: float) -> list[int]:
    heap = ledger.waves[action.wave].away
    while (since := ledger.oldest(heap, S.QUEUED)) is not None and since <= action.before:
        device = heappop(heap)[1]
        state, reason = _SILENT[ledger.rows[device].tried]
        if device in ledger.held:
            state, reason = S.ABSENT, f"Held back for too long. {ledger.held[device]}"
            ledger.given_up += [device] if not action.wave else []
        ledger.put(device, state, now, reason)
    return []


_SILENT = {
    False: (S.ABSENT, "It never woke up; it goes when it does."),
    True: (
        S.UNHARMED,
        "It was sent the image and has not come back since; nothing is known to have been flashed.",
    ),
}


def _mark_stranded(ledger: Ledger, action: MarkStranded, now: float) -> list[int]:
    heap = ledger.back
    while (since := ledger.oldest(heap, S.REVERTING)) is not None and since <= action.before:
        ledger.put(heappop(heap)[1], S.STRANDED, now, "It never came back to be sent what it ran before.")
    return []


def _stop(move: Move) -> Callable[[Ledger, Pause | Drain | Finish, float], list[int]]:
    def stop(ledger: Ledger, action: Pause | Drain | Finish, now: float) -> list[int]:
        ledger.move(move, action.reason)
        if move is Move.DRAIN:
            _take_back(ledger, action.reason, now)
        return []

    return stop


def _revert(ledger: Ledger, action: Revert, now: float) -> list[int]:
    """Costs the members that run the new image, and once those for whom nothing was sent."""
    if ledger.state is not RolloutState.REVERTING:
        ledger.move(Move.REVERT, action.reason)
        _take_back(ledger, action.reason, now)
    steps = [(device, revert.step(ledger.case(device))) for device in ledger.concerned]
    for device, step in steps:
        if step is not None:
            ledger.put(device, _AFTER[type(step)], now, step.reason)
    return [device for device, step in steps if isinstance(step, revert.Back)]


_AFTER: dict[type, MemberState] = {
    revert.Back: S.REVERTING,
    revert.Done: S.REVERTED,
    revert.Stuck: S.STRANDED,
}


def _take_back(ledger: Ledger, reason: str, now: float) -> None:
    for device, row in ledger.rows.items():
        if row.state in UNSENT:
            ledger.put(device, S.WITHDRAWN, now, f"Taken back before it was sent. {reason}")


_CARRY_OUT: dict[type, Callable[..., list[int]]] = {
    StartWave: _start_wave,
    PassWave: _pass_wave,
    FailWave: _fail_wave,
    Substitute: _substitute,
    MarkAbsent: _mark_absent,
    MarkStranded: _mark_stranded,
    Pause: _stop(Move.PAUSE),
    Drain: _stop(Move.DRAIN),
    Finish: _stop(Move.FINISH),
    Revert: _revert,
}
