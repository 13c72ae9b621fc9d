"""One rollout being played: devices come and go, the decision is asked, attempts go their way.

Rule: an event touches the device that it happens to, and what stands first in a queue; nobody ever looks through the
fleet. What happens is entered in the agenda, what it means is decided by the rooms of the engine.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from homie_ota.model import ENDED, Deployment, Outcome, Purpose
from homie_ota.rollout import lifecycle, members
from homie_ota.rollout.actions import Action, Revert
from homie_ota.rollout.agenda import Agenda
from homie_ota.rollout.attempts import Budget, Past, Quarantine, Retry, next_step
from homie_ota.rollout.fates import STONE, WANTED, Attempt, foresee, script
from homie_ota.rollout.ledger import Ledger
from homie_ota.rollout.plan import MemberState, Plan, RolloutState
from homie_ota.rollout.queues import Queues, Turn, Wait
from homie_ota.rollout.rhythm import Awake
from homie_ota.rollout.stage import Figures, Flight, Scene
from homie_ota.rollout.starting import ON_AIR, InFlight, MemberView, may_start
from homie_ota.rollout.strategy import decide, next_look
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime

MOVING = (RolloutState.RUNNING, RolloutState.REVERTING)
WAITS = (MemberState.QUEUED, MemberState.ABSENT, MemberState.REVERTING)


class Play:
    """One rollout being played; `order` is the turn of the devices."""

    def __init__(self, ledger: Ledger, scene: Scene, order: Sequence[int], begins: float) -> None:
        self.ledger, self.scene, self.agenda = ledger, scene, Agenda(begins)
        self.story: list[tuple[float, Action]] = []
        self._histories: dict[tuple[int, bool], list[Past]] = {}
        self.flights: list[Flight] = []
        self.figures, self._flight = Figures(), InFlight()
        self._queues = Queues(order)
        self._awake = [Awake(-math.inf, -math.inf)] * len(scene.presences)
        self._waits: dict[int, Wait] = {}
        self._steps = dict(scene.steps)  # images that are still to be sent
        self._attempts: dict[int, Attempt] = {}
        self._alone = False  # one that wants the air for itself has it
        self._to_come = 0  # events of attempts
        self._moved = self._stirred = True
        for device, presences in enumerate(scene.presences):
            self._expect(device, bisect_right(presences, begins, key=_end))

    def run(self, ends: float) -> None:
        """Play until `ends`, or until nothing can happen any more."""
        self._settle()
        while (self.ledger.state in MOVING or self._to_come) and self.agenda.take(ends):
            self._settle()

    def hold(self, device: int) -> str:
        """Why what waits for this device does not go now."""
        if held := self.scene.held.get(device):
            return held
        answer = may_start(*self._question(device, self._waits[device]))
        return answer.text if isinstance(answer, Hold) else "It goes next."

    def attempts(self, device: int) -> int:
        """How many were made."""
        return self._attempts[device].number if device in self._attempts else 0

    # --- devices come and go ---

    def _expect(self, device: int, number: int) -> None:
        presences = self.scene.presences[device]
        if number < len(presences):
            self.agenda.enter(presences[number].since, self._wake, device, number)

    def _wake(self, device: int, number: int) -> None:
        self._awake[device] = self.scene.presences[device][number]
        self._expect(device, number + 1)
        if device in self._waits and device not in self.scene.held:
            self.ledger.woke(device)
            self._stand(device)

    def _leave(self, device: int) -> None:
        if device in self._waits and not self._is_awake(device):
            self.ledger.left(device, self.agenda.now)

    def _is_awake(self, device: int) -> bool:
        return self.agenda.now < _end(self._awake[device])

    # --- decisions ---

    def _settle(self) -> None:
        while self._moved or self._stirred:
            if self._moved:
                self._decide()
            self._stirred = False
            for turn in Turn:
                self._start_from(turn)

    def _decide(self) -> None:
        now = self.agenda.now
        while actions := decide(self.ledger.view(), now):
            self.figures = self.figures._replace(decisions=self.figures.decisions + 1)
            for action in actions:
                self.story.append((now, action))
                for device in self.ledger.carry_out(action, now):
                    self._queue(device, Wait(now, back=isinstance(action, Revert)))
        self._moved = False
        self.agenda.enter_once(next_look(self.ledger.view(), now), self._look)

    def _look(self) -> None:
        self._moved = True

    def _stir(self) -> None:
        self._stirred = True

    # --- what waits, and whose turn it is ---

    def _queue(self, device: int, wait: Wait) -> None:
        self._waits[device] = wait
        state = MemberState.REVERTING if wait.back else MemberState.QUEUED
        is_there = self._is_there(device, wait)
        self.ledger.put(device, state, self.agenda.now, away=not is_there)
        if is_there:
            self._stand(device)

    def _is_there(self, device: int, wait: Wait) -> bool:
        """Whether nothing holds it, it is awake and, where that is asked, came back since its last attempt."""
        if device in self.scene.held:
            return False
        return self._is_awake(device) and (not wait.fresh or self._awake[device].since > wait.since)

    def _stand(self, device: int) -> None:
        """It is awake and something waits for it: into the queue in which its turn comes."""
        self._stirred = True
        awake = self._awake[device]
        if awake.until is not None:
            self.agenda.enter(awake.until, self._leave, device)
        self._queues.stand(device, self._turn_of(device))

    def _turn_of(self, device: int) -> Turn:
        wait = self._waits[device]
        if wait.alone:
            return Turn.ALONE
        if self._is_late(device, wait):
            return Turn.LATE
        return Turn.WOKEN if self._awake[device].since > wait.since else Turn.READY

    def _stand_again(self, device: int) -> None:
        if device in self._waits and self._is_awake(device):
            self._stand(device)

    def _start_from(self, turn: Turn) -> None:
        while (device := self._queues.first(turn)) is not None and not self._is_taken(turn):
            wait = self._waits.get(device)
            if wait is None or not self._may_be_asked(device, wait, turn):
                self._queues.next(turn)
                continue
            self.figures = self.figures._replace(asked=self.figures.asked + 1)
            answer = may_start(*self._question(device, wait))
            if isinstance(answer, Hold) and answer.code != "not-before":
                self.agenda.enter_once(answer.until, self._stir)
                return  # what holds the first one holds all behind it
            self._queues.next(turn)
            if isinstance(answer, Hold):
                self.agenda.enter(answer.until or 0.0, self._stand_again, device)
            else:
                self._offer(device, wait)

    def _is_taken(self, turn: Turn) -> bool:
        """Whether the air belongs to one that wants it for itself, or is not free for one that does."""
        return self._flight.transfers > 0 if turn is Turn.ALONE else self._alone and turn is not Turn.WOKEN

    def _may_be_asked(self, device: int, wait: Wait, turn: Turn) -> bool:
        """False for what was taken back, went to sleep, or stands here from a time when something else waited."""
        waits = self.ledger.rows[device].state in WAITS
        return waits and self._is_there(device, wait) and self._turn_of(device) is turn

    def _question(self, device: int, wait: Wait) -> tuple[MemberView, Plan, InFlight, LocalTime, float]:
        now, ledger = self.agenda.now, self.ledger
        awake, row = self._awake[device], ledger.rows[device]
        late = self._is_late(device, wait)
        member = MemberView(
            self.scene.size,
            awake=self._is_awake(device),
            woken=awake.since > wait.since,
            late=late,
            back=wait.back,
            not_before=wait.not_before,
            rollout=ledger.state,
            wave=ledger.waves[-1 if late else row.wave].state,
        )
        late_ones = ledger.waves[-1].counts.get(MemberState.RUNNING, 0)
        in_flight = self._flight._replace(late=late_ones, sleepers=bool(ledger.away))
        return member, self.scene.plan, in_flight, self.scene.local(now), now

    def _is_late(self, device: int, wait: Wait) -> bool:
        row = self.ledger.rows[device]
        return not wait.back and (row.state is MemberState.ABSENT or row.wave == self.ledger.waves[-1].number)

    # --- attempts ---

    def _offer(self, device: int, wait: Wait) -> None:
        now, scene = self.agenda.now, self.scene
        if self._is_late(device, wait):
            self.ledger.join_lane(device)
        if not wait.back:
            self.ledger.put(device, MemberState.RUNNING, now)
        del self._waits[device]
        number = self.attempts(device) + 1
        transfer, until = scene.size / scene.rates[device], _end(self._awake[device])
        course = foresee(now, transfer, until, scene.presences[device], scene.terms)
        steps = script(scene.fates(device, number), course, scene.terms)
        self._attempts[device] = Attempt(number, steps, now, back=wait.back, alone=wait.alone)
        self._to_come += len(steps)
        for index, step in enumerate(steps):
            self.agenda.enter(step.at, self._step, device, number, index)
        self._fly(1, alone=wait.alone)

    def _fly(self, change: int, *, alone: bool) -> None:
        """One transfer more on the air, or one less."""
        self._stirred = True
        self._alone = change > 0 if alone else self._alone
        transfers, size = self._flight.transfers + change, self._flight.bytes + change * self.scene.size
        self._flight = self._flight._replace(transfers=transfers, bytes=size)
        if change > 0:
            self._flight = self._flight._replace(last_start=self.agenda.now)
            peak, peak_bytes, sent, *counted = self.figures
            most = (max(peak, transfers), max(peak_bytes, size), sent + self.scene.size)
            self.figures = Figures(*most, *counted)

    def _step(self, device: int, number: int, index: int) -> None:
        self._to_come -= 1
        attempt = self._attempts[device]
        if attempt.number != number:
            return
        old, step = attempt.state, attempt.steps[index]
        new = lifecycle.advance(old, step.event)
        is_too_late = old in ENDED and self.ledger.rows[device].state is not MemberState.HARMFUL
        if new is None or is_too_late:
            return
        attempt.state = new
        if old in ON_AIR and new not in ON_AIR:
            self.flights.append(Flight(device, number, attempt.offered_at, step.at))
            self._fly(-1, alone=attempt.alone)
        if new in ENDED or old in ENDED:
            is_stone = not attempt.back and self._steps.get(device, 1) > 1
            self._note(device, attempt.as_deployment(step, STONE if is_stone else WANTED))

    def _note(self, device: int, moved: Deployment) -> None:
        """An attempt ended, or went on after its end: the member follows it, or another attempt does."""
        now, reason, back = self.agenda.now, moved.reason, moved.purpose == Purpose.REVERT
        self._moved = True
        if moved.outcome == Outcome.UNHARMED:
            past = self._histories.setdefault((device, back), [])
            past.append(Past(now, moved.code, moved.outcome, reason))
            follows = next_step(past, now, Budget(self.scene.plan.attempts))
            if isinstance(follows, Retry):
                self._queue(device, Wait(now, back, follows.not_before, follows.fresh, follows.alone))
                return
            reason = follows.reason if isinstance(follows, Quarantine) else reason
        state = members.after(moved, WANTED)
        if state is None:
            return
        self.ledger.put(device, state, now, reason)
        if state is MemberState.WAITING:  # it stands on a stone: the next image follows
            self._steps[device] -= 1
            self._histories.pop((device, back), None)
            if self.ledger.state is RolloutState.RUNNING:
                self._queue(device, Wait(now))


def _end(presence: Awake) -> float:
    return math.inf if presence.until is None else presence.until
