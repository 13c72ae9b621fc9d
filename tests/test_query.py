"""What a query means, and what it says to a query without meaning."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.errors import WrongUse
from homie_ota.query import (
    ANY,
    FIELDS,
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    And,
    Not,
    Op,
    Or,
    Property,
    Query,
    Term,
    Text,
    Word,
    parse,
)


def text(value: str) -> Text:
    return Text(tuple(value.split("*")))


def word(*values: str) -> Word:
    return Word(tuple(text(value) for value in values))


def term(field: str, *values: str | float, op: Op = Op.EQ) -> Term:
    return Term(field, op, tuple(text(value) if isinstance(value, str) else value for value in values))


def prop(name: str, *values: str | float, op: Op = Op.EQ) -> Property:
    node, _, property_ = name.partition("/")
    typed = tuple(text(value) if isinstance(value, str) else value for value in values)
    return Property(text(node), text(property_), op, typed)


MEANINGS: dict[str, Query] = {
    "": And(()),
    "  \t\n": And(()),
    "lamp": word("lamp"),
    "lamp,plug": word("lamp", "plug"),
    "hall-*": word("hall-*"),
    "homie/hall-lamp": word("homie/hall-lamp"),
    "lamp hall": And((word("lamp"), word("hall"))),
    "lamp AND hall": And((word("lamp"), word("hall"))),
    "lamp OR hall": Or((word("lamp"), word("hall"))),
    "a b OR c d": Or((And((word("a"), word("b"))), And((word("c"), word("d"))))),
    "a (b OR c)": And((word("a"), Or((word("b"), word("c"))))),
    "a(b)c": And((word("a"), word("b"), word("c"))),
    "or and not": And((word("or"), word("and"), word("not"))),
    "ORANGE NOTHING": And((word("ORANGE"), word("NOTHING"))),
    '"OR"': word("OR"),
    '"hall lamp"': word("hall lamp"),
    r'"a \"b\" \\ \c"': word(r'a "b" \ \c'),
    '"(a:b)*"': Word((Text(("(a:b)*",)),)),
    "-lamp": Not(word("lamp")),
    "NOT lamp": Not(word("lamp")),
    "NOT(lamp)": Not(word("lamp")),
    "-(a OR b)": Not(Or((word("a"), word("b")))),
    "--a": Not(Not(word("a"))),
    "hall-lamp": word("hall-lamp"),
    "-tag:attic": Not(term("tag", "attic")),
    "fw:lamp": term("fw", "lamp"),
    "FW:Lamp": term("fw", "Lamp"),
    "fw:lamp@2.0": term("fw", "lamp@2.0"),
    'name:"Hall, left",Door': term("name", "Hall, left", "Door"),
    'name:""': term("name", ""),
    'name:a"b c"d': term("name", "ab cd"),
    "name:hall**lamp*": term("name", "hall*lamp*"),
    "name:*": Term("name", Op.EQ, (ANY,)),
    "signal:*": Term("signal", Op.EQ, (ANY,)),
    "name:!=hall": Not(term("name", "hall")),
    'name:"!=hall"': term("name", "!=hall"),
    "state:ready,SLEEPING": term("state", "ready", "sleeping"),
    "mac:A1:B2:C3:D4:E5:F6": term("mac", "A1:B2:C3:D4:E5:F6"),
    "base:homie/5/": term("base", "homie/5/"),
    "version:<2.0": term("version", "2.0", op=Op.LT),
    "version:>=2.0": term("version", "2.0", op=Op.GE),
    "version:=2.0": term("version", "2.0"),
    "version:2.*": term("version", "2.*"),
    "signal:>=40": term("signal", 40.0, op=Op.GE),
    "signal:<=40%": term("signal", 40.0, op=Op.LE),
    "seen:<10m": term("seen", 600.0, op=Op.LT),
    "uptime:>2d": term("uptime", 172800.0, op=Op.GT),
    "uptime:>1h30m": term("uptime", 5400.0, op=Op.GT),
    "heap:<40k": term("heap", 40960.0, op=Op.LT),
    "heap:<1.5M": term("heap", 1572864.0, op=Op.LT),
    "heap:>20KiB": term("heap", 20480.0, op=Op.GT),
    "deployment:failed": term("deployment", "failed"),
    "deployment:42,active": term("deployment", 42.0, "active"),
    "rollout:7": term("rollout", 7.0),
    "relay/on:false": prop("relay/on", "false"),
    "*/temperature:>-5.5": prop("*/temperature", -5.5, op=Op.GT),
    "battery/level:<20%": prop("battery/level", 20.0, op=Op.LT),
    "relay/on:!=true": Not(prop("relay/on", "true")),
    "relay/mode:a,b*": prop("relay/mode", "a", "b*"),
    "fw:lamp version:<2.0 state:ready signal:>=40 -tag:attic relay/on:false": And(
        (
            term("fw", "lamp"),
            term("version", "2.0", op=Op.LT),
            term("state", "ready"),
            term("signal", 40.0, op=Op.GE),
            Not(term("tag", "attic")),
            prop("relay/on", "false"),
        )
    ),
}


@pytest.mark.parametrize("query", MEANINGS)
def test_a_query_means(query: str) -> None:
    assert parse(query) == MEANINGS[query]


MEANINGLESS = {
    "frimware:lamp": ("did you mean fw?", 1),
    "firmware:lamp": ("did you mean fw?", 1),
    "rssi:>3": ("did you mean signal?", 1),
    "lamp sginal:>3": ("did you mean signal?", 6),
    "stat:ready": ("did you mean state?", 1),
    "AA:BB": ("put it in quotes", 1),
    "state:redy": ("one of init, ready, disconnected, sleeping, lost, alert, unknown; this is 'redy'", 7),
    "state:r*": ("one of init, ready", 7),
    "state:>ready": ("no order", 1),
    "deployment:dead": ("a number or one of queued", 12),
    "pinned:yes": ("one of true, false", 8),
    "signal:strong": ("a percentage", 8),
    "signal:4*": ("a percentage", 8),
    "heap:>many": ("a size", 7),
    "seen:<10": ("a time with its unit", 7),
    "seen:<ten": ("a time with its unit", 7),
    "seen:10m": ("needs a comparison, as in seen:<10m", 1),
    "version:<": ("no value after this colon", 8),
    "version:<2.*": ("wildcard", 1),
    "version:<1,2": ("one value", 1),
    "version<2.0": ("version:<", 1),
    "fw:": ("no value after this colon", 3),
    "a :b": ("no field before this colon", 3),
    "fw:a,": ("nothing after this comma", 5),
    "fw:,a": ("nothing before this comma", 4),
    "fw:a,,b": ("nothing before this comma", 6),
    "/on:true": ("node/property", 1),
    "a/b/c:true": ("node/property", 1),
    "relay/on:>high": ("one number", 1),
    "relay/on:>1,2": ("one number", 1),
    'fw:"lamp': ("quotation mark is never closed", 4),
    "(a": ("bracket is never closed", 1),
    "a (b (c)": ("bracket is never closed", 3),
    "a)": ("never opened", 2),
    "()": ("nothing between", 1),
    "-": ("nothing to negate", 1),
    "a - b": ("nothing to negate", 3),
    "NOT": ("nothing to negate", 1),
    "NOT OR a": ("nothing to negate", 1),
    "OR": ("both sides", 1),
    "a OR": ("both sides", 3),
    "(a OR)": ("both sides", 4),
    "OR a": ("both sides", 1),
    "a OR OR b": ("both sides", 3),
    "AND a": ("both sides", 1),
    "a AND": ("both sides", 3),
    "a AND OR b": ("both sides", 3),
    "a\x00b": ("cannot be in a query", 2),
    "a\ud800": ("cannot be in a query", 2),
    "(" * (MAX_DEPTH + 1) + "a": ("20 deep", MAX_DEPTH + 1),
    "-" * 500 + "a": ("20 deep", MAX_DEPTH + 1),
    "a " * (MAX_TERMS + 1): ("200 terms", 2 * MAX_TERMS + 1),
    "id:" + "a," * MAX_TERMS + "a": ("200 terms", 1),
}


@pytest.mark.parametrize("query", MEANINGLESS)
def test_a_query_without_meaning_says_what_and_where(query: str) -> None:
    words, position = MEANINGLESS[query]
    with pytest.raises(WrongUse) as caught:
        parse(query)
    assert words in str(caught.value)
    assert f"(character {position} of the query)" in str(caught.value)


def test_a_query_longer_than_the_cap_is_refused() -> None:
    assert parse("a" * MAX_LENGTH) == word("a" * MAX_LENGTH)
    with pytest.raises(WrongUse, match="8001 characters"):
        parse("a" * (MAX_LENGTH + 1))


def test_brackets_as_deep_as_allowed_are_read() -> None:
    assert parse("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)) == word("a")


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_takes_a_value_and_names_itself_when_misspelt(field: str) -> None:
    sample = {
        "text": "x",
        "word": (*FIELDS[field].words, "")[0],
        "number or word": "7",
        "version": "2.0",
        "duration": ">1h",
    }
    assert isinstance(parse(f"{field}:{sample.get(FIELDS[field].kind, '7')}"), Term)
    with pytest.raises(WrongUse, match=f"did you mean {field}[?]"):
        parse(f"{field}x:1" if field != "version" else "versionn:1")


SYNTAX = (
    'fw state signal seen relay/on : < >= != = , * " ( ) - OR NOT AND \\ ready 10m 40% 2.0.1 / lamp ٣ ² ß'
)
PIECES = st.sampled_from([*SYNTAX.split(), " ", "\n"])


@given(st.text(max_size=60) | st.lists(PIECES, max_size=25).map("".join))
def test_whatever_the_text_it_is_read_or_wrong_use(query: str) -> None:
    try:
        assert hash(parse(query)) is not None  # an immutable value
    except WrongUse as wrong:
        said = str(wrong)
        assert said.endswith("of the query).")


LITERALS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
TEXTS = st.lists(LITERALS, min_size=1, max_size=3).map(
    # Adjacent wildcards are one: only the ends may be empty.
    lambda parts: Text((parts[0], *(part for part in parts[1:-1] if part), *parts[1:][-1:]))
)
LEAVES: st.SearchStrategy[Query] = st.one_of(
    st.builds(Word, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
    st.builds(
        lambda f, v: Term(f, Op.EQ, tuple(v)),
        st.sampled_from(["fw", "name", "tag"]),
        st.lists(TEXTS, min_size=1),
    ),
    st.builds(lambda op, v: Term("signal", op, (float(v),)), st.sampled_from(Op), st.integers(0, 100)),
    st.builds(lambda v: Property(Text(("relay",)), Text(("on",)), Op.EQ, (v,)), TEXTS),
)


def _deeper(part: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(part, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, part), st.builds(And, several), st.builds(Or, several))


@given(st.recursive(LEAVES, _deeper, max_leaves=8))
def test_what_is_written_with_quotes_and_brackets_is_read_back(query: Query) -> None:
    assert parse(written(query)) == query


def written(query: Query | Text | float) -> str:
    return str(_WRITERS[type(query)](query))


def _quoted(text: Text) -> str:
    return "*".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in text.parts)


def _joined(values: tuple[Any, ...]) -> str:
    return ",".join(written(value) for value in values)


def _bracketed(parts: tuple[Query, ...], between: str) -> str:
    return "(" + between.join(written(part) for part in parts) + ")"


_WRITERS: dict[type, Any] = {
    Text: _quoted,
    float: lambda value: f"{value:g}",
    Word: lambda query: _joined(query.values),
    Term: lambda query: f"{query.field}:{query.op}{_joined(query.values)}",
    Property: lambda query: f"{query.node.plain}/{query.prop.plain}:{query.op}{_joined(query.values)}",
    Not: lambda query: f"-{written(query.part)}",
    And: lambda query: _bracketed(query.parts, " "),
    Or: lambda query: _bracketed(query.parts, " OR "),
}


def test_the_documents_tell_every_field_with_its_meaning() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reference" / "query.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    told = {cells[0].strip("`"): cells[2] for cells in rows if len(cells) == 3}
    assert told == {name: field.meaning for name, field in FIELDS.items()}
