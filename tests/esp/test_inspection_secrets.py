"""Secrets in an image are warned of, and no part of one is ever repeated."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esp.builders import arduino, magic
from homie_ota.esp.image import Inspection, inspect, refusal

KNOWN = [("the Wi-Fi password", b"correct-horse-battery"), ("the broker's password", b"hunter2")]
KEY_LINE = "MIIEowIBAAKCAQEAsecretsecretsecretsecretsecretsecretsecretsecret"
PEM = f"-----BEGIN {{}}PRIVATE KEY-----\n{KEY_LINE}\n{KEY_LINE}\n-----END {{}}PRIVATE KEY-----\n"
TOKEN = "eyJhbGciOiJIUzI1NiJ9." * 20


def holding(secret: bytes) -> Inspection:
    return inspect(arduino(extra=magic() + b"\0" + secret + b"\0"), known_secrets=KNOWN)


def said_of(seen: Inspection) -> set[str]:
    return {finding.code for finding in seen.findings}


SECRETS = [
    ("mqtt://user:hunter2hunter2@broker.example:1883", "hunter2hunter2"),
    ("http://admin:s3cretPassw0rd@10.0.0.1/ota", "s3cretPassw0rd"),
    ("HTTPS://Admin:S3cretPassw0rd@Host/", "S3cretPassw0rd"),
    ("redis://:s3cretPassw0rd@10.0.0.1", "s3cretPassw0rd"),
    ("mqtt://user:p%40ssw0rd-encoded@h", "ssw0rd-encoded"),
    ("mqtt://user:hunter22@[fe80::1]:1883", "hunter22"),
    ("mqtt://user:half@theotherhalf@broker.example:1883", "theotherhalf"),
    ("mqtt://user:a@b@c@lasthalf@broker.example:1883", "lasthalf"),
    ("mqtt://user:hun'ter2-quoted@broker", "ter2-quoted"),
    ("mqtt://user:Grüße-aus-Köln@broker", "aus-K"),
    (f"https://token:{TOKEN}@host/", "eyJhbGciOiJIUzI1NiJ9"),
    (PEM.format("", ""), KEY_LINE),
    (PEM.format("RSA ", "RSA "), KEY_LINE),
    (PEM.format("EC ", "EC "), KEY_LINE),
    (PEM.format("ENCRYPTED ", "ENCRYPTED "), KEY_LINE),
    (PEM.format("OPENSSH ", "OPENSSH "), KEY_LINE),
    (PEM.format("", "").replace("\n", "\r\n"), KEY_LINE),
    (PEM.format("RSA ", "RSA ").replace("\n", "\\n"), KEY_LINE),
    ("wifi=correct-horse-battery", "correct-horse-battery"),
    ("hunter2", "hunter2"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_in_an_image_is_warned_of_and_never_repeated(text: str, secret: str) -> None:
    seen = holding(text.encode())
    assert any(code.startswith("secret") for code in said_of(seen))
    assert refusal(seen) is None
    assert secret not in json.dumps(seen.as_data(), ensure_ascii=False)
    assert secret not in " ".join(seen.warnings)


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


@settings(max_examples=300, deadline=None)
@given(PRINTABLE, st.sampled_from(["broker.example:1883/topic", "h", "[::1]/", "10.0.0.1:80"]))
@example("half@SECRETHALF", "broker.example")
@example("a:b@c:SECRET@d", "h")
@example("SECRET/with/SLASHES@x", "h")
@example("1234?SECRET#", "h")
def test_whatever_signs_a_password_has_no_piece_of_it_is_shown(password: str, host: str) -> None:
    """Even where nobody can say where it ends."""
    seen = holding(f"mqtt://someuser:{password}@{host}".encode())
    told = " ".join(finding.text for finding in seen.findings)
    pieces = {password[at : at + 5] for at in range(1, len(password) - 4)}
    frame = "holds a password in an address: mqtt://s… (characters): Everybody who gets the file can read it."
    assert not [piece for piece in pieces if piece in told and piece not in frame and piece not in host]


@pytest.mark.parametrize("password", ["x", "ab", "abc"])
def test_of_a_short_password_nothing_is_shown(password: str) -> None:
    seen = holding(f"mqtt://somebody:{password}@broker.example".encode())
    told = [finding.text for finding in seen.findings if finding.code == "secret-url"]
    assert not any(f":{password[0]}" in text for text in told)


@pytest.mark.parametrize(
    "harmless",
    [
        b"http://example.org/path\0", b"mqtt://%s:%s@%s:%d\0", b"http://10.0.0.1:8080/a@b\0",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", b"-----BEGIN PUBLIC KEY-----\n",
        b"user:password@ is no address\0", b"://\0", b"mailto:somebody@example.org\0",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_is_not_warned_of(harmless: bytes) -> None:
    assert holding(harmless).warnings == ()


def test_without_the_scan_nothing_is_said_of_secrets() -> None:
    data = arduino(extra=magic() + PEM.format("", "").encode() + b"mqtt://user:hunter22@broker")
    assert said_of(inspect(data, known_secrets=KNOWN, scan_secrets=False)) == set()


def test_a_hundred_secrets_are_not_a_hundred_warnings() -> None:
    text = b"".join(b"mqtt://user:password%d@broker%d\0" % (n, n) for n in range(100))
    assert 1 <= len(holding(text).warnings) <= 10
