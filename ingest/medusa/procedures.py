"""How each verb is done: look where things stand, go on from there, and look again.

The same verb under the same key, twice or after being cut off anywhere, has one effect. What is left of a race between
the look and the write is what Medusa leaves open to everybody: it compares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from data.money import to_major
from ingest.adapter import WriteRequest, WriteResult
from ingest.http import Http, Query, Rejected, Unavailable
from ingest.medusa import lists, read, write
from ingest.medusa.hands import Hands, RefusedError
from ingest.medusa.lists import Listing
from ingest.medusa.parse import CAUSE, CAUSES, HOLD, KEY, REFERENCE
from ingest.medusa.records import AT, Reservation
from ingest.medusa.write import LIMITS_OF_REPAIR, Verb

T = TypeVar("T")

ORDER = Listing(
    "/admin/orders", "orders",
    "id,display_id,status,metadata,*items,*items.detail,*fulfillments,*fulfillments.items,*fulfillments.labels",
)  # fmt: skip
RETURN = Listing("/admin/returns", "returns", "id,status,metadata,created_at,*items")
PAYMENT = Listing("/admin/payments", "payments", "id,*captures,*refunds")
VARIANT = Listing("/admin/product-variants", "variants", "id,product.id,product.sales_channels.id")
MOVING = Listing("/admin/reservations", "reservations", "id,inventory_item_id,location_id,quantity,metadata")


class _Id(msgspec.Struct):
    id: str


class _Item(msgspec.Struct):
    quantity: int | float
    line_item_id: str | None = None


class _Label(msgspec.Struct):
    tracking_number: str | None = None


class _Fulfilment(msgspec.Struct):
    id: str
    shipped_at: str | None = None
    canceled_at: str | None = None
    metadata: dict[str, Any] | None = None
    items: list[_Item] = []
    labels: list[_Label] = []

    @property
    def units(self) -> dict[str, int]:
        """Count units by line; of a set of several inventory items the fewest."""
        fewest: dict[str, int] = {}
        for x in self.items:
            if x.line_item_id is not None:
                fewest[x.line_item_id] = min(int(x.quantity), fewest.get(x.line_item_id, int(x.quantity)))
        return fewest


class _Order(msgspec.Struct):
    id: str
    status: str
    metadata: dict[str, Any] | None = None
    items: list[_Id] = []
    fulfillments: list[_Fulfilment] = []


class _ReturnItem(msgspec.Struct):
    item_id: str
    quantity: int | float
    received_quantity: int | float = 0


class _Return(msgspec.Struct):
    id: str
    status: str
    metadata: dict[str, Any] | None = None
    items: list[_ReturnItem] = []

    @property
    def received(self) -> int:
        """Count the units that were taken in, damaged ones among them."""
        return int(sum(x.received_quantity for x in self.items))


class _Refunded(msgspec.Struct):
    id: str
    note: str | None = None


class _Payment(msgspec.Struct):
    id: str
    refunds: list[_Refunded] = []


class _Level(msgspec.Struct):
    location_id: str
    stocked_quantity: int | float
    reserved_quantity: int | float


class _Inventory(msgspec.Struct):
    id: str
    location_levels: list[_Level] = []


class _Product(msgspec.Struct):
    id: str
    sales_channels: list[_Id] = []


class _Variant(msgspec.Struct):
    id: str
    product: _Product


class _Moving(Reservation, frozen=True):
    metadata: dict[str, Any] | None = None


def run(http: Http, wanted: WriteRequest, *, key: str) -> WriteResult:
    """Do a verb once; whatever stops it is judged by how far it came."""
    hands = Hands(http, wanted, key)
    try:
        verb = write.verb_of(wanted)
    except msgspec.ValidationError as error:
        return hands.rejected(f"Medusa knows no such verb: {error}")
    try:
        return PROCEDURES[type(verb)](hands, verb)
    except (RefusedError, Unavailable, Rejected) as error:
        return hands.ended_by(error)


def set_stock(hands: Hands, verb: write.SetStock) -> WriteResult:
    """Read, compare, write, read."""
    item, _, place = verb.level.partition(AT)
    level = _level(hands, item, place)
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
    after = _level(hands, item, place)
    if after is None or after.stocked_quantity != verb.quantity:
        found = "nothing" if after is None else after.stocked_quantity
        return hands.unknown(f"{verb.quantity} were written and {found} are there: somebody else writes it, too")
    return hands.applied(f"{verb.quantity} are stocked, {after.reserved_quantity} of them reserved")


def push_fulfilment(hands: Hands, verb: write.PushFulfilment) -> WriteResult:
    """Find or make the fulfilment, then ship it with its tracking."""
    order = _order(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    if _fulfilment(order, verb, hands.key) is None:
        refusal = _make_fulfilment(hands, verb, order)
        if refusal is not None:
            return refusal
        order = _order(hands, order.id)
    if order is None or (found := _fulfilment(order, verb, hands.key)) is None:
        return hands.unknown("the fulfilment was made and is not there")
    return _made_twice(hands, order) or _ship(hands, verb, order, found)


def _ship(hands: Hands, verb: write.PushFulfilment, order: _Order, found: _Fulfilment) -> WriteResult:
    """Ship what has not left yet, and look whether the order shows it with its tracking."""
    after: _Fulfilment | None = found
    if found.shipped_at is None:
        items = [{"id": line, "quantity": units} for line, units in verb.lines.items()]
        label = {"tracking_number": verb.tracking, "tracking_url": verb.tracking_url, "label_url": verb.tracking_url}
        hands.post(f"/admin/orders/{order.id}/fulfillments/{found.id}/shipments", {"items": items, "labels": [label]})
        again = _order(hands, order.id)
        after = None if again is None else next((f for f in again.fulfillments if f.id == found.id), None)
    if after is None or after.shipped_at is None or not _bears(after, verb.tracking):
        return hands.unknown("the order does not show the shipment with its tracking")
    return hands.applied("shipped, with its tracking", after.id)


def _fulfilment(order: _Order, verb: write.PushFulfilment, key: str) -> _Fulfilment | None:
    """Find what this verb made, or what says the same already, or what the shop's people began and did not ship."""
    live = [f for f in order.fulfillments if f.canceled_at is None]
    tests: tuple[Callable[[_Fulfilment], bool], ...] = (
        lambda f: (f.metadata or {}).get(KEY) == key,
        lambda f: _bears(f, verb.tracking) and f.units == verb.lines,
        lambda f: f.shipped_at is None and f.units == verb.lines and KEY not in (f.metadata or {}),
    )
    return next((f for test in tests for f in live if test(f)), None)


