"""Amounts as screens show them: of two currencies never added, in charts and grids in major units of their own."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from data.lake import Facts
from data.money import EXPONENTS, minor_exponent

_MINOR = "_minor"
_PER_UNIT = {currency: 10.0**exponent for currency, exponent in EXPONENTS.items()}


def major(minor: float, currency: str) -> float:
    """Give an amount in major units of its currency."""
    return float(minor / 10 ** minor_exponent(currency))


def majors(column: str) -> pl.Expr:
    """Give a column of amounts in major units of the currency that each row names; nothing where it names none."""
    currency = pl.col("currency")
    return pl.when(currency.is_not_null()).then(pl.col(column) / currency.replace_strict(_PER_UNIT, default=100.0))


def in_major(frame: pl.DataFrame) -> pl.DataFrame:
    """Give every amount of a frame in major units; in a frame that names no currency amounts say nothing."""
    minor = are_amounts(frame)
    if "currency" not in frame.columns:
        return frame.drop(minor)
    return frame.with_columns(majors(name) for name in minor)


def are_amounts(frame: pl.DataFrame) -> list[str]:
    """Name the columns that hold amounts."""
    return [name for name in frame.columns if name.endswith(_MINOR)]


def currencies(known: Facts) -> list[str]:
    """Name the currencies that sales and their costs are in, the one that is used most first."""
    tables = [known.rows(name).select("currency") for name in ("order_line", "line_amount")]
    used = pl.concat(tables).filter(pl.col("currency") != "").group_by("currency").len().collect()
    return list(used.sort("len", "currency", descending=[True, False])["currency"])


def by_currency(frame: pl.DataFrame, amount: str) -> list[tuple[str, int]]:
    """Sum a column of amounts by currency, the one of most rows first, without those that name none."""
    known = frame.filter(pl.col(amount).is_not_null(), pl.col("currency") != "")
    sums = known.group_by("currency").agg(pl.len().alias("rows"), pl.col(amount).sum())
    return list(sums.sort("rows", "currency", descending=[True, False]).select("currency", amount).iter_rows())


def only(currencies: Iterable[str]) -> str:
    """Give the one currency of several amounts; an empty text where they differ, or where there are none."""
    found = set(currencies)
    return found.pop() if len(found) == 1 else ""
