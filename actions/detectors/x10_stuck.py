"""X10 Stuck: an order that could move is past its ship-by, or its work has stood in one status for too long.

Held, unpaid and cancelled orders are excepted, and lines that only wait for stock belong to X01 and X37. A shop that
sells from levels of its own has no work until somebody packs: what is paid there and lies unpacked is stuck, too.
Where more than a share of a location's stage breaches, that is one case (*NORTH is behind*) with the orders inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame, per_hour
from actions.view import OPEN_STAGES, View, number_of, unit_margins
from ingest import verbs

#: What stands so may wait for its stock.
WAITING = ("released", "backordered")


@dataclass(frozen=True)
class Parameters:
    """When an order is stuck, when orders are one backlog, and what is assumed about money."""

    longest_in_stage: timedelta = timedelta(hours=30)
    grouped_share: float = 0.15  #: of a location-stage's open orders
    grouped_from: int = 10  #: orders; fewer are cases of their own
    lost_share: float = 0.2  #: of late orders' margin that is lost; assumed
    late_credit_minor: int = 200  #: per late order; assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Judge every open order as far as its sources have spoken: since then its state is unknown, not late."""
    known_until = min(view.as_of("orders", "work", "shipments"), view.now)
    lines = (
        view.facts.frame("order_line")
        .filter(
            (pl.col("kind") == "product")
            & (pl.col("open_units") > 0)
            & (
                pl.col("stage").is_in(OPEN_STAGES)
                | ((pl.col("stage") == "placed") & pl.col("connection").is_in(view.shops()))
            )
            & pl.col("hold").is_null()
            & pl.col("cancelled_at").is_null()
        )
        .with_columns(
            (pl.col("ship_by") < known_until).fill_null(value=False).alias("past_promise"),
            (pl.col("stage_since") < known_until - p.longest_in_stage).fill_null(value=False).alias("stalled"),
        )
        .with_columns((pl.col("past_promise") | pl.col("stalled")).alias("late"))
        .join(unit_margins(view), on="sku", how="left")
        .sort("late", "stage_since", "entity", "line_id", descending=[True, False, False, False], nulls_last=True)
    )
    orders = lines.group_by("entity", maintain_order=True).agg(
        pl.col("location").first(), pl.col("stage").first(), pl.col("late").any()
    )
    stages = orders.group_by("location", "stage").agg(
        pl.len().alias("open_orders"), pl.col("late").sum().alias("late_orders")
    )
    behind = stages.filter(
        (pl.col("late_orders") >= p.grouped_from) & (pl.col("late_orders") > p.grouped_share * pl.col("open_orders"))
    )
    late = lines.filter(pl.col("entity").is_in(orders.filter("late")["entity"].to_list()))
    placed = late.drop("location", "stage").join(
        orders.select("entity", "location", "stage"), on="entity", how="left", maintain_order="left"
    )
    single = placed.join(behind, on=["location", "stage"], how="anti", nulls_equal=True, maintain_order="left")
    found = [
        _order(rows.to_dicts(), known_until, view, p) for _, rows in single.group_by("entity", maintain_order=True)
    ]
    for stage in behind.sort("location", "stage").iter_rows(named=True):
        inside = placed.join(
            pl.DataFrame([stage], schema=behind.schema), on=["location", "stage"], how="semi", nulls_equal=True
        )
        found.append(_backlog(stage, inside.to_dicts(), known_until, view.now, p))
    return frame(found)


def _order(lines: Sequence[dict[str, Any]], known_until: datetime, view: View, p: Parameters) -> Finding:
    first, number = lines[0], number_of(lines[0]["entity"])
    money = _money(lines, p)
    since = first["stage_since"]
    age = "" if since is None else f" for {int((known_until - since).total_seconds() // 3600):,} h"
    is_late = first["past_promise"]
    return Finding(
        subject=first["entity"],
        title=f"order {number} {first['stage']} at {first['location'] or '?'}{age}{', late' if is_late else ''}",
        kind="order",
        object_id=first["entity"],
        channel=first["channel"],
        location=first["location"],
        order=first["entity"],
        ours={"stage": "shipped" if is_late else "moved on", "ship_by": first["ship_by"]},
        remote={"stage": first["stage"], "since": since},
        evidence={
            "past_ship_by": first["past_promise"],
            "stalled": first["stalled"],
            "open_lines": [f"{line['open_units']:,} of {line['sku']}" for line in lines],
            "known_until": known_until,
        },
        money=money,
        currency=first["currency"],
        probability=p.lost_share,
        cost_of_delay_minor=per_hour(sum(m.expected_loss_minor for m in money), first["ship_by"], view.now),
        deadline=first["ship_by"],
        suggested=_suggested(first, view),
    )


def _suggested(line: dict[str, Any], view: View) -> str | None:
    """Suggest what whoever works on the order can be asked to do: pick it first, or let it take its stock."""
    work = view.facts.frame("open_work").filter(pl.col("entity") == line["entity"])
    if work.is_empty() and line["connection"] in view.shops():
        return None  # nobody but the shop's own people can begin with it
    asked = [verbs.of(account.system) for name in work["connection"] if (account := view.accounts.get(name))]
    if not asked or any(one.has("set_priority") for one in asked):
        return "expedite_order"
    waits = work.filter(pl.col("status").is_in(WAITING) & ~pl.col("allocated").fill_null(value=False))
    return "assign_shipment" if waits.height and any(one.has("assign_shipment") for one in asked) else None


def _backlog(
    stage: dict[str, Any], lines: Sequence[dict[str, Any]], known_until: datetime, now: datetime, p: Parameters
) -> Finding:
    money = _money(lines, p)
    orders = sorted({line["entity"] for line in lines})
    place = f"{stage['location'] or 'no location'}/{stage['stage']}"
    deadline = min((line["ship_by"] for line in lines if line["ship_by"] is not None), default=None)
    return Finding(
        subject=place,
        title=(
            f"{stage['location'] or 'an unknown location'} is behind: {stage['late_orders']:,} of "
            f"{stage['open_orders']:,} {stage['stage']} orders are late"
        ),
        kind="stage",
        object_id=place,
        location=stage["location"],
        ours={"late_share_at_most": p.grouped_share},
        remote={"late_orders": stage["late_orders"], "open_orders": stage["open_orders"]},
        evidence={"orders": len(orders), "known_until": known_until},
        money=money,
        currency=lines[0]["currency"],
        probability=p.lost_share,
        cost_of_delay_minor=per_hour(sum(m.expected_loss_minor for m in money), deadline, now),
        deadline=deadline,
        members=orders,
    )


def _money(lines: Sequence[dict[str, Any]], p: Parameters) -> list[Money]:
    """Take each open line at its net value; the credit for lateness stands on the order's first line."""
    money, seen = [], set()
    for line in lines:
        exposed = line["net_minor"] * line["open_units"] // max(line["ordered_units"], 1)
        margin = max(exposed - line["open_units"] * line["cost"], 0) if line["cost"] is not None else 0
        credit = 0 if line["entity"] in seen else p.late_credit_minor
        seen.add(line["entity"])
        money.append(
            Money(
                line=f"{line['entity']}/{line['line_id']}",
                exposed_minor=exposed,
                expected_loss_minor=round(p.lost_share * (margin + credit)),
            )
        )
    return money


DETECTOR = Detector(
    id="X10",
    title="Order stuck",
    owner="fulfilment",
    needs=("order_line",),
    streams=("orders", "work", "shipments"),
    version=3,
    parameters=Parameters(),
    find=find,
)
