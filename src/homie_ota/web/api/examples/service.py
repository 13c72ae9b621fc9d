"""An example of what the API says about the server itself."""

from __future__ import annotations

from typing import Any

OBJECTS: dict[str, Any] = {
    "Health": {
        "status": "ok",
        "broker": {"connected": True, "since": 1772366400.0, "dropped": 0},
        "database": {"ms": 0.4},
        "lag_ms": 0.1,
        "devices": 12,
    },
}
PAGES: dict[str, str] = {}
