"""The lines of the health page about who elsewhere is told what happens: notifications and webhooks.

Rule: as in `health_lines`: a line is made of facts alone, and names no address.
"""

from __future__ import annotations

from homie_ota.web import words
from homie_ota.web.health_lines import BAD, GOOD, MIND, Line
from homie_ota.web.recipients import Standing, Told
from homie_ota.web.texts import _


def line(of: Told) -> Line:
    """One recipient: told, failing, or given up."""
    topic = _("webhook") if of.kind == "webhook" else _("notification")
    if of.known is None or of.standing is Standing.NEW:
        return Line(topic, GOOD, _("%(who)s has not been told anything yet.", who=of.label))
    if of.standing is Standing.WELL:
        return Line(topic, GOOD, _("%(who)s was told.", who=of.label), since=of.known.last_ok)
    said = _(
        "%(who)s could not be told: %(why)s %(n)s messages wait.",
        who=of.label,
        why=words.clean(of.known.last_error, 300),
        n=of.known.waiting,
    )
    if of.standing is Standing.FAILING:
        advice = _("It is tried again, more and more seldom. Look at who should answer there.")
        return Line(topic, MIND, said, advice, of.known.failing_since)
    advice = _(
        "It is given up: tried once an hour, and what gets too old is dropped. Look at [announce] of the settings."
    )
    return Line(topic, BAD, said, advice, of.known.failing_since)
