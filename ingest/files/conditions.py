"""Conditions that a person can read: `units < 0`, `order starts with C`, `[Status] in Cancelled, Void`.

A bare word is a field of the mapping, a name in brackets is a column of the file as it stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import msgspec
import polars as pl

_SHAPE = re.compile(
    r"\s*(?:\[(?P<column>[^\]]+)\]|(?P<field>[a-z_]+))\s*"
    r"(?:is\s+(?P<state>missing|present)|"
    r"(?P<op><=|>=|!=|=|<|>|starts with\b|ends with\b|contains\b|not in\b|in\b)\s*(?P<value>.*?))\s*"
)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on one field or column."""

    text: str
    operator: str  #: = != < <= > >= | starts with | ends with | contains | in | not in | missing | present
    value: str = ""
    field: str | None = None
    column: str | None = None


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ValueError: it has another shape; the message shows the shapes there are.
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no condition; write such as 'units < 0', 'order starts with C', 'sku in POST, DOT', "
            "'customer is missing' or '[Column name] = text'"
        )
    operator = found["state"] or found["op"]
    return Condition(
        text=text.strip(), operator=operator, value=found["value"] or "", field=found["field"], column=found["column"]
    )


def holds(condition: Condition, cell: pl.Expr, *, numeric: bool) -> pl.Expr:
    """Tell, row by row, whether a condition holds; a missing cell fulfils only `is missing` and the negations."""
    c = condition
    if c.operator in ("missing", "present"):
        return cell.is_null() if c.operator == "missing" else cell.is_not_null()
    if c.operator in _COMPARE:
        return _compare(c, cell, numeric=numeric).fill_null(c.operator == "!=")
    members = [part.strip() for part in c.value.split(",")]
    tests: dict[str, pl.Expr] = {
        "starts with": cell.str.starts_with(c.value),
        "ends with": cell.str.ends_with(c.value),
        "contains": cell.str.contains(c.value, literal=True),
        "in": cell.is_in(members),
        "not in": ~cell.is_in(members),
    }
    return tests[c.operator].fill_null(c.operator == "not in")


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def _compare(c: Condition, cell: pl.Expr, *, numeric: bool) -> pl.Expr:
    compare = _COMPARE[c.operator]
    number = _number(c.value) if numeric else None
    compared = (
        compare(cell.cast(pl.String), c.value)
        if number is None
        else compare(cell.cast(pl.Float64, strict=False), number)
    )
    assert isinstance(compared, pl.Expr)  # noqa: S101 -- polars gives back expressions
    return compared


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
