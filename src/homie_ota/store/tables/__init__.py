"""The tables: what every row holds; the migrations follow these modules and a test compares the two.

Rule: times are Unix seconds (float, UTC); a device is a row of its own, and its addresses point to it.
"""

from __future__ import annotations

from homie_ota.store.tables.announced import announced
from homie_ota.store.tables.base import metadata
from homie_ota.store.tables.fleet import (
    device,
    device_address,
    learned,
    leftover,
    presence,
    reading,
    series,
    tag,
    verdict,
)
from homie_ota.store.tables.images import firmware, ota_request, ota_token
from homie_ota.store.tables.knocks import knock
from homie_ota.store.tables.lists import saved_filter
from homie_ota.store.tables.people import account, audit, audit_head, session, token
from homie_ota.store.tables.recipients import recipient
from homie_ota.store.tables.removed import removed
from homie_ota.store.tables.rollouts import membership, rollout, wave
from homie_ota.store.tables.updates import deployment, event, lease, quarantine, target, transcript

__all__ = [
    "account",
    "announced",
    "audit",
    "audit_head",
    "deployment",
    "device",
    "device_address",
    "event",
    "firmware",
    "knock",
    "learned",
    "lease",
    "leftover",
    "membership",
    "metadata",
    "ota_request",
    "ota_token",
    "presence",
    "quarantine",
    "reading",
    "recipient",
    "removed",
    "rollout",
    "saved_filter",
    "series",
    "session",
    "tag",
    "target",
    "token",
    "transcript",
    "verdict",
    "wave",
]
