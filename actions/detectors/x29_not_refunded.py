"""X29 Captured, cancelled, not refunded: what was cancelled or came back was paid, and the money was not given back.

Due is at least the net value of the units that were cancelled or returned; of an order that was cancelled whole, all
that was captured. Never more than was captured.

Nothing is converted: where money of an order moved in another currency than its own, nobody can say what is missing,
and nothing is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame, per_hour
from actions.view import View, number_of
from data.money import written


@dataclass(frozen=True)
class Parameters:
    """How long a refund may take, what may be kept, and what is assumed about money."""

    refunded_within: timedelta = timedelta(days=3)
    kept_share: float = 0.05  #: of what is due that may be kept, as a fee for coming back
    disputed_share: float = 0.3  #: of buyers who dispute the charge; assumed
    dispute_fee_minor: int = 1500  #: assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Find orders whose refunds are less than what is due, for longer than a refund may take."""
    known_until = min(view.as_of("payments"), view.as_of("orders"), view.as_of("returns"), view.now)
    owing = (
        _due(view)
        .join(_money(view), on="entity")
        .join(_elsewhere(view), on="entity", how="anti")
        .with_columns(pl.when("is_whole").then("captured").otherwise(pl.min_horizontal("due", "captured")).alias("due"))
        .with_columns((pl.col("due") - pl.col("refunded")).alias("missing"))
        .filter((pl.col("missing") > p.kept_share * pl.col("due")) & (pl.col("due") > 0))
        .filter(pl.col("since").is_null() | (pl.col("since") < known_until - p.refunded_within))
        .sort("since", "entity", nulls_last=True)
    )
    return frame([_finding(row, view, p) for row in owing.iter_rows(named=True)])


def _due(view: View) -> pl.DataFrame:
    """Give per order what its cancelled and returned units are worth, and since when."""
    back = view.facts.frame("return_line").group_by("entity").agg(pl.col("received_at").max().alias("back_at"))
    units = pl.col("ordered_units").clip(lower_bound=1)
    off = pl.min_horizontal(pl.col("cancelled_units") + pl.col("returned_units"), "ordered_units")
    return (
        view.facts.frame("order_line")
        .with_columns((pl.col("net_minor") * off // units).alias("due"))
        .group_by("entity")
        .agg(
            pl.col("due").sum(),
            (pl.col("cancelled_units") >= pl.col("ordered_units")).all().alias("is_whole"),
            pl.col("cancelled_units").sum(),
            pl.col("returned_units").sum(),
            pl.col("cancelled_at").max(),
            pl.col("channel").first(),
            pl.col("currency").first(),
        )
        .filter(pl.col("due") > 0)
        .join(back, on="entity", how="left")
        .with_columns(pl.when(pl.col("returned_units") > 0).then("back_at").otherwise("cancelled_at").alias("since"))
    )


def _money(view: View) -> pl.DataFrame:
    def moved(kind: str) -> pl.Expr:
        return pl.col("amount_minor").filter(pl.col("kind") == kind).sum()

    payments = view.facts.frame("payment").group_by("entity")
    paid = payments.agg(moved("capture").alias("captured"), moved("refund").alias("paid_back"))
    booked = view.facts.frame("line_amount").group_by("entity").agg(pl.col("refund_minor").sum().alias("booked"))
    return (
        paid.filter(pl.col("captured") > 0)
        .join(booked, on="entity", how="left")
        .with_columns(pl.max_horizontal("paid_back", pl.col("booked").fill_null(0)).alias("refunded"))
    )


def _elsewhere(view: View) -> pl.DataFrame:
    """Name the orders of which money was captured or given back in another currency than the order's."""
    own = view.facts.frame("order_line").select("entity", pl.col("currency").alias("own")).unique("entity")
    moved = [
        view.facts.frame("payment").filter(pl.col("kind").is_in(("capture", "refund"))),
        view.facts.frame("line_amount").filter(pl.col("refund_minor") != 0),
    ]
    every = pl.concat([frame.select("entity", "currency") for frame in moved]).join(own, on="entity")
    return every.filter(pl.col("currency") != "", pl.col("own") != "", pl.col("currency") != pl.col("own"))


def _finding(row: dict[str, Any], view: View, p: Parameters) -> Finding:
    number, why = number_of(row["entity"]), "cancelled" if not row["returned_units"] else "returned"
    loss = round(p.disputed_share * (row["missing"] + p.dispute_fee_minor))
    return Finding(
        subject=row["entity"],
        title=f"order {number} was {why}, {written(row['missing'], row['currency'])} of it was not refunded",
        kind="order",
        object_id=row["entity"],
        channel=row["channel"],
        order=row["entity"],
        ours={"refunded_minor": row["due"]},
        remote={"refunded_minor": row["refunded"]},
        evidence={
            "captured_minor": row["captured"],
            "due_minor": row["due"],
            "refunded_minor": row["refunded"],
            "missing_minor": row["missing"],
            "cancelled_units": row["cancelled_units"],
            "returned_units": row["returned_units"],
            "since": row["since"],
        },
        money=[Money(line=f"{row['entity']}/refund", exposed_minor=row["missing"], expected_loss_minor=loss)],
        currency=row["currency"] or "",
        probability=p.disputed_share,
        cost_of_delay_minor=per_hour(loss, None, view.now),
        suggested="refund",
        # Where nothing says when it came back, it counts from when it was first seen here.
        hold_seconds=int(p.refunded_within.total_seconds()) if row["since"] is None else 0,
    )


DETECTOR = Detector(
    id="X29",
    title="Not refunded",
    owner="finance",
    needs=("order_line", "payment"),
    streams=("orders", "payments", "returns"),
    version=1,
    parameters=Parameters(),
    find=find,
)
