"""Examples of what the API says and takes about accounts, tokens and the audit log."""

from __future__ import annotations

from typing import Any

from homie_ota.web.api.examples.devices import MOMENT, SHA256

_SOMEBODY: dict[str, Any] = {
    "name": "kim",
    "role": "operator",
    "disabled": False,
    "created_at": MOMENT,
    "last_login": None,
    "sessions": 0,
    "tokens": 1,
}
_TOKEN: dict[str, Any] = {
    "id": "1f2e3d4c5b6a7988",
    "owner": "kim",
    "label": "CI of the lamp",
    "rights": ["upload"],
    "created_at": MOMENT,
    "expires_at": "2027-03-01T12:00:00Z",
    "last_used": None,
}

OBJECTS: dict[str, Any] = {
    "Somebody": _SOMEBODY,
    "NewPerson": {"name": "kim", "role": "operator"},
    "Changes": {"role": "viewer"},
    "WithPassword": {**_SOMEBODY, "password": "told here only"},
    "TokenShape": _TOKEN,
    "NewToken": {"label": "CI of the lamp", "rights": ["upload"], "expires_at": "2027-03-01T12:00:00Z"},
    "WithSecret": {**_TOKEN, "token": "told here only"},
    "AuditRow": {
        "seq": 41,
        "at": 1772366400.0,
        "who": "kim",
        "what": "uploaded lamp 2.0.0",
        "why": "",
        "from_where": "192.168.1.5",
        "prev_hash": SHA256[::-1],
        "hash": SHA256,
    },
    "AuditState": {"whole": True, "rows": 41, "hash": SHA256, "seq": None, "fault": None},
}
PAGES = {"People": "Somebody", "Tokens": "TokenShape", "AuditPage": "AuditRow"}
