"""X35 Returned, not restocked: what came back for sale did not enter the stock within a day.

Asked where a channel's stock is another system's, whose count bears the time of its newest move: a system that owns its
stock may stamp it when somebody counted it. The evidence can be trusted, so that it does not find all: that system's
count at the place that it came back to has not moved since, though it was found fit for sale; or that system received
it and did not put it away; or the channel received it and that system says nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.detectors.x07_level_mismatch import ARRIVED
from actions.findings import Detector, Finding, Money, frame
from actions.view import View, daily_units, number_of, unit_margins
from ingest import verbs


@dataclass(frozen=True)
class Parameters:
    """How long restocking may take, and what sales it is taken to touch."""

    restocked_within: timedelta = timedelta(hours=24)
    horizon_days: int = 7


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Find returns that are back and not in stock."""
    back = (
        pl.concat([_not_moved(view, p), _not_put_away(view, p), _not_received(view)], how="diagonal_relaxed")
        .join(daily_units(view, "sku"), on="sku", how="left")
        .join(unit_margins(view), on="sku", how="left")
        .with_columns(pl.col("per_day").fill_null(0.0))
        .sort("entity", "return_id", "line_id")
    )
    return frame([_finding(row, view, p) for row in back.iter_rows(named=True)])


def _not_moved(view: View, p: Parameters) -> pl.DataFrame:
    """Give what was found fit for sale a day ago, where the item's count is older than its coming back."""
    known_until = min(view.as_of("stock"), view.now)
    counted = (
        view.facts.frame("stock_position")
        .filter(pl.col("state") == "on_hand")
        .group_by("sku", "location")
        .agg(pl.col("observed_at").max().alias("counted_at"), pl.col("units").sum().alias("on_hand"))
    )
    return (
        _of_guests(view)
        .filter((pl.col("disposition") == "restock") & (pl.col("inspected_at") < known_until - p.restocked_within))
        .join(counted, on=["sku", "location"])
        .filter(pl.col("counted_at") < pl.col("received_at"))
        .with_columns(pl.lit("its count has not moved since before it came back").alias("why"))
    )


def _not_put_away(view: View, p: Parameters) -> pl.DataFrame:
    """Give what the owner of a channel's stock received to sell again and did not put away for a day."""
    known_until = min(view.as_of("returns"), view.now)
    return (
        _of_guests(view)
        .filter((pl.col("disposition") == "restock") & pl.col("inspected_at").is_null())
        .filter(pl.col("received_at") < known_until - p.restocked_within)
        .with_columns(pl.lit("it was received and not put away").alias("why"))
    )


def _of_guests(view: View) -> pl.DataFrame:
    """Give the returns of channels whose stock is another system's."""
    guests = [name for name, account in view.accounts.items() if not account.owns_stock]
    orders = (
        view.facts.frame("order_line")
        .filter(pl.col("connection").is_in(guests))
        .select("entity", "connection")
        .unique("entity")
    )
    return view.facts.frame("return_line").join(orders, on="entity")


def _not_received(view: View) -> pl.DataFrame:
    """Give what a channel received whose stock is another's, who says nothing of it."""
    return (
        _of_guests(view)
        .filter(pl.col("status").is_in(ARRIVED) & pl.col("received_at").is_null())
        .with_columns(pl.lit("the channel received it, the owner of the stock says nothing of it").alias("why"))
    )


def _finding(row: dict[str, Any], view: View, p: Parameters) -> Finding:
    units, price = row["units"], row["list_price"] or 0
    missed = min(units, row["per_day"] * p.horizon_days)
    loss = round(missed * max(row["margin"] or 0, 0))
    item = view.facts.frame("item").filter(pl.col("entity") == row["sku"])
    return Finding(
        subject=f"{row['return_id']}/{row['line_id']}",
        title=f"{units:,} of {row['sku']} came back with return {row['return_id']} and did not enter the stock",
        kind="return",
        object_id=row["return_id"],
        channel=row["channel"],
        sku=row["sku"],
        order=row["entity"],
        ours={"restocked": units},
        remote={"restocked": 0, "status": row["status"]},
        evidence={
            "evidence_used": row["why"],
            "order": number_of(row["entity"]),
            "received_at": row["received_at"],
            "counted_at": row.get("counted_at"),
            "on_hand": row.get("on_hand"),
        },
        money=[
            Money(line=f"future:return:{row['return_id']}/{row['line_id']}", exposed_minor=units * price,
                  expected_loss_minor=loss)
        ],
        currency=str(item["currency"][0] or "") if item.height else "",
        cost_of_delay_minor=round(loss / (24 * p.horizon_days)),
        suggested=_suggested(row, view),
        # The channel does not say when it received it, so the day counts from when it was first seen here.
        hold_seconds=int(p.restocked_within.total_seconds()) if row["received_at"] is None else 0,
    )  # fmt: skip


def _suggested(row: dict[str, Any], view: View) -> str | None:
    """A count sets stock right; what lies unopened is put away, by people where the warehouse cannot be asked."""
    if row["received_at"] is None:
        return "take_back_return"
    if row["inspected_at"] is not None:
        return "count_stock"
    channel = view.accounts.get(row["connection"])
    owner = None if channel is None else view.accounts.get(channel.stock_from)
    return "put_away_return" if owner is not None and verbs.of(owner.system).has("put_away") else None


DETECTOR = Detector(
    id="X35",
    title="Returned, not restocked",
    owner="inventory",
    needs=("return_line", "stock_position"),
    streams=("returns", "stock"),
    version=2,
    parameters=Parameters(),
    find=find,
)
