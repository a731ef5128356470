"""Fulfilments: found or made where the units are reserved, and shipped with their tracking."""

from __future__ import annotations

from collections.abc import Callable

from ingest.adapter import WriteResult
from ingest.http import Query
from ingest.medusa import lists, write
from ingest.medusa.hands import Hands
from ingest.medusa.parse import KEY, REFERENCE
from ingest.medusa.procedures.looks import MOVING, Fulfilment, Moving, Order, order_of, rows


def push_fulfilment(hands: Hands, verb: write.PushFulfilment) -> WriteResult:
    """Find or make the fulfilment, then ship it with its tracking."""
    order = order_of(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    if _fulfilment(order, verb, hands.key) is None:
        refusal = _make_fulfilment(hands, verb, order)
        if refusal is not None:
            return refusal
        order = order_of(hands, order.id)
    if order is None or (found := _fulfilment(order, verb, hands.key)) is None:
        return hands.unknown("the fulfilment was made and is not there")
    return _made_twice(hands, order) or _ship(hands, verb, order, found)


def _ship(hands: Hands, verb: write.PushFulfilment, order: Order, found: Fulfilment) -> WriteResult:
    """Ship what has not left yet, and look whether the order shows it with its tracking."""
    after: Fulfilment | None = found
    if found.shipped_at is None:
        items = [{"id": line, "quantity": units} for line, units in verb.lines.items()]
        label = {"tracking_number": verb.tracking, "tracking_url": verb.tracking_url, "label_url": verb.tracking_url}
        hands.post(f"/admin/orders/{order.id}/fulfillments/{found.id}/shipments", {"items": items, "labels": [label]})
        again = order_of(hands, order.id)
        after = None if again is None else next((f for f in again.fulfillments if f.id == found.id), None)
    if after is None or after.shipped_at is None or not _bears(after, verb.tracking):
        return hands.unknown("the order does not show the shipment with its tracking")
    return hands.applied("shipped, with its tracking", after.id)


def _fulfilment(order: Order, verb: write.PushFulfilment, key: str) -> Fulfilment | None:
    """Find what this verb made, or what says the same already, or what the shop's people began and did not ship."""
    live = [f for f in order.fulfillments if f.canceled_at is None]
    tests: tuple[Callable[[Fulfilment], bool], ...] = (
        lambda f: (f.metadata or {}).get(KEY) == key,
        lambda f: _bears(f, verb.tracking) and f.units == verb.lines,
        lambda f: f.shipped_at is None and f.units == verb.lines and KEY not in (f.metadata or {}),
    )
    return next((f for test in tests for f in live if test(f)), None)


def _made_twice(hands: Hands, order: Order) -> WriteResult | None:
    """Tell of what two hands made at once: Medusa may book both, and takes the stock twice; nothing undoes that."""
    mine = [f.id for f in order.fulfillments if f.canceled_at is None and (f.metadata or {}).get(KEY) == hands.key]
    if len(mine) < 2:
        return None
    return hands.unknown(f"it was made {len(mine)} times: {', '.join(mine)}; stock left as often, somebody must look")


def _bears(found: Fulfilment, tracking: str) -> bool:
    return any(label.tracking_number == tracking for label in found.labels)


def _make_fulfilment(hands: Hands, verb: write.PushFulfilment, order: Order) -> WriteResult | None:
    """Make it where the units are reserved: anywhere else Medusa spoils both counters."""
    if order.status == "canceled":
        return hands.rejected("the order is cancelled")
    unknown = verb.lines.keys() - {item.id for item in order.items}
    if unknown:
        return hands.rejected(f"the order has no line {min(unknown)}")
    query: Query = {"line_item_id[]": sorted(verb.lines), "limit": lists.EVERYTHING}
    places = {r.location_id for r in rows(hands, MOVING, query, Moving)}
    place = verb.location or (min(places) if len(places) == 1 else None)
    if place is None or (places and places != {place}):
        where = ", ".join(sorted(places)) or "nowhere"
        return hands.rejected(
            f"the units are reserved at {where}, not at {place or 'one location'}: a fulfilment from elsewhere would "
            "spoil the reserved counters of both"
        )
    items = [{"id": line, "quantity": units} for line, units in verb.lines.items()]
    marks = {KEY: hands.key, REFERENCE: verb.reference}
    hands.post(f"/admin/orders/{order.id}/fulfillments", {"items": items, "location_id": place, "metadata": marks})
    return None
