"""Freshness: how long ago each source's picture was last known to be complete.

Until when it is complete is the source's own word, else our last good read of it, else its newest record. Of several
streams the oldest counts. A stream that never answered has no figure.

Example: the warehouse's shipments are complete to 12:00 and its stock to 11:40; at 12:05 its freshness is 25 minutes.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import SOURCES
from metrics.sources import STREAMS

METRICS = (
    Metric(
        name="freshness",
        label="Age of the data",
        definition=str(__doc__),
        formula="now - the moment to which the source is complete, the oldest of its streams",
        unit="minutes",
        good="down",
        numerator=Part(source=STREAMS, amount=pl.col("age_minutes"), largest=True),
        needs=(SOURCES,),
        nothing="the source never answered",
        owner="data",
    ),
)
