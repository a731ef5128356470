"""First-pass fill rate: the share of what was ordered that left in the order's first shipment, whatever the date.

The first shipment is what every location that was asked at first sends in its first run. A location was asked at first
if its work was released before anything of the order had left; where its work is not known, if its first parcel left by
the promise. A run is what a location hands over within 12 hours. So an order that two warehouses serve by plan is
filled at once, though one hands over a day later; a backorder, or a warehouse that stands in for another, is not.

A line or an order counts when all of it left so. Services are not in question. A cancellation by the customer, or by a
check of payment or fraud, leaves the denominator only if it came before the promise, before the warehouse was asked to
ship and before any backorder; every other one stays and counts as not filled. What has not left yet counts as not
filled and makes the figure provisional.

Example: 10 units ordered, 8 in the first parcel, 2 two days later: 80 % of units, 0 % of lines and orders. 6 from the
north on Monday and 4 from the south, asked at the same time, on Tuesday: 100 %.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import ONE, Metric, Part
from metrics.needs import ORDERS, SHIPMENTS
from metrics.sources import LINES, Source
from metrics.sources import ORDERS as WHOLE_ORDERS

_DUE = pl.col("due_units") > 0
_COMPLETE = (pl.col("first_pass_units") == pl.col("due_units")).cast(pl.Int64)


def _metric(grain: str, source: Source, done: pl.Expr, due: pl.Expr) -> Metric:
    def part(amount: pl.Expr) -> Part:
        return Part(source=source, time="placed_at", only=_DUE, amount=amount)

    return Metric(
        name=f"first_pass_fill_rate_{grain}",
        label=f"First-pass fill rate, {grain}",
        definition=str(__doc__),
        formula=f"{grain} in the first shipment ÷ {grain} ordered",
        unit="percent",
        good="up",
        numerator=part(done),
        denominator=part(due),
        pending=part(pl.col("unsent_units")),
        pending_text="{:,} units have not left yet",
        needs=(ORDERS, SHIPMENTS),
        owner="fulfilment",
        version=2,
    )


METRICS = (
    _metric("units", LINES, pl.col("first_pass_units"), pl.col("due_units")),
    _metric("lines", LINES, _COMPLETE, ONE),
    _metric("orders", WHOLE_ORDERS, _COMPLETE, ONE),
)
