"""What one record is in each stream: its bytes, its key, its version. Some are put together from several lists.

A level is kept with the reservations that exist for it, a listing with the levels that feed it, and a payment becomes
a record for each movement of money in it: a capture or a refund happened once, though its payment changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

from data.clock import to_micros
from data.log.cards import mask_cards
from ingest.adapter import RawItem

#: Between the ids of a composed key.
AT = "@"


class Named(msgspec.Struct):
    """Anything with an id."""

    id: str


class _Stamped(msgspec.Struct):
    id: str
    updated_at: datetime


class _Order(_Stamped):
    display_id: int | str


class _Product(msgspec.Struct):
    updated_at: datetime | None = None


class _Variant(_Stamped):
    product: _Product | None = None


class _Level(msgspec.Struct):
    updated_at: datetime


class _LevelRecord(msgspec.Struct):
    id: str
    level: _Level


class _Moved(msgspec.Struct):
    id: str
    created_at: datetime


class _MovedRecord(msgspec.Struct):
    id: str
    movement: _Moved


class Reservation(msgspec.Struct, frozen=True):
    """Units that are kept for an order line, or for a reason that somebody wrote."""

    id: str
    inventory_item_id: str
    location_id: str
    quantity: int | float
    line_item_id: str | None = None


class _LevelAt(msgspec.Struct):
    location_id: str
    reserved_quantity: int | float = 0


class _InventoryItem(msgspec.Struct):
    id: str
    sku: str | None = None
    title: str | None = None
    location_levels: list[msgspec.Raw] | None = None


class _Linked(msgspec.Struct):
    inventory_item_id: str


class _VariantProduct(msgspec.Struct):
    sales_channels: list[Named] | None = None


class _SoldVariant(msgspec.Struct):
    id: str
    manage_inventory: bool = True
    product: _VariantProduct | None = None
    inventory_items: list[_Linked] | None = None


class _Paid(msgspec.Struct):
    id: str
    captures: list[msgspec.Raw] | None = None
    refunds: list[msgspec.Raw] | None = None


_shapes: Mapping[str, msgspec.json.Decoder[object]] = {
    "orders": msgspec.json.Decoder(_Order),
    "items": msgspec.json.Decoder(_Variant),
    "levels": msgspec.json.Decoder(_LevelRecord),
    "listings": msgspec.json.Decoder(Named),
    "payments": msgspec.json.Decoder(_MovedRecord),
}
_stamped = msgspec.json.Decoder(_Stamped)
_inventory = msgspec.json.Decoder(_InventoryItem)
_level = msgspec.json.Decoder(_LevelAt)
_sold = msgspec.json.Decoder(_SoldVariant)
_paid = msgspec.json.Decoder(_Paid)
_moved = msgspec.json.Decoder(_Moved)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def item(stream: str, raw: bytes, observed_at: int, *, place: str | None = None) -> RawItem:
    """Mask card numbers and read key, version and time of change; bytes without a proper head are keyed by content."""
    body = mask_cards(raw)
    try:
        key, changed = _head(_shapes.get(stream, _stamped).decode(body))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError, ValueError):
        key, changed = "", None
    if not key or not key.isprintable():
        return RawItem(f"?{blake2b(body, digest_size=8).hexdigest()}", body, 0, observed_at, None, place)
    return RawItem(key, body, changed or 0, observed_at, changed, place)


def levels(row: bytes, reservations: Iterable[Reservation]) -> Iterator[bytes]:
    """Put each level of an inventory item together with the reservations that exist for it."""
    whole = _inventory.decode(row)
    for raw in whole.location_levels or ():
        place = _level.decode(raw).location_id
        kept = sorted(
            (r for r in reservations if (r.inventory_item_id, r.location_id) == (whole.id, place)), key=lambda r: r.id
        )
        yield msgspec.json.encode(
            {"id": whole.id + AT + place, "sku": whole.sku, "title": whole.title, "level": raw, "reservations": kept}
        )


def agrees(record: bytes) -> bool:
    """Tell whether a level's own counter is the sum of its reservations."""
    found = msgspec.json.decode(record, type=_Kept)
    return found.level.reserved_quantity == sum(r.quantity for r in found.reservations)


class _Kept(msgspec.Struct):
    level: _LevelAt
    reservations: list[Reservation]


def inventory_of(variant: bytes) -> tuple[str, ...]:
    """Name the inventory items of a variant."""
    return tuple(linked.inventory_item_id for linked in _sold.decode(variant).inventory_items or ())


def listings(variant: bytes, places: Mapping[str, tuple[str, ...]], levels_of: Mapping[str, bytes]) -> Iterator[bytes]:
    """Put a variant together with each channel that its product is in; one whose stock nobody counts is no listing.

    `places` are the stock locations of each sales channel, `levels_of` the inventory items that feed the variant.
    """
    sold = _sold.decode(variant)
    if not sold.manage_inventory or sold.product is None:
        return
    feed = [_inventory_levels(levels_of[name]) for name in inventory_of(variant) if name in levels_of]
    for channel in sorted(c.id for c in sold.product.sales_channels or ()):
        yield msgspec.json.encode(
            {"id": sold.id + AT + channel, "channel": channel, "locations": sorted(places.get(channel, ())),
             "variant": msgspec.Raw(variant), "inventory": feed}
        )  # fmt: skip


def movements(payment: bytes) -> Iterator[bytes]:
    """Make a record of each capture and each refund of a payment, with what the payment says of all of them."""
    paid, fields = _paid.decode(payment), _object.decode(payment)
    about = {name: fields[name] for name in ("id", "currency_code", "payment_collection") if name in fields}
    for kind, moved in (("capture", paid.captures), ("refund", paid.refunds)):
        for raw in moved or ():
            key = paid.id + AT + _moved.decode(raw).id
            yield msgspec.json.encode({"id": key, "kind": kind, "payment": about, "movement": raw})


def _inventory_levels(row: bytes) -> dict[str, object]:
    whole = _inventory.decode(row)
    return {"id": whole.id, "levels": whole.location_levels or []}


def _head(found: object) -> tuple[str, int | None]:
    match found:
        case _Order():
            return str(found.display_id), _micros(found.updated_at)
        case _Variant():
            product = found.product.updated_at if found.product else None
            return found.id, max(_micros(found.updated_at), _micros(product or found.updated_at))
        case _Stamped():
            return found.id, _micros(found.updated_at)
        case _LevelRecord():
            return found.id, _micros(found.level.updated_at)
        case _MovedRecord():
            return found.id, _micros(found.movement.created_at)
        case Named():
            return found.id, None
    raise ValueError("this is no record")


def _micros(at: datetime) -> int:
    return to_micros(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
