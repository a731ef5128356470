"""What a metric needs to be armed: which facts prove that a stream is there, and what would bring it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl


@dataclass(frozen=True, kw_only=True)
class Need:
    """A kind of data; unmet, a metric is not armed rather than zero or 100 %."""

    name: str
    table: str = ""
    proof: pl.Expr | None = None  #: a row of the table for which this holds proves it; None: any row
    streams: tuple[str, ...] = ()  #: streams whose silence makes the figure stale
    brings: str
    argument: Literal["demand", "statuses"] | None = None  #: it is handed over with the question, not read from facts


ORDERS = Need(
    name="orders",
    table="order_line",
    streams=("orders", "order_lines"),
    brings="connect a shop or import an orders file",
)
PROMISES = Need(
    name="promise dates", table="order_line", proof=pl.col("ship_by").is_not_null(), streams=("orders",),
    brings="map a ship-by date or set the channel's handling time",
)  # fmt: skip
SHIPMENTS = Need(
    name="shipments", table="order_line", proof=pl.col("first_shipped_at").is_not_null(), streams=("shipments",),
    brings="connect the warehouse or map a ship date",
)  # fmt: skip
PARCELS = Need(
    name="parcels", table="shipment_line", streams=("shipments",), brings="connect the warehouse or import its parcels"
)
TELLING = Need(
    name="fulfilments told to the channel", table="shipment_line", proof=pl.col("told_at").is_not_null(),
    streams=("orders",), brings="connect the shop, which lists what it was told",
)  # fmt: skip
LEDGER = Need(
    name="shipped sales", table="line_amount", proof=pl.col("entry") == "sale", streams=("orders", "shipments"),
    brings="connect the warehouse or map a ship or invoice date",
)  # fmt: skip
COSTS = Need(
    name="unit costs", table="item", proof=pl.col("unit_cost_minor").is_not_null(), streams=("items",),
    brings="connect the ERP or import items with their costs",
)  # fmt: skip
PAYMENTS = Need(
    name="payments", table="payment", streams=("payments",), brings="connect the shop's payments or import them"
)
FEES = Need(
    name="fees", table="payment", proof=pl.col("kind") == "fee", streams=("payments",),
    brings="connect the payment provider or import its statement",
)  # fmt: skip
FREIGHT = Need(
    name="freight costs", table="line_amount", proof=pl.col("freight_minor") != 0, streams=("shipments",),
    brings="connect the warehouse or the carrier, whose parcels carry their cost",
)  # fmt: skip
HANDLING = Need(
    name="pick and pack costs", table="line_amount", proof=pl.col("handling_minor") != 0, streams=("work",),
    brings="connect the warehouse, whose work carries its cost",
)  # fmt: skip
RETURNS = Need(
    name="returns", table="return_line", streams=("returns",), brings="connect the shop or import a returns file"
)
INSPECTIONS = Need(
    name="return inspections", table="return_line", proof=pl.col("received_at").is_not_null(), streams=("inspections",),
    brings="connect the warehouse, which inspects what came back",
)  # fmt: skip
RETURN_COSTS = Need(
    name="return costs", table="line_amount", proof=pl.col("return_cost_minor") != 0, streams=("inspections",),
    brings="connect a warehouse whose inspections carry what a return costs: label and handling",
)  # fmt: skip
STOCK = Need(
    name="stock counts",
    table="stock_position",
    streams=("stock",),
    brings="connect the warehouse or import a stock list",
)
STOCK_DAYS = Need(
    name="daily closing stock", table="stock_day", streams=("stock_history",),
    brings="connect the warehouse or import stock by day",
)  # fmt: skip
WORK = Need(
    name="warehouse work", table="order_line",
    proof=pl.col("stage").is_in(["backordered", "released", "picking", "picked", "packed"]), streams=("work",),
    brings="connect the warehouse, which tells what waits for stock",
)  # fmt: skip
PROJECTION = Need(
    name="a demand projection", argument="demand", brings="ask the forecast, or use days_of_supply_trailing",
)  # fmt: skip
SOURCES = Need(name="the state of the sources", argument="statuses", brings="connect a system or import a file")
