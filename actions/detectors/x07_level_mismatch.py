"""X07 Inventory mismatch: a channel keeps another level of an item than the system that owns the stock.

Compared location by location, where both were read at the same instant; what the channel was not told of yet (and what
it packed or was told of that has not left yet) is reckoned in. It must last two cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, Money, frame
from actions.view import Account, View, daily_units, unit_margins

#: Returns that the channel has received, in the fold's words.
ARRIVED = ("received", "closed")


@dataclass(frozen=True)
class Parameters:
    """When two levels are compared, how far they may differ, and what is assumed about money."""

    units: int = 0  #: that they may differ
    same_instant: timedelta = timedelta(minutes=10)
    cycle: timedelta = timedelta(minutes=5)  #: where nothing says how often levels are read
    horizon_hours: int = 24  #: sales that a wrong level is taken to touch
    oversell_penalty_minor: int = 500  #: per unit sold that cannot be delivered; assumed


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Compare every level with its owner's count."""
    found: list[Finding] = []
    for _, account in sorted(view.accounts.items()):
        if not account.owns_stock:
            found.extend(_of_channel(view, account, p))
    return frame(found)


def differences(view: View, account: Account) -> pl.DataFrame:
    """Give a channel's levels beside their owner's: sku, location, stocked_units, expected, drift and what explains it.

    expected = on hand at the owner + what left without the channel's knowing - what it packed or was told of that is
    still here.
    """
    levels = view.facts.frame("level").filter(pl.col("connection") == account.connection)
    owned = view.facts.frame("stock_position").filter(
        (pl.col("connection") == account.stock_from) & (pl.col("state") == "on_hand")
    )
    return (
        levels.join(
            owned.select(
                "sku", "location", pl.col("units").alias("on_hand"), pl.col("observed_at").alias("counted_at")
            ),
            on=["sku", "location"],
        )
        .join(_on_the_way(view, account), on=["sku", "location"], how="left")
        .join(_coming_back(view, account), on="sku", how="left")
        .with_columns(pl.col("untold", "ahead", "coming_back").fill_null(0))
        .with_columns((pl.col("on_hand") + pl.col("untold") - pl.col("ahead")).alias("expected"))
        .with_columns((pl.col("stocked_units") - pl.col("expected")).alias("drift"))
        .sort("sku", "location")
    )


def _on_the_way(view: View, account: Account) -> pl.DataFrame:
    """Sum units that left and the channel still keeps, and units that it took off its level and that did not leave.

    A line is on the way by what all its departures and all its fulfilments differ, wherever they happened: units that
    one place sent and the channel took off another's level are on no way, and both levels are wrong.
    """
    lines = view.facts.frame("order_line").filter(pl.col("connection") == account.connection)
    of_line = ["entity", "line_id"]
    known = lines.select(*of_line, "sku", pl.col("location").alias("asked_at"))
    moved = [
        view.facts.frame(table).select(*of_line, "location", (sign * pl.col("units")).alias("gap"))
        for table, sign in (("shipment_line", 1), ("fulfilment_line", -1))
    ]
    gaps = (
        pl.concat(moved)
        .join(known, on=of_line)
        .group_by(*of_line, "sku", pl.coalesce("location", "asked_at").alias("location"))
        .agg(pl.col("gap").sum())
        .sort(*of_line, "location", nulls_last=True)
    )
    return (
        gaps.with_columns(_share(pl.col("gap")).alias("untold"), _share(-pl.col("gap")).alias("ahead"))
        .group_by("sku", "location")
        .agg(pl.col("untold", "ahead").sum())
    )


def _share(gap: pl.Expr) -> pl.Expr:
    """Give each place of a line its part of what the whole line is short by, no more than its own gap."""
    own, whole = gap.clip(lower_bound=0), gap.sum().clip(lower_bound=0)
    until = pl.min_horizontal(own.cum_sum(), whole)
    before = pl.min_horizontal(own.cum_sum() - own, whole)
    return (until - before).over("entity", "line_id")


