"""The warehouse's shapes, and what they say in our words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from data.errors import RecordInvalid
from data.events import (
    InspectionStated,
    LocationStated,
    ParcelStated,
    PriorityChange,
    StockMonthStated,
    StockStated,
    TransferStated,
    Units,
    WorkStated,
)
from ingest.shapes import (
    Amount,
    Context,
    Count,
    Currency,
    Id,
    Item,
    Parser,
    Signed,
    Text,
    Time,
    maybe_utc,
    minor,
    plain,
    reader,
    utc,
)

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
DISPOSITIONS = frozenset({"restock", "dispose"})


class Location(Item, kw_only=True, frozen=True):
    """A place that holds stock."""

    name: Text
    kind: str = "warehouse"
    time_zone: str = "UTC"


class Stock(Item, kw_only=True, frozen=True):
    """What lies at a location, by state; systems do report negative stock on hand."""

    sku: Id
    location: Id
    on_hand: Signed
    counted_at: Time
    allocated: Count = 0
    quarantined: Count = 0
    damaged: Count = 0


class WorkLine(msgspec.Struct, frozen=True, gc=False):
    """Units of one order line to be picked at one location."""

    line: Id
    sku: Id
    ordered: Count


class Change(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """One change of a priority and who asked for it."""

    at: Time
    before: Count
    after: Count
    reference: Text | None = None


class Work(Item, kw_only=True, frozen=True):
    """What one location has to do for one order."""

    order: Id
    location: Id
    status: str
    lines: list[WorkLine]
    released_at: Time | None = None
    picked_at: Time | None = None
    packed_at: Time | None = None
    shipped_at: Time | None = None
    handling_cost: Amount = "0"
    priority: Count = 0
    changes: tuple[Change, ...] = ()
    currency: Currency | None = None


class Line(msgspec.Struct, frozen=True, gc=False):
    """Units of one order line in a parcel."""

    line: Id
    sku: Id
    quantity: Count


class Shipment(Item, kw_only=True, frozen=True):
    """A parcel that was handed over to a carrier."""

    order: Id
    location: Id
    carrier: Text
    tracking: Id
    handed_over_at: Time
    lines: list[Line]
    freight_cost: Amount = "0"
    currency: Currency | None = None


class StockMonth(Item, kw_only=True, frozen=True):
    """Closing stock of each day of a month so far."""

    sku: Id
    location: Id
    month: str
    days: list[Signed | None]


class InspectionLine(msgspec.Struct, frozen=True, gc=False):
    """What was decided about returned units."""

    line: Id
    sku: Id
    quantity: Count
    disposition: str


class Inspection(Item, kw_only=True, frozen=True, rename={"return_id": "return"}):
    """The look at returned goods."""

    return_id: Id
    order: Id
    location: Id
    lines: list[InspectionLine]
    received_at: Time
    inspected_at: Time | None = None
    return_cost: Amount = "0"
    currency: Currency | None = None


class TransferLine(msgspec.Struct, frozen=True, gc=False):
    """Units of one SKU on the way between two locations."""

    sku: Id
    quantity: Count


class Transfer(Item, kw_only=True, frozen=True, rename={"origin": "from", "target": "to"}):
    """A movement between two locations."""

    origin: Id
    target: Id
    status: str
    created_at: Time
    lines: list[TransferLine]
    reference: Text | None = None


def parsers(context: Context) -> Mapping[str, Parser]:
    """Give the parser of each stream."""
    return {
        "locations": reader(Location, location, context),
        "stock": reader(Stock, stock, context),
        "work": reader(Work, work, context),
        "shipments": reader(Shipment, shipment, context),
        "stock_history": reader(StockMonth, stock_month, context),
        "inspections": reader(Inspection, inspection, context),
        "transfers": reader(Transfer, transfer, context),
    }


def location(raw: Location, _context: Context) -> LocationStated:
    """Translate a location."""
    return LocationStated(location=plain(raw.id, "location"), name=raw.name, kind=raw.kind, time_zone=raw.time_zone)


def stock(raw: Stock, _context: Context) -> StockStated:
    """Translate a count by state."""
    return StockStated(
        sku=plain(raw.sku, "sku"), location=plain(raw.location, "location"), on_hand=raw.on_hand,
        allocated=raw.allocated, quarantined=raw.quarantined, damaged=raw.damaged, counted_at=utc(raw.counted_at),
    )  # fmt: skip


def work(raw: Work, context: Context) -> WorkStated:
    """Translate a warehouse's work on an order."""
    return WorkStated(
        work=raw.id, order=context.order(raw.order), location=raw.location, status=raw.status,
        lines=tuple(Units(line.line, line.sku, line.ordered) for line in raw.lines),
        released_at=maybe_utc(raw.released_at), picked_at=maybe_utc(raw.picked_at), packed_at=maybe_utc(raw.packed_at),
        shipped_at=maybe_utc(raw.shipped_at), status_since=_status_since(raw),
        handling_minor=minor(raw.handling_cost, raw.currency or context.currency),
        currency=raw.currency or context.currency, priority=raw.priority,
        changes=tuple(PriorityChange(utc(c.at), c.before, c.after, c.reference) for c in raw.changes),
        version=raw.version,
    )  # fmt: skip


