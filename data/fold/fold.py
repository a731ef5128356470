"""One fold per kind of entity, found here by its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from data.events import (
    ChannelStated,
    ItemStated,
    LevelStated,
    ListingStated,
    LocationStated,
    LotStated,
    OrderPointStated,
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
from data.fold.item import whole_item
from data.fold.order import fold_order
from data.fold.reference import Reference
from data.fold.settle import E_, Stated, chosen, settle
from data.money import to_minor

Fold = Callable[[str, Sequence[Stated], Reference], Rows]

#: Raised with every change of what a fold makes of the same events: facts made by an older one are rebuilt.
FOLD_VERSION = 14


def fold(kind: str, entity: str, stated: Sequence[Stated], reference: Reference) -> Rows:
    """Fold all events of one entity into its fact rows."""
    return FOLDS[kind](entity, stated, reference)


def fold_parcel(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Join what the warehouse handed over with what the carrier scanned."""
    held = settle(stated)
    sent, seen = chosen(held, ParcelStated), chosen(held, TrackingStated)
    if sent is None and seen is None:
        return {}
    scans = sorted(seen.scans, key=lambda scan: scan.at) if seen else []
    row: Row = (
        entity, sent.order if sent else None, sent.carrier if sent else seen.carrier if seen else None,
        sent.location if sent else None, sent.handed_over_at if sent else None, scans[0].at if scans else None,
        scans[-1].at if scans else None, scans[-1].code if scans else None, seen.delivered_at if seen else None,
    )  # fmt: skip
    return {"parcel": [row]}


def fold_stock(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give every owner's claim, a row a state, and every channel's own level beside it."""
    rows: list[Row] = []
    levels: list[Row] = []
    for s in settle(stated):
        if isinstance(s.event, LevelStated):
            x = s.event
            levels.append(
                (entity, s.connection, x.sku, x.location, x.level, x.stocked, x.reserved, x.held, x.incoming,
                 x.counted_at)
            )  # fmt: skip
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
    return {"stock_position": rows, "level": levels}


def fold_lot(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give a lot, a row a location."""
    return {
        "lot": [
            (entity, s.connection, x.sku, x.number, at.location, at.units, x.expires_on)
            for s, x in _by_first(settle(stated), LotStated)
            for at in x.held
        ]
    }


def fold_order_point(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give the ERP's own rule for ordering."""
    return {
        "order_point": [
            (entity, s.connection, x.sku, x.location, x.minimum, x.target, x.supplier)
            for s, x in _by_first(settle(stated), OrderPointStated)
        ]
    }


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
    for s in settle(stated):
        if isinstance(s.event, ListingStated):
            x = s.event
            row: Row = (
                entity, x.channel, x.sku, x.title, x.quantity, x.active, x.price_minor, x.currency, s.connection
            )  # fmt: skip
            return {"listing": [row]}
    return {}


def fold_channel(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State a channel's rule; its locations as one comma-separated text, sorted."""
    for s in settle(stated):
        if isinstance(s.event, ChannelStated):
            x = s.event
            places = ",".join(sorted(x.locations))
            row: Row = (entity, x.name, places, x.buffer_units, x.cap_units, x.handling_hours, s.connection)
            return {"channel": [row]}
    return {}


def fold_item(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State an item with its latest cost."""
    held = settle(stated)
    x = whole_item(held)
    if x is None:
        return {}
    codes: list[Row] = [
        (entity, s.connection, s.event.name, s.event.gtin) for s in held if isinstance(s.event, ItemStated)
    ]
    cost = to_minor(x.costs[-1].unit_cost, x.currency) if x.costs else None
    price = None if x.list_price is None else to_minor(x.list_price, x.currency)
    row: Row = (entity, x.name, x.category, x.kind, x.supplier, price, cost, x.currency)
    return {"item": [row], "item_code": list(dict.fromkeys(codes))}


def fold_supplier(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State a supplier."""
    for s in settle(stated):
        if isinstance(s.event, SupplierStated):
            x = s.event
            row: Row = (entity, x.name, x.lead_time_days, x.order_minimum_minor, x.currency, s.connection)
            return {"supplier": [row]}
    return {}


def fold_terms(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State what a supplier asks for an item."""
    x = chosen(settle(stated), TermsStated)
    if x is None:
        return {}
    cost = None if x.unit_cost is None else to_minor(x.unit_cost, x.currency)
    return {"terms": [(entity, x.supplier, x.sku, x.moq, x.pack, cost, x.currency)]}


def fold_location(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """State a place that holds stock."""
    x = chosen(settle(stated), LocationStated)
    return {} if x is None else {"location": [(entity, x.name, x.kind, x.time_zone)]}


def fold_purchase(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give a purchase order, a row a line; a file states its lines one by one."""
    rows: list[Row] = []
    for s, p in _by_first(settle(stated), PurchaseStated):
        for line in p.lines:
            cost = None if line.unit_cost is None else to_minor(line.unit_cost, p.currency)
            rows.append(
                (entity, line.line, line.sku, p.supplier, p.location, p.status, p.created_at, p.sent_at, line.ordered,
                 line.received, cost, line.promised_at, line.received_at, p.reference, s.connection)
            )  # fmt: skip
    return {"purchase_line": rows}


def fold_transfer(entity: str, stated: Sequence[Stated], _reference: Reference) -> Rows:
    """Give a transfer, a row a line."""
    return {
        "transfer_line": [
            (entity, u.sku, x.origin, x.destination, x.status, u.units, x.created_at, x.reference, s.connection)
            for s, x in _by_first(settle(stated), TransferStated)
            for u in x.lines
        ]
    }


def _by_first(held: Sequence[Stated], kind: type[E_]) -> list[tuple[Stated, E_]]:
    """Give everything of a kind that the first connection by name states, aspect by aspect."""
    mine = [(s, s.event) for s in held if isinstance(s.event, kind)]
    return [pair for pair in mine if pair[0].connection == mine[0][0].connection]


FOLDS: dict[str, Fold] = {
    "order": fold_order,
    "parcel": fold_parcel,
    "stock": fold_stock,
    "lot": fold_lot,
    "order_point": fold_order_point,
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
