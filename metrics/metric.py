"""What a metric is: measures per row, and the ratio of their sums. Nothing here knows a particular metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Literal

import polars as pl

from metrics.needs import Need
from metrics.sources import Source

Unit = Literal["percent", "money", "units", "count", "days", "minutes"]  #: a percentage is a fraction: 0.93
Good = Literal["up", "down", "neither"]

NOW = pl.col("now")  #: the moment of the question, as a column of every source
ONE = pl.lit(1, pl.Int64)  #: counts rows

PERIODS = ("day", "week", "month")  #: dimensions of every metric that has a time basis
ITEM_DIMENSIONS = {"category": "category", "supplier": "supplier", "item": "name"}  #: joined after aggregation


@dataclass(frozen=True, kw_only=True)
class Part:
    """A sum over rows: which rows, which date puts them into the window, and what is added."""

    source: Source
    amount: pl.Expr = ONE
    time: str | None = None  #: None: the state at the moment of the question
    only: pl.Expr | None = None
    largest: bool = False  #: the largest amount instead of the sum
    span: timedelta | None = None  #: only rows whose `trailing` lies within this time before the moment
    trailing: str | None = None
    per: int = 1  #: what the sum is divided by at the end, so that whole numbers are added exactly

    @cached_property
    def row_identity(self) -> tuple[object, ...]:
        """Tell what makes two parts sums over the same rows."""
        only = None if self.only is None else self.only.meta.serialize()
        return (self.source.name, self.time, only, self.span, self.trailing)

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """Tell what makes two parts the same sum, so that it is taken once."""
        return (*self.row_identity, self.amount.meta.serialize(), self.largest, self.per)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure's definition; its value is the numerator, or the numerator over the denominator."""

    name: str
    label: str
    definition: str
    formula: str
    unit: Unit
    good: Good
    numerator: Part
    denominator: Part | None = None
    needs: tuple[Need, ...]
    without: frozenset[str] = frozenset()  #: dimensions of the source that would split the numerator only
    pending: Part | None = None  #: what may still change the figure
    pending_text: str = ""
    matures_after: timedelta = timedelta(0)  #: how long after the window's end the figure is final
    empty_is_zero: bool = False  #: an empty list is a true zero: nothing waits
    monetary: bool = False
    beside: tuple[str, ...] = ()  #: metrics that are shown beside this one
    coverage: str | None = None  #: a share; where it moved by more than two points, changes are not compared
    nothing: str = ""  #: what it means that there is nothing to divide by, and where to look
    owner: str = "operations"
    version: int = 1
    parts: tuple[Part, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(p for p in (self.numerator, self.denominator, self.pending) if p))

    @property
    def grain(self) -> str:
        """Say what a row of it is."""
        return self.numerator.source.grain

    @property
    def time(self) -> str | None:
        """Name the date that puts a row into the window; None for a state at one moment."""
        return self.numerator.time

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Name the dimensions that it may be split by, periods apart."""
        shared = [d for d in self.numerator.source.dimensions if all(d in p.source.dimensions for p in self.parts)]
        joined = [*ITEM_DIMENSIONS] if "sku" in shared else []
        return tuple(d for d in (*shared, *joined) if d not in self.without)

    @property
    def additive(self) -> tuple[str, ...]:
        """Name the dimensions along which its parts add up to the whole."""
        return () if self.numerator.largest else self.dimensions
