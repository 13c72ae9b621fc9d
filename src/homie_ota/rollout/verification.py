"""Whether a device that came back with the target stays well: news after news, until its soak ends.

Rule: only a whole soak without a restart is a success, and only what differs from the untouched siblings is harm. What
ends a soak here is judged once, by `judge`, with what the shell knows of the siblings by then.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import NamedTuple

from homie_ota.model import AWAKE, State
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import AnnounceNews, News, StateNews, StatsNews
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.soak import SAMPLES, Found, Sample, Soak, Terms

BOOTED_BY, CAME_BY = 30.0, 4.0
"""Seconds by which an uptime may contradict our clock before it means another boot: on a bad Wi-Fi it may come late.

Less is needed of a device that has just announced itself again: one that restarts every few seconds always tells the
same uptime.
"""

EXCUSES = 3
"""How often a soak begins anew because its siblings fared alike; then it ends, with its health unknown."""


class OnRestart(Enum):
    """What a restart means."""

    BEGIN_ANEW = auto()
    HARM = auto()


RESTARTS = {1: OnRestart.BEGIN_ANEW, 2: OnRestart.HARM}
"""The number of a restart since the device came back → what it means; a further one as the last.

The first is borne: 1.5 restarts once more out of its OTA mode, sketches write a new configuration at their first boot
and restart, people switch lamps at the wall. It costs a soak from the start, so that success always means a whole soak
without one. A second one is no accident any more, whatever lies between them: a device that crashes every two minutes
does not show more than two in a soak.
"""

Step = tuple[Soak, Found | None]


def step(soak: Soak, news: News, terms: Terms) -> Step:
    """The soak after this news, and what it found: DONE, RESTARTING or nothing yet."""
    if news.at < soak.since:
        return soak, None
    if isinstance(news, StateNews):
        return _state(soak, news, terms)
    if isinstance(news, AnnounceNews):
        return _announce(soak, news) if news.live else (soak, None)
    return _statistics(soak, news, terms) if isinstance(news, StatsNews) else (soak, None)


def _state(soak: Soak, news: StateNews, terms: Terms) -> Step:
    if not news.live:  # read from the broker: from now on we listen again, and silence counts from now
        soak = replace(soak, heard_at=max(soak.heard_at, news.at))
    if news.state in AWAKE:
        return _ready(soak, news.at, terms)
    if news.state is State.UNKNOWN:
        return soak, None
    asleep = news.state is State.SLEEPING or soak.sleeps or (soak.asleep and news.state is State.INIT)
    # That it connects again does not put off when it has to be back: else one that never gets further had no end.
    left_at = news.at if soak.left_at is None else soak.left_at
    pending = soak.pending and not asleep
    return replace(
        soak, left=True, left_at=left_at, asleep=asleep, slept=soak.slept or asleep, pending=pending
    ), None


def _ready(soak: Soak, at: float, terms: Terms) -> Step:
    if soak.asleep:  # a sleeper boots whenever it wakes
        soak = replace(soak, asleep=False, left=False, wakes=soak.wakes + 1, slept_through=soak.rounds)
        soak = replace(soak, uptime=None, booted_at=at)
    if soak.left_at is not None:  # it was away: silence counts from its return
        soak = replace(soak, heard_at=max(soak.heard_at, at))
    ready_at = at if soak.ready_at is None else soak.ready_at
    soak = replace(soak, ready_at=ready_at, was_ready=True, left_at=None)
    return soak, Found.DONE if terms.is_none or soak.is_over(at, terms) else None


def _announce(soak: Soak, news: AnnounceNews) -> Step:
    """It announces itself again. Whether it restarted, or only its connection did, its uptime will tell."""
    if not soak.left:
        return soak, None  # delivered twice
    soak = replace(soak, left=False)
    if soak.asleep:
        return soak, None
    if not soak.tells:
        return _restarted(replace(soak, booted_at=news.at), news.at)
    # Pending already: it went before it told anything, as a device does that dies while it starts.
    return _restarted(soak, news.at) if soak.pending else (replace(soak, pending=True), None)


def _statistics(soak: Soak, news: StatsNews, terms: Terms) -> Step:
    if not soak.asleep and (soak.left_at is not None or soak.ready_at is None):
        # Who tells statistics is there: the will of 1.5 has QoS 2 and may come after the words of the next connect.
        soak, found = _ready(soak, news.at, terms)
        if found is not None:
            return soak, found
    sample = (news.at, news.uptime, news.heap, news.signal)
    if _is_restart(soak, news):
        soak, found = _restarted(replace(soak, pending=False), news.at)
        return replace(_booted(soak, news), rounds=1, round_at=news.at, samples=(sample,)), found
    is_new = news.at != soak.round_at and (news.uptime is None or news.uptime != soak.uptime)
    soak = replace(
        _booted(soak, news),
        pending=soak.pending and news.uptime is None,
        rounds=soak.rounds + is_new,
        round_at=news.at if is_new else soak.round_at,
        heard_at=max(soak.heard_at, news.at),
        samples=_with(soak.samples, sample),
    )
    return soak, Found.DONE if soak.is_over(news.at, terms) else None


def _is_restart(soak: Soak, news: StatsNews) -> bool:
    if news.uptime is None:
        return False
    if soak.uptime is not None and news.uptime < soak.uptime:
        return True
    known = soak.booted_at or soak.since
    return news.at - news.uptime > known + (CAME_BY if soak.pending else BOOTED_BY)


def _booted(soak: Soak, news: StatsNews) -> Soak:
    """When it booted, by what it says now."""
    return soak if news.uptime is None else replace(soak, uptime=news.uptime, booted_at=news.at - news.uptime)


def _with(samples: tuple[Sample, ...], latest: Sample) -> tuple[Sample, ...]:
    """A round comes in pieces: the fuller one replaces what was heard of it before."""
    kept = samples[:-1] if samples and samples[-1][0] == latest[0] else samples
    return (*kept, latest)[-SAMPLES:]


def _restarted(soak: Soak, at: float) -> Step:
    restarts = soak.restarts + 1
    is_harm = RESTARTS[min(restarts, max(RESTARTS))] is OnRestart.HARM
    return replace(anew(soak, at), restarts=restarts), Found.RESTARTING if is_harm else None


def anew(soak: Soak, at: float) -> Soak:
    """The same soak from its start; a device that is there is ready since now."""
    is_there = soak.left_at is None and soak.ready_at is not None
    return replace(
        soak, ready_at=at if is_there else None, heard_at=at, rounds=0, slept_through=0, wakes=0, samples=()
    )


class Neighbours(NamedTuple):
    """How the untouched siblings fared meanwhile: how many there are, and how many of them are gone, and so on.

    `habitual` are those that boot all the time, as sleepers do: their boots say nothing.
    """

    total: int = 0
    gone: int = 0
    silent: int = 0
    restarted: int = 0
    habitual: int = 0


class Compared(NamedTuple):
    """What `health.compare` said: the word of what is worse (empty: nothing), that finding, and all of them."""

    worse: str = ""
    finding: str = ""
    text: str = ""


class Judgement(NamedTuple):
    """What becomes of the deployment: an event with its reason; without one the soak goes on as `soak`."""

    event: Event | None
    reason: Reason | None = None
    soak: Soak | None = None


_LIKEWISE = {Found.RESTARTING: "restarted", Found.SILENT: "silent", Found.LEFT: "gone"}


def judge(
    found: Found, soak: Soak, compared: Compared, neighbours: Neighbours, terms: Terms, now: float
) -> Judgement:
    """What `found` means, given how the device compares and how its siblings fared."""
    if found is Found.NOT_READY:
        return Judgement(Event.EXPIRE, reasons.NOT_READY)
    if found is Found.DONE:
        return _done(soak, compared, terms, now)
    if not _fared_alike(found, neighbours):
        return Judgement(Event.HARM, reasons.HARMS[found])
    if soak.excused < EXCUSES:
        left_at = now if soak.left_at is not None else None
        again = replace(anew(soak, now), excused=soak.excused + 1, left_at=left_at, restarts=0)
        return Judgement(None, soak=again)
    return Judgement(
        Event.HEAL, reasons.booted("its untouched siblings fare alike, so that nothing can be said")
    )


def _fared_alike(found: Found, neighbours: Neighbours) -> bool:
    """Whether at least half of the siblings that can tell did the same: then it is not the image."""
    alike: int = getattr(neighbours, _LIKEWISE[found])
    telling = neighbours.total - (neighbours.habitual if found is Found.RESTARTING else 0)
    return alike > 0 and 2 * alike >= telling


def _done(soak: Soak, compared: Compared, terms: Terms, now: float) -> Judgement:
    if terms.is_none:
        return Judgement(Event.HEAL, reasons.UNTESTED)
    if soak.told and soak.tells and terms.intervals > 0 and not soak.rounds:
        return Judgement(Event.HARM, reasons.HARMS[Found.SILENT])
    if compared.worse:
        return Judgement(Event.HARM, reasons.worse(compared.worse, compared.finding))
    if not soak.rounds:
        return Judgement(Event.HEAL, reasons.booted("it tells no statistics"))
    return Judgement(Event.HEAL, reasons.verified(now - (soak.ready_at or now), soak.restarts, compared.text))
