"""What the stock screen asks for: items and locations by what their stockout would cost, and one of them in detail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from app.services import words
from app.services.amounts import by_currency
from app.services.projection import projection
from app.services.workspace import facts
from data.facts import ENTITY
from data.store import Store

ONLY = {
    "risk": "Likely to run out",
    "due": "To order by today",
    "out": "Out now",
    "unknown": "Not known",
    "all": "All",
}
DAYS = 45


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The items, the costliest first, and how many there are of each kind."""

    frame: pl.DataFrame
    counts: dict[str, int]
    lost: Sequence[tuple[str, int]]  #: what the rows are expected to lose, by currency
    not_armed: str = ""  #: why nothing at all can be answered; empty where something can


def shelf(
    store: Store, now: datetime, *, only: str, location: str | None, search: str, out: date | None = None
) -> Shelf:
    """Give the items of a kind, sorted by expected lost margin; `out` keeps those expected to run out on a day."""
    names = facts(store).frame("item").select(pl.col(ENTITY).alias("sku"), "name")
    known = projection(store, now)
    every = known.join(names, on="sku", how="left")
    if location is not None:
        every = every.filter(pl.col("location") == location)
    if out is not None:
        every = every.filter(pl.col("stockout_on") == out)
    if search:
        named = (pl.col(name).str.to_lowercase().str.contains(search.lower(), literal=True) for name in ("sku", "name"))
        every = every.filter(pl.any_horizontal(named))
    kinds = {name: every.filter(_kind(name, now.date())) for name in ONLY}
    chosen = kinds[only].sort(
        "expected_lost_margin_minor", "p_stockout", "sku", "location",
        descending=[True, True, False, False], nulls_last=True,
    )  # fmt: skip
    return Shelf(
        frame=chosen,
        counts={name: frame.height for name, frame in kinds.items()},
        lost=by_currency(chosen, "expected_lost_margin_minor"),
        not_armed=why_not(known),
    )


def why_not(every: pl.DataFrame) -> str:
    """Say why nothing at all can be answered of these items; empty where something can."""
    if every.is_empty():
        return "it needs orders to forecast from, and stock counts"
    if every.filter(pl.col("state") == "value").height:
        return ""
    return next(iter(every["reason"].drop_nulls().mode().sort().to_list()), "nothing is known of the stock")


def is_due(today: date) -> pl.Expr:
    """Tell which items are to be ordered or moved by today."""
    asked = (pl.col("suggestion") != "none") & (pl.col("order_by") <= today)
    return (pl.col("state") == "value") & asked.fill_null(value=False)


def _kind(name: str, today: date) -> pl.Expr:
    known = pl.col("state") == "value"
    return {
        "risk": known & pl.col("at_risk").fill_null(value=False),
        "due": is_due(today),
        "out": known & (pl.col("available") <= 0),
        "unknown": ~known,
        "all": pl.lit(value=True),
    }[name]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item at one location."""

    row: dict[str, Any]
    days: Sequence[date]
    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    receipts: Sequence[tuple[date, float]]
    steps: Sequence[tuple[str, str]]  #: the arithmetic of the suggestion
    elsewhere: Sequence[tuple[str, int | None, int | None]]  #: the item at other locations: on hand, available


def item(store: Store, now: datetime, sku: str, location: str, *, slip_days: int = 0, more: float = 0.0) -> Item | None:
    """Give one item's projection; `slip_days` and `more` ask what happens if suppliers slip or demand rises."""
    every = projection(store, now)
    here = every.filter((pl.col("sku") == sku) & (pl.col("location") == location))
    if here.is_empty():
        return None
    row = here.row(0, named=True)
    receipts = _receipts(store, now, sku, location, slip_days)
    far = max([14, *((at - now.date()).days + 14 for at, _ in receipts), int(row["cover_days_p90"] or 0) + 7])
    days = [now.date() + timedelta(days=n) for n in range(min(far, DAYS) + 1)]
    middle, low, high = _path(row, receipts, days, more)
    others = every.filter((pl.col("sku") == sku) & (pl.col("location") != location)).sort("location")
    return Item(
        row=row,
        days=days,
        middle=middle,
        low=low,
        high=high,
        receipts=receipts,
        steps=steps_in_words(row["arithmetic"], row["currency"] or ""),
        elsewhere=list(others.select("location", "on_hand", "available").iter_rows()),
    )


def _receipts(store: Store, now: datetime, sku: str, location: str, slip_days: int) -> list[tuple[date, float]]:
    lines = facts(store).frame("purchase_line")
    due = lines.filter(
        (pl.col("sku") == sku)
        & (pl.col("location") == location)
        & pl.col("status").is_in(["sent", "confirmed"])
        & (pl.col("ordered_units") > pl.col("received_units"))
        & pl.col("promised_at").is_not_null()
    ).sort("promised_at")
    return [
        (max(at.date(), now.date()) + timedelta(days=slip_days), float(ordered - received))
        for at, ordered, received in due.select("promised_at", "ordered_units", "received_units").iter_rows()
    ]


def _path(
    row: dict[str, Any], receipts: Sequence[tuple[date, float]], days: Sequence[date], more: float
) -> tuple[list[float], list[float], list[float]]:
    """Give expected stock by day with its 10 to 90 % band, at the pace of the projection's own days of cover."""
    start = float(row["available"] or 0)
    paces = [_pace(row, f"cover_days_{p}", start) * (1 + more) for p in ("p50", "p10", "p90")]
    lines: list[list[float]] = []
    for pace in paces:
        left, line = start, [max(start, 0.0)]
        for yesterday, day in pairwise(days):
            arrived = sum(units for at, units in receipts if yesterday < at <= day)
            left = max(left, 0.0) + arrived - pace
            line.append(max(left, 0.0))
        lines.append(line)
    middle, low, high = lines
    return middle, low, high


def _pace(row: dict[str, Any], cover: str, start: float) -> float:
    """Give units a day at which the stock lasts for these days of cover; expected demand where there is no stock."""
    days = row[cover]
    if start > 0 and days:
        return start / float(days)
    return float(row["demand_per_day"] or 0.0)


def steps_in_words(arithmetic: str | None, currency: str) -> list[tuple[str, str]]:
    """Write a suggestion's arithmetic, a JSON list of [label, value, unit], line by line."""
    if not arithmetic:
        return []
    return [(label, _step(value, unit, currency)) for label, value, unit in json.loads(arithmetic)]


def _step(value: float | str, unit: str, currency: str) -> str:
    if isinstance(value, str):
        return value
    if unit == "minor":
        return f"under {words.money(1, currency)}" if 0 < value < 1 else words.money(round(value), currency)
    if unit == "probability":
        return words.percent(value)
    text = f"{value:,.{2 if abs(value) >= 1 else 4}f}".rstrip("0").rstrip(".")
    return f"{text} {unit}"


def left_out(row: Mapping[str, Any]) -> str:
    """Say which extraordinary orders the rate counts in part only; empty where there are none."""
    number, units = row["outlier_orders"], row["outlier_order_units"]
    if not number:
        return ""
    which = f"1 order of {units:,} units" if number == 1 else f"{number} orders, the largest of {units:,} units,"
    verb = "is" if number == 1 else "are"
    rest = f"{row['outlier_units_left_out']:,} units are left out of the rate"
    return f"{which} {verb} extraordinary for this item: {rest}. Open it to see whether it will come again."
