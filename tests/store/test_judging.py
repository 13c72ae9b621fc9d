"""Which of many devices may get an image: judged kind by kind it is said, word for word, what is said one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from homie_ota.store import judging
from homie_ota.store.database import Connection, Database
from store.test_fitting import LAMPS, NOW, asked_about, database, fill

__all__ = ["database"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lamps=LAMPS)
def test_many_are_told_the_same_as_a_few(
    database: Database, monkeypatch: pytest.MonkeyPatch, lamps: list[dict[str, Any]]
) -> None:
    pks = list(range(len(lamps) + 1, 0, -1))  # the last of them is unknown

    def judged(conn: Connection, few: int) -> list[judging.Judged]:
        monkeypatch.setattr(judging, "FEW", few)
        return judging.judge(conn, asked_about(conn), pks, now=NOW)

    def work(conn: Connection) -> None:
        fill(conn, lamps)
        one_by_one, by_kind = judged(conn, 500), judged(conn, 0)
        assert by_kind == one_by_one
        assert [each.pk for each in by_kind] == pks[1:]

    database.write_now(work)
