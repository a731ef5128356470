"""What may be written to Medusa: each verb is what is wanted and what is expected to be found; `request` spells it.

Medusa knows no idempotency keys and no compare-and-set. What makes a repeat harmless is said at each verb: a mark that
is looked for first, an absolute value, or the state that is read first. Between the last look and the write another
hand may come in; where that matters the verb looks again afterwards, and the plan's card names the rest of the risk.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ingest.adapter import Promise, WriteRequest


class SetStock(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="set_stock"):
    """Set what is stocked of an item at a location.

    Repeat: an absolute value. Read back: `levels`. Undo: the value before, against this one.
    """

    level: str  #: key of the level
    quantity: int
    expected: int  #: what was seen; anything else found is stale
    below_reserved: bool = False  #: Medusa accepts less than is reserved, which oversells; only with a person's word


class PushFulfilment(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="push_fulfilment"):
    """Tell the shop that units of lines left, with their tracking: a fulfilment, then its shipment.

    Repeat: the mark in the fulfilment's metadata, or the tracking number. Read back: `orders`. Undo: none once shipped.
    """

    order: str  #: the order's number, with its authority or without
    lines: dict[str, int]  #: order line id -> units
    tracking: str
    reference: str
    location: str | None = None  #: the shop's id; where its reservations are, if not given
    tracking_url: str = ""


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="cancel_order"):
    """Cancel an order; captured money goes back by itself, reservations are released.

    Repeat: its status is read first. Read back: `orders`. Undo: none.
    """

    order: str
    cause: str = ""  #: customer | supply | fraud | payment


class HoldOrder(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="hold_order"):
    """Mark an order as held, or release it: a word in its metadata, which people and Fillwell respect, Medusa does not.

    Repeat: an absolute value. Read back: `orders`. Undo: the value before.
    """

    order: str
    reason: str  #: empty: released
    expected: str = ""  #: the reason that stands there; empty: none


class ListProduct(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="list_product"):
    """Take the product of a listing out of one sales channel, with all of its variants, or put it back.

    Repeat: an absolute state. Read back: `listings`: gone from the channel, or there. Undo: the opposite.
    """

    listing: str  #: key of the listing
    listed: bool


class Refund(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="refund"):
    """Give money of a payment back.

    Repeat: the mark in its note and the number of refunds that were seen. A refusal proves nothing: two at once were
    answered 200 and 400, and both were booked; only the read-back tells. Read back: `payments`. Undo: none.
    """

    payment: str  #: id of the payment, or the key of its record
    amount_minor: int
    currency: str
    refunds_before: int
    reference: str


class CreateReturn(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="create_return"):
    """Announce a return of lines of an order to a location.

    Repeat: the mark in its metadata; what was begun and not requested is begun anew. Read back: `returns`.
    Undo: `CancelReturn`, until something was received.
    """

    order: str
    lines: dict[str, int]
    location: str
    reference: str
    reason_id: str | None = None


class ReceiveReturn(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="receive_return"):
    """Take in what came back: good units go into stock, damaged ones do not.

    Repeat: what was received before is read first. Read back: `returns`. Undo: none.
    """

    return_: str = msgspec.field(name="return")
    good: dict[str, int]  #: order line id -> units
    damaged: dict[str, int] = {}
    received_before: int = 0  #: units of the whole return, damaged ones among them


class CancelReturn(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="cancel_return"):
    """Call a return off of which nothing was received.

    Repeat: its status is read first. Read back: `returns`. Undo: none; announce it anew.
    """

    return_: str = msgspec.field(name="return")


class RepairReserved(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="repair_reserved"):
    """Set a level's reserved counter right that differs from the sum of its reservations.

    Medusa has no way to write the counter. The defect that made the difference undoes it: a reservation of as many
    units with the opposite sign is made there, moved to another location and deleted. Limits: while it is there the
    other location shows the difference, for a moment; the shop must have that defect still (2.21.2 does); it is the
    shop's own script `reconcile-inventory-reserved-quantity` that repairs without it. So it needs `accepted`.
    Repeat: the mark of the reservation, and the counter is read first. Read back: `levels`. Undo: none needed.
    """

    level: str
    reserved: int  #: what was seen of the counter
    held: int  #: the sum of the reservations that was seen
    through: str  #: location through which it goes; the item has a level there
    accepted: bool = False  #: a person knows the limits


class SetMetadata(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", tag="set_metadata"):
    """Write words into an order's metadata beside what is there; an empty one takes its name away.

    Repeat: absolute values. Read back: `orders`. Undo: the values before.
    """

    order: str
    values: dict[str, str]


Verb = (
    SetStock | PushFulfilment | CancelOrder | HoldOrder | ListProduct | Refund | CreateReturn | ReceiveReturn
    | CancelReturn | RepairReserved | SetMetadata
)  # fmt: skip

_LOOK = "Medusa compares nothing: "
_ONE_HAND = "two hands at once may both be booked; the read-back shows it, and nothing undoes it"
#: What a person is told before a write: why a repeat is harmless, and what of a race is left.
PROMISES: Mapping[type[Verb], Promise] = {
    SetStock: Promise(
        repeat="it is an absolute number: the same again changes nothing",
        race=f"{_LOOK}what moves the level between our look and our write, within a second, is overwritten",
    ),
    PushFulfilment: Promise(
        repeat="the fulfilment bears our key and its tracking: one that is there is gone on with, not made again",
        race=f"{_LOOK}{_ONE_HAND}",
    ),
    CancelOrder: Promise(
        repeat="its status is read first: one that is cancelled is left as it is",
        race=f"{_LOOK}what is packed in the same second makes it refuse, and then nothing is cancelled",
    ),
    HoldOrder: Promise(
        repeat="the mark is read first: the same word again changes nothing",
        race=f"{_LOOK}a mark that somebody else writes in the same second is overwritten",
    ),
    ListProduct: Promise(
        repeat="it is in the channel or out of it: the same again changes nothing",
        race=f"{_LOOK}whoever lists or delists it in the same second, the later one stands",
    ),
    Refund: Promise(
        repeat="our key stands in the refund's note and the refunds are counted first: the same again is not booked",
        race=f"{_LOOK}a refund that a person books in the same second is booked beside ours; both are read back",
    ),
    CreateReturn: Promise(
        repeat="the return bears our key: one that is there is gone on with, not made again",
        race=f"{_LOOK}a return that a person announces in the same second stands beside ours, within what was shipped",
    ),
    ReceiveReturn: Promise(
        repeat="what was received before is read first: units are taken in once",
        race=f"{_LOOK}what a person takes in in the same second is refused or stands beside ours; the read-back tells",
    ),
    CancelReturn: Promise(
        repeat="its status is read first: one that is called off is left as it is",
        race=f"{_LOOK}what is received in the same second makes it refuse",
    ),
    RepairReserved: Promise(
        repeat="counter and reservations are read first: a counter that is right is left as it is",
        race=f"{_LOOK}what is reserved there in the same second is counted, and looked for again after",
    ),
    SetMetadata: Promise(
        repeat="the words are absolute: the same again changes nothing",
        race=f"{_LOOK}words that somebody else writes under the same name in the same second are overwritten",
    ),
}

LIMITS_OF_REPAIR = (
    "It uses the defect that caused the difference: for a moment the other location shows it. A Medusa without the "
    "defect is left as it is. The shop's script reconcile-inventory-reserved-quantity repairs without this."
)


def request(verb: Verb) -> WriteRequest:
    """Spell a verb as the request that will be sent."""
    body = msgspec.to_builtins(verb)
    return WriteRequest("DO", str(body.pop("verb")), body)


def verb_of(wanted: WriteRequest) -> Verb:
    """Read a verb from a request.

    Raises:
        msgspec.ValidationError: it is none that Medusa knows.
    """
    verb: Verb = msgspec.convert({**wanted.body, "verb": wanted.path}, Verb)
    return verb


def promise_of(wanted: WriteRequest) -> Promise:
    """Say what Medusa makes of a request.

    Raises:
        msgspec.ValidationError: it is no verb of Medusa's.
    """
    return PROMISES[type(verb_of(wanted))]