def _status_since(raw: Work) -> datetime:
    """Say since when the work stands where it does; where no time is given, its last change is the latest it can be."""
    stamps = {
        "released": raw.released_at,
        "picked": raw.picked_at,
        "packed": raw.packed_at,
        "shipped": raw.shipped_at,
    }
    return utc(stamps.get(raw.status) or raw.updated_at)


def shipment(raw: Shipment, context: Context) -> ParcelStated:
    """Translate a parcel that left."""
    return ParcelStated(
        parcel=raw.id, order=context.order(raw.order), location=raw.location, carrier=raw.carrier,
        tracking=plain(raw.tracking, "tracking"), handed_over_at=utc(raw.handed_over_at),
        lines=tuple(Units(line.line, line.sku, line.quantity) for line in raw.lines),
        freight_minor=minor(raw.freight_cost, raw.currency or context.currency),
        currency=raw.currency or context.currency,
    )  # fmt: skip


def stock_month(raw: StockMonth, _context: Context) -> StockMonthStated:
    """Translate a month's closing stock."""
    if not _MONTH.fullmatch(raw.month):
        raise RecordInvalid(f"month {raw.month!r} is no month; YYYY-MM was expected")
    if len(raw.days) > 31:
        raise RecordInvalid(f"month {raw.month} has {len(raw.days)} days; at most 31 were expected")
    return StockMonthStated(
        sku=plain(raw.sku, "sku"),
        location=plain(raw.location, "location"),
        month=raw.month,
        closing=tuple(raw.days),
    )


def inspection(raw: Inspection, context: Context) -> InspectionStated:
    """Translate what was found in a return."""
    unknown = {line.disposition for line in raw.lines} - DISPOSITIONS
    if unknown:
        raise RecordInvalid(f"disposition {unknown.pop()!r} is unknown; restock or dispose was expected")
    return InspectionStated(
        inspection=raw.id, return_=raw.return_id, order=context.order(raw.order), location=raw.location,
        lines=tuple(Units(line.line, line.sku, line.quantity) for line in raw.lines),
        dispositions=tuple(line.disposition for line in raw.lines), received_at=utc(raw.received_at),
        inspected_at=maybe_utc(raw.inspected_at),
        cost_minor=minor(raw.return_cost, raw.currency or context.currency),
        currency=raw.currency or context.currency,
    )  # fmt: skip


def transfer(raw: Transfer, _context: Context) -> TransferStated:
    """Translate a transfer; its lines are named by their number."""
    return TransferStated(
        transfer=plain(raw.id, "transfer"), origin=raw.origin, destination=raw.target, status=raw.status,
        lines=tuple(Units(str(n), line.sku, line.quantity) for n, line in enumerate(raw.lines, 1)),
        created_at=utc(raw.created_at), reference=raw.reference,
    )  # fmt: skip
