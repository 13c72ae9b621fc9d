"""What a device says while a batch is being put together is not lost: neither as news nor for the case file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homie_ota.bus import Bus
from homie_ota.ingest import Ingest
from homie_ota.ingest.batch import Batch, Link
from homie_ota.model import Address, OtaEvent
from homie_ota.rollout.proof import StatusNews
from homie_ota.store.database import Database

HALL = Address("homie/", "hall")
STATUS = "homie/hall/$implementation/ota/status"


async def batch_while(ingest: Ingest, says: list[str]) -> Batch:
    """A batch during whose making the device says all that."""
    find = ingest.identity.find

    async def slow_find(*given: Any) -> list[Link]:
        found = await find(*given)
        for each in says:
            ingest.receive(STATUS, each.encode(), 0, False)
        return found

    ingest.identity.find = slow_find  # type: ignore[method-assign, assignment]
    try:
        return await ingest._batch(ingest.fleet.take_dirty(100))
    finally:
        ingest.identity.find = find  # type: ignore[method-assign]


def events(batch: Batch) -> list[OtaEvent]:
    return [each.event for news in batch.news.values() for each in news if isinstance(each, StatusNews)]


async def test_news_that_comes_while_older_news_is_held_back_is_kept_in_order(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    ingest = Ingest(database, Bus(), ["homie/"], clock=lambda: 1000.0)
    ingest.receive("homie/hall/$state", b"ready", 0, False)
    await batch_while(ingest, [])
    ingest.receive(STATUS, b"206 100/1000", 0, False)
    assert events(await batch_while(ingest, [])) == [OtaEvent.PROGRESS]
    # This progress may wait half a second; the end of the transfer comes while the rows are asked for.
    ingest.witness.watched.add(HALL)
    ingest.receive(STATUS, b"206 200/1000", 0, False)
    held = await batch_while(ingest, ["200"])
    assert events(held) == []
    after = await batch_while(ingest, [])
    assert events(after) == [OtaEvent.PROGRESS, OtaEvent.FLASHED]
    assert [each.text for said in after.said.values() for each in said] == ["206 200/1000", "200"]
    database.close()


async def test_what_ends_a_deployment_is_kept_for_its_case_file_although_more_is_said_meanwhile(
    tmp_path: Path,
) -> None:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    ingest = Ingest(database, Bus(), ["homie/"], clock=lambda: 1000.0)
    ingest.receive("homie/hall/$state", b"ready", 0, False)
    await batch_while(ingest, [])
    ingest.witness.watched.add(HALL)
    ingest.receive(STATUS, b"200", 0, False)
    batch = await batch_while(ingest, ["500 FLASH_ERROR"])
    assert events(batch) == [OtaEvent.FLASHED]
    assert next(each.text for said in batch.said.values() for each in said) == "200"
    assert events(await batch_while(ingest, [])) == [OtaEvent.FLASH_ERROR]
    database.close()
