"""X22 Shipped but not told: a parcel left a while ago and the channel still does not know its tracking number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame
from actions.view import View, number_of


@dataclass(frozen=True)
class Parameters:
    """How long the channel may take to learn it, and what is assumed about money."""

    told_within: timedelta = timedelta(minutes=30)
    asking_minor: int = 400  #: what a customer who asks where the order is costs; assumed
    asking_share: float = 0.5  #: of customers who ask; assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Find parcels without word at the channel, as far as the channel itself has spoken."""
    known_until = min(view.as_of("orders"), view.now)
    told = pl.col("told_units") >= pl.col("shipped_units")
    placed = view.facts.frame("order_line").select("entity", "line_id", "currency", "connection", told.alias("told"))
    guests = sorted(name for name, account in view.accounts.items() if not account.owns_stock)
    untold = (
        view.facts.frame("shipment_line")
        .filter(
            pl.col("told_at").is_null()
            & pl.col("tracking").is_not_null()
            & pl.col("channel").is_not_null()
            & (pl.col("handed_over_at") < known_until - p.told_within)
        )
        .join(placed, on=["entity", "line_id"], how="left")
        # A channel whose stock is another system's may know its units under a tracking number of its own.
        .filter(~(pl.col("connection").is_in(guests) & pl.col("told")).fill_null(value=False))
        .sort("entity", "handed_over_at", "parcel", "line_id")
    )
    return frame(
        [_finding(rows.to_dicts(), known_until, p) for _, rows in untold.group_by("entity", maintain_order=True)]
    )


def _finding(lines: Sequence[dict[str, Any]], known_until: datetime, p: Parameters) -> Finding:
    first, order = lines[0], number_of(lines[0]["entity"])
    loss = round(p.asking_share * p.asking_minor)
    parcels = list(dict.fromkeys(line["tracking"] for line in lines))
    hours = (known_until - first["handed_over_at"]) / timedelta(hours=1)
    return Finding(
        subject=first["entity"],
        title=f"order {order} left {hours:.1f} h ago, {first['channel']} not told",
        kind="order",
        object_id=first["entity"],
        channel=first["channel"],
        location=first["location"],
        order=first["entity"],
        ours={"tracking": parcels},
        remote={"tracking": None},
        evidence={
            "parcels": [[x["tracking"], x["carrier"], x["line_id"], x["sku"], x["units"]] for x in lines],
            "handed_over_at": first["handed_over_at"],
            "channel_known_until": known_until,
        },
        money=[
            Money(
                line=f"{line['entity']}/{line['line_id']}",
                exposed_minor=line["net_minor"] or 0,
                expected_loss_minor=loss if n == 0 else 0,
            )
            for n, line in enumerate(lines)
        ],
        currency=first["currency"] or "",
        probability=p.asking_share,
        cost_of_delay_minor=max(loss // 24, 1),
        suggested="push_fulfilment",
    )


DETECTOR = Detector(
    id="X22",
    title="Channel not told",
    owner="channels",
    needs=("order_line", "shipment_line"),
    streams=("orders", "shipments"),
    version=1,
    parameters=Parameters(),
    find=find,
)
