"""Oversell exposure: open units, allocated or not, beyond all the usable stock there is, and what they are worth.

Reckoned by item over all locations, because any location may still serve an order. An item that nobody counted is not
in question: unknown is not zero. The value is the exposed share of the item's open value.

Example: 12 units open worth 120.00, 9 usable: 3 units, 30.00.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import ORDERS, SHIPMENTS, STOCK
from metrics.sources import EXPOSED_VALUE, EXPOSURE

METRICS = (
    Metric(
        name="oversell_exposure_units",
        label="Oversold units",
        definition=str(__doc__),
        formula="max(open units - usable units, 0), by item",
        unit="units",
        good="down",
        numerator=Part(source=EXPOSURE, only=pl.col("exposed_units") > 0, amount=pl.col("exposed_units")),
        needs=(ORDERS, SHIPMENTS, STOCK),
        empty_is_zero=True,
        owner="fulfilment",
    ),
    Metric(
        name="oversell_exposure_value",
        label="Value oversold",
        definition=str(__doc__),
        formula="open value times oversold units ÷ open units, by item",
        unit="money",
        good="down",
        numerator=Part(source=EXPOSED_VALUE, only=pl.col("exposed_units") > 0, amount=pl.col("exposed_value_minor")),
        needs=(ORDERS, SHIPMENTS, STOCK),
        empty_is_zero=True,
        monetary=True,
        owner="fulfilment",
    ),
)
