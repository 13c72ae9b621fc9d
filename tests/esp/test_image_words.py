"""What is read from an image as text: secrets that nobody sees again, versions that tell two images apart."""

from __future__ import annotations

import string
from collections.abc import Iterator

import pytest

from esp import builders
from esp.builders import Piece, arduino, image, magic, noise
from homie_ota.esp.image import FINDINGS, Inspection, Severity, finding, inspect, refusal, sentence

KEY = b"MIIEowIBAAKCAQEAsecretsecretsecretsecretsecretsecretsecretsecret"


def holding(text: bytes) -> Inspection:
    return inspect(arduino(extra=magic() + b"\0" + text + b"\0"))


def said(seen: Inspection) -> list[str]:
    return [each.text for each in seen.findings]


# --- Sentences


def placeholders(text: str) -> Iterator[str]:
    return (name for _, name, _, _ in string.Formatter().parse(text) if name)


FACTS = {
    "place": 16,
    "expected": 1,
    "got": 2,
    "end": 3,
    "count": 4,
    "filling": 255,
    "entry": 5,
    "size": 6,
    "flash": 7,
}


@pytest.mark.parametrize("row", FINDINGS)
def test_every_finding_is_a_sentence_with_a_way_on_where_one_is_needed(row: str) -> None:
    severity, text, _ = FINDINGS[row]
    found = finding(row, **{name: FACTS.get(name, 8) for name in placeholders(text)})
    assert found.severity is severity
    assert found.code == found.code.lower().strip("-").replace(" ", "-").replace("_", "-")
    assert found.text[0].isupper()
    assert found.text.endswith(".")
    assert "{" not in found.text + found.advice
    assert "\n" not in found.text + found.advice
    assert found.advice or severity in (Severity.WARNING, Severity.NOTE)


def test_two_findings_never_say_the_same() -> None:
    assert len({each[1:] for each in FINDINGS.values()}) == len(FINDINGS)


def test_a_sentence_names_the_file_first_and_stays_on_its_line() -> None:
    empty = inspect(b"").findings[0]
    assert sentence("a\nb\x1b[31m.bin", empty).startswith("ab[31m.bin: this is an empty file. Check that ")
    assert sentence("", empty).startswith("The file: this is an empty file.")
    assert sentence("x.bin", finding("was-gzip")) == "x.bin: It came as a gzip file and was unpacked."


def test_a_reason_lifts_a_refusal_and_nothing_else() -> None:
    cut, page = inspect(arduino()[:-1]), inspect(b"<html>404")
    assert (stopping := refusal(cut)) is not None
    assert (stopping.code, stopping.severity) == ("truncated", Severity.REFUSAL)
    assert refusal(cut, " \n") is not None
    assert refusal(cut, "the board has only half of it") is None
    assert refusal(page, "I know better") is not None


# --- Secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"mqtt://user:hunter2@10.0.0.1:1883/x", "mqtt://u… (4 characters):h… (7 characters)@10.0.0.1:1883."),
        (b"https://:token123@example.org", "https://:t… (8 characters)@example.org."),
        (b"wss+x://a:bcd@[fe80::1]:80", "wss+x://… (1 character):… (3 characters)@[fe80::1]:80."),
        (b"mqtt://me:hunter2@secret:part@host/", "mqtt://… (2 characters):h… (19 characters)@host."),
        ("ab://u:Grüße1@h".encode(), "ab://… (1 character):G… (6 characters)@h."),
        (b"ab://u:%s@h" % (b"p" * 600), "ab://… (1 character):p… (600 characters)@h."),
        (b"ab://user:p@ss/w@rd@host", "ab://u… (4 characters):… (1 character)@…."),
        (b"ab://u:%s@%s@host" % (b"p" * 9, b"q" * 900), "ab://… (1 character):p… (9 characters)@…."),
        (b"https://ghp_0123456789abcdefghij@github.com/x", "https://g… (24 characters)@github.com."),
    ],
)
def test_a_password_in_an_address_is_shown_by_its_first_character_and_length(text: bytes, shown: str) -> None:
    (found,) = holding(text).findings
    assert (found.code, found.severity) == ("secret-url", Severity.WARNING)
    assert shown in found.text


@pytest.mark.parametrize(
    "text",
    [
        b"http://%s:%s@%s", b"mqtt://{user}:{password}@host", b"http://$USER:${PASS}@host", b"ftp://me:****@host",
        b"http://example.org:80/@x", b"a://b:c", b"://x:y@z", b"http://user@host", b"http://a b:c d@e",
        b"ssh://git@github.com/x", b"http://u:" + b"p" * 900 + b"@h",
    ],
)  # fmt: skip
def test_addresses_without_a_password_are_nothing_to_warn_of(text: bytes) -> None:
    assert holding(text).findings == ()


