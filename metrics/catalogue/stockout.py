"""Stockout rate: the share of days on which an item that is ranged at a location closed with nothing to sell.

A day counts once for every item and location that states a closing stock; before an item was ranged there, and on days
that nobody counted, there is no row and nothing is said.

Example: 2 items at 1 location over 30 days, one of them empty for 3 days: 3 ÷ 60 = 5 %.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import ONE, Metric, Part
from metrics.needs import STOCK_DAYS as CLOSING
from metrics.sources import STOCK_DAYS

METRICS = (
    Metric(
        name="stockout_rate",
        label="Stockout rate",
        definition=str(__doc__),
        formula="item-location-days that closed at or under 0 ÷ item-location-days",
        unit="percent",
        good="down",
        numerator=Part(source=STOCK_DAYS, time="day", amount=(pl.col("closing_units") <= 0).cast(pl.Int64)),
        denominator=Part(source=STOCK_DAYS, time="day", amount=ONE),
        needs=(CLOSING,),
        owner="planning",
    ),
)
