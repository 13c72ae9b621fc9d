"""The page about notifications: every kind is in its table, its settings are such, its addresses are addresses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from homie_ota.announce.notices import WORDS
from homie_ota.announce.ringing import Bell
from homie_ota.config import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "notifications.md").read_text("utf-8")
BLOCKS = [
    Settings(**tomllib.loads(block)).announce for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
]


def test_the_table_has_every_kind() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == list(WORDS)


async def test_apprise_knows_the_addresses_of_the_page() -> None:
    addresses = [each.get_secret_value() for block in BLOCKS for each in block.notify]
    assert len(addresses) == 3
    assert [await Bell(each).check() for each in addresses] == ["", "", ""]


def test_the_manners_of_the_page_are_settings() -> None:
    assert any(block.quiet_hours and block.kinds for block in BLOCKS)
