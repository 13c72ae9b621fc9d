"""docs/reference/settings.md: every key there is, with the default that it has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from homie_ota.config import KNOWN, Settings

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"


def test_the_page_of_the_settings_has_every_key_with_its_default() -> None:
    block = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block
    said = tomllib.loads(block.group(1))
    assert Settings(**said) == Settings()
    assert {section: set(keys) for section, keys in said.items() if keys} == {
        section: set(keys) for section, keys in KNOWN.items() if keys
    }
