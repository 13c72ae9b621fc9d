"""What may not be kept of a device's configuration: passwords and keys are masked before anything else sees them.

Rule: a value under a key that sounds secret becomes MASK; text that sounds secret and is no JSON is not kept at all.
"""

from __future__ import annotations

import json

MASK = "***"
UNREADABLE = "(not kept: it may hold a password)"

_WORDS = ("pass", "pwd", "psk", "secret", "token", "apikey", "api_key", "api-key", "credential", "private")


def masked(config: str) -> str:
    """The configuration as announced, secrets masked."""
    if not _sounds_secret(config):
        return config
    try:
        found = json.loads(config)
        return json.dumps(_mask(found), separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return UNREADABLE


def _sounds_secret(text: str) -> bool:
    low = text.lower()
    # A key may be written with escapes; the homie firmware never does so.
    return "\\u" in low or any(word in low for word in _WORDS)


def _mask(value: object) -> object:
    if isinstance(value, dict):
        return {key: MASK if _is_secret(key, each) else _mask(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_mask(each) for each in value]
    return value


def _is_secret(key: str, value: object) -> bool:
    # `"ssl": {"private": {…}}` is looked into; only what can itself be a secret is masked.
    low = key.lower()
    return isinstance(value, str | int) and any(word in low for word in _WORDS)
