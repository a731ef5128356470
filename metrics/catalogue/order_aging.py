"""Order aging: what is open now, by how long ago it was placed and how long it has stood at its stage.

Split by `age` (since placed) or `stage_age` (since its stage changed) it falls into 0-4 h, 4-24 h, 1-2 d, 2-3 d, 3-5 d,
5-7 d, 7-14 d and > 14 d. An order stands where its least advanced open line stands; its location is that of its open
lines, or *several*. What is held is counted apart by splitting by `held`. Services are never open. The value of open
units is their share of the line's net value.

Example: an order placed 30 hours ago with 3 of 5 units shipped is 1 open order and 2 open units in 1-2 d.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import ONE, Metric, Part, Unit
from metrics.needs import ORDERS, SHIPMENTS
from metrics.sources import OPEN_LINES, OPEN_ORDERS, Source


def _metric(name: str, label: str, formula: str, unit: Unit, source: Source, amount: pl.Expr) -> Metric:
    return Metric(
        name=name,
        label=label,
        definition=str(__doc__),
        formula=formula,
        unit=unit,
        good="down",
        numerator=Part(source=source, amount=amount),
        needs=(ORDERS, SHIPMENTS),
        empty_is_zero=True,
        monetary=unit == "money",
        beside=("held_pct",),
        owner="fulfilment",
    )


METRICS = (
    _metric("open_orders", "Open orders", "orders with open units", "count", OPEN_ORDERS, ONE),
    _metric(
        "open_units", "Open units", "units neither shipped nor cancelled", "units", OPEN_LINES, pl.col("open_units")
    ),
    _metric(
        "open_value", "Value of open units", "net value times open units ÷ units ordered, by line", "money", OPEN_LINES,
        pl.col("open_value_minor"),
    ),
    Metric(
        name="held_pct",
        label="Held",
        definition=str(__doc__),
        formula="open orders on hold ÷ open orders",
        unit="percent",
        good="down",
        numerator=Part(source=OPEN_ORDERS, amount=pl.col("held").cast(pl.Int64)),
        denominator=Part(source=OPEN_ORDERS),
        needs=(ORDERS, SHIPMENTS),
        nothing="no order is open",
        owner="fulfilment",
    ),
)  # fmt: skip
