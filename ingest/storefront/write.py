"""What may be written to the storefront. Each builds the request; `send` sends it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ingest.adapter import WriteRequest


def set_listing_quantity(listing: str, quantity: int, *, expected: int, reference: str) -> WriteRequest:
    """Set what a channel offers, if it still offers `expected`."""
    body: dict[str, object] = {"quantity": quantity, "expected_quantity": expected, "reference": reference}
    return WriteRequest("PUT", f"/storefront/listings/{quote(listing, safe='')}", body)


def set_listing_active(listing: str, *, active: bool, expected: bool, reference: str) -> WriteRequest:
    """Pause or resume a listing, if it is still in the `expected` state."""
    body: dict[str, object] = {"active": active, "expected_active": expected, "reference": reference}
    return WriteRequest("PUT", f"/storefront/listings/{quote(listing, safe='')}", body)


def push_fulfilment(
    order: str, units: Mapping[str, int], *, carrier: str, tracking: str, reference: str
) -> WriteRequest:
    """Tell the channel that these units left, with their tracking; `order` with its authority or without."""
    lines = [{"line": line, "quantity": quantity} for line, quantity in units.items()]
    body: dict[str, object] = {
        "lines": lines,
        "carrier": carrier,
        "tracking": tracking,
        "reference": reference,
    }
    number = order.partition("/")[2] or order
    return WriteRequest("POST", f"/storefront/orders/{quote(number, safe='')}/fulfillments", body)
