"""One fold per kind of entity, found here by its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from data.events import (
    ChannelStated,
    ItemStated,
    ListingStated,
    LocationStated,
    ParcelStated,
    PurchaseStated,
    StockMonthStated,
    StockStated,
    SupplierStated,
    TermsStated,
    TrackingStated,
    TransferStated,
)
from data.facts import Row, Rows
from data.fold.order import fold_order
from data.fold.reference import Reference
from data.fold.settle import Stated, settle
from data.money import to_minor

Fold = Callable[[str, Sequence[Stated], Reference], Rows]

#: Raised with every change of what a fold makes of the same events: facts made by an older one are rebuilt.
FOLD_VERSION = 1


def fold(kind: str, entity: str, stated: Sequence[Stated], reference: Reference) -> Rows:
    """Fold all events of one entity into its fact rows."""
    return FOLDS[kind](entity, stated, reference)


def _one(held: Sequence[Stated], kind: type) -> Stated | None:
    """Choose whose word counts where several connections state one entity: the newest, then by name."""
    mine = [s for s in held if isinstance(s.event, kind)]
    return max(mine, key=lambda s: (s.observed_at, s.connection, s.digest), default=None)


def _minor(amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else to_minor(amount, currency)


def fold_parcel(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Join what the warehouse handed over with what the carrier scanned."""
    held = settle(stated)
    sent, seen = _one(held, ParcelStated), _one(held, TrackingStated)
    parcel = sent.event if sent else None
    tracking = seen.event if seen else None
    assert parcel is None or isinstance(parcel, ParcelStated)  # noqa: S101 -- narrows
    assert tracking is None or isinstance(tracking, TrackingStated)  # noqa: S101 -- narrows
    if parcel is None and tracking is None:
        return {}
    scans = sorted(tracking.scans, key=lambda scan: scan.at) if tracking else []
    carrier = parcel.carrier if parcel else tracking.carrier if tracking else None
    row: Row = (
        entity, parcel.order if parcel else None, carrier, parcel.location if parcel else None,
        parcel.handed_over_at if parcel else None, scans[0].at if scans else None, scans[-1].at if scans else None,
        scans[-1].code if scans else None, tracking.delivered_at if tracking else None,
    )  # fmt: skip
    return {"parcel": [row]}


def fold_stock(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give every system's claim, a row a state."""
    rows: list[Row] = []
    for s in settle(stated):
        if isinstance(s.event, StockStated):
            c = s.event
            claims = {
                "on_hand": c.on_hand,
                "allocated": c.allocated,
                "quarantined": c.quarantined,
                "damaged": c.damaged,
            }
            rows.extend(
                (entity, s.connection, c.sku, c.location, state, units, c.counted_at) for state, units in claims.items()
            )
    return {"stock_position": rows}


def fold_stock_month(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Spell a month's closing stock out, a row a day."""
    rows: list[Row] = []
    for s in settle(stated):
        if isinstance(s.event, StockMonthStated):
            m = s.event
            first = date.fromisoformat(f"{m.month}-01")
            rows.extend(
                (entity, s.connection, m.sku, m.location, first + timedelta(days=n), units)
                for n, units in enumerate(m.closing)
                if units is not None
            )
    return {"stock_day": rows}


def fold_listing(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State what the channel offers."""
    s = _one(settle(stated), ListingStated)
    if s is None or not isinstance(s.event, ListingStated):
        return {}
    x = s.event
    row: Row = (
        entity,
        x.channel,
        x.sku,
        x.title,
        x.quantity,
        x.active,
        x.price_minor,
        x.currency,
        s.version,
        s.connection,
    )
    return {"listing": [row]}


def fold_channel(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State a channel's rule; its locations as one comma-separated text, sorted."""
    s = _one(settle(stated), ChannelStated)
    if s is None or not isinstance(s.event, ChannelStated):
        return {}
    x = s.event
    row: Row = (
        entity,
        x.name,
        ",".join(sorted(x.locations)),
        x.buffer_units,
        x.cap_units,
        x.handling_hours,
        s.connection,
    )
    return {"channel": [row]}


def fold_item(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State an item with its latest cost."""
    s = _one(settle(stated), ItemStated)
    if s is None or not isinstance(s.event, ItemStated):
        return {}
    x = s.event
    latest = max(x.costs, key=lambda cost: cost.effective_from, default=None)
    cost = None if latest is None else to_minor(latest.unit_cost, x.currency)
    row: Row = (
        entity,
        x.name,
        x.category,
        x.kind,
        x.supplier,
        _minor(x.list_price, x.currency),
        cost,
        x.currency,
    )
    return {"item": [row]}


def fold_supplier(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State a supplier."""
    s = _one(settle(stated), SupplierStated)
    if s is None or not isinstance(s.event, SupplierStated):
        return {}
    x = s.event
    return {"supplier": [(entity, x.name, x.lead_time_days, x.order_minimum_minor, x.currency, s.connection)]}


def fold_terms(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State what a supplier asks for an item."""
    s = _one(settle(stated), TermsStated)
    if s is None or not isinstance(s.event, TermsStated):
        return {}
    x = s.event
    return {"terms": [(entity, x.supplier, x.sku, x.moq, x.pack, _minor(x.unit_cost, ""))]}


def fold_location(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State a place that holds stock."""
    s = _one(settle(stated), LocationStated)
    if s is None or not isinstance(s.event, LocationStated):
        return {}
    return {"location": [(entity, s.event.name, s.event.kind, s.event.time_zone)]}


def fold_purchase(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give a purchase order, a row a line."""
    s = _one(settle(stated), PurchaseStated)
    if s is None or not isinstance(s.event, PurchaseStated):
        return {}
    p = s.event
    return {
        "purchase_line": [
            (entity, line.line, line.sku, p.supplier, p.location, p.status, p.created_at, p.sent_at,
             line.ordered, line.received, _minor(line.unit_cost, p.currency), line.promised_at, line.received_at,
             p.reference, s.connection)
            for line in p.lines
        ]
    }  # fmt: skip


def fold_transfer(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give a transfer, a row a line."""
    s = _one(settle(stated), TransferStated)
    if s is None or not isinstance(s.event, TransferStated):
        return {}
    x = s.event
    return {
        "transfer_line": [
            (
                entity,
                u.sku,
                x.origin,
                x.destination,
                x.status,
                u.units,
                x.created_at,
                x.reference,
                s.connection,
            )
            for u in x.lines
        ]
    }


FOLDS: dict[str, Fold] = {
    "order": fold_order,
    "parcel": fold_parcel,
    "stock": fold_stock,
    "stock_month": fold_stock_month,
    "listing": fold_listing,
    "channel": fold_channel,
    "item": fold_item,
    "supplier": fold_supplier,
    "terms": fold_terms,
    "location": fold_location,
    "purchase": fold_purchase,
    "transfer": fold_transfer,
}
