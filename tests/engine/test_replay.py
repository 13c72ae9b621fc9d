"""What happened to a real broker's devices is written down and ends the same way when it is played again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.test_updates import known, one
from engines import FAILED, SUCCEEDED, Engine, next_image
from homie_ota.cli import main
from homie_ota.errors import WrongUse
from homie_ota.service.replay import Replay, load
from homie_ota.store import casefile
from servers import Mosquitto


async def case_of(engine: Engine, mosquitto: Mosquitto, generation: str, fault: str = "") -> dict[str, Any]:
    """The case file of an update of one virtual device."""
    async with one(mosquitto, generation, {fault: 1} if fault else None) as fleet:
        device_id, kind = await known(engine, fleet)
        made = await engine.order(device_id, await engine.upload(next_image(kind, generation)))
        await engine.reach(made.id, SUCCEEDED, FAILED)
        await engine.written()
    case = await engine.database.read(lambda c: casefile.of(c, made.id))
    found: dict[str, Any] = json.loads(json.dumps(case))  # as a file would have it
    return found


@pytest.mark.parametrize(
    ("generation", "fault", "code"),
    [
        ("v3", "", "booted"),
        ("beta1", "", "booted"),
        ("v2", "drops", "transfer-broken"),
        ("v3", "come-back-old", "came-back-old"),
        ("v3", "no-space", "no-space"),
        ("v3", "mode-rewritten", "booted"),
    ],
)
async def test_a_case_file_ends_as_it_did_when_it_is_played_again(
    engine: Engine, mosquitto: Mosquitto, tmp_path: Path, generation: str, fault: str, code: str
) -> None:
    case = await case_of(engine, mosquitto, generation, fault)
    assert case["messages"][0]["direction"] == "out"
    assert any(each["text"].startswith("202") for each in case["messages"])
    found = await Replay(case, tmp_path).run()
    assert found.same, (found.recorded, found.found, found.moves)
    assert code in (found.found.code, found.found.outcome)
    assert [move.state for move in found.moves] == [move.state for move in found.recorded_moves]
    assert len(found.sent) == sum(each["direction"] == "out" for each in case["messages"])


async def test_the_command_tells_when_today_comes_to_another_end(
    engine: Engine, mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = await case_of(engine, mosquitto, "v3")
    path = tmp_path / "case.json"
    # The device says that it came back with what it had: the end has to be another one than was recorded.
    for said in case["messages"]:
        if said["topic"].endswith("$fw/checksum"):
            said["text"] = case["deployment"]["before"]["md5"]
        if said["topic"].endswith("$fw/version"):
            said["text"] = case["deployment"]["before"]["fw_version"]
    path.write_text(json.dumps(case))

    def run(*words: str) -> int:
        import threading

        status: list[int] = []
        thread = threading.Thread(target=lambda: status.append(main(["replay", str(path), *words])))
        thread.start()  # the command has a loop of its own
        thread.join()
        return status[0]

    assert run() == 1
    assert "DIFFERENT" in capsys.readouterr().out
    assert run("--expect", "failed:came-back-old") == 0
    assert run("--expect", "failed:no-space") == 1


@pytest.mark.parametrize("text", ["", "[]", '{"format": "something else"}', "\x00"])
def test_what_is_no_case_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "case.json"
    path.write_text(text)
    with pytest.raises(WrongUse, match="case file"):
        load(path)
