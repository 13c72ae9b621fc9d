"""`homie-ota doctor`: the table, the JSON, the exit status, and a check that breaks."""

from __future__ import annotations

import json

import pytest

from doctor.conftest import Installation
from homie_ota import doctor
from homie_ota.cli import main
from homie_ota.doctor.nouns import BAD, MIND, Check, Finding, Patient
from homie_ota.errors import HomieOtaError


def only_these(monkeypatch: pytest.MonkeyPatch, **checks: Check) -> None:
    monkeypatch.setattr(doctor, "checks", lambda: tuple(checks.items()))


async def minded(_patient: Patient) -> list[Finding]:
    return [Finding("weather", MIND, "It may rain.", "take an umbrella")]


async def broken(_patient: Patient) -> list[Finding]:
    raise ValueError("no such thing")


async def refused(_patient: Patient) -> list[Finding]:
    raise HomieOtaError("The disk is gone.")


def test_a_warning_is_told_with_its_fix_and_does_not_fail(
    here: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_these(monkeypatch, weather=minded)
    assert main(["doctor", "--data", str(here.data)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["MIND", "weather", "It", "may", "rain."]
    assert said[1].strip() == "→ take an umbrella"
    assert said[2] == "0 bad, 1 to mind, 0 well."


def test_what_is_bad_ends_with_1_and_a_check_that_breaks_does_not_hide_the_others(
    here: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_these(monkeypatch, first=broken, second=refused, weather=minded)
    assert main(["doctor", "--data", str(here.data), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["worst"] == "bad"
    assert [each["topic"] for each in told["findings"]] == ["first", "second", "weather"]
    assert "ValueError: no such thing" in told["findings"][0]["said"]
    assert told["findings"][1] == {
        "topic": "second",
        "verdict": "bad",
        "said": "The disk is gone.",
        "fix": "",
    }
    assert told["findings"][2]["fix"] == "take an umbrella"


def test_the_worst_of_nothing_is_well() -> None:
    assert doctor.worst([]) == "good"
    assert doctor.worst([Finding("a", MIND, ""), Finding("b", BAD, ""), Finding("c", MIND, "")]) == "bad"
