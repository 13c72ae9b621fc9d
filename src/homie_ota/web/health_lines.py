"""How this server is, line by line: each with a word, a sentence, and what to do where it is not well.

Rule: a line is made of facts alone, by one function of the table LINES; what is well says so in a word.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from homie_ota.store.database import Writing
from homie_ota.store.disks import Disk
from homie_ota.store.moved import Moved
from homie_ota.store.vitals import AHEAD, Vitals
from homie_ota.web import words
from homie_ota.web.shell import BrokerStatus
from homie_ota.web.texts import _, ngettext


class Verdict(StrEnum):
    """How a line is."""

    GOOD = "good"
    MIND = "mind"
    BAD = "bad"


class Known(NamedTuple):
    """What the lines are made of; `version_day` is when this version was made, `process` our own number."""

    now: float
    broker: BrokerStatus
    vitals: Vitals
    writing: Writing
    disks: tuple[Disk, ...]
    largest: int
    version_day: float
    process: int = 0
    moved: Moved = Moved()


class Line(NamedTuple):
    """One line: `since` is a moment that belongs to its sentence, `advice` is empty where nothing is to be done."""

    topic: str
    verdict: Verdict
    said: str
    advice: str = ""
    since: float | None = None


GOOD, MIND, BAD = Verdict
LAG, SLOW_LAG = 2.0, 20.0
"""Seconds from a message to its rows from which on that is worth a word, and from which on it is bad."""
WAIT, LONG_WAIT = 1.0, 5.0
"""The same for what waits to be written."""
QUEUED_LONG = 14 * 86400.0


def _connection(known: Known) -> Line:
    broker = known.broker
    where = words.clean(broker.address) or _("the broker")
    if broker.connected:
        own = _(" (its own, embedded)") if broker.door.own else ""
        return Line(
            _("broker"), GOOD, _("Connected to %(where)s%(own)s.", where=where, own=own), since=broker.since
        )
    why = words.clean(broker.last_error).rstrip(".") or _("it does not answer")
    advice = _(
        "Nothing is heard and nothing can be sent. Is it running, and are address, user and password in [mqtt] of the "
        "settings right?"
    )
    return Line(
        _("broker"),
        BAD,
        _("No connection to %(where)s: %(why)s.", where=where, why=why),
        advice,
        broker.since,
    )


def _drops(known: Known) -> Line:
    number = known.broker.dropped
    if not number:
        return Line(_("drops"), GOOD, _("The broker reports no dropped message."))
    said = ngettext(
        "The broker says that it dropped %(num)s message.",
        "The broker says that it dropped %(num)s messages.",
        number,
    )
    advice = _(
        "What was missed is read again. To stop it, give the broker room: max_queued_messages 1000000 in "
        "mosquitto.conf."
    )
    return Line(_("drops"), MIND, said, advice)


def _limits(known: Known) -> Line:
    refused = {what: count for what, count in known.broker.refused.items() if count}
    if not refused:
        return Line(
            _("limits"), GOOD, _("Nothing was cut off: no device announces more than this server keeps.")
        )
    told = ", ".join(f"{count} {words.clean(what, 60)}" for what, count in refused.items())
    advice = _(
        "Somebody publishes far too much below a base topic. Look on the broker who, or narrow base_topics in [mqtt]."
    )
    return Line(_("limits"), MIND, _("Refused by the limits: %(told)s.", told=told), advice)


def _lag(known: Known) -> Line:
    lag, waiting = known.broker.lag, known.broker.waiting
    verdict = BAD if lag >= SLOW_LAG else MIND if lag >= LAG else GOOD
    said = _(
        "From a message to its rows it takes %(lag)s; of %(n)s devices something waits to be written.",
        lag=_seconds(lag),
        n=waiting,
    )
    advice = _(
        "This machine or its disk is too slow for what the devices send: longer $stats/interval helps most."
    )
    return Line(
        _("ingest"),
        verdict,
        said
        if verdict is not GOOD
        else _("What devices say is stored within %(lag)s.", lag=_seconds(max(lag, 0.1))),
        "" if verdict is GOOD else advice,
    )


def _queue(known: Known) -> Line:
    vitals = known.vitals
    if not vitals.queued and not vitals.active:
        return Line(_("queue"), GOOD, _("No update waits, none is under way."))
    said = _("%(queued)s wait, %(active)s under way.", queued=vitals.queued, active=vitals.active)
    oldest = vitals.oldest_queued
    if oldest is not None and known.now - oldest > QUEUED_LONG:
        advice = _(
            "Some wait for weeks. “Why” on the page of the device says for what; cancel what nobody wants any more."
        )
        return Line(_("queue"), MIND, said, advice, oldest)
    return Line(_("queue"), GOOD, said, since=oldest)


def _engine(known: Known) -> Line:
    leader = known.vitals.leader
    if leader:
        return Line(_("engine"), GOOD, _("Updates are moved by %(who)s.", who=_who(leader, known.process)))
    advice = _(
        "A server takes this over within seconds. If none does, one has to run with the role dispatch (or all roles)."
    )
    return Line(_("engine"), MIND, _("Nobody moves updates just now."), advice)


def _who(holder: str, process: int) -> str:
    """The holder of the lease in words: a machine's word, a process, the moment of its start, and a word of its own."""
    machine, _colon, rest = holder.partition(":")
    number = rest.partition(":")[0]
    if number == str(process):
        return _("this server (process %(n)s)", n=process)
    return _(
        "another server (process %(n)s, machine %(machine)s)",
        n=number or "?",
        machine=words.clean(machine, 12),
    )


