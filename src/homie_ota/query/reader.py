"""Reads the text of a query: brackets, OR, NOT, terms; and says where it does not understand.

Rule: a character in quotes is never syntax.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from homie_ota.errors import WrongUse
from homie_ota.query.fields import FIELDS, ONLY_ORDERED, ORDERED, Field, expected, nearest, number, value
from homie_ota.query.values import And, Not, Op, Or, Property, Query, Term, Text, Value, Word

MAX_LENGTH = 8000
"""Characters of a query."""
MAX_DEPTH = 20
"""Brackets and negations inside one another."""
MAX_TERMS = 200
"""Terms and list entries of one query, so that its SQL stays within what a database takes."""

_NOT_EQUAL = "!="
_OPERATOR = re.compile(r"!=|<=|>=|<|>|=")
_NO_COLON = re.compile(r"([a-z0-9_]+)(!=|<=|>=|<|>|=)", re.IGNORECASE)


class _Char(NamedTuple):
    """One character of a term; an empty quoted one stands for empty quotes."""

    text: str
    quoted: bool
    at: int

    def means(self, sign: str) -> bool:
        return not self.quoted and self.text == sign


def parse(text: str) -> Query:
    """Read a query; an empty one finds every device. Raises WrongUse, with the position, for what has no meaning."""
    if len(text) > MAX_LENGTH:
        raise WrongUse(f"The query has {len(text)} characters; {MAX_LENGTH} are the most.")
    for at, char in enumerate(text):
        if not char.isspace() and (ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) < 0xE000):
            raise _wrong(at, "This character cannot be in a query")
    reader = _Reader(text)
    query = reader.either(0)
    if reader.at < len(text):
        raise _wrong(reader.at, "This closing bracket was never opened")
    return query


def _wrong(at: int, sentence: str) -> WrongUse:
    return WrongUse(f"{sentence} (character {at + 1} of the query).")


class _Reader:
    """Recursive descent over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.terms = 0

    def either(self, depth: int) -> Query:
        parts = [self._all(depth)]
        begin = self.at
        while self._keyword("OR"):
            parts.append(self._all(depth))
            if And(()) in parts:
                raise _wrong(begin, "OR needs something on both sides")
            begin = self.at
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self, depth: int) -> Query:
        parts = []
        while not self._ends():
            parts.append(self._one(depth))
            self._skip()
            begin = self.at
            if self._keyword("AND") and self._ends():
                raise _wrong(begin, "AND needs something on both sides")
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _ends(self) -> bool:
        self._skip()
        return self.at >= len(self.text) or self._peek() == ")" or self._is_keyword("OR")

    def _one(self, depth: int) -> Query:
        begin = self.at
        if depth >= MAX_DEPTH:
            raise _wrong(begin, f"Brackets and negations go at most {MAX_DEPTH} deep")
        if self._is_keyword("AND"):
            raise _wrong(begin, "AND needs something on both sides")
        if self._peek() == "(":
            return self._bracket(depth)
        if self._peek() == "-" or self._is_keyword("NOT"):
            return self._negation(depth)
        return self._term()

    def _negation(self, depth: int) -> Query:
        begin = self.at
        dash = self._peek() == "-"
        self.at += 1 if dash else len("NOT")
        if (dash and self._peek().isspace()) or self._ends():
            raise _wrong(begin, "There is nothing to negate here")
        return Not(self._one(depth + 1))

    def _bracket(self, depth: int) -> Query:
        begin = self.at
        self.at += 1
        query = self.either(depth + 1)
        if self._peek() != ")":
            raise _wrong(begin, "This bracket is never closed")
        self.at += 1
        if query == And(()):
            raise _wrong(begin, "There is nothing between these brackets")
        return query

    def _term(self) -> Query:
        begin = self.at
        term, count = _read_term(self._chars())
        self.terms += count
        if self.terms > MAX_TERMS:
            raise _wrong(begin, f"A query has at most {MAX_TERMS} terms")
        return term

    def _chars(self) -> list[_Char]:
        """The characters up to the next space or bracket outside quotes."""
        chars: list[_Char] = []
        while (char := self._peek()) and not char.isspace() and char not in "()":
            if char == '"':
                chars += self._quoted()
            else:
                chars.append(_Char(char, False, self.at))
                self.at += 1
        return chars

    def _quoted(self) -> list[_Char]:
        begin = self.at
        chars = [_Char("", True, begin)]
        self.at += 1
        while self._peek() != '"':
            if self._peek() == "\\" and self.text[self.at + 1 : self.at + 2] in ('"', "\\"):
                self.at += 1
            if not self._peek():
                raise _wrong(begin, "This quotation mark is never closed")
            chars.append(_Char(self._peek(), True, self.at))
            self.at += 1
        self.at += 1
        return chars

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self) -> None:
        while self._peek().isspace():
            self.at += 1

    def _is_keyword(self, word: str) -> bool:
        end = self.at + len(word)
        after = self.text[end : end + 1]
        return self.text.startswith(word, self.at) and (not after or after.isspace() or after in "()")

    def _keyword(self, word: str) -> bool:
        self._skip()
        found = self._is_keyword(word)
        self.at += len(word) if found else 0
        return found


