"""Backorder rate: the share of open lines that wait for stock, at this moment.

Whether stock was there when a line was ordered is not recorded by any system read so far, so a rate by order date
would be a guess; what waits now is known. What was given up for want of supply is cancellation_rate_supply.

Example: 40 lines are open and the warehouse has 2 of them on backorder: 5 %.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import ORDERS, SHIPMENTS, WORK
from metrics.sources import OPEN_LINES

METRICS = (
    Metric(
        name="backorder_rate",
        label="Backorder rate",
        definition=str(__doc__),
        formula="open lines on backorder ÷ open lines",
        unit="percent",
        good="down",
        numerator=Part(source=OPEN_LINES, amount=(pl.col("stage") == "backordered").cast(pl.Int64)),
        denominator=Part(source=OPEN_LINES),
        needs=(ORDERS, SHIPMENTS, WORK),
        without=frozenset({"stage"}),
        nothing="no line is open",
        owner="planning",
    ),
)
