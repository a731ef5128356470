"""Returns: announced, taken in, and called off."""

from __future__ import annotations

import msgspec

from ingest.adapter import WriteResult
from ingest.medusa import lists, write
from ingest.medusa.hands import Hands, RefusedError
from ingest.medusa.parse import KEY, REFERENCE
from ingest.medusa.procedures.looks import RETURN, Id, Order, Return, order_of, return_of, rows


def create_return(hands: Hands, verb: write.CreateReturn) -> WriteResult:
    """Begin, name the lines, request; what was only begun is taken back and begun anew."""
    order = order_of(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    for mine in _returns_of(hands, order):
        if mine.status not in ("open", "canceled"):
            return hands.applied("it is announced already", mine.id)
        if mine.status == "open":
            hands.post(f"/admin/returns/{mine.id}/request", {}, method="DELETE")
    begun = hands.post(
        "/admin/returns",
        {"order_id": order.id, "location_id": verb.location,
         "metadata": {KEY: hands.key, REFERENCE: verb.reference}},
    )  # fmt: skip
    name = msgspec.json.decode(begun["return"], type=Id).id
    reason = {} if verb.reason_id is None else {"reason_id": verb.reason_id}
    items = [{"id": line, "quantity": units, **reason} for line, units in verb.lines.items()]
    try:
        hands.post(f"/admin/returns/{name}/request-items", {"items": items})
        hands.post(f"/admin/returns/{name}/request", {})
    except RefusedError as refused:
        hands.post(f"/admin/returns/{name}/request", {}, method="DELETE")
        return hands.rejected(str(refused), refused.status)
    after = return_of(hands, name)
    if after is None or after.status != "requested":
        return hands.unknown("the return does not show that it was requested")
    return hands.applied("announced", name)


def _returns_of(hands: Hands, order: Order) -> list[Return]:
    known = rows(hands, RETURN, {"order_id": order.id, "limit": lists.EVERYTHING}, Return)
    return [r for r in known if (r.metadata or {}).get(KEY) == hands.key]


def receive_return(hands: Hands, verb: write.ReceiveReturn) -> WriteResult:
    """Take in what came, against what was taken in before; a receipt that somebody left unfinished is begun anew."""
    found = return_of(hands, verb.return_)
    if found is None:
        return hands.rejected(f"there is no return {verb.return_}", 404)
    coming = sum(verb.good.values()) + sum(verb.damaged.values())
    if found.received == verb.received_before + coming:
        return hands.applied("it is taken in already", found.id)
    if found.received != verb.received_before:
        return hands.stale(f"{found.received} units were taken in, {verb.received_before} were expected")
    path = f"/admin/returns/{found.id}"
    try:
        hands.post(f"{path}/receive", {})
    except RefusedError:  # begun before and cut off, or by somebody else who did not finish
        hands.post(f"{path}/receive", {}, method="DELETE")
        hands.post(f"{path}/receive", {})
    try:
        for step, units in (("receive-items", verb.good), ("dismiss-items", verb.damaged)):
            if units:
                items = [{"id": line, "quantity": number} for line, number in units.items()]
                hands.post(f"{path}/{step}", {"items": items})
        hands.post(f"{path}/receive/confirm", {})
    except RefusedError as refused:
        hands.post(f"{path}/receive", {}, method="DELETE")
        return hands.rejected(str(refused), refused.status)
    after = return_of(hands, found.id)
    if after is None or after.received != verb.received_before + coming:
        return hands.unknown("the return does not show what was taken in")
    return hands.applied(f"{coming} units were taken in", found.id)


def cancel_return(hands: Hands, verb: write.CancelReturn) -> WriteResult:
    """Call a return off."""
    found = return_of(hands, verb.return_)
    if found is None:
        return hands.rejected(f"there is no return {verb.return_}", 404)
    if found.status == "canceled":
        return hands.applied("it is called off already", found.id)
    if found.received:
        return hands.rejected(f"{found.received} units of it were taken in")
    hands.post(f"/admin/returns/{found.id}/cancel", {})
    after = return_of(hands, found.id)
    if after is None or after.status != "canceled":
        return hands.unknown("the return does not show that it was called off")
    return hands.applied("called off", found.id)
