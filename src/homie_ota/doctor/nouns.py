"""The words of an examination: who is examined, what was found, and how bad that is.

Rule: a finding that is not well says what to do, as a command or a setting that can be copied.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from homie_ota.config import Settings
from homie_ota.model import Address
from homie_ota.mqtt import Broker
from homie_ota.store.moved import Seeker


class Verdict(StrEnum):
    """How a finding is; the order is that of badness."""

    GOOD = "good"
    MIND = "mind"
    BAD = "bad"


GOOD, MIND, BAD = Verdict


class Finding(NamedTuple):
    """What one look found: `said` is a sentence, `fix` what to do about it (empty where nothing is to be done)."""

    topic: str
    verdict: Verdict
    said: str
    fix: str = ""


@dataclass(slots=True)
class Known:
    """What one check learned that another one needs, filled in the order of the checks; times are Unix seconds.

    `devices` are base topic and id of those in the database, `largest` the bytes of the largest stored image, `newest`
    the time of the newest event; `http_ahead` is how far the clock at the other end of HTTP is ahead of ours, `running`
    whether the server runs here, `is_mosquitto` whether the broker says that it is one;
    `seekers` are devices of 1.5 that ask where there is nothing, never came, and ask here.
    """

    clock: Callable[[], float] = time.time
    began: float = field(default_factory=time.time)
    began_at: float = field(default_factory=time.monotonic)
    devices: frozenset[Address] = frozenset()
    largest: int = 0
    newest: float = 0.0
    http_ahead: float | None = None
    running: bool = False
    is_mosquitto: bool = False
    seekers: tuple[Sequence[Seeker], Sequence[Seeker], Sequence[Seeker]] = ((), (), ())


@dataclass(frozen=True, slots=True)
class Patient:
    """One installation that is examined.

    `told` is where devices are told to fetch images (`http://host:port/ota`), `listens` host and port of the pages,
    `brokers` where a broker may be, in the order in which the server would try; `settings_file` is None without one;
    `contained`: this runs inside a container.
    """

    settings: Settings
    told: str
    listens: tuple[str, int]
    brokers: tuple[Broker, ...] = ()
    settings_file: Path | None = None
    contained: bool = False
    known: Known = field(default_factory=Known)


Check = Callable[[Patient], Awaitable[list[Finding]]]
"""One check; it finds one thing at least, or says that it is well."""


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict among them; GOOD without any."""
    return max((each.verdict for each in findings), key=list(Verdict).index, default=GOOD)


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """The findings as the command's JSON has them."""
    found = list(findings)
    return {"worst": worst(found), "findings": [each._asdict() for each in found]}
