"""Which secrets of this server are looked for in images."""

from __future__ import annotations

from typing import Any

import pytest

from homie_ota.broker import EmbeddedBroker
from homie_ota.config import Settings
from homie_ota.service.known import known_secrets


def settings(**sections: Any) -> Settings:
    return Settings(**sections)


def test_without_any_secret_none_is_looked_for() -> None:
    assert list(known_secrets(settings())) == []
    assert list(known_secrets(settings(), EmbeddedBroker("127.0.0.1", 1883))) == []


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"mqtt": {"url": "mqtt://homie:s3cret@h"}}, [("the broker's password", b"s3cret")]),
        (
            {"mqtt": {"username": "fleet-of-the-attic", "password": "p\u00e4ss"}},
            [("the broker's password", "p\u00e4ss".encode()), ("the broker's user", b"fleet-of-the-attic")],
        ),
        ({"auth": {"user": "jo", "password": "pages"}}, [("the password of this server's pages", b"pages")]),
        (
            {"ota": {"secrets": ["my wifi password"]}},
            [("one of the words in [ota] secrets of the settings", b"my wifi password")],
        ),
    ],
)
def test_what_the_settings_hold_is_looked_for(
    sections: dict[str, Any], expected: list[tuple[str, bytes]]
) -> None:
    assert list(known_secrets(settings(**sections))) == expected


def test_the_password_of_our_own_broker_is_looked_for_and_its_short_user_is_not() -> None:
    own = EmbeddedBroker("0.0.0.0", 1883, "homie", "generated-password")
    assert list(known_secrets(settings(), own)) == [("the broker's password", b"generated-password")]


def test_words_of_the_settings_are_not_shown_where_settings_are_printed() -> None:
    assert "my wifi password" not in repr(settings(ota={"secrets": ["my wifi password"]}))
