"""Late orders: what is open past its ship-by time, at this moment.

What is held counts: the customer waits all the same; split by `held` to tell it apart. What has no ship-by time cannot
be late: see no_promise_pct.

Example: 2 units of an order were to leave by noon; at 12:01 one has not: 1 late order, 1 late unit.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import NOW, ONE, Metric, Part, Unit
from metrics.needs import ORDERS, PROMISES, SHIPMENTS
from metrics.sources import OPEN_LINES, OPEN_ORDERS, Source


def _metric(name: str, label: str, formula: str, unit: Unit, source: Source, amount: pl.Expr) -> Metric:
    return Metric(
        name=name,
        label=label,
        definition=str(__doc__),
        formula=formula,
        unit=unit,
        good="down",
        numerator=Part(source=source, only=pl.col("ship_by") < NOW, amount=amount),
        needs=(ORDERS, PROMISES, SHIPMENTS),
        empty_is_zero=True,
        monetary=unit == "money",
        beside=("no_promise_pct",),
        owner="fulfilment",
    )


METRICS = (
    _metric("late_orders", "Late orders", "orders with open units past ship-by", "count", OPEN_ORDERS, ONE),
    _metric("late_units", "Late units", "open units past ship-by", "units", OPEN_LINES, pl.col("open_units")),
    _metric(
        "late_value", "Value of late units", "net value times late units ÷ units ordered, by line", "money",
        OPEN_LINES, pl.col("open_value_minor"),
    ),
)  # fmt: skip
