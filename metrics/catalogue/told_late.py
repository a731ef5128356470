"""Not told: lines that left more than 30 minutes ago and whose channel does not know.

The channel, and so the customer, still believes that the order waits. A line in two parcels is two lines here.

Example: a parcel with 3 lines left at noon; at one o'clock the shop has no fulfilment with its tracking number: 3.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from metrics.metric import NOW, Metric, Part
from metrics.needs import PARCELS, TELLING
from metrics.sources import PARCEL_LINES

GRACE = timedelta(minutes=30)  #: an integration needs a moment

METRICS = (
    Metric(
        name="told_late",
        label="Shipped, channel not told",
        definition=str(__doc__),
        formula="lines in parcels handed over at least 30 minutes ago that the channel has no fulfilment for",
        unit="count",
        good="down",
        numerator=Part(
            source=PARCEL_LINES, only=pl.col("told_at").is_null() & (pl.col("handed_over_at") <= NOW - GRACE)
        ),
        needs=(PARCELS, TELLING),
        empty_is_zero=True,
        owner="fulfilment",
    ),
)
