"""The log: where the settings say, and no line that a device could forge."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.config.sections import LogSettings
from homie_ota.errors import WrongUse
from homie_ota.service import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = before, level


def test_the_log_goes_to_the_file_of_the_settings_from_their_level_on(tmp_path: Path) -> None:
    logs.start(LogSettings(file=str(tmp_path / "log"), level="info"))
    logging.getLogger("homie_ota.x").info("seen")
    logging.getLogger("homie_ota.x").debug("not seen")
    text = (tmp_path / "log").read_text()
    assert "seen" in text
    assert "not seen" not in text


def test_a_device_name_cannot_forge_a_line_of_its_own(tmp_path: Path) -> None:
    logs.start(LogSettings(file=str(tmp_path / "log")))
    logging.getLogger("homie_ota.x").warning("device %s", "evil\n2026-01-01 ERROR root: all is lost\x1b[2J")
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_log_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="cannot be written"):
        logs.start(LogSettings(file=str(tmp_path / "no" / "such" / "folder" / "log")))
