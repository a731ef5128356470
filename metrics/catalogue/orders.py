"""Orders and units: what customers ordered, by the time they placed it. Test orders are excluded where they are read.

Cancelled orders are counted: they were placed; see cancellation_rate. Units leave services out.

Example: an order of 2 mugs and postage is 1 order and 2 units.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import ORDERS
from metrics.sources import LINES
from metrics.sources import ORDERS as WHOLE_ORDERS

METRICS = (
    Metric(
        name="orders",
        label="Orders",
        definition=str(__doc__),
        formula="orders placed",
        unit="count",
        good="up",
        numerator=Part(source=WHOLE_ORDERS, time="placed_at"),
        needs=(ORDERS,),
        owner="sales",
    ),
    Metric(
        name="units_ordered",
        label="Units ordered",
        definition=str(__doc__),
        formula="units ordered, services apart",
        unit="units",
        good="up",
        numerator=Part(source=LINES, time="placed_at", amount=pl.col("physical_units")),
        needs=(ORDERS,),
        owner="sales",
    ),
)
