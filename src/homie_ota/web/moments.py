"""Times on pages: an age, a clock, a countdown, each an element that the browser keeps right by itself.

Rule: the element holds the moment, in UTC; its text is what a page without scripts says. In a part that is sent to a
live page the text is left out, so that a part does not change merely because time passes.
"""

from __future__ import annotations

from markupsafe import Markup, escape

from homie_ota.web import words

_FORMS = ("time", "day", "when")


def _element(at: float, kind: str, text: str) -> Markup:
    day, _, time = words.moment(at).partition(" ")
    # Nothing in it comes from outside, so it is put together as it is: lists have hundreds of these.
    return Markup(f'<time datetime="{day}T{time}Z" data-{kind}>{text}</time>')  # noqa: S704


class Moments:
    """Times as one page says them; `now` is None in a part for live pages."""

    def __init__(self, now: float | None) -> None:
        self._now = now

    def age(self, at: float | None) -> Markup:
        """How long ago, `5 min`; empty where it is not known."""
        if not at:
            return Markup()
        return _element(at, "age", "" if self._now is None else words.age(at, self._now))

    def clock(self, at: float | None, form: str = "") -> Markup:
        """The time of day and date where the reader is; `form` is `time` (without date), `day`, `when` (for
        sentences: no more of both than is needed), or empty (both).
        """
        if not at:
            return Markup()
        form = form if form in _FORMS else ""
        return _element(at, f'clock="{form}"', "" if self._now is None else _utc(at, form))

    def countdown(self, at: float | None, past: str = "now") -> Markup:
        """How long until then, `12 s`; `past` when it has come."""
        if not at:
            return Markup()
        text = "" if self._now is None else past if at <= self._now else words.duration(at - self._now)
        return _element(at, f'countdown="{escape(past)}"', text)


def _utc(at: float, form: str) -> str:
    day, _, time = words.moment(at).partition(" ")
    return {"time": f"{time} UTC", "day": day, "when": f"{day} {time[:5]} UTC"}.get(form, f"{day} {time} UTC")
