"""The vendor's own tool as the oracle: first of the files the tests build, then of what the inspection says of them."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from struct import pack
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esp import builders, merged
from esp.builders import APP, CHIPS, SKETCH
from esp.catalogue import BY_NAME, CASES, Case
from esp.merged import OTA_CHOICE, PARTITIONS
from homie_ota.esp.image import Inspection, inspect, refusal

bin_image = pytest.importorskip("esptool.bin_image", reason="the oracle is not installed: make setup-dev")

SOURCES = Path(__file__).parents[2] / "src"
FAMILY = [case for case in CASES if case.chip.startswith("esp32") and case.data[0] == 0xE9]
LATER_CHIPS = {25: "esp32-h21", 28: "esp32-h4", 31: "esp32-e22", 32: "esp32-s31"}
KEYS = {"esp32": "ecdsa256", "esp32-s3": "rsa3072", "esp32-c6": "ecdsa256", "esp32-h2": "ecdsa192"}


class Oracle(NamedTuple):
    """What the vendor's tool reads out of one image."""

    segments: tuple[tuple[int, int, int], ...]
    entry: int
    checksum: bool
    digest: bool | None
    length: int
    tables: Any

    @property
    def content(self) -> bool:
        return self.checksum and self.digest is not False


def ask(chip: str, data: bytes) -> Oracle | None:
    """None where the tool cannot read the image to its end."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            read = bin_image.LoadFirmwareImage(chip, data)
    except Exception:  # noqa: BLE001 - it says no in many ways
        return None
    hashed = chip != "esp8266" and read.append_digest
    segments = tuple((each.addr, len(each.data), each.file_offs + 8) for each in read.segments)
    end = max((offset + length for _, length, offset in segments), default=0) // 16 * 16 + 16
    return Oracle(
        segments,
        read.entrypoint,
        read.checksum == read.calculate_checksum(),
        read.stored_digest == read.calc_digest if hashed else None,
        end + 32 * hashed,
        read.ROM_LOADER,
    )


def named(name: str) -> bytes:
    return BY_NAME[name].data


def told(data: bytes) -> dict[str, str]:
    """What `esptool image-info` prints, line by line."""
    from esptool.cmds import image_info

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        image_info(data)
    return dict(re.findall(r"^([\w -]+): (.+)$", printed.getvalue(), re.MULTILINE))


# --- The files are right ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", FAMILY, ids=lambda case: case.name)
def test_the_vendors_tool_accepts_every_image_built_here_and_knows_its_chip(case: Case) -> None:
    said = told(case.data)
    assert said["Detected image type"].lower() == case.chip
    assert said["Checksum"].endswith("(valid)")
    assert ("Validation hash" in said) == ("without hash" not in case.name)
    assert said.get("Validation hash", "(valid)").endswith("(valid)")
    if case.kinds == ("application",) and "first years" not in case.name:
        assert (said["Project name"], said["App version"]) == ("hall-lamp", "1.0.3")
        assert (said["Compile time"], said["Secure version"]) == ("Jun 26 2024 20:11:05", "7")


@pytest.mark.parametrize("name", ["Arduino (XOR)", "half at 0x00000", "both halves in one", "eboot alone"])
def test_the_vendors_tool_accepts_the_images_for_the_esp8266(name: str) -> None:
    at_zero = ask("esp8266", named(name))
    assert at_zero is not None
    assert at_zero.checksum


def test_it_accepts_the_second_image_too_and_of_newer_cores_all_but_the_checksum() -> None:
    with_checksum, with_crc = (ask("esp8266", named(f"Arduino ({way})")[SKETCH:]) for way in ("XOR", "CRC"))
    assert with_checksum is not None
    assert with_crc is not None
    assert (with_checksum.checksum, with_crc.checksum) == (True, False)
    assert with_checksum.length == len(named("Arduino (XOR)")) - SKETCH


def test_the_boot_loader_tells_its_own_version() -> None:
    assert told(named("esp32 new boot loader"))["ESP-IDF"] == "v5.2.1"


@pytest.mark.parametrize("chip", CHIPS)
def test_a_factory_image_is_what_the_vendors_tool_merges(chip: str) -> None:
    from esptool.cmds import merge_bin

    about = CHIPS[chip]
    pieces = (about.boot, merged.boot_loader(chip)), (PARTITIONS, merged.partition_table())
    with contextlib.redirect_stdout(io.StringIO()):
        whole = merge_bin(
            [*pieces, (OTA_CHOICE, merged.boot_app0()), (APP, builders.app(chip))],
            chip.replace("-", ""),
        )
    assert whole == merged.factory(chip)


# --- The inspection agrees ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", FAMILY, ids=lambda case: case.name)
def test_segments_entry_and_length_are_those_the_oracle_reads(case: Case) -> None:
    oracle, (part, *_) = ask(case.chip.replace("-", ""), case.data), inspect(case.data).parts
    assert oracle is not None
    assert tuple(map(tuple, part.segments)) == oracle.segments
    assert (part.offset, part.length, part.entry) == (0, oracle.length, oracle.entry)


@pytest.mark.parametrize("chip", ["esp8266", *CHIPS])
def test_each_nibble_of_flash_size_and_frequency_means_what_it_means_to_the_oracle(chip: str) -> None:
    rom = _tables(chip)
    sizes = {nibble >> 4: _bytes(name) for name, nibble in rom.FLASH_SIZES.items()}
    frequencies: dict[int, set[str]] = {}
    for name, nibble in rom.FLASH_FREQUENCY.items():
        frequencies.setdefault(nibble, set()).add(name)
    for nibble in range(16):
        seen = inspect(_with_flash(chip, nibble << 4 | nibble))
        assert seen.flash_size == sizes.get(nibble, 0), nibble
        assert seen.flash_frequency in frequencies.get(nibble, {""}), nibble


@pytest.mark.parametrize(("chip_id", "chip"), LATER_CHIPS.items())
def test_a_chip_that_only_the_oracle_may_know_is_named_as_it_does_or_not_at_all(
    chip_id: int, chip: str
) -> None:
    data = _with_chip_id(chip_id)
    assert told(data)["Detected image type"].lower() == chip
    seen = inspect(data)
    assert seen.chip in ("", chip)
    assert seen.chip or seen.warnings


RAM = {"DRAM", "IRAM", "DIRAM_DRAM", "DIRAM_IRAM", "RTC_DRAM", "RTC_IRAM", "RTC_DATA"}


@pytest.mark.parametrize("chip", CHIPS)
def test_no_memory_that_the_oracle_knows_is_refused(chip: str) -> None:
    """Of a segment at either end of each RAM; a false alarm would stop good images."""
    ranges = [(low, high) for low, high, name in _tables(chip).MEMORY_MAP if name in RAM]
    assert len(ranges) > 1
    for address in {place for low, high in ranges for place in (low, (high - 32) & ~3)}:
        pieces = [*builders.app_pieces(chip), builders.Piece(address, bytes(32))]
        data = builders.image(pieces, 2, 0x20, CHIPS[chip].iram + 0x40, builders.extended(chip))
        assert refusal(inspect(data + sha256(data).digest())) is None, f"{address:#x}"


@cache
def _small_app() -> bytes:
    return builders.app("esp32-c3", extra=b"")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 4383), st.integers(1, 255), st.sampled_from(["esp32-c3", "no hash", "half"]))
def test_what_the_oracle_finds_broken_is_refused_here(at: int, change: int, which: str) -> None:
    data, chip = {
        "esp32-c3": (_small_app(), "esp32c3"),
        "no hash": (named("esp32-s2 without hash"), "esp32s2"),
        "half": (named("half at 0x00000"), "esp8266"),
    }[which]
    at %= len(data)
    broken = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
    oracle = ask(chip, broken)
    if oracle is None or not oracle.content:
        assert refusal(inspect(broken)) is not None, f"byte {at} changed by {change:#x}"
    elif _only_flash_header_differs(broken, data) and broken[2] < 4:  # qio, qout, dio, dout
        assert _severe(inspect(broken)) <= _severe(inspect(data))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4383))
def test_what_the_oracle_finds_cut_off_is_refused_here(length: int) -> None:
    data = _small_app()[:length]
    oracle = ask("esp32c3", data)
    assert oracle is None or not oracle.content
    assert refusal(inspect(data)) is not None


@st.composite
def images(draw: st.DrawFn) -> tuple[str, bytes]:
    """Images of any segments, wherever they go, with right or wrong digests."""
    chip = draw(st.sampled_from(["esp8266", *CHIPS]))
    bases = [0, 0x40100000, 0x3FFE8000] if chip == "esp8266" else [0, *CHIPS[chip][2:]]
    segments = st.tuples(st.sampled_from(bases), st.integers(0, 40), st.binary(min_size=1, max_size=9))
    pieces = [
        builders.Piece(base + 0x20 * n, (seed * 40)[: 4 * words])
        for n, (base, words, seed) in enumerate(draw(st.lists(segments, min_size=1, max_size=16)))
    ]
    extended = builders.extended(chip, draw(st.booleans())) if chip != "esp8266" else b""
    data = builders.image(pieces, draw(st.integers(0, 3)), 0x20, draw(st.integers(0, 2**32 - 1)), extended)
    if extended and extended[-1]:
        data += sha256(data).digest()
    at = draw(st.none() | st.integers(24, len(data) - 1))
    return chip, data if at is None else data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :]


@settings(max_examples=200, deadline=None)
@given(images())
def test_any_segments_are_read_as_the_oracle_reads_them(made: tuple[str, bytes]) -> None:
    chip, data = made
    oracle, seen = ask(chip.replace("-", ""), data), inspect(data)
    if oracle is None or not oracle.content:
        assert refusal(seen) is not None
    elif seen.chip == chip:
        assert seen.parts[0].entry == oracle.entry
        assert tuple(map(tuple, seen.parts[0].segments)) == oracle.segments
        assert not any(
            check.what in ("checksum", "sha256") and check.result == "wrong" for check in seen.checks
        )


# --- Signed by the vendor's own program ---------------------------------------------------------------------------


@pytest.mark.parametrize(("chip", "scheme"), KEYS.items())
def test_an_application_signed_for_secure_boot_is_taken_and_known_as_signed(
    chip: str, scheme: str, tmp_path: Path
) -> None:
    signed = _sign(builders.app(chip), "1" if chip == "esp32" else "2", scheme, tmp_path)
    seen = inspect(signed)
    assert (seen.kind, seen.chip, seen.signed) == ("application", chip, True)
    assert refusal(seen) is None


@pytest.mark.parametrize("chip", ["esp32", "esp32-s3"])
def test_a_signature_cut_short_is_refused(chip: str, tmp_path: Path) -> None:
    signed = _sign(builders.app(chip), "1" if chip == "esp32" else "2", KEYS[chip], tmp_path)
    assert refusal(inspect(signed[:-20])) is not None


def test_an_application_encrypted_by_the_vendors_program_can_never_work(tmp_path: Path) -> None:
    key, plain, out = tmp_path / "key.bin", tmp_path / "plain.bin", tmp_path / "encrypted.bin"
    key.write_bytes(builders.noise(32, "flash key"))
    data = builders.app("esp32")
    plain.write_bytes(data.ljust(len(data) + -len(data) % 32, b"\xff"))
    _espsecure("encrypt-flash-data", "--keyfile", key, "--address", hex(APP), "--output", out, plain)
    seen = inspect(out.read_bytes())
    assert seen.kind in ("encrypted", "foreign")
    assert refusal(seen, override="I know better") is not None


# --- The licence --------------------------------------------------------------------------------------------------


def test_no_module_of_the_product_imports_what_serves_its_tests_only() -> None:
    asked = {
        (name.split(".")[0], path.name)
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _imported(node)
    }
    assert ("hashlib", "digest.py") in asked or len(asked) > 100
    forbidden = {"esptool", "espsecure", "espefuse", "esp_pylib", "atheris", "hypothesis", "pytest"}
    assert [(name, path) for name, path in asked if name in forbidden] == []


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return [ast.literal_eval(node.args[0])] if _loads(node, called) else []  # type: ignore[attr-defined]


def _loads(node: ast.AST, called: str) -> bool:
    return called.endswith(("import_module", "__import__")) and isinstance(
        getattr(node, "args", [None])[0], ast.Constant
    )


# --- pieces -------------------------------------------------------------------------------------------------------


def _tables(chip: str) -> Any:
    data = named("half at 0x00000") if chip == "esp8266" else builders.app(chip)
    oracle = ask(chip.replace("-", ""), data)
    assert oracle is not None
    return oracle.tables


def _bytes(name: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(KB|MB)(?:-c1)?", name).groups()  # type: ignore[union-attr]
    return int(number) << {"KB": 10, "MB": 20}[unit]


def _with_flash(chip: str, byte: int) -> bytes:
    if chip == "esp8266":
        return builders.arduino(size=byte >> 4, frequency=byte & 15)
    return builders.app(chip, flash=byte)


def _with_chip_id(chip_id: int) -> bytes:
    data = builders.app("esp32-c3")[:-32]
    data = data[:12] + pack("<H", chip_id) + data[14:]
    return data + sha256(data).digest()


def _only_flash_header_differs(one: bytes, other: bytes) -> bool:
    return one[:2] + one[4:] == other[:2] + other[4:]


def _severe(seen: Inspection) -> int:
    return sum(finding.severity.value in ("refusal", "impossible") for finding in seen.findings)


def _sign(data: bytes, version: str, scheme: str, folder: Path) -> bytes:
    key, plain, out = folder / "key.pem", folder / "plain.bin", folder / "signed.bin"
    plain.write_bytes(data)
    _espsecure("generate-signing-key", "--version", version, "--scheme", scheme, key)
    _espsecure("sign-data", "--version", version, "--keyfile", key, "--output", out, plain)
    return out.read_bytes()


def _espsecure(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "espsecure", *arguments],
        capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
