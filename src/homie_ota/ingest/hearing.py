"""What of all that devices say may move a deployment: observations → news.

Rule: most messages are none and cost one look into a table. What is retained is history: only the state and what a
device runs are looked at in it, for after a restart of ours nothing else tells them.
"""

from __future__ import annotations

from collections.abc import Callable

from homie_ota.fleet import KnownDevice
from homie_ota.fleet.recent import COLUMNS
from homie_ota.model import FactSeen, Observation, OtaEvent, OtaRequestSeen, OtaStatusSeen, StateSeen
from homie_ota.rollout.proof import AnnounceNews, News, StateNews, StatsNews, StatusNews


def news_of(observation: Observation, known: KnownDevice, now: float) -> News | str | None:
    """The news in it; a text is what somebody published to the device's `$ota`; None: nothing for deployments."""
    find = _NEWS.get(type(observation))
    return find(observation, known, now) if find is not None else None


def may_tell(observation: Observation) -> bool:
    """False for what is no news whatever the device: quick, for it is asked of every message."""
    kind = type(observation)
    if kind is FactSeen:
        return observation.fact in _FACTS  # type: ignore[union-attr]
    return kind in _NEWS


def append(news: list[News], latest: News) -> None:
    """Add to what a device said; of progress, and of one round of statistics, only the latest counts."""
    if news and (_is_progress(latest, news[-1]) or _is_same_round(latest, news[-1])):
        news[-1] = latest  # some firmware says its progress for every packet (homie-ota.md rule 5)
    else:
        news.append(latest)


def _is_progress(*news: News) -> bool:
    return all(isinstance(each, StatusNews) and each.event is OtaEvent.PROGRESS for each in news)


def _is_same_round(latest: News, before: News) -> bool:
    return isinstance(latest, StatsNews) and isinstance(before, StatsNews) and latest.at == before.at


def _request(observation: OtaRequestSeen, _known: KnownDevice, _now: float) -> str | None:
    return observation.wanted or None


def _fact(observation: FactSeen, known: KnownDevice, now: float) -> News | None:
    if observation.fact in COLUMNS:
        return _statistics(observation, known)
    return _announce(observation, known, now) if observation.fact in _TELLING else None


def _statistics(observation: FactSeen, known: KnownDevice) -> News | None:
    last = known.recent.last if known.recent and not observation.retained else None
    return StatsNews(*last) if last is not None else None


def _announce(observation: FactSeen, known: KnownDevice, now: float) -> News | None:
    # `$fw/checksum` comes after name and version; only generations without `$homie` tell no checksum at all.
    if observation.fact == "fw/version" and "homie" in known.facts:
        return None
    facts = known.facts
    md5 = facts.get("md5", "").lower() if "homie" in facts else ""
    return AnnounceNews(
        now, facts.get("fw/name", ""), facts.get("fw/version", ""), md5, not observation.retained
    )


def _status(observation: OtaStatusSeen, _known: KnownDevice, now: float) -> News | None:
    if observation.retained:  # homie-esp8266 retains its status: after a subscription this is history
        return None
    done, total = (observation.done, observation.total) if observation.event is OtaEvent.PROGRESS else (0, 0)
    return StatusNews(now, observation.event, done, total, observation.detail)


def _state(observation: StateSeen, _known: KnownDevice, now: float) -> News | None:
    return StateNews(now, observation.state, not observation.retained)


_TELLING = frozenset({"md5", "fw/version"})
_FACTS = _TELLING | COLUMNS.keys()

_NEWS: dict[type, Callable[..., News | str | None]] = {
    FactSeen: _fact,
    OtaStatusSeen: _status,
    StateSeen: _state,
    OtaRequestSeen: _request,
}