@pytest.mark.parametrize(
    "kind", [b"RSA PRIVATE KEY", b"PRIVATE KEY", b"EC PRIVATE KEY", b"ENCRYPTED PRIVATE KEY"]
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\\n"])
def test_a_private_key_is_warned_of_in_every_way_it_is_written(kind: bytes, end: bytes) -> None:
    (found,) = holding(b"-----BEGIN %s-----%s%s%s" % (kind, end, KEY, end)).findings
    assert found.code == "secret-key"
    assert f"a private key ({kind.decode()})." in found.text
    assert KEY.decode() not in found.text


def test_a_key_with_headers_in_front_of_it_is_one_too() -> None:
    head = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
    assert [each.code for each in holding(head + KEY).findings] == ["secret-key"]


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----",  # a library that can read keys
        b"-----BEGIN CERTIFICATE-----\n" + KEY,
        b"-----BEGIN PUBLIC KEY-----\n" + KEY,
        b"-----BEGIN RSA PRIVATE KEY-----\n" + b"no key " * 100,
    ],
)
def test_the_words_of_a_library_and_public_keys_are_no_secret(text: bytes) -> None:
    assert holding(text).findings == ()


KNOWN = [("the broker's password", b"correct horse battery"), ("the Wi-Fi password", b"hunter2")]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (b"x=correct horse battery;", ["the broker's password"]),
        (b"\0hunter2\0", ["the Wi-Fi password"]),
        (b"hunter2 and more", []),  # a short word inside another one may be anything
        (b"xhunter2\0", []),
    ],
)
def test_secrets_of_this_server_are_found_and_named_but_never_shown(text: bytes, warned: list[str]) -> None:
    seen = inspect(arduino(extra=magic() + b"\0" + text + b"\0"), known_secrets=KNOWN)
    assert [each.code for each in seen.findings] == ["secret-known"] * len(warned)
    assert all(what in each.text for what, each in zip(warned, seen.findings, strict=True))
    assert not any(secret.decode() in each for each in said(seen) for _, secret in KNOWN)


def test_a_secret_is_found_wherever_it_stands_in_the_file() -> None:
    secret = KNOWN[0][1]
    for at in (100, 65_500, 65_536 - len(secret) // 2, 130_000):
        seen = inspect(noise(at) + secret + noise(200_000), known_secrets=KNOWN)
        assert [each.code for each in seen.findings if each.code.startswith("secret")] == ["secret-known"]


def test_the_same_secret_many_times_is_one_warning_and_others_are_not_endless() -> None:
    assert len(holding(b"ab://u:p4ssword@h\0" * 50).findings) == 1
    many = b"\0".join(b"ab://u:%s@h" % (b"p" * n) for n in range(4, 60))
    assert len(holding(many).findings) == 5


# --- Versions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"/home/x/hardware/esp8266/2.7.4/cores/esp8266/abi.cpp", "Arduino core 2.7.4"),
        (b"/lwIP:STABLE-2_1_2_RELEASE/glue:1.2-30-g92add50", "lwIP STABLE-2_1_2_RELEASE"),
        (b"/lwIP:STABLE-2_1_2_RELEASE/glue:1.2-30-g92add50", "lwIP glue 1.2-30-g92add50"),
        (b"ESPHome version 2026.6.2 compiled on %s", "ESPHome 2026.6.2"),
    ],
)
def test_versions_in_well_known_forms_are_listed(text: bytes, expected: str) -> None:
    assert expected in holding(text).versions


def test_numbers_that_may_be_anything_are_no_versions() -> None:
    assert holding(b"127.0.0.1\0v1.2.3\0SDK ver: %s compiled @ Jul  3 2019 15:53:05").versions == ()


def test_the_sdk_is_told_by_the_beginning_of_the_constants() -> None:
    pieces = [*builders.sketch_pieces()[:2], Piece(0x3FFE8000, b"2.2.2-dev(38a443e)\0" + noise(99))]
    assert inspect(arduino()[:0x1000] + image(pieces, 2, 0x40, 0x40100004)).versions == (
        "SDK 2.2.2-dev(38a443e)",
    )


def test_versions_that_stand_beside_the_homie_magic_are_listed_but_not_the_sketchs_own() -> None:
    seen = inspect(arduino(extra=magic(version="1.0.3") + b"\0homie/\0003.0.0\0003.0.1\0001.0.3\0"))
    assert seen.versions == ("beside the Homie magic 3.0.0", "beside the Homie magic 3.0.1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"2026.6.2 (config hash 0x1234)\0 \0002026-07-05 21:12:11 +0200\0", "2026-07-05T21:12:11"),
        (b"2026.6.2 (config hash 0x1234)\0 \0002026-17-05 21:12:11 +0200\0", ""),
        (b"SDK ver: %s compiled @ Jul  3 2019 15:53:05\0", ""),
        (b"Jul  3 2019\00015:53:05\0", ""),
    ],
)
def test_a_date_counts_only_where_a_framework_says_what_it_is(text: bytes, expected: str) -> None:
    assert holding(text).compiled == expected


@pytest.mark.parametrize(
    ("text", "version", "compiled"),
    [
        (b"NodeMcu 0.9.2 build 20141209  powered by Lua 5.1.4", "NodeMCU 0.9.2", "2014-12-09"),
        (b"MicroPython v1.19.1 on 2022-06-18; ESP module", "MicroPython 1.19.1", "2022-06-18"),
    ],
)
def test_other_frameworks_tell_version_and_date(text: bytes, version: str, compiled: str) -> None:
    seen = inspect(builders.nodemcu(extra=b"\0" + text + b"\0"))
    assert version in seen.versions
    assert seen.compiled == compiled
