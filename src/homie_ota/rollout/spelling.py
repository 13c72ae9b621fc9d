"""Windows, waves and spans of time as people type them, and back: `Mon-Fri 02:00-05:00`, `1,10%,rest`, `30m`.

Rule: what cannot be read is None; whoever asked says what was expected.
"""

from __future__ import annotations

import re
from dataclasses import replace

from homie_ota.rollout.plan import CANARY, REST, TENTH, Gate, WaveRule, Window

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY = 1440
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY_DAY = frozenset(range(7))
_WINDOW = re.compile(r"(?:(?P<days>[A-Za-z, -]+?)\s+)?(?P<since>\d{1,2}:\d\d)\s*-\s*(?P<until>\d{1,2}:\d\d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)")
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([smhdw]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_REST = ("rest", "all")


def read_window(text: str) -> Window | None:
    """The window that a text means: days (`Mon-Fri`, `Sat,Sun`; none: every day) and two times of the day."""
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        return None
    days = _days(found["days"]) if found["days"] else _EVERY_DAY
    since, until = _clock(found["since"]), _clock(found["until"])
    if days is None or since is None or until is None or since == DAY:
        return None
    return Window(days, since, until)


def window_text(window: Window) -> str:
    """The text of a window, as `read_window` reads it."""
    days = "" if window.days == _EVERY_DAY else ",".join(DAYS[day] for day in sorted(window.days)) + " "
    since, until = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (window.since, window.until))
    return f"{days}{since}-{until}"


def read_waves(text: str, gate: Gate | None = None) -> tuple[WaveRule, ...] | None:
    """Waves as counts, shares and the rest: `1,10%,rest`; `gate` instead of what is usual at each place."""
    rules = [_rule(part.strip()) for part in text.split(",")]
    known = [rule for rule in rules if rule is not None]
    if len(known) < len(rules) or any(_is_rest(rule) for rule in known[:-1]):
        return None
    return tuple(
        replace(rule, gate=gate or usual(at, count=rule.count, share=rule.share))
        for at, rule in enumerate(known)
    )


def usual(at: int, *, count: int | None, share: float | None) -> Gate:
    """The gate that is usual for a wave of this size at this place (from 0)."""
    if at == 0 and count is not None:
        return CANARY.gate
    return REST.gate if count is None and share is None else TENTH.gate


def waves_text(rules: tuple[WaveRule, ...]) -> str:
    """The text of waves, as `read_waves` reads it."""
    return ",".join(_rule_text(rule) for rule in rules)


def read_span(text: str) -> float | None:
    """Seconds of `90`, `90s`, `30m`, `2h`, `1d`, `1w`."""
    found = _SPAN.fullmatch(text.strip().lower())
    return float(found[1]) * _SECONDS[found[2]] if found else None


def _days(text: str) -> frozenset[int] | None:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        since, until = _day(first), _day(last if dash else first)
        if since is None or until is None:
            return None
        found |= {day % 7 for day in range(since, until + (7 if until < since else 0) + 1)}
    return frozenset(found)


def _day(text: str) -> int | None:
    """A day by its first letters, two at least: `mo`, `Mon`, `monday`."""
    word = text.lower()
    return next((at for at, name in enumerate(_NAMES) if len(word) > 1 and name.startswith(word)), None)


def _clock(text: str) -> int | None:
    """Minutes of the day; 24:00 is its end."""
    found = _CLOCK.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else DAY + 1
    return minutes if minutes <= DAY and found and int(found[2]) < 60 else None


def _rule(text: str) -> WaveRule | None:
    if text.lower() in _REST:
        return WaveRule()
    number, percent = text.removesuffix("%").strip(), text.endswith("%")
    if not re.fullmatch(r"\d{1,7}(\.\d{1,3})?" if percent else r"\d{1,7}", number):
        return None
    value = float(number)
    if not 0 < value <= (100 if percent else 1e7):
        return None
    return WaveRule(share=value / 100) if percent else WaveRule(count=int(value))


def _is_rest(rule: WaveRule) -> bool:
    return rule.count is None and rule.share is None


def _rule_text(rule: WaveRule) -> str:
    if rule.count is not None:
        return str(rule.count)
    return "rest" if rule.share is None else f"{100 * rule.share:g}%"
