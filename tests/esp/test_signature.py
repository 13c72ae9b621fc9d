"""Signatures of minisign: what was really signed is taken, and nothing else."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from homie_ota.esp import signature
from signed import Signer, signed

VECTORS = [  # RFC 8032, section 7.1: public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
            "655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
            "b00d291612bb0c00"
        ),
    ),
]
REAL_KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
REAL = """untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==
"""
"""What minisign itself made of a file with the four letters “test”."""


def blake(image: bytes) -> bytes:
    return hashlib.blake2b(image).digest()


@pytest.mark.parametrize(("key", "message", "made"), VECTORS)
def test_the_signatures_of_the_standard_are_good(key: str, message: str, made: str) -> None:
    assert signature.is_good(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(made))
    assert not signature.is_good(bytes.fromhex(key), bytes.fromhex(message) + b"x", bytes.fromhex(made))


@settings(max_examples=15, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 64 * 8 - 1))
def test_one_bit_of_a_signature_is_enough_to_be_refused(seed: bytes, said: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, made = private.public_key().public_bytes_raw(), private.sign(said)
    assert signature.is_good(key, said, made)
    changed = (int.from_bytes(made) ^ 1 << bit).to_bytes(64)
    assert not signature.is_good(key, said, changed)
    assert not signature.is_good(key, said + b"\0", made)


@given(st.binary(max_size=40), st.binary(max_size=70))
@settings(max_examples=30, deadline=None)
def test_bytes_that_are_no_key_or_no_signature_are_no_good(key: bytes, made: bytes) -> None:
    assert not signature.is_good(key, b"x", made)


def test_a_signature_counts_in_its_one_form_only() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    key, _, made = (bytes.fromhex(each) for each in VECTORS[0])
    beyond = int.from_bytes(made[32:], "little") + order
    assert not signature.is_good(key, b"", made[:32] + beyond.to_bytes(32, "little"))


def test_a_file_that_minisign_made_is_read_and_good() -> None:
    key, found = signature.read_key(REAL_KEY), signature.read(REAL)
    assert key is not None
    assert found is not None
    assert key.name == "E7620F1842B4E81F"
    assert found.comment == "timestamp:1556193335\tfile:test"
    assert signature.signer(found, blake(b"test"), (key,)) == key
    assert signature.signer(found, blake(b"Test"), (key,)) is None
    assert signature.read(REAL.replace("\n", "\r\n")) == found
    assert signature.read_key(f"untrusted comment: minisign public key\n{REAL_KEY}\n") == key


def test_a_comment_that_was_changed_spoils_the_signature() -> None:
    key, found = signature.read_key(REAL_KEY), signature.read(REAL.replace("file:test", "file:tost"))
    assert key is not None
    assert found is not None
    assert signature.signer(found, blake(b"test"), (key,)) is None


def test_of_several_keys_the_one_that_signed_is_named_and_a_stranger_with_its_id_is_not_taken() -> None:
    ours, other = Signer(1), Signer(2)
    forger = Signer(3, key_id=ours.key_id)
    keys = tuple(key for each in (other, ours) if (key := signature.read_key(each.public)))
    for who, expected in ((ours, keys[1]), (other, keys[0]), (forger, None), (Signer(4), None)):
        found = signature.read(signed(b"image", who))
        assert found is not None
        assert signature.signer(found, blake(b"image"), keys) == expected


def old_style(text: str) -> str:
    lines = text.splitlines()
    said = base64.b64decode(lines[1])
    return "\n".join([lines[0], base64.b64encode(b"Ed" + said[2:]).decode(), *lines[2:]])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "\n\n\n",
        REAL.replace("trusted comment: ", "comment: "),
        REAL[:100],
        REAL + "more\n",
        "💡" * 5000,
        REAL.replace("RUQf", "****"),
        REAL.replace("y/rU", "y/r"),
        old_style(REAL),
        "\0" * 4096,
    ],
)
def test_what_is_no_such_file_is_none(text: str) -> None:
    assert signature.read(text) is None


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    signature.read(text), signature.read_key(text)