def _made_twice(hands: Hands, order: _Order) -> WriteResult | None:
    """Tell of what two hands made at once: Medusa may book both, and takes the stock twice; nothing undoes that."""
    mine = [f.id for f in order.fulfillments if f.canceled_at is None and (f.metadata or {}).get(KEY) == hands.key]
    if len(mine) < 2:
        return None
    return hands.unknown(f"it was made {len(mine)} times: {', '.join(mine)}; stock left as often, somebody must look")


def _bears(found: _Fulfilment, tracking: str) -> bool:
    return any(label.tracking_number == tracking for label in found.labels)


def _make_fulfilment(hands: Hands, verb: write.PushFulfilment, order: _Order) -> WriteResult | None:
    """Make it where the units are reserved: anywhere else Medusa spoils both counters."""
    if order.status == "canceled":
        return hands.rejected("the order is cancelled")
    unknown = verb.lines.keys() - {item.id for item in order.items}
    if unknown:
        return hands.rejected(f"the order has no line {min(unknown)}")
    query: Query = {"line_item_id[]": sorted(verb.lines), "limit": lists.EVERYTHING}
    places = {r.location_id for r in _rows(hands, MOVING, query, _Moving)}
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


def cancel_order(hands: Hands, verb: write.CancelOrder) -> WriteResult:
    """Cancel what is not cancelled yet and has nothing on its way; the cause is written first."""
    order = _order(hands, verb.order)
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
        after = _order(hands, order.id)
        if after is None or after.status != "canceled":
            return hands.rejected(str(refused), refused.status)
    after = _order(hands, order.id)
    if after is None or after.status != "canceled":
        return hands.unknown("the order does not show that it was cancelled")
    return hands.applied("cancelled", order.id)