def _read_term(chars: list[_Char]) -> tuple[Query, int]:
    """One term, and how many values it has."""
    colon = next((index for index, char in enumerate(chars) if char.means(":")), None)
    if colon is None:
        return _read_word(chars)
    if colon == 0:
        raise _wrong(chars[0].at, "There is no field before this colon")
    name, rest = chars[:colon], chars[colon + 1 :]
    sign, rest = _operator(rest)
    if not rest:
        raise _wrong(chars[colon].at, "There is no value after this colon")
    items = _split(rest, ",")
    read = _property if any(char.means("/") for char in name) else _field
    return read(name, sign, items), len(items)


def _read_word(chars: list[_Char]) -> tuple[Query, int]:
    plain = "".join(char.text if not char.quoted else " " for char in chars)
    found = _NO_COLON.match(plain)
    if found and found[1].lower() in FIELDS:
        field, sign = found.groups()
        raise _wrong(chars[0].at, f"Write a colon between field and comparison, as in {field}:{sign}…")
    values = tuple(_text(item) for item in _split(chars, ","))
    return Word(values), len(values)


def _operator(chars: list[_Char]) -> tuple[str, list[_Char]]:
    found = _OPERATOR.match("".join(" " if char.quoted else char.text for char in chars))
    return (found[0], chars[found.end() :]) if found else (Op.EQ, chars)


def _split(chars: list[_Char], sign: str) -> list[list[_Char]]:
    """The entries between `sign`; none may be empty (empty quotes are an entry)."""
    items: list[list[_Char]] = [[]]
    for char in chars:
        if not char.means(sign):
            items[-1].append(char)
        elif not items[-1]:
            raise _wrong(char.at, "There is nothing before this comma")
        else:
            items.append([])
    if not items[-1]:
        raise _wrong(chars[-1].at, "There is nothing after this comma")
    return items


def _text(chars: list[_Char]) -> Text:
    parts = [""]
    for char in chars:
        if not char.means("*"):
            parts[-1] += char.text
        elif parts[-1] or len(parts) == 1:  # `**` is `*`
            parts.append("")
    return Text(tuple(parts))


def _signed(term: Term | Property, sign: str) -> Query:
    return Not(term) if sign == _NOT_EQUAL else term


def _op(sign: str) -> Op:
    return Op.EQ if sign == _NOT_EQUAL else Op(sign)


def _field(chars: list[_Char], sign: str, items: list[list[_Char]]) -> Query:
    name = "".join(char.text for char in chars).lower()
    field, at = FIELDS.get(name), chars[0].at
    if field is None:
        hint = f"did you mean {nearest(name)}? To search for a text with a colon, put it in quotes"
        raise _wrong(at, f"There is no field {name[:40]!r}; {hint}")
    op = _op(sign)
    if op is not Op.EQ and field.kind not in ORDERED:
        raise _wrong(at, f"{name} has no order; it cannot be compared with {sign}")
    values = tuple(_value(name, field, item) for item in items)
    _check_order(name, field, op, values, at)
    return _signed(Term(name, op, values), sign)


def _value(name: str, field: Field, chars: list[_Char]) -> Value:
    text = _text(chars)
    found = value(field, text)
    if found is None:
        raise _wrong(chars[0].at, f"{name} takes {expected(field)}; this is {'*'.join(text.parts)[:40]!r}")
    return found


def _check_order(name: str, field: Field, op: Op, values: tuple[Value, ...], at: int) -> None:
    if op is not Op.EQ:
        if len(values) > 1:
            raise _wrong(at, f"A comparison takes one value; {name} has {len(values)} here")
        if isinstance(values[0], Text) and values[0].plain is None:
            raise _wrong(at, f"{name} cannot be compared with a wildcard")
    elif field.kind in ONLY_ORDERED and any(isinstance(each, float) for each in values):
        raise _wrong(at, f"{name} needs a comparison, as in {name}:<10m or {name}:>2d")


def _property(chars: list[_Char], sign: str, items: list[list[_Char]]) -> Query:
    at = chars[0].at
    halves = _split_name(chars)
    op = _op(sign)
    if op is Op.EQ:
        return _signed(Property(*halves, op, tuple(_text(item) for item in items)), sign)
    limit = number((_text(items[0]).plain or "").removesuffix("%"))
    if limit is None or len(items) > 1:
        raise _wrong(at, "A property is compared with one number")
    return Property(*halves, op, (limit,))


def _split_name(chars: list[_Char]) -> tuple[Text, Text]:
    slashes = [index for index, char in enumerate(chars) if char.means("/")]
    node, prop = _text(chars[: slashes[0]]), _text(chars[slashes[0] + 1 :])
    if len(slashes) > 1 or Text(("",)) in (node, prop):
        raise _wrong(chars[0].at, "A property is written node/property")
    return node, prop
