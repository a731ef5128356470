"""X37 Projected stockout: available stock probably runs out before the next firm receipt.

The probability, its date and the lost margin come from the projection; a case opens above the threshold and closes
below half of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame
from actions.view import View, unit_margins


@dataclass(frozen=True)
class Parameters:
    """How probable a stockout must be."""

    probability: float = 0.8


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Take every item and location that the projection calls probable."""
    if view.projection is None:
        return frame([])
    likely = view.projection.filter(pl.col("p_stockout") >= p.probability / 2).sort("sku", "location")
    priced = likely.join(unit_margins(view).select("sku", "list_price"), on="sku", how="left", maintain_order="left")
    return frame([_finding(row, view.now, p) for row in priced.iter_rows(named=True)])


_ACTIONS = {"order": "create_purchase_draft", "transfer": "create_transfer_draft"}


def _finding(row: dict[str, Any], now: datetime, p: Parameters) -> Finding:
    sku, location, probability = row["sku"], row["location"], float(row["p_stockout"])
    lost = max(row["expected_lost_margin_minor"] or 0, 0)  # what sells below its cost loses nothing by being out
    units = row["expected_lost_units"] or 0.0
    when, price = row["stockout_on"], row["list_price"] or 0
    hours = max((row["next_receipt_on"] - now.date()).days, 1) * 24 if row["next_receipt_on"] else 14 * 24
    return Finding(
        subject=f"{sku}@{location}",
        title=f"{sku} at {location} runs out{f' around {when:%-d %b}' if when else ''} (P {probability:.0%})",
        kind="stock",
        object_id=f"{sku}@{location}",
        location=location,
        sku=sku,
        ours={"probability": round(probability, 4), "stockout_on": when},
        remote={"available": row["available"]},
        evidence={
            "probable_from": p.probability,
            "next_receipt_on": row["next_receipt_on"],
            "expected_lost_units": round(units, 2),
            "suggestion": row["suggestion"],
            "suggested_units": row["suggested_units"],
            "suggested_from": row["suggested_from"],
            "supplier": row["supplier"],
            "arithmetic": row["arithmetic"],
        },
        money=[
            Money(
                line=f"future:{location}:{sku}",
                exposed_minor=round(units * price),
                expected_loss_minor=lost,
            )
        ],
        currency=row["currency"] or "",
        probability=probability,
        cost_of_delay_minor=round(lost / hours),
        deadline=None if when is None else datetime.combine(when, time(), UTC),
        suggested=_ACTIONS.get(row["suggestion"] or ""),
        opens=probability >= p.probability,
    )


DETECTOR = Detector(
    id="X37",
    title="Projected stockout",
    owner="planning",
    needs=("order_line", "stock_position", "projection"),
    streams=("orders", "stock"),
    version=1,
    parameters=Parameters(),
    find=find,
)
