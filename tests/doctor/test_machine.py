"""The machine as the doctor sees it: clock, disks, open files, versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor.conftest import Installation, look, only
from homie_ota.doctor import machine
from homie_ota.store.disks import Disk
from homie_ota.store.vitals import VERSION_DAY

NOW = VERSION_DAY + 10_000_000


def test_a_clock_that_agrees_with_everything_is_well() -> None:
    assert [each.verdict for each in machine.clock_of(NOW, NOW + 0.5, NOW - 3600, 3.0)] == ["good"]


def test_a_clock_before_this_version_was_made_is_bad_and_names_the_command() -> None:
    (found,) = machine.clock_of(0.0, 0.0)
    assert (found.verdict, found.fix) == ("bad", "sudo timedatectl set-ntp true")
    assert "1970-01-01" in machine.clock_of(1.0, 1.0)[0].said


@pytest.mark.parametrize(
    ("expected", "newest", "http_ahead", "word"),
    [
        (NOW - 60, 0.0, None, "jumped by +60 s"),
        (NOW, NOW + 3600, None, "in the future"),
        (NOW, 0.0, -900.0, "differs by -900 s"),
    ],
)
def test_a_clock_that_something_contradicts_is_to_be_minded(
    expected: float, newest: float, http_ahead: float | None, word: str
) -> None:
    (found,) = machine.clock_of(NOW, expected, newest, http_ahead)
    assert found.verdict == "mind"
    assert word in found.said


def test_a_clock_that_is_set_while_the_doctor_looks_is_seen(here: Installation) -> None:
    patient = here.patient()
    patient.known.clock = lambda: patient.known.began + 500.0
    assert "jumped" in look(machine.clock, patient)[0].said


@pytest.mark.parametrize(("free", "verdict"), [(1 << 40, "good"), (100 << 20, "mind"), (1 << 20, "bad")])
def test_a_disk_needs_room_for_images(free: int, verdict: str) -> None:
    found = machine.disk_of(Disk("disk of the data", "/data", 2 << 40, free), 16 << 20)
    assert found.verdict == verdict
    assert bool(found.fix) is (verdict != "good")


def test_one_disk_is_told_once_even_of_a_folder_that_is_not_there_yet(here: Installation) -> None:
    (found,) = look(machine.disks, here.patient(storage={"data_dir": here.folder / "none" / "yet"}))
    assert str(here.folder) in found.said


@pytest.mark.parametrize(("limit", "verdict"), [(65536, "good"), (1023, "mind"), (255, "bad"), (-1, "good")])
def test_few_open_files_are_told_with_the_line_for_systemd(limit: int, verdict: str) -> None:
    found = machine.files_of(limit)
    assert found.verdict == verdict
    assert ("LimitNOFILE" in found.fix) is (verdict != "good")


def test_versions_that_are_too_old_are_named(here: Installation) -> None:
    assert [each.verdict for each in look(machine.versions, here.patient())] == ["good"]
    old = list(machine.versions_of((3, 9, 2), (3, 27, 2)))
    assert ["Python 3.9.2" in old[0].said, "SQLite 3.27.2" in old[1].said] == [True, True]
    assert [each.verdict for each in old] == ["bad", "bad"]


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_a_container_is_known_by_what_its_maker_leaves(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert not machine.in_container(tmp_path)
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert machine.in_container(tmp_path)
    # In the host's network its address is one that devices reach.
    (tmp_path / "sys/class/net/eth0/device").mkdir(parents=True)
    assert not machine.in_container(tmp_path)


def test_all_that_a_well_machine_has_is_well(here: Installation) -> None:
    found = [each for check in (machine.clock, machine.versions) for each in look(check, here.patient())]
    assert only(found, "good") == found
