"""The tree of commands, built from the table in `commands.py` as far as it is asked for.

Rule: `--help` reads the table; only the module of the command that runs is imported. Every command and every group
takes `--server`, `--token` and `--json`, unless its line in the table says that it does not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Annotated, Any

import typer
from typer._click.core import Command as TyperParsed
from typer._click.core import Context as Parsing
from typer._click.formatting import HelpFormatter
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from homie_ota import __version__
from homie_ota.cli import plain
from homie_ota.cli.asked import Asked
from homie_ota.cli.commands import COMMANDS, SECTIONS, Line

PROGRAM = "homie-ota"


class _Look(Parsing):
    formatter_class = plain.Help


class _Ours(TyperParsed):
    """What commands and groups have in common."""

    context_class = _Look

    def get_help_option(self, ctx: Parsing) -> Any:
        """`--help`, told as the other options are."""
        found = super().get_help_option(ctx)
        if found is not None:
            plain.prepare(found)
            found.help = "show this text"
        return found

    def make_context(self, *args: Any, **settings: Any) -> Parsing:
        """The arguments as values; the options of every kind are made here."""
        for param in self.params:
            plain.prepare(param)  # type: ignore[arg-type]
        return super().make_context(*args, **settings)


class Command(_Ours, TyperCommand):
    """One command."""

    def make_parser(self, ctx: Parsing) -> plain.Words:
        """The parser that takes queries with a dash in front."""
        return plain.parser(ctx, self.get_params(ctx))

    def collect_usage_pieces(self, ctx: Parsing) -> list[str]:  # noqa: ARG002 - as typer calls it
        """What stands behind the name."""
        return list(plain.usage(self.params))

    def format_options(self, ctx: Parsing, formatter: HelpFormatter) -> None:
        """Arguments and options."""
        _write(formatter, *plain.rows(self.get_params(ctx)))


class Group(_Ours, TyperGroup):
    """Commands below a word, and the commands of the program themselves."""

    word = ""

    def list_commands(self, ctx: Parsing) -> list[str]:  # noqa: ARG002 - as typer calls it
        """The names in the order of the table."""
        return [name.rpartition(" ")[2] for name in COMMANDS if _parent(name) == self.word]

    def get_command(self, ctx: Parsing, cmd_name: str) -> Any:  # noqa: ARG002 - as typer calls it
        """The command of this name, whose module is imported now; None when there is none."""
        name = f"{self.word} {cmd_name}".strip()
        if name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = load(name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Parsing, args: list[str]) -> Any:
        """As typer does, with all names where one is none."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], names, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"invalid choice {args[0]!r}; choose from {', '.join(names)}.{meant}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Parsing) -> Any:
        """The command below it; a group that does something by itself does it only where none was named."""
        callback = self.callback
        if ctx._protected_args:  # noqa: SLF001 - typer has no other word for it
            self.callback = None
        try:
            return super().invoke(ctx)
        finally:
            self.callback = callback

    def collect_usage_pieces(self, ctx: Parsing) -> list[str]:  # noqa: ARG002 - as typer calls it
        """What stands behind the name."""
        what = "[COMMAND]" if self.invoke_without_command else "COMMAND"
        return ["[OPTIONS]", what, "..."]

    def format_options(self, ctx: Parsing, formatter: HelpFormatter) -> None:
        """The commands by section, and the options."""
        for title, names in _by_section(self.word, self.list_commands(ctx)):
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[f"{self.word} {name}".strip()].text) for name in names])
        _write(formatter, [], plain.rows(self.get_params(ctx))[1])


def _write(formatter: HelpFormatter, arguments: list[Any], options: list[Any]) -> None:
    for title, rows in (("Arguments", arguments), ("Options", options)):
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def _parent(name: str) -> str:
    return name.rpartition(" ")[0]


def _by_section(word: str, names: Collection[str]) -> list[tuple[str, list[str]]]:
    if word:
        return [("Commands", list(names))]
    return [(title, [name for name in lines if " " not in name]) for title, lines in SECTIONS.items()]


# --- What all of them take ------------------------------------------------------------------------------------------


def _server(ctx: typer.Context, value: str | None) -> None:
    ctx.ensure_object(Asked).server = value or ctx.ensure_object(Asked).server


def _token(ctx: typer.Context, value: str | None) -> None:
    ctx.ensure_object(Asked).token = value or ctx.ensure_object(Asked).token


def _json(ctx: typer.Context, value: bool) -> None:
    ctx.ensure_object(Asked).json = value or ctx.ensure_object(Asked).json


def _version(value: bool) -> None:
    if value:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit(0)


def _shared(
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            callback=_server,
            expose_value=False,
            help="server to talk to, else $HOMIE_OTA_SERVER, else this machine",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="T",
            callback=_token,
            expose_value=False,
            help="API token, else $HOMIE_OTA_TOKEN",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", callback=_json, expose_value=False, help="answer as JSON")
    ] = False,
) -> None:
    """What every command takes."""


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            expose_value=False,
            help="say which version this is",
        ),
    ] = False,
) -> None:
    """The OTA server for fleets of Homie devices, and its client."""


def _app(**settings: Any) -> typer.Typer:
    return typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, **settings)


def _options(takes: Collection[str]) -> list[Any]:
    app = _app(add_completion=False)
    app.command(cls=Command)(_shared)
    return [param for param in get_command(app).params if param.name in takes]


# --- Loading --------------------------------------------------------------------------------------------------------


def root(*, complete: bool = False) -> Group:
    """The whole program; with the options that install shell completion when they are asked for."""
    app = _app(cls=Group, add_completion=complete, epilog=EXITS)
    app.callback()(_root)
    found = get_command(app)
    assert isinstance(found, Group)
    found.params += _options(("server", "token", "json"))
    return found


def load(name: str) -> Command | Group:
    """A command or group of the table, whose module is imported."""
    line = COMMANDS[name]
    function = _function(line)
    is_group = any(_parent(each) == name for each in COMMANDS)
    found = _group(name, line, function) if is_group else _command(name, line, function)
    found.params += _options(line.takes)
    return found


def _function(line: Line) -> Callable[..., Any] | None:
    module, _, function = line.where.partition(":")
    found: Callable[..., Any] = (
        getattr(import_module(f"homie_ota.cli.{module}"), function) if module else _nothing
    )
    return found


def _nothing() -> None:
    return None


def _command(name: str, line: Line, function: Any) -> Command:
    app = _app(add_completion=False)
    app.command(name.rpartition(" ")[2], cls=Command, help=_help(line, function), epilog=line.epilog)(
        function
    )
    found = get_command(app)
    assert isinstance(found, Command)
    return found


def _group(name: str, line: Line, function: Any) -> Group:
    app = _app(
        cls=Group,
        add_completion=False,
        invoke_without_command=bool(line.where),
        help=_help(line, function),
        epilog=line.epilog,
    )
    app.callback()(function)
    found = get_command(app)
    assert isinstance(found, Group)
    found.word, found.name = name, name
    return found


def _help(line: Line, function: Any) -> str:
    """The line of the table as a sentence, then what the function's docstring says behind its first paragraph."""
    more = (function.__doc__ or "").partition("\n\n")[2]
    return f"{line.text[0].upper()}{line.text[1:]}.\n\n{inspect.cleandoc(more)}".strip()


EXITS = """\b
exit status: 0 done; 1 it failed; 2 wrong use; 3 not found; 4 refused (conflict, not eligible);
5 server or broker not reachable"""
