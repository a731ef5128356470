"""The fact tables: what the fold makes of the log and every reader reads. Amounts are integer minor units.

Each row belongs to one entity of the kind that its table names: a batch refolds whole entities.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from data.clock import to_micros

T = pl.Datetime("us", "UTC")

ENTITY = "entity"  #: first column of every table: the id of the entity whose fold made the row


@dataclass(frozen=True)
class FactTable:
    """A table's name, the kind of entity that owns its rows, and its columns."""

    name: str
    kind: str
    columns: dict[str, pl.DataType | type[pl.DataType]]

    @property
    def schema(self) -> pl.Schema:
        """Give the columns with the entity in front."""
        return pl.Schema({ENTITY: pl.String, **self.columns})


def _table(name: str, kind: str, /, **columns: pl.DataType | type[pl.DataType]) -> FactTable:
    return FactTable(name, kind, columns)


S, N, B, D = pl.String, pl.Int64, pl.Boolean, pl.Date

TABLES: dict[str, FactTable] = {
    table.name: table
    for table in (
        # One row a line of an order, as all systems together tell it. `entity` is the order's id.
        _table(
            "order_line", "order",
            line_id=S, sku=S, kind=S, title=S, channel=S, country=S, customer=S, connection=S, simulated=B,
            placed_at=T, currency=S, unit_price_minor=N, net_minor=N,  # net_minor: ordered units at price less discount
            ordered_units=N, cancelled_units=N, cancelled_at=T, cancel_cause=S,
            first_shipment_units=N, shipped_units=N, on_time_units=N, told_units=N, returned_units=N, open_units=N,
            first_shipped_at=T, last_shipped_at=T, ship_by=T, promise=S,  # given | policy | null
            location=S, stage=S, stage_since=T, hold=S, paid=B,
            excused_units=N,  # cancelled units that leave the denominators of service rates
        ),
        # One row a line in a parcel.
        _table(
            "shipment_line", "order",
            parcel=S, line_id=S, sku=S, channel=S, units=N, location=S, carrier=S, tracking=S,
            handed_over_at=T, told_at=T, net_minor=N, currency=S,  # told_at: when the channel learnt this tracking
        ),
        # One row a line of what the channel took off its own levels: told of as shipped, or only packed so far.
        _table("fulfilment_line", "order", connection=S, fulfilment=S, line_id=S, sku=S, units=N, location=S, told=B),
        # One row a piece of warehouse work that is still to be done for an order.
        _table(
            "open_work", "order",
            work=S, connection=S, location=S, status=S, status_since=T, priority=N, allocated=B,
        ),
        # The margin ledger: one row a line and posting, a column a component; costs are positive.
        _table(
            "line_amount", "order",
            line_id=S, sku=S, channel=S, location=S, simulated=B,
            entry=S,  # sale | refund | return | fee (of an order cancelled whole) | cost (spent in another currency)
            posted_at=T, placed_at=T, currency=S, units=N,
            gross_minor=N, discount_minor=N, refund_minor=N, cogs_minor=N, shipping_minor=N,
            payment_fee_minor=N, marketplace_fee_minor=N, freight_minor=N, handling_minor=N, return_cost_minor=N,
            write_down_minor=N, uncosted_minor=N,  # uncosted_minor: net sales whose cost is unknown
        ),
        _table(
            "return_line", "order",
            return_id=S, line_id=S, sku=S, channel=S, units=N, reason=S, status=S, requested_at=T, received_at=T,
            disposition=S, shipped_at=T, linked=B, inspected_at=T, location=S,  # location: where it came back to
            inspection=S,  # what the system that took it in calls it
        ),
        _table("payment", "order", payment=S, kind=S, fee_kind=S, amount_minor=N, currency=S, at=T, channel=S),
        # The ERP's documents for the order; more than one that lives is one too many.
        _table(
            "sale", "order",
            sale=S, status=S, total_minor=N, currency=S, created_at=T, reference=S, customer=S, connection=S,
        ),
        _table("sale_line", "order", sale=S, line_id=S, sku=S, units=N, amount_minor=N, connection=S),
        # What the channel itself says of the whole order, to hold the ERP's document against.
        _table("order_total", "order", channel=S, connection=S, placed_at=T, total_minor=N, currency=S, cancelled_at=T),
        _table(
            "parcel", "parcel",
            order_id=S, carrier=S, location=S, handed_over_at=T, first_scan_at=T, last_scan_at=T, last_scan=S,
            delivered_at=T,
        ),
        # Every system's claim is a row.
        _table("stock_position", "stock", connection=S, sku=S, location=S, state=S, units=N, observed_at=T),
        # What a channel keeps of the stock itself; it owns none of it where another system is its `stock_from`.
        _table(
            "level", "stock",
            connection=S, sku=S, location=S, level=S, stocked_units=N, reserved_units=N, held_units=N, incoming_units=N,
            observed_at=T,
        ),
        _table("lot", "lot", connection=S, sku=S, number=S, location=S, units=N, expires_on=D),
        _table("order_point", "order_point", connection=S, sku=S, location=S, minimum=N, target=N, supplier=S),
        _table("stock_day", "stock_month", connection=S, sku=S, location=S, day=D, closing_units=N),
        _table(
            "listing", "listing",
            channel=S, sku=S, title=S, quantity=N, active=B, price_minor=N, currency=S, connection=S,
        ),
        _table("channel", "channel", name=S, locations=S, buffer_units=N, cap_units=N, handling_hours=N, connection=S),
        _table(
            "item", "item",
            name=S, category=S, kind=S, supplier=S, list_price_minor=N, unit_cost_minor=N, currency=S,
        ),
        # Which system knows the item under this code, and by what it may be recognised.
        _table("item_code", "item", connection=S, name=S, gtin=S),
        _table("supplier", "supplier", name=S, lead_time_days=N, order_minimum_minor=N, currency=S, connection=S),
        _table("terms", "terms", supplier=S, sku=S, moq=N, pack=N, unit_cost_minor=N, currency=S),
        _table("location", "location", name=S, kind=S, time_zone=S),
        _table(
            "purchase_line", "purchase",
            line_id=S, sku=S, supplier=S, location=S, status=S, created_at=T, sent_at=T, ordered_units=N,
            received_units=N, unit_cost_minor=N, promised_at=T, received_at=T, reference=S, connection=S,
        ),
        _table(
            "transfer_line", "transfer",
            sku=S, origin=S, destination=S, status=S, units=N, created_at=T, reference=S, connection=S,
        ),
    )
}  # fmt: skip

KINDS: tuple[str, ...] = tuple(dict.fromkeys(table.kind for table in TABLES.values()))


def tables_of(kind: str) -> tuple[FactTable, ...]:
    """Name the tables whose rows belong to entities of a kind."""
    return tuple(table for table in TABLES.values() if table.kind == kind)


Row = tuple[object, ...]  #: entity first, then the table's columns in order
Rows = dict[str, list[Row]]  #: table name -> rows


def frame(table: FactTable, rows: list[Row]) -> pl.DataFrame:
    """Make a frame of folded rows, with the table's schema even where there are none."""
    if not rows:
        return pl.DataFrame(schema=table.schema)
    columns = zip(table.schema.items(), zip(*rows, strict=True), strict=True)
    return pl.DataFrame([_column(name, kind, values) for (name, kind), values in columns])


def _column(name: str, kind: pl.DataType, values: tuple[object, ...]) -> pl.Series:
    """Make a column; times go by way of whole microseconds, which is several times faster than one by one."""
    if kind != T:
        return pl.Series(name, values, dtype=kind, strict=True)
    micros = [to_micros(at) if isinstance(at, datetime) else None for at in values]
    return pl.Series(name, micros, dtype=pl.Int64).cast(T)
