"""What the API says of the values of a device's properties; times are ISO 8601 in UTC."""

from __future__ import annotations

from homie_ota.web.api.asking import Shape
from homie_ota.web.api.shapes import Moment


class Reading(Shape):
    """The value of a property."""

    node: str
    property: str
    value: str
    number: float | None
    at: Moment


class ReadingPage(Shape):
    """Some values, by node and property; `next` is the cursor of the following page."""

    items: list[Reading]
    total: int
    next: str | None
