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
    "RecipientShape": {
        "kind": "webhook",
        "label": "The webhook at https://example.org",
        "state": "failing",
        "reached": 4711,
        "waiting": 12,
        "last_told_at": "2026-03-01T12:00:00Z",
        "failing_since": "2026-03-01T12:10:00Z",
        "tries": 5,
        "next_try_at": "2026-03-01T12:12:35Z",
        "last_error": "It answered 503.",
        "lost": 0,
    },
    "TestSent": {
        "event": 4724,
        "detail": "Everybody of [announce] is told now; the list of recipients says how it went.",
    },
}
PAGES: dict[str, str] = {"RecipientPage": "RecipientShape"}