def _coming_back(view: View, account: Account) -> pl.DataFrame:
    """Sum returned units that one side may have put back and the other may not: they may explain a difference."""
    returns = view.facts.frame("return_line")
    orders = view.facts.frame("order_line").filter(pl.col("connection") == account.connection).select("entity").unique()
    mine = returns.join(orders, on="entity", how="semi").filter(
        pl.col("status").is_in(ARRIVED) != pl.col("received_at").is_not_null()
    )
    return mine.group_by("sku").agg(pl.col("units").sum().alias("coming_back"))


def _of_channel(view: View, account: Account, p: Parameters) -> list[Finding]:
    here = view.as_of("levels", connection=account.connection)
    there = view.as_of("stock", connection=account.stock_from)
    if abs(here - there) > p.same_instant:
        return []  # two pictures of different instants prove nothing
    wrong = (
        differences(view, account)
        .filter(pl.col("drift").abs() > p.units + pl.col("coming_back"))
        .join(daily_units(view, "sku"), on="sku", how="left")
        .join(unit_margins(view), on="sku", how="left")
        .with_columns(pl.col("per_day").fill_null(0.0))
        .sort("sku", "location")
    )
    cycle = next(
        (s.expected for s in view.schedules if (s.connection, s.stream) == (account.connection, "levels")), p.cycle
    )
    return [_finding(row, account, view, 2 * cycle, p) for row in wrong.iter_rows(named=True)]


def _finding(row: dict[str, Any], account: Account, view: View, hold: timedelta, p: Parameters) -> Finding:
    sku, location, drift = row["sku"], row["location"], row["drift"]
    margin, sold = max(row["margin"] or 0, 0), row["per_day"] * p.horizon_hours / 24
    over = drift > 0
    units = min(abs(drift), max(0.0, sold - max(row["on_hand"], 0))) if over else min(abs(drift), sold)
    loss = units * (margin + p.oversell_penalty_minor if over else margin)
    return Finding(
        subject=f"{sku}@{location}",
        title=(
            f"{account.connection} keeps {row['stocked_units']:,} of {sku} at {location}, "
            f"{account.stock_from} says {row['expected']:,}"
        ),
        kind="level",
        object_id=f"{sku}@{location}",
        location=location,
        sku=sku,
        ours={"stocked": row["expected"]},
        remote={"stocked": row["stocked_units"], "reserved": row["reserved_units"]},
        evidence={
            "channel": account.connection,
            "owner": account.stock_from,
            "level": row["level"],
            "on_hand": row["on_hand"],
            "left_but_not_told": row["untold"],
            "packed_or_told_but_not_left": row["ahead"],
            "returns_on_the_way": row["coming_back"],
            "difference": drift,
            "value_at_cost_minor": abs(drift) * (row["cost"] or 0),
            "level_read_at": view.as_of("levels", connection=account.connection),
            "stock_read_at": view.as_of("stock", connection=account.stock_from),
        },
        money=[
            Money(
                line=f"future:{location}:{sku}",
                exposed_minor=round(abs(drift) * (row["list_price"] or 0)),
                expected_loss_minor=round(loss),
            )
        ],
        currency=_currency(view, sku),
        probability=1.0,
        cost_of_delay_minor=round(loss / p.horizon_hours),
        suggested="set_stock_level",
        hold_seconds=int(hold.total_seconds()),
    )


def _currency(view: View, sku: str) -> str:
    item = view.facts.frame("item").filter(pl.col("entity") == sku)
    return str(item["currency"][0] or "") if item.height else ""


DETECTOR = Detector(
    id="X07",
    title="Inventory mismatch",
    owner="inventory",
    needs=("level", "stock_position"),
    streams=("levels", "stock", "shipments", "orders"),
    version=2,
    parameters=Parameters(),
    find=find,
)
