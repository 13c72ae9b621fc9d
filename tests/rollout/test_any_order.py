"""A rollout under anything that can happen, in any order: news early, late, twice or never; looks lost half way.

Hypothesis plays the devices, the clock, the people and the crashes; the rows are those of the ledger, every decision is
the engine's own. What was promised is checked with counts of our own after every step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from homie_ota.model import ACTIVE, Deployment, DeploymentState, Outcome, Purpose
from homie_ota.rollout import attempts, course, lifecycle, members, revert
from homie_ota.rollout.actions import Action, Drain, FailWave, PassWave, Revert, StartWave
from homie_ota.rollout.attempts import Budget, Past
from homie_ota.rollout.course import Move
from homie_ota.rollout.ledger import Ledger
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Gate, Limits, MemberState, OnHarm, Plan, RolloutState, WaveRule, WaveState
from homie_ota.rollout.starting import ON_AIR, InFlight, MemberView, Start, may_start
from homie_ota.rollout.strategy import decide, gate_of
from homie_ota.rollout.waves import Member, arrange
from homie_ota.rollout.windows import LocalTime

M, S = MemberState, DeploymentState
COUNT, SIZE, OLD, NEW = 8, 1000, "old", "new"
DEVICES = st.integers(0, COUNT - 1)
FLASHED = frozenset({S.REBOOTING, S.VERIFYING})
UNFIT = ("transfer-broken", "no-answer", "ota-disabled", "not-sent")

gates = st.builds(
    Gate,
    verified=st.sampled_from([0.0, 0.25, 0.75, 1.0]),
    harmful=st.integers(0, 2),
    soak=st.sampled_from([0.0, 60.0]),
    minimum=st.integers(1, 2),
)
sizes = st.sampled_from([[1, 8], [1, 3, 8], [4, 8], [8]])
waves = sizes.flatmap(
    lambda found: st.tuples(*(st.builds(WaveRule, st.just(size), gate=gates) for size in found))
)
_SENT = ((Event.ACCEPT, False, ""), (Event.FLASH, False, ""))
_BACK = (*_SENT, (Event.CONFIRM, False, ""))
Fate = tuple[tuple[Event, bool, str], ...]
GOOD, HARM = (*_BACK, (Event.HEAL, False, "verified")), (*_SENT, (Event.REFUTE, True, ""))
BROKEN = (_SENT[0], (Event.REFUTE, False, "transfer-broken"))
FATES: list[Fate] = [
    GOOD,
    HARM,
    GOOD,
    HARM,
    BROKEN,
    _BACK,
    _SENT,
    (),
    (*_BACK, (Event.HEAL, False, "booted")),
]
plans = st.builds(
    Plan,
    waves,
    st.builds(Limits, st.integers(1, 3), st.sampled_from([0, SIZE, 2 * SIZE])),
    on_harm=st.sampled_from(OnHarm),
    attempts=st.integers(1, 3),
    absent_after=st.just(3600.0),
    late_for=st.just(86_400.0),
)


class AnyOrder(RuleBasedStateMachine):
    """The shell, played by chance."""

    @initialize(
        plan=plans, away=st.frozensets(DEVICES, max_size=3), no_way_back=st.frozensets(DEVICES, max_size=3)
    )
    def begin(self, plan: Plan, away: frozenset[int], no_way_back: frozenset[int]) -> None:
        waves = [[member.device_pk for member in wave] for wave in arrange(map(Member, range(COUNT)), plan)]
        self.plan, self.now = plan, 1000.0
        self.awake, self.ways_back = set(range(COUNT)) - away, frozenset(range(COUNT)) - no_way_back
        self.ledger = Ledger(plan, waves, self.case)
        self.queued: dict[int, tuple[bool, float | None]] = {}  # going back?, not before
        self.latest: dict[int, Deployment] = {}
        self.past: dict[tuple[int, bool], list[Past]] = {}
        self.offers: Counter[tuple[int, bool]] = Counter()
        self.free: Counter[tuple[int, bool]] = Counter()  # attempts that never left us
        self.sent_back: Counter[int] = Counter()
        self.ever_on_new: set[int] = set()
        self.ledger.move(Move.START, "")

    def case(self, device: int) -> revert.Case:
        tried = self.sent_back[device] > 0
        return revert.Case(self.ledger.rows[device].state, OLD, stored=device in self.ways_back, tried=tried)

    # --- the engine, which may be cut off anywhere ---

    @rule(cut=st.none() | st.integers(0, 3))
    def look(self, cut: int | None) -> None:
        actions = decide(self.ledger.view(), self.now)
        for action in actions[:cut]:
            self.check_action(action)
            for device in self.ledger.carry_out(action, self.now):
                self.queue(device, back=isinstance(action, Revert))

    @rule()
    def look_until_nothing_is_to_be_done(self) -> None:
        for _ in range(50):
            if not decide(self.ledger.view(), self.now):
                break
            self.look(None)
        else:
            raise AssertionError(f"it never comes to rest: {decide(self.ledger.view(), self.now)}")
        for wave in self.ledger.waves:
            limit = self.limit(wave.number) + wave.borne
            hurt = wave.state is not WaveState.WAITING and self.counted(wave.number)[M.HARMFUL] > limit
            assert not (hurt and self.ledger.state is RolloutState.RUNNING), "it goes on over harm"

    def limit(self, number: int) -> int:
        is_canary = number == 0 and self.plan.waves[0].count == 1
        return 0 if is_canary else gate_of(self.plan, number).harmful

    def queue(self, device: int, *, back: bool, not_before: float | None = None) -> None:
        if back:
            self.sent_back[device] += 0 if self.latest[device].purpose == Purpose.REVERT else 1
        self.queued[device] = (back, not_before)
        state = M.REVERTING if back else M.QUEUED
        self.ledger.put(device, state, self.now, "Waits.", away=device not in self.awake)

    @rule(
        seconds=st.sampled_from([0.0, 61.0, 3601.0]),
        fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=3),
    )
    def a_while_in_which_everything_is_looked_at(self, seconds: float, fates: list[Fate]) -> None:
        """The usual course of things, in between: who may start does, and something becomes of all of them."""
        self.now += seconds
        self.look_until_nothing_is_to_be_done()
        for device in sorted(self.awake):
            self.ask(device)
        for device in [device for device, each in self.latest.items() if each.state in ACTIVE]:
            for event, harmful, code in fates[device % len(fates)]:
                self.happen(device, event, harmful=harmful, code=code)

    @rule()
    def everybody_is_awake(self) -> None:
        for device in range(COUNT):
            self.wake(device)

    @rule(device=DEVICES)
    def ask(self, device: int) -> None:
        """Whoever may start does; asked in any order, not only in that of the queue."""
        back, not_before = self.queued.get(device, (False, None))
        row = self.ledger.rows[device]
        if device not in self.queued or row.state not in (M.QUEUED, M.ABSENT, M.REVERTING):
            return
        lane = self.ledger.waves[-1]
        late = not back and (row.state is M.ABSENT or row.wave == lane.number)
        view = MemberView(
            SIZE, awake=device in self.awake, late=late, back=back, not_before=not_before,
            busy=device in self.latest and self.latest[device].state in ACTIVE,
            rollout=self.ledger.state, wave=(lane if late else self.ledger.waves[row.wave]).state,
        )  # fmt: skip
        on_air = self.on_air()
        running = sum(
            each.wave == lane.number and each.state is M.RUNNING for each in self.ledger.rows.values()
        )
        flight = InFlight(len(on_air), SIZE * len(on_air), running, None, sleepers=bool(self.ledger.away))
        if may_start(view, self.plan, flight, LocalTime(0, 0), self.now) == Start():
            self.offer(device, back=back, late=late)

    def offer(self, device: int, *, back: bool, late: bool) -> None:
        before = self.latest.get(device)
        assert before is None or before.state not in ACTIVE, "an image on top of another one"
        assert device in self.awake
        assert self.ledger.state is (RolloutState.REVERTING if back else RolloutState.RUNNING)
        if late:
            self.ledger.join_lane(device)
        if not back:
            self.ledger.put(device, M.RUNNING, self.now, "Under way.")
        del self.queued[device]
        self.offers[device, back] += 1
        state = lifecycle.advance(S.QUEUED, Event.OFFER)
        assert state is not None
        purpose = Purpose.REVERT if back else Purpose.UPDATE
        self.latest[device] = Deployment(
            0,
            device,
            OLD if back else NEW,
            self.offers[device, back],
            state,
            self.now,
            self.now,
            purpose=purpose,
        )

    # --- devices and their news ---

    @rule(device=DEVICES, event=st.sampled_from(Event), harmful=st.booleans(), code=st.sampled_from(UNFIT))
    def news(self, device: int, event: Event, harmful: bool, code: str) -> None:
        """Any event, whether it fits or not: for most of them this means late, repeated or out of order."""
        self.happen(device, event, harmful=harmful, code=code)

    @rule(device=DEVICES, unknown=st.booleans())
    def all_goes_well(self, device: int, unknown: bool) -> None:
        for event in (Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL):
            self.happen(device, event, harmful=False, code="booted" if unknown else "verified")

    def happen(self, device: int, event: Event, *, harmful: bool, code: str) -> None:
        before = self.latest.get(device)
        if before is None or event in (Event.OFFER, Event.CANCEL, Event.SETTLE, Event.LAPSE):
            return
        state = lifecycle.advance(before.state, event)
        if state is None or not self.is_still_meant(device, before):
            return
        harmful = harmful and before.state in FLASHED
        code = ("came-back-old" if harmful else code) if state is S.FAILED else code
        outcome = lifecycle.outcome(state, code, harmful=harmful)
        moved = replace(before, state=state, code=code, outcome=outcome, reason=f"It was {code}.")
        self.latest[device] = moved
        if state is S.SUCCEEDED and before.purpose == Purpose.UPDATE:
            self.ever_on_new.add(device)
        self.follow(device, moved)

    def is_still_meant(self, device: int, before: Deployment) -> bool:
        """An ended attempt is looked at again only where nothing else was ordered since (design, late success)."""
        row = self.ledger.rows[device].state
        return before.state in ACTIVE or (
            device not in self.queued and row in (M.HARMFUL, M.UNHARMED, M.STRANDED)
        )

    def follow(self, device: int, moved: Deployment) -> None:
        back = moved.purpose == Purpose.REVERT
        past = self.past.setdefault((device, back), [])
        if moved.outcome:
            past.append(Past(self.now, moved.code, moved.outcome, moved.reason))
            self.free[device, back] += moved.code == "not-sent" and moved.state is S.FAILED
        if moved.outcome == Outcome.UNHARMED and self.ledger.state in (
            RolloutState.RUNNING,
            RolloutState.REVERTING,
        ):
            step = attempts.next_step(past, self.now, Budget(self.plan.attempts))
            if isinstance(step, attempts.Retry) and (back or self.ledger.state is RolloutState.RUNNING):
                self.queue(device, back=back, not_before=step.not_before)
                return
        state = members.after(moved, OLD if back else NEW)
        if state is not None:
            self.ledger.put(device, state, self.now, moved.reason or "Under way.")

    @rule(device=DEVICES)
    def wake(self, device: int) -> None:
        self.awake.add(device)
        self.ledger.woke(device)

    @rule(device=DEVICES)
    def leave(self, device: int) -> None:
        if device in self.awake:
            self.awake.remove(device)
            if device in self.queued:
                self.ledger.left(device, self.now)

    @rule(seconds=st.sampled_from([1.0, 30.0, 120.0, 3600.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # --- people ---

    @rule(move=st.sampled_from([Move.PAUSE, Move.RESUME, Move.PAUSE, Move.RESUME, Move.DRAIN, Move.REVERT]))
    def somebody_moves_it(self, move: Move) -> None:
        if move not in course.possible(self.ledger.state) and move is not Move.DRAIN:
            return
        if move in (Move.DRAIN, Move.REVERT) and self.now < 50_000.0:
            return  # not so soon that nothing else is ever seen
        how: dict[Move, Callable[[str], Action]] = {Move.DRAIN: Drain, Move.REVERT: Revert}
        if move in how and self.ledger.state in (RolloutState.RUNNING, RolloutState.PAUSED):
            for device in self.ledger.carry_out(how[move]("Somebody said so."), self.now):
                self.queue(device, back=True)
        elif move not in how:
            self.ledger.move(move, "Somebody said so.")

    @precondition(lambda self: self.ledger.state is RolloutState.PAUSED)
    @rule()
    def somebody_accepts_the_harm_and_goes_on(self) -> None:
        for wave in self.ledger.waves:
            wave.borne = wave.counts.get(M.HARMFUL.value, 0)
        self.ledger.move(Move.RESUME, "Somebody said so.")

    # --- what was promised ---

    def on_air(self) -> list[int]:
        return [device for device, each in self.latest.items() if each.state in ON_AIR]

    def counted(self, number: int) -> Counter[MemberState]:
        return Counter(row.state for row in self.ledger.rows.values() if row.wave == number)

    def check_action(self, action: Action) -> None:
        if isinstance(action, StartWave) and action.wave < len(self.ledger.waves) - 1:
            assert self.ledger.state is RolloutState.RUNNING
            assert all(wave.state is WaveState.PASSED for wave in self.ledger.waves[: action.wave])
        if isinstance(action, PassWave):
            self.check_pass(action.wave)
        if isinstance(action, FailWave):
            found = self.counted(action.wave)
            assert found[M.HARMFUL] or found[M.UNHARMED]

    def check_pass(self, number: int) -> None:
        """Rule 2, counted anew from the members."""
        gate, found, wave = gate_of(self.plan, number), self.counted(number), self.ledger.waves[number]
        good = found[M.VERIFIED] + found[M.BOOTED]
        bad = max(0, found[M.HARMFUL] - wave.borne) + found[M.UNHARMED]
        everybody = good + bad + found[M.WAITING] + found[M.QUEUED] + found[M.RUNNING]
        assert good >= gate.verified * everybody - 1e-9
        assert found[M.HARMFUL] <= self.limit(number) + wave.borne
        if good:
            assert wave.last_good_at is not None
            assert self.now >= wave.last_good_at + gate.soak
        others_wait = any(
            self.counted(after)[M.WAITING] for after in range(number + 1, len(self.ledger.waves))
        )
        tried = good + found[M.HARMFUL] + found[M.UNHARMED]
        assert (
            tried
            or not others_wait
            or any(self.counted(each)[M.VERIFIED] for each in range(number))
            or number
        )

    @invariant()
    def the_air_is_shared_within_its_limits(self) -> None:
        if hasattr(self, "plan"):
            limits, on_air = self.plan.limits, len(self.on_air())
            assert on_air <= limits.parallel
            assert not limits.bytes_in_flight or on_air <= max(1, limits.bytes_in_flight // SIZE)

    @invariant()
    def late_joiners_go_one_at_a_time(self) -> None:
        if hasattr(self, "plan"):
            assert self.counted(self.ledger.waves[-1].number)[M.RUNNING] <= 1

    @invariant()
    def the_budget_is_kept(self) -> None:
        if hasattr(self, "plan"):
            for key, offers in self.offers.items():
                assert offers <= self.plan.attempts + self.free[key]

    @invariant()
    def nobody_is_sent_back_twice_or_without_a_way(self) -> None:
        if hasattr(self, "plan"):
            assert max(self.sent_back.values(), default=0) <= 1
            assert set(self.sent_back) <= self.ways_back

    @invariant()
    def every_row_is_counted_once(self) -> None:
        if hasattr(self, "plan"):
            for wave in self.ledger.waves:
                assert {M(k): n for k, n in wave.counts.items() if n} == dict(self.counted(wave.number))
            assert all(row.reason for row in self.ledger.rows.values())

    def teardown(self) -> None:
        """Whatever it was: stopped, and with every deadline over, each device has an end and a reason."""
        if not hasattr(self, "plan"):
            return
        if self.ledger.state is RolloutState.PAUSED:
            self.ledger.move(Move.RESUME, "")
        if self.ledger.state is RolloutState.RUNNING:
            self.ledger.carry_out(Drain("The end of the test."), self.now)
        for _ in range(6):
            self.time_passes(90_000.0)
            for device, each in self.latest.items():
                if each.state in ACTIVE:
                    self.happen(device, Event.EXPIRE, harmful=each.state in FLASHED, code="gone")
            for device in sorted(self.awake):
                self.leave(device)
            self.look_until_nothing_is_to_be_done()
        states = {row.state for row in self.ledger.rows.values()}
        assert states.isdisjoint({M.RUNNING, M.QUEUED, M.WAITING, M.REVERTING}), self.ledger.rows
        assert self.ledger.state in course.ENDED


AnyOrder.TestCase.settings = settings(
    max_examples=200, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnyOrder: Any = AnyOrder.TestCase
