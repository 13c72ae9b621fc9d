"""An example of every object that programs send, and of every answer, for the description of the API.

Rule: an example is whole: a test checks it against the schema of its object, and that no object is without one.
"""

from __future__ import annotations

from typing import Any

from homie_ota.web.api.examples import devices, firmware, knocks, people, rollouts, service

_ALL = (devices, firmware, knocks, people, rollouts, service)
_SINGLE: dict[str, Any] = {name: each for part in _ALL for name, each in part.OBJECTS.items()}
OBJECTS: dict[str, Any] = _SINGLE | {
    page: {"items": [_SINGLE[item]], "total": 1, "next": None}
    for part in _ALL
    for page, item in part.PAGES.items()
}
"""By the name of the object in the description."""
