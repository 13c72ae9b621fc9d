"""The query language of pages, API and command line: text → a value; a value → SQL is the store's work.

Rule: whatever the text, `parse` returns a Query or raises WrongUse with a sentence and a position; a term that cannot
mean anything (an unknown field, a state that does not exist) is an error, never an empty list.
"""

from __future__ import annotations

from homie_ota.query.fields import FIELDS, Field
from homie_ota.query.reader import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse
from homie_ota.query.values import ANY, And, Not, Op, Or, Property, Query, Term, Text, Value, Word

__all__ = [
    "ANY",
    "FIELDS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_TERMS",
    "And",
    "Field",
    "Not",
    "Op",
    "Or",
    "Property",
    "Query",
    "Term",
    "Text",
    "Value",
    "Word",
    "parse",
]
