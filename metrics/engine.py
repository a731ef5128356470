"""Sums for any number of metrics: one scan per source of rows, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_

import polars as pl

from data.facts import ENTITY
from data.lake import WEIGHT
from metrics.figure import Number
from metrics.metric import ITEM_DIMENSIONS, PERIODS, Metric, Part
from metrics.sources import Given, Source
from metrics.window import Window, midnight, periods, zone_of

CURRENCY = "currency"
MOMENT = pl.Datetime("us", "UTC")
Key = tuple[str | None, ...]
Identity = tuple[object, ...]
Where = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of the sources: window, split and filter."""

    window: Window | None
    by: tuple[str, ...]
    where: Where


@dataclass
class Sum:
    """The sum of a part within one group, and how many rows it has."""

    amount: Number | None = None
    rows: int = 0

    def add(self, amount: Number | None, rows: int, *, largest: bool) -> None:
        """Take in the sum of another group."""
        self.rows += rows
        if amount is not None and rows:
            known = self.amount
            self.amount = amount if known is None else max(known, amount) if largest else known + amount


Sums = dict[Key, dict[Identity, Sum]]  #: group -> part -> sum


def add_up(given: Given, metrics: Sequence[Metric], asked: Asked) -> dict[str, Sums]:
    """Take the sums of several metrics, by group; the groups of a monetary metric end with the currency."""
    scans = _scans(metrics, asked)
    results = pl.collect_all([scan.query(given, asked) for scan in scans])
    found: dict[str, Sums] = {metric.name: {} for metric in metrics}
    for scan, frame in zip(scans, results, strict=True):
        for metric in metrics:
            scan.deal(frame, metric, asked, found[metric.name])
    return found


def chosen(given: Given, part: Part, asked: Asked) -> pl.LazyFrame:
    """Give the rows of a part as they stand, with what each of them adds as `amount`."""
    source = part.source
    frame = prepared(source.rows(given), source, given, tuple(source.derived))
    conditions = [*conditions_of(part, given, asked.window), *filters(source, given, asked.where)]
    frame = frame.filter(conditions) if conditions else frame
    amount = part.amount if part.per == 1 else part.amount / part.per
    return frame.with_columns(amount.alias("amount"))


