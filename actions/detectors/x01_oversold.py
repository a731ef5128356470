"""X01 Oversold: at one location, open unshipped demand is more than what can be sold there.

Demand counts whether it is allocated or waits for stock; sellable = on hand - quarantined - damaged. The lines that
come first (by ship-by, then by time of order) get the stock; the rest is what is at risk.

A shop that sells from levels of its own says what it reserved there, and not for which order: more reserved than is
stocked is the same fault, and the youngest open orders of the item are those that get nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame, per_hour
from actions.view import OPEN_STAGES, View, number_of, unit_margins


@dataclass(frozen=True)
class Parameters:
    """What is assumed about money, and how long a difference lasts that cannot be compared at one instant."""

    cancelled_share: float = 0.3  #: of units beyond the stock that end as a cancellation; assumed
    service_credit_minor: int = 300  #: per order that gets nothing; assumed
    hold: timedelta = timedelta(minutes=15)


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Compare open demand with sellable stock, location by location."""
    open_lines = view.facts.frame("order_line").filter(
        (pl.col("open_units") > 0)
        & ~pl.col("connection").is_in(view.shops())
        & pl.col("stage").is_in([*OPEN_STAGES, "backordered"])
        & pl.col("location").is_not_null()
    )
    known_until = view.as_of("work", "shipments", "orders")
    short = (
        open_lines.join(
            view.atp().select("sku", "location", "sellable", "on_hand", "counted_at"), on=["sku", "location"]
        )
        .join(unit_margins(view), on="sku", how="left")
        .sort("sku", "location", "ship_by", "placed_at", "entity", "line_id", nulls_last=True)
        .with_columns(
            pl.col("open_units").cum_sum().over("sku", "location").alias("wanted"),
            pl.col("open_units").sum().over("sku", "location").alias("demand"),
        )
        .filter(pl.col("demand") > pl.col("sellable"))
        .with_columns((pl.col("wanted") - pl.col("sellable")).clip(0, pl.col("open_units")).alias("short"))
        .filter(pl.col("short") > 0)
    )
    spare = view.atp().filter(pl.col("atp") > 0).select("sku", "location", "atp")
    findings = []
    owed = [rows.to_dicts() for _, rows in short.group_by("sku", "location", maintain_order=True)]
    for lines in (*owed, *_of_shops(view)):
        sku, location = lines[0]["sku"], lines[0]["location"]
        others = spare.filter((pl.col("sku") == sku) & (pl.col("location") != location))
        findings.append(_finding(lines, others.to_dicts(), view, known_until, p))
    return frame(findings)


def _of_shops(view: View) -> list[list[dict[str, Any]]]:
    """Give the orders that get nothing of each level on which more is reserved than is stocked, the youngest first."""
    levels = view.facts.frame("level").with_columns(pl.coalesce("held_units", "reserved_units").alias("demand"))
    over = levels.filter(pl.col("connection").is_in(view.shops()) & (pl.col("demand") > pl.col("stocked_units")))
    packed = (
        view.facts.frame("fulfilment_line")
        .filter(~pl.col("told"))
        .group_by("entity", "line_id")
        .agg(pl.col("units").sum().alias("packed"))
    )
    waiting = (
        view.facts.frame("order_line")
        .filter((pl.col("kind") == "product") & pl.col("cancelled_at").is_null())
        .join(packed, on=["entity", "line_id"], how="left")
        .with_columns((pl.col("open_units") - pl.col("packed").fill_null(0)).alias("waiting"))
        .filter(pl.col("waiting") > 0)
        .join(unit_margins(view), on="sku", how="left")
        .sort("placed_at", "entity", "line_id", descending=True)
    )
    found = []
    for level in over.sort("sku", "location").iter_rows(named=True):
        here = (pl.col("connection") == level["connection"]) & (pl.col("sku") == level["sku"])
        placed = pl.col("location").is_null() | (pl.col("location") == level["location"])
        rows = _without_stock(level, waiting.filter(here & placed).to_dicts())
        if rows:
            found.append(rows)
    return found


def _without_stock(level: dict[str, Any], lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the lines that a level's missing units fall on; what nobody ordered is reserved by hand and owed to none."""
    missing, found = level["demand"] - level["stocked_units"], []
    for line in lines:
        short = min(missing, line["waiting"])
        if short <= 0:
            break
        missing -= short
        stands = {"demand": level["demand"], "sellable": level["stocked_units"], "on_hand": level["stocked_units"]}
        found.append(
            {**line, **stands, "location": level["location"], "short": short, "counted_at": level["observed_at"],
             "of_shop": True}
        )  # fmt: skip
    return found


def _finding(
    lines: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]], view: View, known_until: datetime, p: Parameters
) -> Finding:
    first = lines[0]
    sku, location = first["sku"], first["location"]
    short = sum(line["short"] for line in lines)
    money = [_money(line, p) for line in lines]
    deadline = min((line["ship_by"] for line in lines if line["ship_by"] is not None), default=None)
    elsewhere = max((other["atp"] for other in others), default=0)
    return Finding(
        subject=f"{sku}@{location}",
        title=f"{location} owes {first['demand']:,} of {sku} and can ship {max(first['sellable'], 0):,}",
        kind="stock",
        object_id=f"{sku}@{location}",
        location=location,
        sku=sku,
        order=lines[0]["entity"] if len(lines) == 1 else None,
        ours={"demand": first["demand"]},
        remote={"sellable": first["sellable"], "on_hand": first["on_hand"]},
        evidence={
            "short_units": short,
            "orders_without_stock": sorted({number_of(line["entity"]) for line in lines})[:50],
            "spare_elsewhere": {other["location"]: other["atp"] for other in others},
            "stock_counted_at": first["counted_at"],
            "orders_known_until": known_until,
        },
        money=money,
        currency=first["currency"],
        probability=p.cancelled_share,
        cost_of_delay_minor=per_hour(sum(m.expected_loss_minor for m in money), deadline, view.now),
        deadline=deadline,
        suggested=_suggested(first, enough=elsewhere >= short),
        hold_seconds=0 if first["counted_at"] <= known_until else int(p.hold.total_seconds()),
    )


def _suggested(line: dict[str, Any], *, enough: bool) -> str:
    """Bring units there; in a shop that plans no stock of its own, sell no more of them."""
    if line.get("of_shop"):
        return "delist_product"
    return "create_transfer_draft" if enough else "create_purchase_draft"


def _money(line: dict[str, Any], p: Parameters) -> Money:
    units, ordered = line["short"], max(line["ordered_units"], 1)
    exposed = line["net_minor"] * units // ordered
    margin = max(exposed - units * line["cost"], 0) if line["cost"] is not None else 0
    return Money(
        line=f"{line['entity']}/{line['line_id']}",
        exposed_minor=exposed,
        expected_loss_minor=round(p.cancelled_share * (margin + p.service_credit_minor)),
    )


DETECTOR = Detector(
    id="X01",
    title="Oversold",
    owner="fulfilment",
    needs=("order_line", "stock_position"),
    streams=("orders", "work", "shipments", "stock"),
    version=2,
    parameters=Parameters(),
    find=find,
)
