"""The page about webhooks: its example of a receiver is what our own messages pass, and nothing else does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from announce.receiver import receiving
from homie_ota.announce.posting import post
from homie_ota.announce.signing import headers
from homie_ota.config import Settings
from homie_ota.rollout.telling import EVERY

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "webhooks.md"
SECRET, BODY, NOW = "a secret of some length", b'{"seq":1,"text":"\xc3\xbc"}', 1_772_366_400.0


@pytest.fixture
def verify() -> Callable[..., bool]:
    found = re.search(r"```python verify\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(found.group(1), names)
    check: Callable[..., bool] = names["is_from_homie_ota"]
    return check


class Lines(dict[str, str]):
    """Headers as a receiver has them: by name in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


async def sent(body: bytes = BODY) -> tuple[Lines, bytes]:
    async with receiving() as receiver:
        assert await post(receiver.url, headers(SECRET, body, NOW, 7), body) == ""
        (got,) = receiver.got
    return Lines(got.headers), got.body


async def test_the_example_takes_what_we_send(verify: Callable[..., bool]) -> None:
    got, body = await sent()
    assert verify(SECRET, got, body, now=NOW + 60)


async def test_the_example_refuses_what_others_send(verify: Callable[..., bool]) -> None:
    got, body = await sent()
    assert not verify("another secret of ours", got, body, now=NOW)
    assert not verify(SECRET, got, body.replace(b"1", b"2"), now=NOW)
    assert not verify(SECRET, Lines({**got, "homie-ota-timestamp": "1772366401"}), body, now=NOW)
    assert not verify(SECRET, got, body, now=NOW + 301), "an old message, played again"


def test_every_kind_of_event_is_explained() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(EVERY)


def test_the_settings_of_the_page_are_such() -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    (hook,) = Settings(**tomllib.loads(found.group(1))).announce.webhooks
    assert hook.events == ("deployment", "rollout", "alarm", "server")
