"""The section `[announce]`: whom the server tells what happens, beside its own pages.

Rule: addresses and keys of others are secrets: they are never shown, not even wrong ones.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)
from pydantic_settings import NoDecode

from homie_ota.config.values import Seconds, Texts, texts, web_address
from homie_ota.rollout.spelling import read_window

NoticeKind = Literal[
    "harm",
    "rollout-stopped",
    "rollout-finished",
    "quarantine",
    "update-failed",
    "leftover",
    "alarm",
    "broker-lost",
    "broker-drops",
    "disk-full",
    "clock-wrong",
    "recipient-dead",
]
"""What needs a person, by the words of `kinds` (`announce/notices.py` says what each means)."""


SHORTEST_SECRET = 16


def _addresses(value: Any) -> Any:
    """A list; or, from the environment, `["a", "b"]`, or addresses with spaces between (a comma may be part of one)."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return value.split()
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('a list like ["ntfy://topic", "mailto://…"]') from None


def _quiet(text: str) -> str:
    if text and read_window(text) is None:
        raise ValueError("times like 22:00-07:00 or Sat,Sun 00:00-24:00, or nothing")
    return text


def _prefix(text: str) -> str:
    topic = text.strip("/ ")
    if not topic or topic.startswith("$") or any(sign in topic for sign in "#+\0"):
        raise ValueError('a topic like "homeassistant", without # and +')
    return topic


Addresses = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_addresses)]
Kinds = Annotated[tuple[NoticeKind, ...], NoDecode, BeforeValidator(texts)]


class Webhook(BaseModel):
    """Where events are posted: each of the kinds in `events` (empty: all), signed with `secret`."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    url: SecretStr
    secret: SecretStr
    events: Texts = ()

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value():
            raise ValueError("an address like https://example.org/hook")
        return SecretStr(web_address(url.get_secret_value()))

    @field_validator("secret")
    @classmethod
    def _is_long(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"at least {SHORTEST_SECRET} characters, such as `openssl rand -hex 32` prints")
        return secret


class AnnounceSettings(BaseModel):
    """Home Assistant, notifications and webhooks; nothing of it is on by itself.

    `notify` are addresses of Apprise (ntfy, mail, Telegram, …), told what needs a person: all `kinds` (empty) or those
    named; in `quiet_hours` only when they are over, and more than `per_hour` as one message. `broker_lost` is how long
    the broker may be away before that is told. A recipient that cannot be told anything for `give_up_after` is given
    up: it is tried more seldom, and what it was not told is dropped.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    home_assistant: bool = False
    home_assistant_prefix: Annotated[str, AfterValidator(_prefix)] = "homeassistant"
    diagnostics: bool = False
    read_only: bool = False
    notify: Addresses = ()
    kinds: Kinds = ()
    quiet_hours: Annotated[str, AfterValidator(_quiet)] = ""
    per_hour: Annotated[int, Field(ge=1, le=1000)] = 6
    broker_lost: Seconds = 300.0
    webhooks: tuple[Webhook, ...] = ()
    give_up_after: Seconds = 3 * 86400.0

    @field_validator("webhooks")
    @classmethod
    def _are_different(cls, hooks: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
        if len({each.url for each in hooks}) < len(hooks):
            raise ValueError("each address once (events are named in one list)")
        return hooks
