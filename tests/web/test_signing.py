"""Where keys are trusted, only images are uploaded that one of them signed, whichever way they come in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from homie_ota.config import Settings
from homie_ota.simulator.images import make_image
from homie_ota.store import audit
from homie_ota.store import firmware as firmwares
from signed import Signer, signed
from web.world import BROWSER, World, form_word

OURS, STRANGER = Signer(1), Signer(2)
IMAGE = make_image("lamp", "2.0.0", "brand")
WAYS = ["/upload", "/api/v1/firmware"]


@pytest.fixture
def strict(make_world: Callable[..., World]) -> World:
    return make_world(ota={"trusted_keys": [Signer(7).public, OURS.public]})


def send(world: World, path: str, image: bytes, signature: str | None, **more: str) -> Any:
    files: dict[str, Any] = {"upload": ("lamp.bin", image)}
    if signature is not None:
        files["signature"] = ("lamp.bin.minisig", signature.encode())
    return world.client().post(path, files=files, data=more, headers={"user-agent": "curl/8"})


def stored(world: World) -> int:
    return world.read(firmwares.total) + len([*world.images.directory.glob("*")])


@pytest.mark.parametrize("path", WAYS)
def test_1_an_image_that_one_of_the_trusted_keys_signed_is_taken_and_the_key_is_in_the_audit_log(
    strict: World, path: str
) -> None:
    answer = send(strict, path, IMAGE, signed(IMAGE, OURS))
    assert answer.status_code in (200, 201), answer.text
    assert "signed by 0100000000000000" in strict.read(audit.recent)[0]["why"]


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (None, "no signature came along"),
        ("", "no signature came along"),
        ("rubbish", "no file of minisign"),
        (signed(IMAGE, STRANGER), "not one that this server trusts"),
        (signed(IMAGE + b"x", OURS), "not of this image"),
        (signed(IMAGE, Signer(3, key_id=OURS.key_id)), "not of this image"),
    ],
)
def test_1_an_arbitrary_image_is_refused_whatever_reason_is_given_and_nothing_of_it_stays(
    strict: World, path: str, signature: str | None, words: str
) -> None:
    answer = send(strict, path, IMAGE, signature, override="I know better")
    assert answer.status_code == 400
    assert words in answer.text
    assert stored(strict) == 0


def test_1_the_signature_of_one_image_does_not_let_another_one_in(strict: World) -> None:
    other = make_image("lamp", "6.6.6", "brand")
    assert send(strict, WAYS[1], IMAGE, signed(IMAGE, OURS)).status_code == 201
    answer = send(strict, WAYS[1], other, signed(IMAGE, OURS))
    assert (answer.status_code, answer.json()["code"], answer.json()["overridable"]) == (
        400,
        "bad-firmware",
        False,
    )


def test_a_signature_may_come_as_a_field_of_text_and_before_the_image(strict: World) -> None:
    form = {"signature": (None, signed(IMAGE, OURS)), "upload": ("lamp.bin", IMAGE)}
    assert strict.client().post(WAYS[1], files=form).status_code == 201


def test_a_gzip_file_is_signed_as_what_is_in_it(strict: World) -> None:
    assert send(strict, WAYS[1], gzip.compress(IMAGE), signed(IMAGE, OURS)).status_code == 201
    assert send(strict, WAYS[1], gzip.compress(IMAGE), signed(gzip.compress(IMAGE), OURS)).status_code == 400


def test_without_trusted_keys_nothing_is_asked_for(world: World) -> None:
    assert send(world, WAYS[1], IMAGE, "rubbish").status_code == 201
    assert 'name="signature"' not in world.client(headers=BROWSER).get("/firmware").text


def test_a_browser_finds_a_place_for_the_signature_and_is_told_what_is_wrong_with_it(strict: World) -> None:
    client = strict.client(headers=BROWSER)
    page = client.get("/firmware")
    assert 'name="signature"' in page.text
    data = {"word": form_word(page), "description": "kept"}
    answer = client.post("/upload", files={"upload": ("lamp.bin", IMAGE), "signature": ("", b"")}, data=data)
    assert answer.status_code == 400
    assert "takes signed images only" in answer.text
    assert 'value="kept"' in answer.text
    assert "No device can run this" not in answer.text


@pytest.mark.parametrize("key", ["x", "RWQ", OURS.public[:-4], "untrusted comment: x"])
def test_a_setting_that_is_no_key_is_told(key: str) -> None:
    with pytest.raises(ValueError, match="public keys of minisign"):
        Settings(ota={"trusted_keys": [key]})  # type: ignore[arg-type]
