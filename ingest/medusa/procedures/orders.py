"""Orders: cancelled, held, and written beside."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.adapter import WriteResult
from ingest.medusa import write
from ingest.medusa.hands import Hands, RefusedError
from ingest.medusa.parse import CAUSE, CAUSES, HOLD
from ingest.medusa.procedures.looks import Order, order_of


def cancel_order(hands: Hands, verb: write.CancelOrder) -> WriteResult:
    """Cancel what is not cancelled yet and has nothing on its way; the cause is written first."""
    order = order_of(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    if order.status == "canceled":
        return hands.applied("it is cancelled already", order.id)
    if any(f.canceled_at is None for f in order.fulfillments):
        return hands.rejected("a part of it was fulfilled: a return is what can be done")
    if verb.cause in CAUSES:
        hands.post(f"/admin/orders/{order.id}", {"metadata": {CAUSE: verb.cause}})
    try:
        hands.post(f"/admin/orders/{order.id}/cancel", {})
    except RefusedError as refused:
        after = order_of(hands, order.id)
        if after is None or after.status != "canceled":
            return hands.rejected(str(refused), refused.status)
    after = order_of(hands, order.id)
    if after is None or after.status != "canceled":
        return hands.unknown("the order does not show that it was cancelled")
    return hands.applied("cancelled", order.id)


def hold_order(hands: Hands, verb: write.HoldOrder) -> WriteResult:
    """Write the word where it stands as expected."""
    order = order_of(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    stands = (order.metadata or {}).get(HOLD) or ""
    if stands not in (verb.reason, verb.expected):
        return hands.stale(f"its hold is {stands or 'none'}, {verb.expected or 'none'} was expected")
    return _write_metadata(hands, order, {HOLD: verb.reason})


def set_metadata(hands: Hands, verb: write.SetMetadata) -> WriteResult:
    """Write words beside what is there."""
    order = order_of(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    return _write_metadata(hands, order, verb.values)


def _write_metadata(hands: Hands, order: Order, values: Mapping[str, str]) -> WriteResult:
    if _has(order, values):
        return hands.applied("it is so already", order.id)
    hands.post(f"/admin/orders/{order.id}", {"metadata": dict(values)})
    after = order_of(hands, order.id)
    if after is None or not _has(after, values):
        return hands.unknown("the order does not show it")
    return hands.applied("written", order.id)


def _has(order: Order, values: Mapping[str, str]) -> bool:
    return all(((order.metadata or {}).get(name) or "") == value for name, value in values.items())
