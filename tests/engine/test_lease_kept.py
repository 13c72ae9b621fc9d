"""A server that leads asks for its lease again before it is over, however short that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from homie_ota.bus import Bus
from homie_ota.dispatch import Dispatch, Sender, Terms
from homie_ota.model import Publish
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles


async def _nothing(_message: Publish) -> None:
    return


@pytest.mark.parametrize("lease", [2.0, 15.0, 600.0])
@pytest.mark.parametrize("is_open", [True, False])
async def test_the_next_look_comes_within_a_third_of_the_lease(
    tmp_path: Path, lease: float, is_open: bool
) -> None:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    terms = Terms(parallel=1, public_url="http://127.0.0.1:9", url_lifetime=60, lease=lease)
    dispatch = Dispatch(
        database, ImageFiles(tmp_path / "firmwares"), Bus(), Sender(_nothing, lambda: is_open), terms
    )
    try:
        assert await dispatch.step() <= lease / 3
        assert dispatch.leads()
    finally:
        database.close()
