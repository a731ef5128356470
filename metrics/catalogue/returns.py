"""Return rate: the share of shipped units that came back.

By ship cohort (return_rate): units that arrived back to date ÷ units shipped, by the time they left; mature 30 days
after, and provisional until then. By return date (return_rate_by_return_date): units whose return was asked for in the
window ÷ units shipped in it, whichever sale they belong to. A return that no line of an order can be found for is
unlinked: it counts by return date, not by cohort.

Example: of 50 units shipped in March 4 came back, 1 of them in April: 8 % by cohort.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import ORDERS, RETURNS, SHIPMENTS
from metrics.sources import LINES, PARCEL_LINES
from metrics.sources import RETURNS as RETURN_LINES

MATURE_AFTER = timedelta(days=30)

_SHIPPED = (pl.col("kind") != "service") & (pl.col("shipped_units") > 0)


def _cohort(amount: pl.Expr, span: timedelta | None = None) -> Part:
    trailing = "first_shipped_at" if span else None
    return Part(source=LINES, time="first_shipped_at", only=_SHIPPED, amount=amount, trailing=trailing, span=span)


_RETURNED = Part(source=RETURN_LINES, time="requested_at", amount=pl.col("units"))

METRICS = (
    Metric(
        name="return_rate",
        label="Return rate",
        definition=str(__doc__),
        formula="units returned ÷ units shipped, by ship date",
        unit="percent",
        good="down",
        numerator=_cohort(pl.min_horizontal("returned_units", "shipped_units")),
        denominator=_cohort(pl.col("shipped_units")),
        pending=_cohort(pl.col("shipped_units"), MATURE_AFTER),
        pending_text="{:,} units left less than 30 days ago and may still come back",
        needs=(ORDERS, SHIPMENTS, RETURNS),
        beside=("unlinked_returns_pct",),
        owner="fulfilment",
    ),
    Metric(
        name="return_rate_by_return_date",
        label="Return rate, by return date",
        definition=str(__doc__),
        formula="units returned in the window ÷ units handed over in the window",
        unit="percent",
        good="down",
        numerator=_RETURNED,
        denominator=Part(source=PARCEL_LINES, time="handed_over_at", amount=pl.col("units")),
        needs=(RETURNS, SHIPMENTS),
        empty_is_zero=True,
        owner="fulfilment",
    ),
    Metric(
        name="returned_units",
        label="Units returned",
        definition=str(__doc__),
        formula="units of returns, by the date they were asked for",
        unit="units",
        good="down",
        numerator=_RETURNED,
        needs=(RETURNS,),
        owner="fulfilment",
    ),
    Metric(
        name="unlinked_returns_pct",
        label="Unlinked returns",
        definition=str(__doc__),
        formula="returned units whose order line is not known ÷ returned units",
        unit="percent",
        good="down",
        numerator=Part(
            source=RETURN_LINES,
            time="requested_at",
            amount=pl.when(pl.col("linked")).then(0).otherwise(pl.col("units")),
        ),
        denominator=_RETURNED,
        needs=(RETURNS,),
        without=frozenset({"linked"}),
        owner="fulfilment",
    ),
)
