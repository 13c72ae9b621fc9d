"""How words of the command line become values, and how `--help` shows them: one spelling for all commands.

Rule: typer reads the functions and parses; the values are made here, in a few lines, because typer's own way loads
pydantic, which takes longer than most commands. An argument with a space in it is never an option: a query may begin
with a dash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from typer import BadParameter
from typer._click.core import Context
from typer._click.exceptions import UsageError
from typer._click.formatting import HelpFormatter
from typer._click.parser import _OptionParser, _ParsingState
from typer.core import TyperArgument, TyperOption

Shown = TyperArgument | TyperOption
WIDTH = 100


class Value:
    """Makes the value of one parameter of its text; `coerce` is what typer calls."""

    def __init__(self, param: Shown) -> None:
        kind = param.type_descriptor
        self._make: Callable[[str], Any]
        if kind.choices is not None:
            self._make = one_of(*(str(each) for each in kind.choices))
        else:
            inner = (*get_args(kind.annotation), kind.annotation)[0]  # list[str] is made of str
            self._make = kind.parameter_info.parser or _MAKERS[inner]

    def coerce(self, value: Any, param: Any, ctx: Context) -> Any:
        """The value of a text, or of all of them; raises BadParameter."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        return [self._one(each, param, ctx) for each in value] if several else self._one(value, param, ctx)

    def _one(self, text: Any, param: Any, ctx: Context) -> Any:
        if not isinstance(text, str):
            return text  # a default
        try:
            return self._make(text)
        except ValueError as error:
            raise BadParameter(str(error), ctx=ctx, param=param) from None


def whole(text: str) -> int:
    """A whole number; raises ValueError."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, got {text!r}.") from None


def count(text: str) -> int:
    """A whole number above 0; raises ValueError."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"expected a whole number above 0, got {text!r}.")
    return int(text)


def number(text: str) -> float:
    """A number; raises ValueError."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, got {text!r}.") from None


def one_of(*words: str) -> Callable[[str], str]:
    """What makes a text of these words only; what it makes raises ValueError."""

    def make(text: str) -> str:
        if text not in words:
            raise ValueError(f"invalid choice {text!r}; choose from {', '.join(words)}.")
        return text

    return make


_MAKERS: dict[Any, Callable[[str], Any]] = {str: str, int: whole, float: number, Path: Path, bool: bool}


def prepare(param: Shown) -> None:
    """Let a parameter of typer make its values here, and say its default only where its text does."""
    value: list[Value] = []

    def runtime() -> Any:
        if not value:
            value.append(Value(param))
        return value[0]

    param.get_runtime_param = runtime  # type: ignore[method-assign]
    param.show_default = False


class Words(_OptionParser):
    """The parser of typer, to which `-5` and what has a space in it is no option, unless it is `--name=a value`."""

    def _process_opts(self, arg: str, state: _ParsingState) -> None:
        if _is_number(arg) or (" " in arg and arg.partition("=")[0] not in self._long_opt):
            state.largs.append(arg)
            return
        try:
            super()._process_opts(arg, state)
        except UsageError as error:
            error.ctx = error.ctx or self.ctx  # so that the usage of the command can be told
            raise


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdecimal()


def parser(ctx: Context, params: Sequence[Any]) -> Words:
    """The parser of a command."""
    words = Words(ctx)
    for param in params:
        param.add_to_parser(words, ctx)
    return words


# --- Help -----------------------------------------------------------------------------------------------------------


class Help(HelpFormatter):
    """`usage: …`, as wide as the terminal, at most WIDTH."""

    def __init__(self, width: int | None = None, max_width: int | None = None) -> None:
        super().__init__(width=width, max_width=max_width or WIDTH)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """One line, or several that are indented."""
        super().write_usage(prog, args, prefix or "usage: ")


def usage(params: Sequence[Any]) -> Iterator[str]:
    """What stands behind the command's name: `--to FIRMWARE`, `TARGET…`, `[QUERY]`."""
    yield "[OPTIONS]"
    for param in params:
        if isinstance(param, TyperOption) and param.required:
            yield f"{param.opts[-1]} {param.metavar}"
    for param in params:
        if isinstance(param, TyperArgument):
            name = argument(param)
            yield name if param.required else f"[{name}]"


def argument(param: TyperArgument) -> str:
    """`DEVICE`, or `DEVICE...` for several."""
    name = param.metavar or param.name.upper()
    return f"{name}..." if param.nargs != 1 else name


def option(param: TyperOption) -> str:
    """`-o, --output FILE`."""
    names = ", ".join(sorted(param.opts, key=len))
    return names if param.is_flag else f"{names} {metavar(param)}"


def metavar(param: TyperOption) -> str:
    """What stands for an option's value."""
    choices = param.type_descriptor.choices
    return param.metavar or ("|".join(choices) if choices else param.name.upper())


def rows(params: Sequence[Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Arguments that have a text, and all options, each with its text."""
    arguments = [
        (argument(param), param.help) for param in params if isinstance(param, TyperArgument) and param.help
    ]
    options = [
        (option(param), param.help or "")
        for param in params
        if isinstance(param, TyperOption) and not param.hidden
    ]
    return arguments, options