def hold_order(hands: Hands, verb: write.HoldOrder) -> WriteResult:
    """Write the word where it stands as expected."""
    order = _order(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    stands = (order.metadata or {}).get(HOLD) or ""
    if stands not in (verb.reason, verb.expected):
        return hands.stale(f"its hold is {stands or 'none'}, {verb.expected or 'none'} was expected")
    return _write_metadata(hands, order, {HOLD: verb.reason})


def set_metadata(hands: Hands, verb: write.SetMetadata) -> WriteResult:
    """Write words beside what is there."""
    order = _order(hands, verb.order)
    if order is None:
        return hands.rejected(f"there is no order {verb.order}", 404)
    return _write_metadata(hands, order, verb.values)


def _write_metadata(hands: Hands, order: _Order, values: Mapping[str, str]) -> WriteResult:
    if _has(order, values):
        return hands.applied("it is so already", order.id)
    hands.post(f"/admin/orders/{order.id}", {"metadata": dict(values)})
    after = _order(hands, order.id)
    if after is None or not _has(after, values):
        return hands.unknown("the order does not show it")
    return hands.applied("written", order.id)


def _has(order: _Order, values: Mapping[str, str]) -> bool:
    return all(((order.metadata or {}).get(name) or "") == value for name, value in values.items())


def list_product(hands: Hands, verb: write.ListProduct) -> WriteResult:
    """Put the listing's product into its channel, or take it out."""
    variant, _, channel = verb.listing.partition(AT)
    product = _product(hands, variant)
    if product is None:
        return hands.rejected(f"there is no variant {variant}", 404)
    if _listed(product, channel) == verb.listed:
        return hands.applied("it is so already", product.id)
    hands.post(f"/admin/sales-channels/{channel}/products", {"add" if verb.listed else "remove": [product.id]})
    after = _product(hands, variant)
    if after is None or _listed(after, channel) != verb.listed:
        return hands.unknown("the product does not show it")
    return hands.applied("in the channel" if verb.listed else "out of the channel", product.id)


def refund(hands: Hands, verb: write.Refund) -> WriteResult:
    """Give money back once; whatever is answered, the payment itself tells what was booked."""
    name = verb.payment.partition(AT)[0]
    before = _payment(hands, name)
    if before is None:
        return hands.rejected(f"there is no payment {name}", 404)
    if (told := _booked(hands, before)) is not None:
        return told
    if len(before.refunds) != verb.refunds_before:
        return hands.stale(f"it has {len(before.refunds)} refunds, {verb.refunds_before} were expected")
    amount = float(to_major(verb.amount_minor, verb.currency))
    note = f"{verb.reference} {_mark(hands)}"
    answered = "it was accepted"
    try:
        hands.post(f"/admin/payments/{name}/refund", {"amount": amount, "note": note})
    except RefusedError as refused:
        answered = f"it was refused ({refused})"
    after = _payment(hands, name)
    told = None if after is None else _booked(hands, after)
    return told or hands.unknown(f"{answered}, and the payment does not show it")


def _mark(hands: Hands) -> str:
    return f"[{hands.key}]"


def _booked(hands: Hands, payment: _Payment) -> WriteResult | None:
    mine = [r for r in payment.refunds if _mark(hands) in (r.note or "")]
    if not mine:
        return None
    if len(mine) > 1:
        return hands.unknown(f"it was booked {len(mine)} times: {', '.join(r.id for r in mine)}")
    return hands.applied("booked once", f"{payment.id}{AT}{mine[0].id}")


def create_return(hands: Hands, verb: write.CreateReturn) -> WriteResult:
    """Begin, name the lines, request; what was only begun is taken back and begun anew."""
    order = _order(hands, verb.order)
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
    name = msgspec.json.decode(begun["return"], type=_Id).id
    reason = {} if verb.reason_id is None else {"reason_id": verb.reason_id}
    items = [{"id": line, "quantity": units, **reason} for line, units in verb.lines.items()]
    try:
        hands.post(f"/admin/returns/{name}/request-items", {"items": items})
        hands.post(f"/admin/returns/{name}/request", {})
    except RefusedError as refused:
        hands.post(f"/admin/returns/{name}/request", {}, method="DELETE")
        return hands.rejected(str(refused), refused.status)
    after = _return(hands, name)
    if after is None or after.status != "requested":
        return hands.unknown("the return does not show that it was requested")
    return hands.applied("announced", name)


def _returns_of(hands: Hands, order: _Order) -> list[_Return]:
    rows = _rows(hands, RETURN, {"order_id": order.id, "limit": lists.EVERYTHING}, _Return)
    return [r for r in rows if (r.metadata or {}).get(KEY) == hands.key]


def receive_return(hands: Hands, verb: write.ReceiveReturn) -> WriteResult:
    """Take in what came, against what was taken in before; a receipt that somebody left unfinished is begun anew."""
    found = _return(hands, verb.return_)
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
    after = _return(hands, found.id)
    if after is None or after.received != verb.received_before + coming:
        return hands.unknown("the return does not show what was taken in")
    return hands.applied(f"{coming} units were taken in", found.id)


def cancel_return(hands: Hands, verb: write.CancelReturn) -> WriteResult:
    """Call a return off."""
    found = _return(hands, verb.return_)
    if found is None:
        return hands.rejected(f"there is no return {verb.return_}", 404)
    if found.status == "canceled":
        return hands.applied("it is called off already", found.id)
    if found.received:
        return hands.rejected(f"{found.received} units of it were taken in")
    hands.post(f"/admin/returns/{found.id}/cancel", {})
    after = _return(hands, found.id)
    if after is None or after.status != "canceled":
        return hands.unknown("the return does not show that it was called off")
    return hands.applied("called off", found.id)


def repair_reserved(hands: Hands, verb: write.RepairReserved) -> WriteResult:
    """Make a reservation of the difference, move it, delete it; gone on with where it was cut off."""
    if not verb.accepted:
        return hands.rejected(f"its limits were not accepted: {LIMITS_OF_REPAIR}")
    item, _, place = verb.level.partition(AT)
    kept = _rows(hands, MOVING, {"inventory_item_id[]": [item], "limit": lists.EVERYTHING}, _Moving)
    mine = next((r for r in kept if (r.metadata or {}).get(KEY) == hands.key), None)
    level, other = _level(hands, item, place), _level(hands, item, verb.through)
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
        mine = msgspec.json.decode(made["reservation"], type=_Moving)
    if mine.location_id == place:
        hands.post(f"/admin/reservations/{mine.id}", {"location_id": verb.through})
    hands.post(f"/admin/reservations/{mine.id}", {}, method="DELETE")
    return _repaired(hands, item, place)


def _repaired(hands: Hands, item: str, place: str) -> WriteResult:
    after = _level(hands, item, place)
    kept = _rows(hands, MOVING, {"inventory_item_id[]": [item], "limit": lists.EVERYTHING}, _Moving)
    if after is None or after.reserved_quantity != _held(kept, place):
        return hands.unknown(
            "the counter still differs: this Medusa may not have the defect; use the shop's own script"
        )
    return hands.applied(f"{after.reserved_quantity} are reserved, as held")


def _held(kept: Iterable[Reservation], place: str) -> int:
    return int(sum(r.quantity for r in kept if r.location_id == place))


def _order(hands: Hands, number: str) -> _Order | None:
    """Read an order by its id or its number, with the authority that issued it or without."""
    name = read.order_id(hands.http, number.rpartition("/")[2])
    return None if name is None else _first(hands, ORDER, name, _Order)


def _return(hands: Hands, name: str) -> _Return | None:
    return _first(hands, RETURN, name, _Return)


def _payment(hands: Hands, name: str) -> _Payment | None:
    return _first(hands, PAYMENT, name, _Payment)


def _product(hands: Hands, variant: str) -> _Product | None:
    found = _first(hands, VARIANT, variant, _Variant)
    return None if found is None else found.product


def _listed(product: _Product, channel: str) -> bool:
    return any(c.id == channel for c in product.sales_channels)


def _level(hands: Hands, item: str, place: str) -> _Level | None:
    found = _first(hands, read.INVENTORY, item, _Inventory)
    levels = () if found is None else found.location_levels
    return next((level for level in levels if level.location_id == place), None)


def _first(hands: Hands, listing: Listing, name: str, shape: type[T]) -> T | None:
    return next(iter(_rows(hands, listing, {"id": name, "limit": 1}, shape)), None)


def _rows(hands: Hands, listing: Listing, query: Query, shape: type[T]) -> list[T]:
    try:
        return [msgspec.json.decode(row, type=shape) for row in lists.ask(hands.http, listing, query)]
    except msgspec.MsgspecError as error:
        raise Unavailable(
            f"{listing.path}: {error}; is the server of another version?", error_class="schema"
        ) from error


PROCEDURES: Mapping[type[Verb], Callable[[Hands, Any], WriteResult]] = {
    write.SetStock: set_stock,
    write.PushFulfilment: push_fulfilment,
    write.CancelOrder: cancel_order,
    write.HoldOrder: hold_order,
    write.SetMetadata: set_metadata,
    write.ListProduct: list_product,
    write.Refund: refund,
    write.CreateReturn: create_return,
    write.ReceiveReturn: receive_return,
    write.CancelReturn: cancel_return,
    write.RepairReserved: repair_reserved,
}
