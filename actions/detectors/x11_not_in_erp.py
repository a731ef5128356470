"""X11 Paid, not in the ERP: an order that was paid a while ago has no live document there, though its feed is fresh.

Asked only of ERPs that state sales for the orders' channel, and only of orders placed since they began to do so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, at_stake, frame, per_hour
from actions.view import View, number_of


@dataclass(frozen=True)
class Parameters:
    """How long the ERP may take to take an order over, and what is assumed about money."""

    imported_within: timedelta = timedelta(minutes=15)
    lost_share: float = 0.3  #: of the order's value, while nobody ships it; assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Find paid orders without a live sale, as far as both sides have spoken."""
    found: list[Finding] = []
    for erp, authority, since in _importing(view):
        known_until = min(view.as_of("sales", connection=erp), view.as_of("orders", connection=authority), view.now)
        live = view.facts.frame("sale").filter((pl.col("connection") == erp) & (pl.col("status") != "cancelled"))
        missing = (
            view.facts.frame("order_line")
            .filter(
                pl.col("entity").str.starts_with(f"{authority}/")
                & (pl.col("placed_at") >= since)
                & (pl.col("placed_at") < known_until - p.imported_within)
                & pl.col("paid")
                & pl.col("cancelled_at").is_null()
                & pl.col("hold").is_null()
                & (pl.col("ordered_units") > pl.col("cancelled_units"))
            )
            .join(live, on="entity", how="anti")
            .sort("placed_at", "entity", "line_id")
        )
        found.extend(
            _finding(rows.to_dicts(), erp, known_until, view.now, p)
            for _, rows in missing.group_by("entity", maintain_order=True)
            if rows["open_units"].sum() > 0
        )
    return frame(found)


def _importing(view: View) -> list[tuple[str, str, datetime]]:
    """Give the ERPs that state sales, whose orders they take over, and since when."""
    sales = view.facts.frame("sale").with_columns(pl.col("entity").str.split("/").list.first().alias("authority"))
    first = sales.filter(pl.col("authority") != pl.col("connection")).group_by("connection", "authority")
    return sorted(first.agg(pl.col("created_at").min()).rows())


def _finding(lines: Sequence[dict[str, Any]], erp: str, known_until: datetime, now: datetime, p: Parameters) -> Finding:
    first, number = lines[0], number_of(lines[0]["entity"])
    money = at_stake(lines, p.lost_share)
    minutes = int((known_until - first["placed_at"]) / timedelta(minutes=1))
    return Finding(
        subject=first["entity"],
        title=f"order {number} was paid {_words(minutes)} ago and is not in {erp}",
        kind="order",
        object_id=first["entity"],
        channel=first["channel"],
        order=first["entity"],
        ours={"sale": f"one document for {number}"},
        remote={"sale": None},
        evidence={
            "erp": erp,
            "placed_at": first["placed_at"],
            "lines": [f"{line['ordered_units'] - line['cancelled_units']:,} of {line['sku']}" for line in lines],
            "erp_known_until": known_until,
        },
        money=money,
        currency=first["currency"],
        probability=p.lost_share,
        cost_of_delay_minor=per_hour(sum(m.expected_loss_minor for m in money), first["ship_by"], now),
        deadline=first["ship_by"],
        suggested="create_sale",
    )


def _words(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


DETECTOR = Detector(
    id="X11",
    title="Paid, not in the ERP",
    owner="integrations",
    needs=("order_line", "sale"),
    streams=("orders", "sales"),
    version=1,
    parameters=Parameters(),
    find=find,
)
