"""What the shop's own subscriber posts: ids of what changed, signed without id or time. A hint, never the truth."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from hashlib import sha256

import msgspec

from data.clock import Clock
from ingest.adapter import Adapter, RawItem
from ingest.medusa import lists, read
from ingest.medusa.client import Medusa
from ingest.medusa.records import AT

HEADER = "x-signature"
#: What ids begin with that can be asked for.
ASKED = ("order_", "return_", "pay_", "variant_", "iitem_", "resitem_", "ilev_", "ful_")


class _Hook(msgspec.Struct):
    name: str
    data: dict[str, object]


class _Level(msgspec.Struct):
    id: str


class _Record(msgspec.Struct):
    level: _Level


class _Paid(msgspec.Struct):
    order: _Level


class _Payment(msgspec.Struct):
    payment_collection: _Paid | None = None


_hook = msgspec.json.Decoder(_Hook)
_record = msgspec.json.Decoder(_Record)
_payment = msgspec.json.Decoder(_Payment)

Learned = MutableMapping[str, str]  #: what cannot be asked for by its id -> what it belongs to


def signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    """Compare the signature with that of every secret; the time taken tells nothing."""
    given = next((value for name, value in headers.items() if name.lower() == HEADER), "").encode()
    matched = False
    for secret in secrets:
        matched |= hmac.compare_digest(hmac.new(secret.encode(), body, sha256).hexdigest().encode(), given)
    return matched


def names(body: bytes, learned: Learned) -> tuple[str, ...]:
    """Give the ids that an event names and that can be read.

    Raises:
        msgspec.MsgspecError: it is no event.
    """
    data = _hook.decode(body).data
    found = [value for value in data.values() if isinstance(value, str) and value.startswith(ASKED)]
    fulfilment, order = data.get("fulfillment_id"), data.get("order_id")
    if isinstance(fulfilment, str) and isinstance(order, str):
        learned[fulfilment] = order
    return tuple(dict.fromkeys(learned.get(name, name) for name in found))


def named(adapter: Adapter, name: str, learned: Learned, clock: Clock) -> Iterator[tuple[str, RawItem]]:
    """Read what an id names, with what depends on it; nothing where it is gone or cannot be asked for.

    Raises:
        Unavailable, Rejected: it could not be read.
    """
    if not isinstance(adapter, Medusa):
        return
    reading = read.read_of(adapter.http, adapter.page_size, clock)
    kind = name.partition("_")[0]
    if kind in ("order", "return"):
        stream = f"{kind}s"
        yield from ((stream, item) for item in [read.one(reading, stream, name)] if item is not None)
    elif kind == "pay":
        yield from _payment_and_order(reading, name)
    elif kind == "variant":
        for stream in ("items", "listings"):
            yield from ((stream, item) for item in read.under(reading, stream, name))
    elif kind in ("iitem", "resitem", "ilev"):
        yield from _levels(reading, name, learned)


def _payment_and_order(reading: read.Read, name: str) -> Iterator[tuple[str, RawItem]]:
    """A capture changes what its order says of being paid, though not its stamp."""
    yield from (("payments", item) for item in read.under(reading, "payments", name))
    for row in lists.ask(reading.http, read.PAYMENTS, {"id": name, "limit": 1}):
        try:
            paid = _payment.decode(row).payment_collection
        except msgspec.MsgspecError:
            continue
        order = None if paid is None else read.one(reading, "orders", paid.order.id)
        if order is not None:
            yield "orders", order


def _levels(reading: read.Read, name: str, learned: Learned) -> Iterator[tuple[str, RawItem]]:
    """Read the levels of an inventory item; ids of levels and reservations are learned from what was read before."""
    item = name if name.startswith("iitem_") else learned.get(name) or _reserved_of(reading, name)
    if item is None:
        return
    learned[name] = item
    for found in read.under(reading, "levels", item.partition(AT)[0]):
        try:
            learned[_record.decode(found.raw).level.id] = item
        except msgspec.MsgspecError:
            continue
        yield "levels", found


class _Reserved(msgspec.Struct):
    inventory_item_id: str


class _Reservation(msgspec.Struct):
    reservation: _Reserved


def _reserved_of(reading: read.Read, name: str) -> str | None:
    """Give the inventory item of a reservation that still exists."""
    if not name.startswith("resitem_"):
        return None
    body = reading.http.read(f"/admin/reservations/{name}")
    try:
        return None if body is None else msgspec.json.decode(body, type=_Reservation).reservation.inventory_item_id
    except msgspec.MsgspecError:
        return None
