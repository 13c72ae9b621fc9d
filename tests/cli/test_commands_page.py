"""The table of commands, their help and their page: everything that is registered works and is told."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import commands as page
from homie_ota.cli import main, tree
from homie_ota.cli.commands import COMMANDS, SECTIONS, Line

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


def test_the_page_tells_every_command_as_it_is() -> None:
    assert page.renewed(PAGE.read_text("utf-8")) == PAGE.read_text("utf-8"), "run `make docs`"


def test_what_people_wrote_below_a_command_stays() -> None:
    text = PAGE.read_text("utf-8").replace(
        "<!-- command why: end -->\n", "<!-- command why: end -->\n\nMind.\n"
    )
    assert "<!-- command why: end -->\n\nMind.\n\n<!-- command " in page.renewed(text)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: homie-ota {name} [OPTIONS]")
    assert err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_common_options_are_where_the_table_says_and_mean_the_same(name: str) -> None:
    command = tree.load(name)
    taken = [param.name for param in command.params if param.name in page.COMMON]
    assert taken == list(COMMANDS[name].takes)


@pytest.mark.parametrize("name", [name for name, line in COMMANDS.items() if line.where])
def test_a_function_takes_the_context_exactly_where_it_is_told_something(name: str) -> None:
    module, _, function = COMMANDS[name].where.partition(":")
    found: Callable[..., object] = getattr(import_module(f"homie_ota.cli.{module}"), function)
    assert ("ctx" in inspect.signature(found).parameters) == bool(COMMANDS[name].takes)
    assert found.__doc__


def test_names_stand_in_one_section_below_the_word_they_begin_with() -> None:
    names = [name for lines in SECTIONS.values() for name in lines]
    assert len(names) == len(set(names))
    for name in names:
        above = name.rpartition(" ")[0]
        assert not above or above in COMMANDS


def test_a_line_of_the_table_is_no_sentence_yet() -> None:
    for line in COMMANDS.values():
        assert isinstance(line, Line)
        assert line.text[0].islower()
        assert not line.text.endswith(".")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("devces",), "Did you mean devices?"),
        (("rollout", "strat", "1"), "Did you mean start?"),
        (("devices", "--limt", "3"), "--limit"),
        (("devices", "--limit", "x"), "expected a whole number above 0, got 'x'"),
        (("rollout", "show", "x"), "expected a whole number, got 'x'"),
        (("prune", "--keep", "0"), "expected a whole number above 0, got '0'"),
        (("simulate", "--mqtt", "mqtt://x", "--speed", "fast"), "expected a number, got 'fast'"),
        (("user", "add", "bob", "--role", "king"), "choose from admin, operator, viewer"),
        (("token", "make", "x", "--days", "0"), "number of days above 0"),
        (("device",), "DEVICE"),
        (("devices", "--state"), "requires an argument"),
    ],
)
def test_wrong_use_says_what_was_meant_and_where_to_read_on(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: homie-ota ")
    assert words in err
    assert "--help" in err
    assert err.count("homie-ota: ") == 1
