"""Installations for the tests of the store: a database and a firmware directory, both empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "data" / "x.sqlite3"))
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    return ImageFiles(tmp_path / "firmwares")