@dataclass(frozen=True)
class _Scan:
    """One pass over a source: its parts side by side, each masked by its own window."""

    source: Source
    time: str | None  #: what periods are taken of
    parts: tuple[Part, ...]
    monetary: bool

    def query(self, given: Given, asked: Asked) -> pl.LazyFrame:
        keys = self._keys(given, asked)
        masks = [_all(conditions_of(part, given, asked.window)) for part in self.parts]
        conditions = filters(self.source, given, asked.where)
        wanted = self._wanted([*keys.values(), *conditions, *(part.amount for part in self.parts), *_given(masks)])
        frame = prepared(self.source.scan(given, wanted), self.source, given, sorted(wanted))
        if all(mask is not None for mask in masks):
            distinct = dict(zip((part.row_identity for part in self.parts), _given(masks), strict=True))
            conditions.append(reduce(or_, distinct.values()))
        frame = frame.filter(conditions) if conditions else frame
        frame = frame.select(
            *(expr.alias(name) for name, expr in keys.items()),
            *(column for n, (p, m) in enumerate(zip(self.parts, masks, strict=True)) for column in _columns(n, p, m)),
        )
        sums = [pl.col(f"a{n}").max() if p.largest else pl.col(f"a{n}").sum() for n, p in enumerate(self.parts)]
        counts = [pl.col(f"n{n}").sum() for n in range(len(self.parts))]
        if not keys:
            return frame.select(*sums, *counts)
        grouped = frame.group_by(list(keys)).agg(*sums, *counts)
        grouped = grouped.with_columns(self._label(key, given, asked).cast(pl.String).alias(key) for key in keys)
        return _with_items(grouped, given, asked.by, list(keys), [*sums, *counts])

    def deal(self, frame: pl.DataFrame, metric: Metric, asked: Asked, found: Sums) -> None:
        """Hand a metric its sums, adding over currencies where its amounts are not money."""
        identities = {part.identity for part in metric.parts}
        mine = [(n, part) for n, part in enumerate(self.parts) if part.identity in identities]
        if not mine:
            return
        names = [*asked.by, *([CURRENCY] if metric.monetary and CURRENCY not in asked.by else [])]
        keys = frame.select(f"k:{name}" for name in names).rows() if names else [()] * frame.height
        for n, part in mine:
            amounts, counts = frame[f"a{n}"].to_list(), frame[f"n{n}"].to_list()
            for key, amount, count in zip(keys, amounts, counts, strict=True):
                if count:
                    held = found.setdefault(key, {}).setdefault(part.identity, Sum())
                    held.add(amount, count, largest=part.largest)

    def _keys(self, given: Given, asked: Asked) -> dict[str, pl.Expr]:
        by = list(asked.by)
        if self.monetary and CURRENCY not in by:
            by.append(CURRENCY)
        if any(name in ITEM_DIMENSIONS for name in by):
            by = [name for name in by if name not in ITEM_DIMENSIONS]
            by += [] if "sku" in by else ["sku"]
        return {f"k:{name}": self._period(name, given, asked) if name in PERIODS else pl.col(name) for name in by}

    def _period(self, grain: str, given: Given, asked: Asked) -> pl.Expr:
        """Tell a row's period; within a window by its number among the midnights, far cheaper than by date."""
        assert self.time is not None  # noqa: S101 -- a state at one moment has been refused a period
        at = pl.col(self.time)
        if self._numbered(asked) and asked.window is not None:
            starts = [midnight(day, given.zone) for day in periods(asked.window, grain, given.zone)]
            return pl.lit(pl.Series(starts, dtype=MOMENT)).search_sorted(at, side="right") - 1
        day = at if self.time in self.source.days else at.dt.convert_time_zone(given.zone).dt.date()
        return day if grain == "day" else day.dt.truncate({"week": "1w", "month": "1mo"}[grain])

    def _numbered(self, asked: Asked) -> bool:
        return asked.window is not None and self.time not in self.source.days

    def _label(self, key: str, given: Given, asked: Asked) -> pl.Expr:
        grain = key.removeprefix("k:")
        if grain in PERIODS and asked.window is not None and self._numbered(asked):
            return pl.lit(pl.Series(periods(asked.window, grain, given.zone))).gather(pl.col(key))
        return pl.col(key)

    def _wanted(self, expressions: Sequence[pl.Expr]) -> frozenset[str]:
        wanted = {name for expression in expressions for name in expression.meta.root_names()}
        for name in tuple(wanted & self.source.derived.keys()):
            wanted |= set(self.source.derived[name].meta.root_names())
        return frozenset(wanted)


def _scans(metrics: Sequence[Metric], asked: Asked) -> list[_Scan]:
    """Group the parts by the scan they share; split by period, each time basis needs a grouping of its own."""
    periodic = any(name in PERIODS for name in asked.by)
    shared: dict[tuple[Source, str | None], dict[Identity, Part]] = {}
    monetary: set[tuple[Source, str | None]] = set()
    for metric in metrics:
        for part in metric.parts:
            scan = (part.source, part.time if periodic else None)
            shared.setdefault(scan, {})[part.identity] = part
            if metric.monetary:
                monetary.add(scan)
    return [_Scan(*scan, tuple(parts.values()), scan in monetary) for scan, parts in shared.items()]


def prepared(frame: pl.LazyFrame, source: Source, given: Given, wanted: Sequence[str]) -> pl.LazyFrame:
    """Add the moment of the question and the derived columns that are wanted."""
    now = pl.lit(given.now).cast(MOMENT).alias("now")
    return frame.with_columns(now).with_columns(
        source.derived[name].alias(name) for name in wanted if name in source.derived
    )


