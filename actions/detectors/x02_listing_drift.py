"""X02 Listing drift: a channel offers another quantity than its stock supports.

expected = clamp(min(cap, sum of ATP over the channel's locations - buffer), 0); wrong beyond max(2 units, 10%). The
channel's own sync has a grace after each change of stock; where the stock has just moved, the drift must last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame
from actions.view import View, daily_units, expected_listings, unit_margins


@dataclass(frozen=True)
class Parameters:
    """Tolerances and what is assumed about money."""

    units: int = 2
    share: float = 0.10
    sync_grace: timedelta = timedelta(seconds=120)  #: a listing may follow its stock by as much
    hold: timedelta = timedelta(minutes=15)  #: how long a drift lasts that cannot be compared at one instant
    horizon_hours: int = 24  #: sales that a wrong quantity is taken to touch
    oversell_penalty_minor: int = 500  #: per unit sold that cannot be delivered; assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Compare every listing with what its channel's stock supports."""
    tolerance = pl.max_horizontal(pl.lit(float(p.units)), p.share * pl.col("expected"))
    seen = min(view.as_of("listings"), view.as_of("stock"))
    drifted = (
        expected_listings(view)
        .with_columns((pl.col("quantity") - pl.col("expected")).alias("drift"), tolerance.alias("tolerance"))
        .filter(pl.col("drift").abs() > pl.col("tolerance") / 2)
        .filter("active")
        .join(daily_units(view, "channel", "sku"), on=["channel", "sku"], how="left")
        .join(unit_margins(view), on="sku", how="left")
        .with_columns(
            pl.col("per_day").fill_null(0.0),
            (pl.col("counted_at") <= seen - p.sync_grace).alias("settled"),
        )
        .join(_levels(view), on=["connection", "sku"], how="left")
        .sort("entity")
    )
    return frame([_finding(row, view, p) for row in drifted.iter_rows(named=True)])


def _levels(view: View) -> pl.DataFrame:
    """Name the places where a channel keeps levels of its own, from which its listings follow, by item."""
    places = view.facts.frame("level").group_by("connection", "sku")
    return places.agg(pl.col("location").sort().alias("levels"))


def _finding(row: dict[str, Any], view: View, p: Parameters) -> Finding:
    listed, expected, over = row["quantity"], row["expected"], row["drift"] > 0
    sold = row["per_day"] * p.horizon_hours / 24
    margin = max(row["margin"] or 0, 0)
    if over:
        units, probability = min(float(row["drift"]), max(0.0, sold - expected)), 1.0
        loss = units * (margin + p.oversell_penalty_minor)
    else:
        units, probability = max(0.0, min(float(expected), sold) - listed), 1.0
        loss = units * margin
    money = Money(
        line=f"future:{row['channel']}:{row['sku']}",
        exposed_minor=round(units * (row["price_minor"] or 0)),
        expected_loss_minor=round(loss),
    )
    return Finding(
        subject=row["entity"],
        title=f"{row['channel']} offers {listed:,} of {row['sku']}, not {expected:,}",
        kind="listing",
        object_id=row["entity"],
        channel=row["channel"],
        sku=row["sku"],
        ours={"quantity": expected},
        remote={"quantity": listed, "active": row["active"]},
        evidence={
            "rule": "min(cap, ATP - buffer), not below 0",
            "pools": {pool["location"]: pool["atp"] for pool in row["pools"]},
            "buffer": row["buffer_units"],
            "cap": row["cap_units"],
            "tolerance": row["tolerance"],
            "sold_per_day": round(row["per_day"], 3),
            "units_at_stake": round(units, 2),
            "stock_counted_at": row["counted_at"],
            "listings_as_of": view.as_of("listings"),
        },
        money=[money],
        currency=row["currency"] or "",
        probability=probability,
        cost_of_delay_minor=round(loss / p.horizon_hours),
        # Where the listing follows from levels, it is they that are set; what is wrong with them causes this.
        suggested="set_listing_quantity" if row["levels"] is None else None,
        causes=[f"{cause}/{row['sku']}@{place}" for place in row["levels"] or () for cause in ("X07", "X51")],
        opens=abs(row["drift"]) > row["tolerance"],
        hold_seconds=0 if row["settled"] else int(p.hold.total_seconds()),
    )


DETECTOR = Detector(
    id="X02",
    title="Listing drift",
    owner="channels",
    needs=("listing", "stock_position", "channel"),
    streams=("listings", "stock"),
    version=1,
    parameters=Parameters(),
    find=find,
)
