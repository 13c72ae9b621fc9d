"""Rows of firmware on both databases: found, sorted, named, written about, and not deleted while needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.esp.image import (
    AppDescriptor,
    Check,
    CheckResult,
    Finding,
    Inspection,
    Part,
    Segment,
    Severity,
)
from homie_ota.model import DeploymentState, Firmware
from homie_ota.store import firmware
from homie_ota.store.tables import firmware as table
from homie_ota.store.tables import metadata, target
from store.stock import NOW, image, put, put_deployment, put_device


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('firmware') / 'x.sqlite'}")
    else:
        engine = sa.create_engine(request.getfixturevalue("postgres_cluster").new_database())
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.commit()
        yield connection
    engine.dispose()


@pytest.fixture
def empty(conn: Connection) -> Iterator[Connection]:
    yield conn
    conn.rollback()


def names(found: list[Firmware]) -> list[str]:
    return [f"{each.name}@{each.version}" for each in found]


def test_what_is_added_is_found_again_whole(empty: Connection) -> None:
    seen = Inspection(
        name="lamp",
        version="1.0",
        brand="acme",
        chip="esp32-c3",
        flash_size=4 << 20,
        flash_mode="dio",
        findings=(Finding("odd", Severity.WARNING, "w"),),
    )
    new = image("lamp", "1.0", description="hall", warnings=("v",))
    stored = firmware.add(empty, new, seen, NOW, "jo")
    assert firmware.get(empty, new.sha256) == stored
    assert firmware.by_filename(empty, "lamp-1.0.bin") == stored
    assert firmware.by_md5(empty, new.md5.upper()) == stored
    assert (stored.brand, stored.chip, stored.flash_size, stored.flash_mode) == (
        "acme",
        "esp32-c3",
        4 << 20,
        "dio",
    )
    assert (stored.description, stored.warnings) == ("hall", ("w", "v"))
    assert (stored.uploaded_at, stored.uploaded_by) == (NOW, "jo")


def test_the_same_content_again_returns_the_row_that_there_is(empty: Connection) -> None:
    (first,) = put(empty, image("lamp", "1.0"))
    again = firmware.add(empty, image("lamp", "1.0", "other-file.bin"), Inspection(), NOW + 9, "eve")
    assert again == first
    assert firmware.total(empty) == 1


@pytest.mark.parametrize("text", ["0" * 64, "", "../../x", "a\0b", "\ud800"])
def test_what_is_not_there_is_none_on_every_database(empty: Connection, text: str) -> None:
    put(empty, image("lamp", "1.0"))
    assert firmware.get(empty, text) is None
    assert firmware.by_filename(empty, text) is None
    assert firmware.by_md5(empty, text) is None
    assert firmware.named(empty, text, text) == []
    with pytest.raises((NotFound, Conflict)):
        firmware.resolve(empty, text)


def test_lists_are_sorted_by_version_as_versions_and_paged(empty: Connection) -> None:
    put(empty, *(image("lamp", version) for version in ("1.10", "2.0.0", "1.9", "2.0.0-beta.2")))
    rising = ["lamp@1.9", "lamp@1.10", "lamp@2.0.0-beta.2", "lamp@2.0.0"]
    assert names(firmware.find(empty, sort="version")) == rising
    assert names(firmware.find(empty, sort="-version")) == rising[::-1]
    assert names(firmware.find(empty, sort="version", limit=2, offset=1)) == rising[1:3]
    assert names(firmware.find(empty)) == [
        "lamp@2.0.0-beta.2",
        "lamp@1.9",
        "lamp@2.0.0",
        "lamp@1.10",
    ]  # newest first


@pytest.mark.parametrize("sort", firmware.SORTS)
def test_every_way_to_sort_works(empty: Connection, sort: str) -> None:
    put(empty, image("a", "1"), image("b", "2"))
    assert firmware.find(empty, sort=sort) == firmware.find(empty, sort="-" + sort)[::-1]


def test_an_unknown_way_to_sort_names_the_nearest(empty: Connection) -> None:
    with pytest.raises(WrongUse, match='The nearest known word is "version"'):
        firmware.find(empty, sort="-versoin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lamp", {"hall-lamp@1.0", "Lamp@2.0"}),
        ("LAMP 2", {"Lamp@2.0"}),
        ("dimmer", {"plug@1.0"}),
        ("100%", {"plug@1.0"}),
        ("%", {"plug@1.0"}),
        ("_", set()),
        ("' OR 1=1 --", set()),
        ("", {"hall-lamp@1.0", "Lamp@2.0", "plug@1.0"}),
    ],
)
def test_a_text_is_searched_in_every_word_of_a_firmware(
    empty: Connection, text: str, expected: set[str]
) -> None:
    put(
        empty,
        image("hall-lamp", "1.0"),
        image("Lamp", "2.0"),
        image("plug", "1.0", description="Dimmer, 100%"),
    )
    assert set(names(firmware.find(empty, text=text))) == expected
    assert firmware.total(empty, text=text) == len(expected)


def test_one_name_and_version_may_be_several_images(empty: Connection) -> None:
    a, b, _ = put(
        empty, image("lamp", "1.0"), image("lamp", "1.0", "lamp-1.0~x.bin", "b"), image("lamp", "1.1")
    )
    assert firmware.named(empty, "lamp", "1.0") == [b, a]
    assert firmware.find(empty, name="lamp", version="1.1")[0].version == "1.1"
    with pytest.raises(Conflict) as caught:
        firmware.resolve(empty, "lamp@1.0")
    assert a.sha256[:12] in str(caught.value)
    assert b.sha256[:12] in str(caught.value)


def test_a_firmware_is_named_by_name_and_version_or_by_its_hash(empty: Connection) -> None:
    (lamp,) = put(empty, image("a@lamp", "1.0"))
    for text in ("a@lamp@1.0", f" {lamp.sha256} ", lamp.sha256[:8], lamp.sha256[:20].upper()):
        assert firmware.resolve(empty, text) == lamp


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lamp@9", "There is no firmware lamp@9. There is lamp in 1.10, 1.9."),
        ("plug@1", "There is no firmware plug@1."),
        ("0123456", "at least 8 digits"),
        ("lamp", "Name it as NAME@VERSION"),
        ("f" * 65, "Name it as NAME@VERSION"),
        ("00000000", "There is no firmware 00000000."),
    ],
)
def test_what_means_nothing_is_said_with_what_there_is(empty: Connection, text: str, words: str) -> None:
    put(empty, image("lamp", "1.9"), image("lamp", "1.10"))
    with pytest.raises(NotFound) as caught:
        firmware.resolve(empty, text)
    assert words in str(caught.value)


@pytest.mark.parametrize("state", sorted(DeploymentState))
def test_an_image_is_deleted_only_when_nobody_is_being_given_it_or_was_last(
    empty: Connection, state: DeploymentState
) -> None:
    (lamp,) = put(empty, image("lamp", "1.0"))
    put_device(empty, 1)
    put_deployment(empty, 1, lamp.sha256, state)
    if state in (DeploymentState.FAILED, DeploymentState.CANCELLED):
        assert firmware.delete(empty, lamp.sha256) == lamp
        assert firmware.total(empty) == 0
    else:
        with pytest.raises(Conflict, match=r"lamp-1\.0\.bin was not deleted: d1 (is being|may need)"):
            firmware.delete(empty, lamp.sha256)
        assert firmware.total(empty) == 1


def test_an_image_that_a_device_runs_or_should_run_is_not_deleted(empty: Connection) -> None:
    runs, wanted = put(empty, image("lamp", "1.0"), image("lamp", "1.1"))
    put_device(empty, 1, runs.md5)
    empty.execute(target.insert().values(device_pk=1, sha256=wanted.sha256))
    for each, words in ((runs, "d1 runs it"), (wanted, "d1 should run it")):
        with pytest.raises(Conflict, match=words):
            firmware.delete(empty, each.sha256)
    with pytest.raises(NotFound):
        firmware.delete(empty, "0" * 64)


def test_an_image_that_a_device_may_have_to_go_back_to_is_not_deleted(empty: Connection) -> None:
    before, now = put(empty, image("lamp", "1.0"), image("lamp", "1.1"))
    put_device(empty, 1, now.md5)
    put_deployment(empty, 1, now.sha256, DeploymentState.SUCCEEDED, previous_sha256=before.sha256)
    with pytest.raises(Conflict, match=r"lamp-1\.0\.bin was not deleted: d1 may need it to go back\."):
        firmware.delete(empty, before.sha256)


# --- What was found inside


SEEN = Inspection(
    chip="esp8266",
    size=1000,
    parts=(Part("sketch", 0x1000, 500, 0x40100004, (Segment(0x40201010, 400, 0x1010),)),),
    checks=(Check("checksum", "sketch", CheckResult.VERIFIED),),
    descriptor=AppDescriptor("blink", "v1", "2024-05-01", "v5.1", "", 0),
    compiled="2024-05-01",
    magic=(("name", "lamp"), ("version", "1.0")),
    versions=("lwIP 2.1.2",),
    findings=(
        Finding("bad-checksum", Severity.REFUSAL, "This image is damaged.", "Build it again."),
        Finding("secret-url", Severity.WARNING, "The image holds a password."),
        Finding("signed", Severity.NOTE, "The image is signed."),
    ),
)


def test_what_was_found_in_an_image_comes_back_as_it_was(empty: Connection) -> None:
    stored = firmware.add(empty, image("lamp", "1.0"), SEEN, NOW, "jo")
    assert firmware.inspection(empty, stored.sha256) == SEEN
    assert firmware.inspection(empty, "0" * 64) == Inspection()
    assert stored.magic is True


def test_what_was_refused_and_stored_all_the_same_is_a_warning_from_then_on(empty: Connection) -> None:
    stored = firmware.add(empty, image("lamp", "1.0", override="I know"), SEEN, NOW, "jo")
    assert stored.override == "I know"
    assert stored.warnings == ("The image holds a password.", "This image is damaged.")


def test_a_row_of_an_older_version_is_read_and_then_looked_into(empty: Connection) -> None:
    old, new = put(empty, image("lamp", "1.0"), image("lamp", "1.1"))
    row = table.update().where(table.c.sha256 == old.sha256)
    empty.execute(row.values(inspection={"warnings": ["odd"], "magic": True}))
    (found,) = firmware.find(empty, version="1.0")
    assert (found.warnings, found.magic) == (("odd",), True)
    assert [each.text for each in firmware.inspection(empty, old.sha256).findings] == ["odd"]
    assert firmware.not_looked_into(empty) == [old.filename]
    firmware.look_into(empty, old.sha256, SEEN)
    assert firmware.not_looked_into(empty) == []
    again = firmware.get(empty, old.sha256)
    assert again is not None
    assert set(again.warnings) == {"odd", "The image holds a password.", "This image is damaged."}
    assert (again.chip, again.uploaded_at) == ("esp8266", old.uploaded_at)
    assert firmware.get(empty, new.sha256) == new


# --- What people write


def test_what_people_write_is_kept_and_nothing_else_changes(empty: Connection) -> None:
    (lamp,) = put(empty, image("lamp", "1.0", description="hall"))
    written = replace(lamp, description="attic", changelog="faster", requires=">=0.9")
    firmware.write_about(empty, replace(written, name="other"))
    assert firmware.get(empty, lamp.sha256) == written


@pytest.mark.parametrize("text", ["", "1.5", ">=1.5", ">=1.5,<2", "2.*", " >=1.5 "])
def test_versions_that_have_to_run_before_are_taken(text: str) -> None:
    assert firmware.tidy_requires(text) == text.strip()


@pytest.mark.parametrize("text", ["<>", ">=", "=>1", "1" * 65, ">=1.5\x07,,"])
def test_what_names_no_versions_is_refused_with_examples(text: str) -> None:
    with pytest.raises(WrongUse, match=r">=1\.5,<2"):
        firmware.tidy_requires(text)


def test_images_that_were_found_in_the_directory_are_known(empty: Connection) -> None:
    found = firmware.add(empty, image("lamp", "1.0"), SEEN, NOW, "")
    put(empty, image("lamp", "1.1"))
    assert firmware.found_here(empty) == [found.sha256]