def conditions_of(part: Part, given: Given, window: Window | None) -> list[pl.Expr]:
    """Give what a row must meet to be in the part: its window, its own condition, its trailing time."""
    found = [] if part.only is None else [part.only]
    if part.time is not None:
        found.append(pl.col(part.time).is_not_null())
        if window is not None:
            found.append(_within(part, window, given.zone))
    if part.trailing is not None and part.span is not None:
        since = given.now - part.span
        found.append(pl.col(part.trailing).is_between(_moment(since), _moment(given.now), closed="left"))
    return found


def filters(source: Source, given: Given, where: Where) -> list[pl.Expr]:
    """Give the conditions of a filter; an item's own fields are looked up and become a choice of items."""
    return [_filter(source, given, name, [value] if isinstance(value, str) else value) for name, value in where.items()]


def _filter(source: Source, given: Given, name: str, values: Sequence[str]) -> pl.Expr:
    if name in ITEM_DIMENSIONS and name not in source.dimensions:
        items = given.facts.frame("item").filter(_matches(pl.col(ITEM_DIMENSIONS[name]), values))
        known = pl.col("sku").is_in(items[ENTITY].to_list())
        return known | ~pl.col("sku").is_in(given.facts.frame("item")[ENTITY].to_list()) if "" in values else known
    return _matches(pl.col(name).cast(pl.String), values)


def _matches(column: pl.Expr, values: Sequence[str]) -> pl.Expr:
    """Match any of the values; an empty one stands for what is not known."""
    named = column.is_in([value for value in values if value]).fill_null(value=False)
    return named | column.is_null() if "" in values else named


def _within(part: Part, window: Window, zone: str) -> pl.Expr:
    assert part.time is not None  # noqa: S101 -- only asked of parts with a time basis
    column = pl.col(part.time)
    if part.time not in part.source.days:
        return column.is_between(_moment(window.start), _moment(window.end), closed="left")
    first, after = (_next_day(at, zone) for at in (window.start, window.end))
    return column.is_between(pl.lit(first), pl.lit(after), closed="left")


def _next_day(at: datetime, zone: str) -> object:
    """Give the first local day that begins at or after a moment."""
    day = at.astimezone(zone_of(zone)).date()
    return day if midnight(day, zone) == at else day + timedelta(days=1)


def _moment(at: datetime) -> pl.Expr:
    return pl.lit(at).cast(MOMENT)


def _all(conditions: Sequence[pl.Expr]) -> pl.Expr | None:
    return reduce(and_, conditions) if conditions else None


def _given(masks: Sequence[pl.Expr | None]) -> list[pl.Expr]:
    return [mask for mask in masks if mask is not None]


def _columns(number: int, part: Part, mask: pl.Expr | None) -> list[pl.Expr]:
    weight = pl.col(WEIGHT)
    amount = part.amount if part.largest else part.amount * weight
    if mask is not None:
        amount, weight = pl.when(mask).then(amount), pl.when(mask).then(weight)
    return [amount.alias(f"a{number}"), weight.alias(f"n{number}")]


def _with_items(
    grouped: pl.LazyFrame, given: Given, by: Sequence[str], keys: Sequence[str], sums: Sequence[pl.Expr]
) -> pl.LazyFrame:
    """Join what the catalogue says of an item after aggregation, so that a changed master rewrites no history."""
    joined = [name for name in by if name in ITEM_DIMENSIONS]
    if not joined:
        return grouped
    items = given.facts.frame("item").lazy()
    columns = [pl.col(ITEM_DIMENSIONS[name]).alias(f"k:{name}") for name in joined]
    named = items.select(pl.col(ENTITY).alias("k:sku"), *columns)
    kept = [*(key for key in keys if key != "k:sku" or "sku" in by), *(f"k:{name}" for name in joined)]
    return grouped.join(named, on="k:sku", how="left").group_by(kept).agg(sums)
