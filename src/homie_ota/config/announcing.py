"""The section `[announce]`: whom the server tells what happens, beside its own pages.

Rule: addresses and keys of others are secrets: they are never shown, not even wrong ones.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

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
from homie_ota.rollout.telling import EVERY

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


class Named(NamedTuple):
    """A recipient without its secrets: by which it is known in rows (a digest), and what people are told of it.

    `kind` is notification or webhook, `secret` its address.
    """

    kind: str
    name: str
    label: str
    secret: SecretStr


def _digest(kind: str, address: str) -> str:
    return f"{kind}-{hashlib.sha256(address.encode()).hexdigest()[:24]}"


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

    @field_validator("events")
    @classmethod
    def _are_kinds(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        strange = [each for each in events if each not in EVERY]
        if strange:
            known = ", ".join(sorted(EVERY))
            raise ValueError(f"kinds of events ({known}), and {strange[0][:40]!r} is none of them")
        return events

    @property
    def named(self) -> Named:
        """Of the address only scheme and host are told: user, path and query are where secrets are."""
        text = self.url.get_secret_value()
        url = urlsplit(text)
        label = f"The webhook at {url.scheme}://{url.netloc.rpartition('@')[2]}"
        return Named("webhook", _digest("webhook", text), label, self.url)


class AnnounceSettings(BaseModel):
    """Home Assistant, notifications and webhooks; nothing of it is on by itself.

    `links`: Home Assistant is told the addresses of our pages; not where they are reached through its ingress alone.
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
    links: bool = True
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

    @property
    def recipients(self) -> tuple[Named, ...]:
        """Everybody who is told: `notify` in its order, then `webhooks` in theirs."""
        people = (person(each, number) for number, each in enumerate(self.notify, 1))
        return (*people, *(each.named for each in self.webhooks))


def person(address: SecretStr, number: int) -> Named:
    """An address of `notify`, the how manieth: of what it is made only the service is told."""
    text = address.get_secret_value()
    label = f"Notification {number} ({text.partition(':')[0][:20]})"
    return Named("notification", _digest("notify", text), label, address)
