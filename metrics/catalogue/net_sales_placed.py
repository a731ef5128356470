"""Net sales, placed: what customers ordered and did not cancel, less discounts, without tax, by order time.

Shipping charged is not in it. The two other bases are net_sales (when it left) and net_sales_cohort (when it left, in
the period of its order); both take refunds off, this one does not.

Example: 4 units at 2.50 with 1.00 discount, 1 cancelled: (10.00 - 1.00) times 3 ÷ 4 = 6.75.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import ORDERS
from metrics.sources import LINES

METRICS = (
    Metric(
        name="net_sales_placed",
        label="Net sales, placed",
        definition=str(__doc__),
        formula="(price times units - discount) times units not cancelled ÷ units ordered, by line",
        unit="money",
        good="up",
        numerator=Part(source=LINES, time="placed_at", amount=pl.col("kept_value_minor")),
        needs=(ORDERS,),
        monetary=True,
        owner="finance",
    ),
)
