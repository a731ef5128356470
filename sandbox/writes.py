"""The writes of storefront and ERP, and what all share; each can be told to lie: to answer as if, changing nothing."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from sandbox.catalog import LOCATIONS, Catalog
from sandbox.erp import SEND_DRAFT_AFTER
from sandbox.merchant import Merchant
from sandbox.shapes import Fulfillment, FulfillmentLine, Item, Listing, Order, Purchase, Transfer
from sandbox.truth import TOLERATED_SHARE, TOLERATED_UNITS

Answer = tuple[int, Any]
T = TypeVar("T", bound=Item)


class ListingWrite(msgspec.Struct, forbid_unknown_fields=True):
    """A compare-and-set on a listing."""

    quantity: int | None = None
    expected_quantity: int | None = None
    active: bool | None = None
    expected_active: bool | None = None
    reference: str | None = None


class FulfillmentWrite(msgspec.Struct, forbid_unknown_fields=True):
    """A parcel to tell the storefront of."""

    lines: list[FulfillmentLine]
    carrier: str
    tracking: str
    reference: str | None = None


class WantedLine(msgspec.Struct, forbid_unknown_fields=True):
    """Units of a SKU."""

    sku: str
    quantity: int


class PurchaseWrite(msgspec.Struct, forbid_unknown_fields=True):
    """A purchase order to draft."""

    supplier: str
    location: str
    lines: list[WantedLine]
    reference: str | None = None


def refused(reason: str) -> Answer:
    """Answer that the request makes no sense."""
    return 422, {"error": "invalid", "reason": reason}


def copy_of(item: T) -> T:
    """Copy an item down to its last list."""
    return msgspec.json.decode(msgspec.json.encode(item), type=type(item))


def set_listing(merchant: Merchant, listing_id: str, body: bytes, *, lies: bool) -> Answer:
    """Change a listing if it is still as the caller believes."""
    write = msgspec.json.decode(body, type=ListingWrite)
    storefront = merchant.world.storefront
    listing = storefront.listings.get(listing_id)
    if listing is None:
        return 404, {"error": "not_found"}
    reason = _listing_reason(write)
    if reason:
        return refused(reason)
    if write.quantity is not None and write.expected_quantity != listing.quantity:
        return 409, {"error": "stale", "current": listing}
    if write.active is not None and write.expected_active != listing.active:
        return 409, {"error": "stale", "current": listing}
    if lies:
        return 200, _as_if_set(listing, write)
    if write.quantity is not None:
        storefront.set_quantity(listing, write.quantity, write.reference)
    if write.active is not None:
        listing.active = write.active
        merchant.world.touch(storefront.listings, listing)
    _let_sync_go_on(merchant, listing)
    return 200, listing


def _listing_reason(write: ListingWrite) -> str | None:
    if write.quantity is None and write.active is None:
        return "nothing to change"
    if write.quantity is not None and (write.expected_quantity is None or write.quantity < 0):
        return "a quantity of at least 0 and expected_quantity belong together"
    if write.active is not None and write.expected_active is None:
        return "active and expected_active belong together"
    return None


def _as_if_set(listing: Listing, write: ListingWrite) -> Listing:
    pretended = copy_of(listing)
    pretended.version += 1
    pretended.quantity = listing.quantity if write.quantity is None else write.quantity
    pretended.active = listing.active if write.active is None else write.active
    return pretended


def _let_sync_go_on(merchant: Merchant, listing: Listing) -> None:
    """A stopped sync goes on once somebody has put its listing right."""
    sku = merchant.world.catalog.index[listing.sku]
    expected = merchant.world.storefront.expected(listing.channel, sku)
    if abs(listing.quantity - expected) <= max(TOLERATED_UNITS, TOLERATED_SHARE * expected):
        merchant.world.storefront.stuck.discard(listing.id)


def add_fulfillment(merchant: Merchant, order_id: str, body: bytes, *, lies: bool) -> Answer:
    """Tell an order of a parcel."""
    write = msgspec.json.decode(body, type=FulfillmentWrite)
    storefront = merchant.world.storefront
    order = storefront.orders.get(order_id)
    if order is None:
        return 404, {"error": "not_found"}
    known = next((parcel for parcel in order.fulfillments if parcel.tracking == write.tracking), None)
    if known is not None:
        return 409, {"error": "duplicate_tracking", "current": known}
    reason = _fulfillment_reason(order, write)
    if reason:
        return refused(reason)
    parcel = Fulfillment(
        id=f"F{order_id}-{len(order.fulfillments) + 1}x",
        created_at=merchant.world.written(),
        carrier=write.carrier,
        tracking=write.tracking,
        lines=write.lines,
        reference=write.reference,
    )
    if not lies:
        storefront.fulfil(order_id, parcel)
    return 201, parcel


def _fulfillment_reason(order: Order, write: FulfillmentWrite) -> str | None:
    left = {line.id: line.quantity - line.cancelled_quantity for line in order.lines if line.kind == "product"}
    for parcel in order.fulfillments:
        for told in parcel.lines:
            left[told.line] -= told.quantity
    if not write.lines or not write.tracking:
        return "lines and tracking are needed"
    for wanted in write.lines:
        if wanted.line not in left:
            return f"{wanted.line} is no product line of this order"
        left[wanted.line] -= wanted.quantity
        if wanted.quantity <= 0 or left[wanted.line] < 0:
            return f"{wanted.line} has not that many units left"
    return None


def draft_purchase(merchant: Merchant, body: bytes, *, lies: bool) -> Answer:
    """Draft a purchase order; the buyer sends it a quarter of an hour later."""
    write = msgspec.json.decode(body, type=PurchaseWrite)
    world = merchant.world
    twin = by_reference(world.erp.purchases.live.values(), write.reference)
    if twin is not None:
        return 409, {"error": "duplicate_reference", "id": twin.id}
    number = next((n for n, vendor in enumerate(world.catalog.vendors) if vendor.id == write.supplier), None)
    reason = lines_reason(write.lines, [write.location], merchant)
    if number is None:
        return refused("no such supplier")
    if reason is None and any(_sku(world.catalog, line).supplier != number for line in write.lines):
        reason = "the supplier has no terms for one of the lines"
    if reason:
        return refused(reason)
    lines = [(world.warehouse.place_of[f"{line.sku}@{write.location}"], line.quantity) for line in write.lines]
    purchase = world.erp.draft_item(number, write.location, lines, write.reference)
    if not lies:
        world.erp.keep_draft(purchase)
        world.schedule(world.now + SEND_DRAFT_AFTER, "send", purchase.id)
    return 201, purchase


def cancel_purchase(merchant: Merchant, purchase_id: str, *, lies: bool) -> Answer:
    """Cancel a purchase order that was not sent."""
    purchases = merchant.world.erp.purchases
    return cancel(merchant, purchases.get(purchase_id), purchases, lies=lies)


def cancel(merchant: Merchant, item: Purchase | Transfer | None, stream: Any, *, lies: bool) -> Answer:  # noqa: ANN401 - a stream of either
    """Cancel a draft; what is no draft any more is refused as stale."""
    if item is None:
        return 404, {"error": "not_found"}
    if item.status != "draft":
        return 409, {"error": "stale", "current": item}
    target = copy_of(item) if lies else item
    target.status = "cancelled"
    if not lies:
        merchant.world.touch(stream, item)
    return 200, target


def by_reference(items: Any, reference: str | None) -> Purchase | Transfer | None:  # noqa: ANN401 - of either kind
    """Find the document that bears a reference already."""
    if reference is None:
        return None
    return next((item for item in items if item.reference == reference), None)


def _sku(catalog: Catalog, line: WantedLine) -> Any:  # noqa: ANN401
    return catalog.skus[catalog.index[line.sku]]


def lines_reason(lines: list[WantedLine], locations: list[str], merchant: Merchant) -> str | None:
    """Say why a document of these lines makes no sense; None where it does."""
    if not lines:
        return "lines are needed"
    for location in locations:
        if location not in LOCATIONS:
            return f"no location {location}"
        for line in lines:
            if line.quantity <= 0:
                return "a quantity is at least 1"
            if f"{line.sku}@{location}" not in merchant.world.warehouse.place_of:
                return f"{line.sku} is not kept at {location}"
    return None
