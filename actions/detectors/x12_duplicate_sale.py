"""X12 Duplicate order: the ERP has more than one live document for one order, or two that look alike.

One reference on two documents is a duplicate. Two documents for different orders with the same customer, lines and
amount within minutes may be two wishes of one customer: that is asked, and nothing is suggested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame
from actions.view import View, number_of
from data.money import written


@dataclass(frozen=True)
class Parameters:
    """When two documents look alike, and what is assumed about money."""

    alike_within: timedelta = timedelta(minutes=10)
    shipped_twice_share: float = 0.5  #: of duplicates that are shipped if nobody acts; assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Find orders with two live documents, then documents that look alike."""
    live = (
        view.facts.frame("sale")
        .filter((pl.col("status") != "cancelled") & (pl.col("total_minor") > 0))
        .sort("created_at", "sale")
    )
    twice = live.filter(pl.len().over("entity", "connection") > 1)
    found = [_same_order(rows.to_dicts(), p) for _, rows in twice.group_by("entity", "connection", maintain_order=True)]
    found.extend(_alike(live, view, p))
    return frame(found)


def _same_order(sales: list[dict[str, Any]], p: Parameters) -> Finding:
    sales = sorted(sales, key=lambda sale: bool(sale["status"] == "draft"))  # what is worked on stays, else the oldest
    first, number = sales[0], number_of(sales[0]["entity"])
    extra = sales[1:]
    value = sum(sale["total_minor"] for sale in extra)
    return Finding(
        subject=first["entity"],
        title=f"order {number} is {len(sales)} times in {first['connection']}: {_named(sales)}",
        kind="order",
        object_id=first["entity"],
        order=first["entity"],
        ours={"sales": [first["sale"]]},
        remote={"sales": [sale["sale"] for sale in sales]},
        evidence={
            "erp": first["connection"],
            "reference": first["reference"],
            "documents": [
                [s["sale"], s["status"], written(s["total_minor"], s["currency"]), s["created_at"]] for s in sales
            ],
            "extra": [sale["sale"] for sale in extra],
        },
        money=[
            Money(
                line=f"{first['entity']}/twice",
                exposed_minor=value,
                expected_loss_minor=round(p.shipped_twice_share * value),
            )
        ],
        currency=first["currency"],
        probability=p.shipped_twice_share,
        cost_of_delay_minor=round(p.shipped_twice_share * value / 24),
        suggested="cancel_sale",
    )


def _alike(live: pl.DataFrame, view: View, p: Parameters) -> Iterator[Finding]:
    lines = (
        view.facts.frame("sale_line")
        .sort("sku", "units", "amount_minor")
        .group_by("entity", "sale", "connection", maintain_order=True)
        .agg(pl.concat_str("sku", "units", "amount_minor", separator=":").str.join(",").alias("lines"))
    )
    named = live.filter(pl.col("customer").is_not_null()).join(lines, on=["entity", "sale", "connection"])
    same = ["connection", "customer", "lines", "total_minor"]
    near = (
        named.sort("created_at", "sale")
        .with_columns(
            pl.col("created_at").shift(1).over(same).alias("before_at"),
            pl.col("sale").shift(1).over(same).alias("before"),
            pl.col("entity").shift(1).over(same).alias("before_order"),
        )
        .filter(
            (pl.col("created_at") - pl.col("before_at") < p.alike_within) & (pl.col("entity") != pl.col("before_order"))
        )
    )
    for row in near.iter_rows(named=True):
        value = row["total_minor"]
        yield Finding(
            subject=f"{row['before_order']}~{row['entity']}",
            title=(
                f"orders {number_of(row['before_order'])} and {number_of(row['entity'])} look alike: "
                "ask the customer whether both are wanted"
            ),
            kind="order",
            object_id=row["entity"],
            order=row["entity"],
            ours={"sales": [row["before"]]},
            remote={"sales": [row["before"], row["sale"]]},
            evidence={
                "erp": row["connection"],
                "same": "customer, lines and amount",
                "minutes_apart": round((row["created_at"] - row["before_at"]) / timedelta(minutes=1), 1),
                "lines": row["lines"],
            },
            money=[Money(line=f"{row['entity']}/twice", exposed_minor=value, expected_loss_minor=0)],
            currency=row["currency"],
        )


def _named(sales: list[dict[str, Any]]) -> str:
    return ", ".join(sale["sale"] for sale in sales)


DETECTOR = Detector(
    id="X12",
    title="Duplicate in the ERP",
    owner="integrations",
    needs=("sale",),
    streams=("sales",),
    version=1,
    parameters=Parameters(),
    find=find,
)
