"""Days of supply: how long the usable stock of this moment lasts at the demand that is expected.

Usable is on hand less quarantined and damaged. `days_of_supply` divides by the units a day of a demand projection that
is handed over with the question; `days_of_supply_trailing` by the mean of what left in the last 28 days. Without
demand there is no figure, not infinity; an item that nobody counted has no figure, not zero.

Example: 90 usable units, 84 shipped in 28 days: 90 ÷ 3 = 30 days.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from metrics.metric import Metric, Part
from metrics.needs import PARCELS, PROJECTION, Need
from metrics.needs import STOCK as COUNTS
from metrics.sources import DEMAND, DEMAND_DAYS, PARCEL_LINES, STOCK

_USABLE = Part(source=STOCK, amount=pl.max_horizontal("usable_units", 0))


def _metric(name: str, label: str, formula: str, demand: Part, need: Need, nothing: str) -> Metric:
    return Metric(
        name=name,
        label=label,
        definition=str(__doc__),
        formula=formula,
        unit="days",
        good="neither",
        numerator=_USABLE,
        denominator=demand,
        needs=(COUNTS, need),
        nothing=nothing,
        owner="planning",
    )


METRICS = (
    _metric(
        "days_of_supply",
        "Days of supply",
        "usable units ÷ projected units a day",
        Part(source=DEMAND, amount=pl.col("demand_per_day")),
        PROJECTION,
        "no demand is projected, or nobody counted the stock",
    ),
    _metric(
        "days_of_supply_trailing",
        "Days of supply at the last 28 days' demand",
        "usable units ÷ (units handed over in the last 28 days ÷ 28)",
        Part(
            source=PARCEL_LINES,
            amount=pl.col("units"),
            per=DEMAND_DAYS,
            trailing="handed_over_at",
            span=timedelta(days=DEMAND_DAYS),
        ),
        PARCELS,
        "no demand: nothing left in the last 28 days, or nobody counted the stock",
    ),
)
