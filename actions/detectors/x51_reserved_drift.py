"""X51 Reserved drift: a channel counts other units as reserved than its reservations hold.

What is counted and not held is hidden from sale for good; what is held and not counted is sold twice. Levels and
reservations are read one after the other, so the difference must last two cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame
from actions.view import View, daily_units, unit_margins


@dataclass(frozen=True)
class Parameters:
    """How often levels are read where nothing says so, and what is assumed about money."""

    cycle: timedelta = timedelta(minutes=5)
    horizon_days: int = 7  #: sales that hidden units are taken to touch
    oversell_penalty_minor: int = 500  #: per unit sold that cannot be delivered; assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Compare each level's counter with the reservations that exist."""
    drifted = (
        view.facts.frame("level")
        .filter(pl.col("held_units").is_not_null() & (pl.col("reserved_units") != pl.col("held_units")))
        .join(daily_units(view, "sku"), on="sku", how="left")
        .join(unit_margins(view), on="sku", how="left")
        .with_columns(pl.col("per_day").fill_null(0.0))
        .sort("connection", "sku", "location")
    )
    return frame([_finding(row, view, p) for row in drifted.iter_rows(named=True)])


def _finding(row: dict[str, Any], view: View, p: Parameters) -> Finding:
    sku, location, shop = row["sku"], row["location"], row["connection"]
    drift, margin = row["reserved_units"] - row["held_units"], max(row["margin"] or 0, 0)
    available = row["stocked_units"] - row["reserved_units"]
    wanted = row["per_day"] * p.horizon_days
    if drift > 0:
        loss = min(drift, max(0.0, wanted - max(available, 0))) * margin
        title = f"{shop} hides {drift:,} of {sku} at {location}: reserved for nobody"
    else:
        loss = min(-drift, wanted) * (margin + p.oversell_penalty_minor)
        title = f"{shop} offers {-drift:,} of {sku} at {location} that are reserved"
    item = view.facts.frame("item").filter(pl.col("entity") == sku)
    cycle = next((s.expected for s in view.schedules if (s.connection, s.stream) == (shop, "levels")), p.cycle)
    return Finding(
        subject=f"{sku}@{location}",
        title=title,
        kind="level",
        object_id=f"{sku}@{location}",
        location=location,
        sku=sku,
        ours={"reserved": row["held_units"]},
        remote={"reserved": row["reserved_units"], "stocked": row["stocked_units"]},
        evidence={
            "channel": shop,
            "level": row["level"],
            "reserved_by_its_counter": row["reserved_units"],
            "held_by_reservations": row["held_units"],
            "drift": drift,
            "available_as_it_says": available,
            "sold_per_day": round(row["per_day"], 3),
        },
        money=[
            Money(
                line=f"future:{location}:{sku}",
                exposed_minor=abs(drift) * (row["list_price"] or 0),
                expected_loss_minor=round(loss),
            )
        ],
        currency=str(item["currency"][0] or "") if item.height else "",
        cost_of_delay_minor=round(loss / (24 * p.horizon_days)),
        suggested="repair_reserved",
        hold_seconds=int(2 * cycle.total_seconds()),
    )


DETECTOR = Detector(
    id="X51",
    title="Reserved drift",
    owner="channels",
    needs=("level",),
    streams=("levels",),
    version=1,
    parameters=Parameters(),
    find=find,
)
