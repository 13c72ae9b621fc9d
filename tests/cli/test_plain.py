"""How words become values: numbers, choices, and queries that begin with a dash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.cli import plain, tree
from homie_ota.cli.asked import Asked

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
DASHED = st.one_of(TEXTS, TEXTS.map(lambda text: f"-{text}"), TEXTS.map(lambda text: f"--{text}"))


def parsed(name: str, *words: str) -> tuple[dict[str, Any], Asked]:
    context = tree.load(name).make_context(name, list(words), obj=Asked())
    found = context.obj
    assert isinstance(found, Asked)
    return context.params, found


@given(before=DASHED, after=TEXTS)
def test_a_query_with_a_space_is_one_argument_whatever_it_begins_with(before: str, after: str) -> None:
    query = f"{before} {after}"
    if query.partition("=")[0] in ("--state", "--sort", "--limit", "--server", "--token", "--json", "--csv"):
        return
    params, _ = parsed("devices", "--json", query, "--state", "ready")
    assert (params["query"], params["state"]) == (query, "ready")


@given(DASHED)
def test_behind_two_dashes_everything_is_an_argument(query: str) -> None:
    assert parsed("devices", "--", query)[0]["query"] == query


@given(TEXTS)
def test_an_option_takes_whatever_stands_behind_its_equals_sign(text: str) -> None:
    assert parsed("upload", f"--description={text}", "x.bin")[0]["description"] == text


@given(TEXTS)
def test_a_number_is_one_or_a_sentence(text: str) -> None:
    makers: tuple[Callable[[str], object], ...] = (plain.count, plain.whole, plain.number)
    for make in makers:
        found: object = None
        with suppress(ValueError):
            found = make(text)
        if found is None:
            with pytest.raises(ValueError, match="expected a "):
                make(text)
        else:
            assert isinstance(found, int | float)


@pytest.mark.parametrize(
    ("make", "text", "value"),
    [
        (plain.count, "7", 7),
        (plain.count, "0", None),
        (plain.count, "-1", None),
        (plain.count, "٣", None),
        (plain.whole, "-1", -1),
        (plain.whole, "1.5", None),
        (plain.number, "1.5", 1.5),
        (plain.number, "x", None),
        (plain.one_of("a", "b"), "b", "b"),
        (plain.one_of("a", "b"), "c", None),
    ],
)
def test_what_a_text_is_made_to(make: Callable[[str], Any], text: str, value: object) -> None:
    if value is None:
        with pytest.raises(ValueError, match=r"expected|choose from"):
            make(text)
    else:
        assert make(text) == value


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), Asked()),
        (("--server", "a", "--token", "b", "--json"), Asked("a", "b", json=True)),
        (("--server", "a", "--server", "c"), Asked("c")),
    ],
)
def test_the_common_options_are_noted_and_no_parameters(words: tuple[str, ...], asked: Asked) -> None:
    params, found = parsed("firmware", *words)
    assert found == asked
    assert not {"server", "token", "json"} & set(params)


def test_what_stands_before_the_command_holds_where_nothing_stands_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOMIE_OTA_SERVER", "of-the-environment")
    monkeypatch.setenv("HOMIE_OTA_TOKEN", "of-the-environment")
    assert Asked("a").with_environment() == Asked("a", "of-the-environment")


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("devices", ["[OPTIONS]", "[QUERY]"]),
        ("update", ["[OPTIONS]", "--to FIRMWARE", "TARGET..."]),
        ("set", ["[OPTIONS]", "DEVICE", "NODE/PROPERTY", "VALUE"]),
    ],
)
def test_the_usage_says_what_has_to_be_there(name: str, usage: list[str]) -> None:
    assert list(plain.usage(tree.load(name).params)) == usage


def test_no_value_of_a_command_line_needs_pydantic() -> None:
    program = (
        "import sys; from homie_ota.cli import tree; from homie_ota.cli.asked import Asked;"
        "tree.load('rollout create').make_context('x', ['q', '--to', 'a@1', '--parallel', '3', '--window', 'w',"
        " '--standing', '--on-harm', 'drain', '--yes'], obj=Asked());"
        "print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
