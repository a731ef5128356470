"""X13 Total mismatch: the ERP's document says another amount than the channel charged for the order.

A cent a line may come from rounding. Where several orders differ by the same amount, that is one mapping that is wrong
(a tax, a shipping charge), and one case with the orders inside it. Amounts in two currencies have no difference: all
that was charged is in question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame
from actions.view import View, number_of
from data.money import written

_ALIKE = ("channel", "erp", "currency", "difference")  #: what the orders of one wrong mapping have in common


@dataclass(frozen=True)
class Parameters:
    """How far two totals may differ, and how many equal differences are one cause."""

    minor_a_line: int = 1
    grouped_from: int = 3  #: orders


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Compare what the channel charged with the one live document of each order."""
    live = view.facts.frame("sale").filter((pl.col("status") != "cancelled") & (pl.col("total_minor") > 0))
    single = live.filter(pl.len().over("entity", "connection") == 1)
    booked = single.select(
        "entity", "sale", pl.col("total_minor").alias("posted"), pl.col("currency").alias("booked_in"),
        pl.col("connection").alias("erp"),
    )  # fmt: skip
    lines = view.facts.frame("order_line").group_by("entity").agg(pl.len().alias("lines"))
    wrong = (
        view.facts.frame("order_total")
        .filter(pl.col("cancelled_at").is_null())
        .select("entity", "channel", pl.col("total_minor").alias("charged"), "currency", "placed_at")
        .join(booked, on="entity")
        .join(lines, on="entity", how="left")
        .with_columns(
            pl.when(pl.col("booked_in") == pl.col("currency"))
            .then(pl.col("posted") - pl.col("charged"))
            .alias("difference")
        )
        .filter(
            (pl.col("difference").abs() > p.minor_a_line * pl.col("lines").fill_null(1).clip(lower_bound=1))
            | pl.col("difference").is_null()
        )
        .sort("placed_at", "entity")
        .with_columns(pl.col("difference").count().over(*_ALIKE).alias("alike"))
    )
    found = [_one(row) for row in wrong.filter(pl.col("alike") < p.grouped_from).iter_rows(named=True)]
    many = wrong.filter(pl.col("alike") >= p.grouped_from)
    for _, rows in many.group_by(*_ALIKE, maintain_order=True):
        found.append(_group(rows.to_dicts()))
    return frame(found)


def _one(row: dict[str, Any]) -> Finding:
    number, charged, posted = number_of(row["entity"]), *_totals(row)
    return Finding(
        subject=row["entity"],
        title=f"order {number} was charged {charged} and is {posted} in {row['erp']}",
        kind="order",
        object_id=row["entity"],
        channel=row["channel"],
        order=row["entity"],
        ours={"total_minor": row["charged"], "currency": row["currency"]},
        remote={"total_minor": row["posted"], "currency": row["booked_in"]},
        evidence={"sale": row["sale"], "erp": row["erp"], "difference_minor": row["difference"], "lines": row["lines"]},
        money=[_money(row)],
        currency=row["currency"],
    )


def _group(rows: list[dict[str, Any]]) -> Finding:
    first = rows[0]
    each = written(first["difference"], first["currency"])
    return Finding(
        subject=f"{first['channel']}:{first['erp']}:{first['difference']:+d} {first['currency']}",
        title=f"{len(rows)} orders of {first['channel']} differ by {each} in {first['erp']}: one mapping is wrong",
        kind="mapping",
        object_id=f"{first['channel']}:{first['erp']}",
        channel=first["channel"],
        ours={"difference_minor": 0},
        remote={"difference_minor": first["difference"], "orders": len(rows)},
        evidence={
            "erp": first["erp"],
            "orders": [[number_of(r["entity"]), r["sale"], *_totals(r)] for r in rows[:50]],
        },
        money=[_money(row) for row in rows],
        currency=first["currency"],
        members=[row["entity"] for row in rows],
    )


def _totals(row: dict[str, Any]) -> tuple[str, str]:
    """Write what the channel charged and what the ERP booked, each in its own currency."""
    return written(row["charged"], row["currency"]), written(row["posted"], row["booked_in"])


def _money(row: dict[str, Any]) -> Money:
    amount = row["charged"] if row["difference"] is None else abs(row["difference"])
    return Money(line=f"{row['entity']}/total", exposed_minor=amount, expected_loss_minor=amount)


DETECTOR = Detector(
    id="X13",
    title="Order total mismatch",
    owner="finance",
    needs=("order_total", "sale"),
    streams=("orders", "sales"),
    version=1,
    parameters=Parameters(),
    find=find,
)
