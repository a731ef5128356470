"""Cancellation rate: the share of ordered units that were cancelled, in all and by cause.

By the time of the order, so a late cancellation changes the period in which the order came in. Causes are customer,
supply, fraud and payment, as the channel states them; where it states none, supply if the warehouse let go of work
that it never had the stock for. A cancellation without either is of unknown cause, never spread over the others.
Services are not in question.

Example: 200 units ordered, 6 cancelled by customers and 2 for want of stock: 4 %, 3 % and 1 %.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import ORDERS
from metrics.sources import LINES

CAUSES = ("customer", "supply", "fraud", "payment")

_CANCELLED = pl.when(pl.col("kind") != "service").then(pl.col("cancelled_units")).otherwise(0)


def _metric(name: str, label: str, formula: str, amount: pl.Expr) -> Metric:
    return Metric(
        name=name,
        label=label,
        definition=str(__doc__),
        formula=f"{formula} ÷ units ordered",
        unit="percent",
        good="down",
        numerator=Part(source=LINES, time="placed_at", amount=amount),
        denominator=Part(source=LINES, time="placed_at", amount=pl.col("physical_units")),
        needs=(ORDERS,),
        owner="fulfilment",
    )


def _caused(cause: pl.Expr) -> pl.Expr:
    return pl.when(cause).then(_CANCELLED).otherwise(0)


METRICS = (
    _metric("cancellation_rate", "Cancellation rate", "units cancelled", _CANCELLED),
    *(
        _metric(
            f"cancellation_rate_{cause}", f"Cancellation rate, {cause}", f"units cancelled, cause {cause}",
            _caused(pl.col("cancel_cause") == cause),
        )
        for cause in CAUSES
    ),
    _metric(
        "cancellation_rate_unknown", "Cancellation rate, unknown cause", "units cancelled without a known cause",
        _caused(~pl.col("cancel_cause").is_in(CAUSES).fill_null(value=False)),
    ),
)  # fmt: skip
