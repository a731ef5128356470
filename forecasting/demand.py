"""Daily demand per SKU and location: what was ordered, and on which days it could not be seen.

Demand is ordered units on the day the order was placed, product lines only, less what was called off: fraud and unpaid
orders, what the customer took back before the promise was missed, and what came back within a day, before the goods can
have arrived. What could not be supplied, or was called off after the promise had passed, was wanted and stays.

A day that closed without stock is missing, never zero demand: nobody knows what would have been ordered. A day before
the item was first stocked or sold at the location is missing too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from data.lake import Facts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

KEY = ["sku", "location"]
#: Where lines stand whose item has neither a location nor stock anywhere, as in a file of orders alone.
NOWHERE = "(no location)"
#: Older demand tells nothing that a year's season and thirteen weeks' level do not.
HISTORY_DAYS = 1095
#: A return that is asked for so soon after the order is the order called off: nothing can have arrived by then.
CALLED_OFF_WITHIN = timedelta(days=1)
_NEVER_MEANT = ("fraud", "payment")


@dataclass(frozen=True)
class Demand:
    """Orders by series and day; series i is row i of `keys`, day 0 is `first`."""

    keys: pl.DataFrame  #: sku, location, sorted
    item: Ints  #: number of the SKU of each series; the series of one SKU are neighbours
    first: date
    days: int  #: up to yesterday; today is not over
    series: Ints  #: of each order: one order of one SKU at one location, however many lines it has
    day: Ints
    units: Floats
    order: pl.Series  #: the order's id
    seen: Bools  #: series x days: the item was on offer and in stock
    called_off: pl.DataFrame  #: what was ordered and does not count: sku, location, day, units

    @property
    def count(self) -> int:
        """Count the series."""
        return self.keys.height

    @property
    def items(self) -> int:
        """Count the SKUs."""
        return int(self.item.max()) + 1 if self.count else 0

    def per_day(self, weights: Floats | None = None) -> Floats:
        """Sum orders (or `weights` of theirs, such as units) by series and day."""
        cell = self.series * self.days + self.day
        size = self.count * self.days
        return np.bincount(cell, weights, size).reshape(self.count, self.days).astype(np.float64)

    def weekday(self, day: int) -> int:
        """Tell the day of the week of a day number; Monday is 0."""
        return (self.first + timedelta(days=day)).weekday()


def series_of(demand: Demand) -> pl.DataFrame:
    """Spell demand out: sku, location, day, units; units are null where demand could not be seen."""
    units = demand.per_day(demand.units)
    days = pl.date_range(demand.first, demand.first + timedelta(days=demand.days - 1), eager=True)
    return demand.keys.select(pl.all().repeat_by(demand.days).explode()).with_columns(
        pl.Series("day", np.tile(days.to_numpy(), demand.count)).cast(pl.Date),
        pl.Series("units", np.where(demand.seen, units, np.nan).ravel()).fill_nan(None).cast(pl.Int64),
    )


def demand_of(facts: Facts, *, now: datetime) -> Demand:
    """Collect demand up to yesterday (UTC days) for every SKU and location that ever sold or held stock."""
    today = now.date()
    placed = _orders(facts, today)
    orders = placed.filter(pl.col("units") > 0)
    closing = facts.rows("stock_day").filter(
        pl.col("day") < today, pl.col("day") >= today - timedelta(days=HISTORY_DAYS)
    )
    ranged = closing.group_by(KEY).agg(pl.col("day").min().alias("from")).collect()
    held = facts.rows("stock_position").select(KEY).unique().collect()
    sold = orders.group_by(KEY).agg(pl.col("day").min().alias("from"))
    keys = pl.concat([held, ranged.select(KEY), sold.select(KEY)]).unique().sort(KEY).with_row_index("series")
    since = pl.concat([ranged, sold]).group_by(KEY).agg(pl.col("from").min())
    first = since["from"].min()
    start = first if isinstance(first, date) else today
    days = (today - start).days
    starts = keys.join(since, on=KEY, how="left", maintain_order="left")["from"].fill_null(today)
    seen = np.arange(days) >= ((starts - start).dt.total_days().to_numpy())[:, None]
    out = closing.group_by([*KEY, "day"]).agg(pl.col("closing_units").max()).filter(pl.col("closing_units") <= 0)
    gaps = out.collect().join(keys, on=KEY)
    seen[gaps["series"].to_numpy(), (gaps["day"] - start).dt.total_days().to_numpy()] = False
    counted = orders.join(keys, on=KEY)
    return Demand(
        keys=keys.select(KEY),
        item=(keys["sku"].rle_id() if keys.height else keys["sku"].cast(pl.Int64)).cast(pl.Int64).to_numpy(),
        first=start,
        days=days,
        series=counted["series"].cast(pl.Int64).to_numpy(),
        day=(counted["day"] - start).dt.total_days().to_numpy(),
        units=counted["units"].cast(pl.Float64).to_numpy(),
        order=counted["entity"],
        seen=seen,
        called_off=placed.filter(pl.col("called_off") > 0).select(*KEY, "day", pl.col("called_off").alias("units")),
    )


def _orders(facts: Facts, today: date) -> pl.DataFrame:
    """One row an order of one SKU at the location responsible for it: units that count, and units called off."""
    lines = (
        facts.rows("order_line")
        .filter(pl.col("kind") == "product", pl.col("ordered_units") > 0)
        .select(
            "entity", "line_id", *KEY, "placed_at", "ordered_units", pl.col("placed_at").dt.date().alias("day"),
            _cancelled_unwanted().alias("cancelled"),
        )
        .filter(pl.col("day") < today, pl.col("day") >= today - timedelta(days=HISTORY_DAYS))
        .join(_back_at_once(facts), on=["entity", "line_id"], how="left", maintain_order="left")
        .with_columns(
            pl.min_horizontal("ordered_units", pl.col("cancelled") + pl.col("back").fill_null(0)).alias("called_off")
        )
        .with_columns((pl.col("ordered_units") - pl.col("called_off")).alias("units"))
        .collect()
    )  # fmt: skip
    placed = lines.join(main_locations(facts, lines), on="sku", how="left").with_columns(
        pl.coalesce("location", "main", pl.lit(NOWHERE)).alias("location")
    )
    return placed.group_by(["entity", *KEY, "day"]).agg(pl.col("units", "called_off").sum())


def _cancelled_unwanted() -> pl.Expr:
    """Units that were cancelled because nobody wanted them; a customer who waited past the promise did want them."""
    cause = pl.col("cancel_cause")
    waited = (pl.col("cancelled_at") > pl.col("ship_by")).fill_null(value=False)
    wanted = (cause == "supply").fill_null(value=False) | (waited & ~cause.is_in(_NEVER_MEANT).fill_null(value=False))
    return pl.when(wanted).then(0).otherwise(pl.col("cancelled_units").fill_null(0))


def _back_at_once(facts: Facts) -> pl.LazyFrame:
    """Units of each line whose return was asked for within a day of the order."""
    placed = facts.rows("order_line").select("entity", "line_id", "placed_at")
    soon = pl.col("requested_at") - pl.col("placed_at") <= CALLED_OFF_WITHIN
    return (
        facts.rows("return_line")
        .join(placed, on=["entity", "line_id"])
        .filter(soon)
        .group_by("entity", "line_id")
        .agg(pl.col("units").sum().alias("back"))
    )


def main_locations(facts: Facts, lines: pl.DataFrame) -> pl.DataFrame:
    """Name each item's main location: where most of its orders go, else where most of it lies."""
    served = lines.drop_nulls("location").group_by(KEY).agg(pl.len().cast(pl.Int64).alias("orders"))
    lying = (
        facts.rows("stock_position")
        .filter(pl.col("state") == "on_hand")
        .group_by(KEY)
        .agg(pl.col("units").max())
        .collect()
    )
    both = served.join(lying, on=KEY, how="full", coalesce=True).sort(
        ["sku", "orders", "units", "location"], descending=[False, True, True, False], nulls_last=True
    )
    return both.group_by("sku", maintain_order=True).agg(pl.col("location").first().alias("main"))
