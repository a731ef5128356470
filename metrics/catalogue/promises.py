"""No promise % and policy promise %: how much of what was ordered has no promise, or one derived by the company's rule.

Both stand beside the on-time fill rate, which is about promises that a customer was given. Services are not in
question.

Example: of 10 units ordered 1 has no ship-by date and 3 a derived one: 10 % without a promise, 30 % by policy.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import ORDERS
from metrics.sources import LINES

_UNITS = pl.col("physical_units")


def _metric(name: str, label: str, formula: str, counts: pl.Expr) -> Metric:
    return Metric(
        name=name,
        label=label,
        definition=str(__doc__),
        formula=formula,
        unit="percent",
        good="down",
        numerator=Part(source=LINES, time="placed_at", amount=pl.when(counts).then(_UNITS).otherwise(0)),
        denominator=Part(source=LINES, time="placed_at", amount=_UNITS),
        needs=(ORDERS,),
        without=frozenset({"promise"}),
        owner="fulfilment",
    )


METRICS = (
    _metric(
        "no_promise_pct",
        "Without a promise",
        "units ordered without a ship-by date ÷ units ordered",
        pl.col("ship_by").is_null(),
    ),
    _metric(
        "policy_promise_pct",
        "With a policy promise",
        "units ordered with a derived ship-by date ÷ units ordered",
        pl.col("ship_by").is_not_null() & (pl.col("promise") == "policy"),
    ),
)
