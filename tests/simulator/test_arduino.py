"""Virtual sketches without Homie: what they ask with, what they flash, and what their faults do."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5

import pytest

from homie_ota.esp import request
from homie_ota.simulator.arduino import ARDUINO, CORES, ArduinoDevice
from homie_ota.simulator.fleet import FAULTS, FleetOptions, make_device, make_fleet, sample_image
from homie_ota.simulator.setup import Phase
from homie_ota.simulator.values import Drop, Faults, HttpGet, HttpResponse, Output


def device(key: str = "arduino", faults: Faults | None = None) -> ArduinoDevice:
    (found,) = make_fleet(FleetOptions(mqtt="mqtt://127.0.0.1", devices=1, mix={key: 1}))
    made = make_device(found.generation, replace(found._setup, faults=faults or Faults()))
    assert isinstance(made, ArduinoDevice)
    return made


def asked(outputs: list[Output]) -> request.UpdateRequest:
    """What a server reads from the one request that went out."""
    (sent,) = outputs
    assert isinstance(sent, HttpGet)
    lines = sent.raw.decode().split("\r\n")
    found = request.read([tuple(line.split(": ", 1)) for line in lines[1:] if line])  # type: ignore[misc]
    assert found is not None
    return found


def answer(image: bytes) -> HttpResponse:
    return HttpResponse(200, {"content-length": str(len(image)), "x-md5": md5(image).hexdigest()}, image)


NOTHING = HttpResponse(304, {}, b"")


@pytest.mark.parametrize("key", list(CORES))
def test_each_core_says_what_it_says(key: str) -> None:
    sketch = device(key)
    said = asked(sketch.power_on(0.0))
    core = CORES[key]
    assert (said.family, said.mac, said.have) == (
        core.family.lower(),
        sketch.identity.mac,
        sketch.sketch.version,
    )
    assert said.md5 == (sketch.sketch.md5 if core.tells_md5 else "")
    assert bool(said.sha256) is core.is_32
    assert (said.is_plain, said.mode) == (True, "sketch")
    assert said.free_space
    assert said.chip_size == sketch.hardware.flash_size


def test_it_asks_at_its_start_and_again_after_a_while() -> None:
    sketch = device()
    sketch.power_on(0.0)
    assert sketch.http_response(1.0, NOTHING) == []
    assert sketch.phase is Phase.READY
    assert sketch.next_tick == 1.0 + sketch.timing.interval
    assert sketch.tick(2.0) == []
    assert asked(sketch.tick(sketch.next_tick)).mac == sketch.identity.mac
    assert sketch.http_response(100.0, None) == []
    assert sketch.asked == 2


@pytest.mark.parametrize("key", list(CORES))
def test_it_flashes_what_it_gets_restarts_and_says_so(key: str) -> None:
    sketch = device(key)
    sketch.power_on(0.0)
    kind = sketch.sketch.name
    image = sample_image(kind, "2.0.0", key)
    assert sketch.http_response(1.0, answer(image)) == [Drop()]
    said = asked(sketch.tick(sketch.next_tick))
    assert said.have == "2.0.0"
    assert said.md5 in (md5(image).hexdigest(), "")
    assert sketch.boots == 2


@pytest.mark.parametrize(
    "wrong",
    [
        HttpResponse(200, {"x-md5": "0" * 32, "content-length": "8192"}, bytes(8192)),
        HttpResponse(200, {}, b"\xe9" * 100),
        HttpResponse(403, {}, b"no"),
        None,
    ],
)
def test_what_is_no_image_is_not_flashed(wrong: HttpResponse | None) -> None:
    sketch = device()
    sketch.power_on(0.0)
    assert sketch.http_response(1.0, wrong) == []
    assert asked(sketch.tick(sketch.next_tick)).have == "1.0.0"


def after_an_image(fault: str) -> tuple[ArduinoDevice, list[Output]]:
    sketch = device(faults=FAULTS[fault][1])
    sketch.power_on(0.0)
    sketch.http_response(1.0, answer(sample_image(sketch.sketch.name, "2.0.0", "arduino")))
    return sketch, sketch.tick(sketch.next_tick) if sketch.next_tick < 1e9 else []


@pytest.mark.parametrize("fault", ["come-back-old", "bad-checksum"])
def test_one_that_does_not_take_it_asks_with_what_it_ran(fault: str) -> None:
    assert asked(after_an_image(fault)[1]).have == "1.0.0"


@pytest.mark.parametrize("fault", ["never-return", "silent"])
def test_one_that_is_gone_or_never_asks_again_says_nothing_more(fault: str) -> None:
    sketch, outputs = after_an_image(fault)
    assert outputs == []
    assert sketch.next_tick > 1e9


def test_one_whose_updater_rewrites_the_flash_mode_tells_another_checksum() -> None:
    said = asked(after_an_image("mode-rewritten")[1])
    image = sample_image(device().sketch.name, "2.0.0", "arduino")
    assert said.have == "2.0.0"
    assert said.md5 != md5(image).hexdigest()


def test_without_room_it_says_so() -> None:
    said = asked(device(faults=FAULTS["no-space"][1]).power_on(0.0))
    assert said.free_space == 4096


def test_an_image_with_homie_in_it_comes_to_the_broker() -> None:
    sketch = device()
    sketch.power_on(0.0)
    sketch.http_response(1.0, answer(sample_image(sketch.sketch.name, "2.0.0", "v3")))
    assert sketch.successor is not None
    assert sketch.successor[0].key == "v3"


def test_a_mix_names_them_like_generations() -> None:
    fleet = make_fleet(FleetOptions(mqtt="mqtt://127.0.0.1", devices=3, mix=dict.fromkeys(ARDUINO, 1)))
    assert [each.generation.key for each in fleet] == list(ARDUINO)