def _database(known: Known) -> Line:
    vitals = known.vitals
    said = _(
        "%(engine)s, %(size)s, schema %(schema)s.",
        engine=vitals.engine,
        size=words.size(vitals.bytes) or "0 B",
        schema=vitals.schema,
    )
    return Line(_("database"), GOOD, said)


def _writer(known: Known) -> Line:
    wait = known.writing.longest
    verdict = BAD if wait >= LONG_WAIT else MIND if wait >= WAIT else GOOD
    said = _("The longest that anything lately waited to be written: %(wait)s.", wait=_seconds(wait))
    advice = _(
        "The disk is slow (an SD card?) or something else uses it. A slow disk makes wake-ups of sleepers be missed."
    )
    return Line(_("writer"), verdict, said, "" if verdict is GOOD else advice)


def _clock(known: Known) -> Line:
    if known.now < known.version_day:
        advice = _("Set it (timedatectl set-ntp true): deadlines, ages and the log are all wrong until then.")
        return Line(
            _("clock"),
            BAD,
            _("This machine's clock is before the day on which this version was made."),
            advice,
        )
    if known.vitals.newest > known.now + AHEAD:
        advice = _(
            "The clock was put back, or was wrong before. What is in the future stays on top of the log until then."
        )
        return Line(_("clock"), MIND, _("The log has events of the future:"), advice, known.vitals.newest)
    return Line(_("clock"), GOOD, _("It agrees with the times in the log."))


def _quarantine(known: Known) -> Line:
    number = known.vitals.quarantined
    if not number:
        return Line(_("quarantine"), GOOD, _("No image is kept from any device."))
    said = ngettext(
        "%(num)s image is kept from a device, after it failed there.",
        "%(num)s images are kept from devices, after they failed there.",
        number,
    )
    return Line(
        _("quarantine"),
        MIND,
        said,
        _("Look at each device why, and release it there: homie-ota quarantine lists them."),
    )


def _leftovers(known: Known) -> Line:
    number = known.vitals.leftovers
    if not number:
        return Line(_("leftovers"), GOOD, _("No retained image or order lies on the broker."))
    said = ngettext(
        "%(num)s retained image or order lies on the broker: a device acts on it at every connect.",
        "%(num)s retained images or orders lie on the broker: devices act on them at every connect.",
        number,
    )
    return Line(_("leftovers"), BAD, said, _("Clear them: homie-ota leftovers shows and clears each."))


def _seekers(known: Known) -> Line:
    astray, silent = known.moved
    if not astray and not silent:
        return Line(_("1.5 devices"), GOOD, _("None of Homie 1.5 asks for its image somewhere else."))
    said = _(
        "%(astray)s of Homie 1.5 ask for images where there is nothing, %(silent)s were told to ask and never came.",
        astray=astray,
        silent=silent,
    )
    advice = _(
        "Their config.json names another host, port or path; homie-ota doctor says of each what has to stand there."
    )
    return Line(_("1.5 devices"), MIND, said, advice)


LINES: tuple[Callable[[Known], Line], ...] = (
    _connection,
    _drops,
    _limits,
    _lag,
    _queue,
    _engine,
    _quarantine,
    _leftovers,
    _seekers,
    _database,
    _writer,
    _clock,
)
"""In the order in which somebody who looks for a fault would ask."""


def lines(known: Known) -> list[Line]:
    """All of them, with one for each disk."""
    return [*(line(known) for line in LINES), *(disk(each, known.largest) for each in known.disks)]


def disk(place: Disk, largest: int) -> Line:
    """One disk."""
    said = _(
        "%(free)s of %(total)s free in %(path)s.",
        free=_bytes(place.free),
        total=_bytes(place.total),
        path=place.path,
    )
    verdict = BAD if place.is_full(largest) else MIND if place.is_low(largest) else GOOD
    advice = _("Delete old images (the page of firmware does), or move [storage] to a larger disk.")
    return Line(place.what, verdict, said, "" if verdict is GOOD else advice)


def _bytes(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else words.size(count) or "0 B"


def _seconds(seconds: float) -> str:
    """In steps that do not change all the time."""
    if seconds < 1:
        return f"{max(0.1, round(seconds, 1)):.1f} s"
    return words.duration(seconds)
