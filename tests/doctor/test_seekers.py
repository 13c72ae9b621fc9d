"""Devices of Homie 1.5 after a move of the server, as the doctor tells of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from doctor.conftest import Installation, look, only
from homie_ota.doctor import Finding
from homie_ota.doctor.database import database
from homie_ota.doctor.seekers import seekers
from homie_ota.store import moved

RIGHT = '"ota": {"enabled": true, "host": "192.0.2.7", "port": 9080, "path": "/ota"}'
OLD: dict[str, Any] = {"homie": "", "implementation": "", "way": "http"}


def found(here: Installation, **sections: dict[str, Any]) -> list[Finding]:
    patient = here.patient(**sections)
    look(database, patient)
    return look(seekers, patient)


def asked(here: Installation, pk: int, where: str, right_path: str = "") -> None:
    here.write(lambda conn: moved.note(conn, pk, where, now=time.time(), right_path=right_path))


def test_without_a_device_of_1_5_nothing_is_said(here: Installation) -> None:
    here.device("hall-lamp")
    assert found(here) == []


def test_who_asks_here_is_well(here: Installation) -> None:
    asked(here, here.device("c631f278", "devices/", **OLD), "192.0.2.7:9080/ota")
    assert [each.verdict for each in found(here)] == ["good"]


def test_who_asks_at_another_path_is_named_with_the_setting_and_the_lines(here: Installation) -> None:
    asked(here, here.device("c631f278", "devices/", **OLD), "10.0.0.5:9080/custom", "/ota")
    (told,) = found(here)
    assert told.verdict == "bad"
    assert "devices/c631f278 asks for its image at 10.0.0.5:9080/custom" in told.said
    assert told.fix.startswith('path = "/custom" in [ota]; or ')
    assert told.fix.endswith(RIGHT)


def test_who_came_by_another_name_is_told_to_keep_it(here: Installation) -> None:
    asked(here, here.device("c631f278", "devices/", **OLD), "10.0.0.5:80/ota")
    (told,) = found(here)
    assert told.verdict == "mind"
    assert told.fix.startswith("keep 10.0.0.5:80 leading here; or ")


def test_a_name_that_leads_to_the_same_machine_is_the_same(here: Installation) -> None:
    asked(here, here.device("c631f278", "devices/", **OLD), "localhost:9080/ota")
    told = found(here, http={"public_url": "http://127.0.0.1:9080"})
    assert [each.verdict for each in told] == ["good"]
    assert [each.verdict for each in found(here)] == ["mind"]


def test_who_was_told_and_never_came_is_named_with_the_lines(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.device("c631f278", "devices/", **OLD)
    patient = here.patient()
    look(database, patient)
    seeker = moved.Seeker(1, next(iter(patient.known.devices)))
    patient.known.seekers = ([], [seeker], [])
    (told,) = look(seekers, patient)
    assert told.verdict == "bad"
    assert (
        "1 of Homie 1.5 were told to fetch an image and never asked this server: devices/c631f278."
        in told.said
    )
    assert told.fix.endswith(RIGHT)


def test_many_are_not_all_named(here: Installation) -> None:
    for number in range(15):
        pk = here.device(f"lamp-{number}", "devices/", **OLD)
        asked(here, pk, "10.0.0.5:9080/custom", "/ota")
    assert len(only(found(here), "bad")) == 10
