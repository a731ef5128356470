"""Stock: levels, reserved counters, and whether a product is offered at all."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ingest.adapter import WriteResult
from ingest.medusa import lists, write
from ingest.medusa.hands import Hands
from ingest.medusa.parse import KEY
from ingest.medusa.procedures.looks import MOVING, Moving, Product, level_of, product_of, rows
from ingest.medusa.records import AT, Reservation
from ingest.medusa.write import LIMITS_OF_REPAIR


def set_stock(hands: Hands, verb: write.SetStock) -> WriteResult:
    """Read, compare, write, read."""
    item, _, place = verb.level.partition(AT)
    level = level_of(hands, item, place)
    if level is None:
        return hands.rejected(f"there is no level {verb.level}", 404)
    if level.stocked_quantity == verb.quantity:
        return hands.applied("it is so already")
    if level.stocked_quantity != verb.expected:
        return hands.stale(f"{level.stocked_quantity} are stocked, {verb.expected} were expected")
    if verb.quantity < level.reserved_quantity and not verb.below_reserved:
        return hands.rejected(
            f"{level.reserved_quantity} are reserved: {verb.quantity} would promise what is not there"
        )
    hands.post(f"/admin/inventory-items/{item}/location-levels/{place}", {"stocked_quantity": verb.quantity})
    after = level_of(hands, item, place)
    if after is None or after.stocked_quantity != verb.quantity:
        found = "nothing" if after is None else after.stocked_quantity
        return hands.unknown(f"{verb.quantity} were written and {found} are there: somebody else writes it, too")
    return hands.applied(f"{verb.quantity} are stocked, {after.reserved_quantity} of them reserved")


def list_product(hands: Hands, verb: write.ListProduct) -> WriteResult:
    """Put the listing's product into its channel, or take it out."""
    variant, _, channel = verb.listing.partition(AT)
    product = product_of(hands, variant)
    if product is None:
        return hands.rejected(f"there is no variant {variant}", 404)
    if _listed(product, channel) == verb.listed:
        return hands.applied("it is so already", product.id)
    hands.post(f"/admin/sales-channels/{channel}/products", {"add" if verb.listed else "remove": [product.id]})
    after = product_of(hands, variant)
    if after is None or _listed(after, channel) != verb.listed:
        return hands.unknown("the product does not show it")
    return hands.applied("in the channel" if verb.listed else "out of the channel", product.id)


def _listed(product: Product, channel: str) -> bool:
    return any(c.id == channel for c in product.sales_channels)


def repair_reserved(hands: Hands, verb: write.RepairReserved) -> WriteResult:
    """Make a reservation of the difference, move it, delete it; gone on with where it was cut off."""
    if not verb.accepted:
        return hands.rejected(f"its limits were not accepted: {LIMITS_OF_REPAIR}")
    item, _, place = verb.level.partition(AT)
    kept = rows(hands, MOVING, {"inventory_item_id[]": [item], "limit": lists.EVERYTHING}, Moving)
    mine = next((r for r in kept if (r.metadata or {}).get(KEY) == hands.key), None)
    level, other = level_of(hands, item, place), level_of(hands, item, verb.through)
    if level is None or other is None or place == verb.through:
        return hands.rejected(f"the item needs a level at {place} and another at {verb.through}", 404)
    if mine is None:
        held = _held(kept, place)
        if level.reserved_quantity == held:
            return hands.applied("the counter is right already")
        if (level.reserved_quantity, held) != (verb.reserved, verb.held):
            return hands.stale(
                f"{level.reserved_quantity} are reserved and {held} held; {verb.reserved} and {verb.held} were expected"
            )
        made = hands.post(
            "/admin/reservations",
            {"inventory_item_id": item, "location_id": place, "quantity": held - int(level.reserved_quantity),
             "description": "repair of the reserved counter", "metadata": {KEY: hands.key}},
        )  # fmt: skip
        mine = msgspec.json.decode(made["reservation"], type=Moving)
    if mine.location_id == place:
        hands.post(f"/admin/reservations/{mine.id}", {"location_id": verb.through})
    hands.post(f"/admin/reservations/{mine.id}", {}, method="DELETE")
    return _repaired(hands, item, place)


def _repaired(hands: Hands, item: str, place: str) -> WriteResult:
    after = level_of(hands, item, place)
    kept = rows(hands, MOVING, {"inventory_item_id[]": [item], "limit": lists.EVERYTHING}, Moving)
    if after is None or after.reserved_quantity != _held(kept, place):
        return hands.unknown(
            "the counter still differs: this Medusa may not have the defect; use the shop's own script"
        )
    return hands.applied(f"{after.reserved_quantity} are reserved, as held")


def _held(kept: Iterable[Reservation], place: str) -> int:
    return int(sum(r.quantity for r in kept if r.location_id == place))
