"""The real part of the world: orders and cancellations of Online Retail."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict

import msgspec
import polars as pl

from sandbox.bundle import BUNDLED

ATTRIBUTION = "Online Retail, UCI Machine Learning Repository, Daqing Chen, CC BY 4.0, https://doi.org/10.24432/C5BW33"


class Lines(msgspec.Struct):
    """Order lines by column, in file order; a line is named by its place."""

    order: list[int]
    sku: list[str]
    quantity: list[int]
    mills: list[int]
    net: list[int]  #: quantity without what was cancelled later


class RealOrder(msgspec.Struct):
    """An invoice; its lines are the places first … last."""

    number: str
    at: int
    customer: int | None
    country: str
    channel: str
    first: int
    last: int


class Cancellation(msgspec.Struct):
    """Cancelled units of one order line, by the C invoice that says so."""

    number: str
    at: int
    line: int
    quantity: int


class Real(msgspec.Struct):
    """Everything taken from the data."""

    orders: list[RealOrder]
    lines: Lines
    cancellations: list[Cancellation]
    titles: dict[str, str]
    unlinked: int
    cancelled_lines: int


def is_product(sku: str) -> bool:
    """Tell goods from postage, fees, vouchers and corrections."""
    return sku[:5].isdigit() or sku.startswith("DCGS")


def channel_of(customer: int | None, country: str, units: int, mills: int) -> str:
    """Give an order its channel, which the data does not have."""
    if customer is None or country != "United Kingdom":
        return "marketplace"
    return "wholesale" if units >= 300 or mills >= 400_000 else "web"


def read_real() -> Real:
    """Read the bundled file and link its cancellations."""
    rows = pl.read_parquet(BUNDLED).with_columns(at=pl.col("at").dt.epoch("us"))
    sold = rows.filter(~pl.col("invoice").str.starts_with("C"))
    orders, order_of = _orders(sold)
    quantity = sold["quantity"].to_list()
    lines = Lines(
        order=order_of,
        sku=sold["sku"].to_list(),
        quantity=quantity,
        mills=sold["mills"].to_list(),
        net=list(quantity),
    )
    cancelled = rows.filter(pl.col("invoice").str.starts_with("C")).sort("at", maintain_order=True)
    cancellations = _link(orders, lines, cancelled)
    titles = dict(sold.select("sku", "title").unique(maintain_order=True).iter_rows())
    return Real(
        orders=orders,
        lines=lines,
        cancellations=cancellations,
        titles=titles,
        unlinked=cancelled.height - len(cancellations),
        cancelled_lines=cancelled.height,
    )


def _orders(sold: pl.DataFrame) -> tuple[list[RealOrder], list[int]]:
    numbered = sold.with_columns(order=pl.col("invoice").rle_id())
    grouped = (
        numbered.with_row_index("place")
        .group_by("order", maintain_order=True)
        .agg(
            pl.col("invoice").first(),
            pl.col("at").first(),
            pl.col("customer").first(),
            pl.col("country").first(),
            first=pl.col("place").min(),
            last=pl.col("place").max() + 1,
            units=pl.col("quantity").sum(),
            mills=(pl.col("quantity").cast(pl.Int64) * pl.col("mills")).sum(),
        )
    )
    orders = [
        RealOrder(
            number=row["invoice"],
            at=row["at"],
            customer=row["customer"],
            country=row["country"],
            channel=channel_of(row["customer"], row["country"], row["units"], row["mills"]),
            first=row["first"],
            last=row["last"],
        )
        for row in grouped.iter_rows(named=True)
    ]
    return orders, numbered["order"].to_list()


def _link(orders: list[RealOrder], lines: Lines, cancelled: pl.DataFrame) -> list[Cancellation]:
    """Link each cancelled line to the latest earlier line of that customer and code with enough units left."""
    bought: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for place, (order, sku) in enumerate(zip(lines.order, lines.sku, strict=True)):
        customer = orders[order].customer
        if customer is not None:
            bought[customer, sku].append((orders[order].at, place))
    linked = []
    for row in cancelled.iter_rows(named=True):
        earlier = bought.get((row["customer"], row["sku"]), [])
        wanted = -row["quantity"]
        for _, place in reversed(earlier[: bisect_right(earlier, (row["at"], len(lines.order)))]):
            if lines.net[place] >= wanted:
                lines.net[place] -= wanted
                linked.append(Cancellation(number=row["invoice"], at=row["at"], line=place, quantity=wanted))
                break
    return linked
