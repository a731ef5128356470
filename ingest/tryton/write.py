"""What may be written to Tryton: each verb is what is wanted and what is expected to be found; `request` spells it.

Tryton knows no idempotency keys. What makes a repeat harmless is said at each verb: a document with our reference is
looked for first, or the state is read first, because a button pressed again faults though the state is right. Writes
to a document bear the stamp that was seen of it: whoever was faster makes them stale. A warning is a question to a
person; it is accepted only where the verb names it, by its whole name or by its kind (`no_carrier`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ingest.adapter import Promise, WriteRequest


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What every verb has."""

    accepted: tuple[str, ...] = ()  #: warnings that a person accepted, by name


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """Units of an item at a price: a line of a sale to be made."""

    sku: str
    units: int
    price: str  #: of a unit in major units, without tax


class CreateSale(Written, frozen=True, kw_only=True, tag_field="verb", tag="create_sale"):
    """Make the sale of a channel's order, as far as policy says.

    Repeat: a sale under the order's number is looked for first; one of ours is taken further, another's is stale.
    Its buyer is a party of the channel without personal data, found again by its code. Read back: `sales`.
    Undo: `CancelSale`, until it is processed.
    """

    number: str  #: the order's number
    lines: tuple[Wanted, ...]
    currency: str
    reference: str  #: ours
    warehouse: str | None = None  #: our name of it; where none is told, the one that has most of it free
    buyer: str = ""  #: the channel's pseudonymous key of the customer; one buyer for the whole channel where empty
    upto: Literal["draft", "quotation", "processing"] = "draft"


class CancelSale(Written, frozen=True, kw_only=True, tag_field="verb", tag="cancel_sale"):
    """Cancel a sale that is a draft or a quotation.

    Repeat: its state is read first. Read back: `sales`. Undo: none here; in Tryton it can be made a draft again.
    """

    sale: str


class HoldSale(Written, frozen=True, kw_only=True, tag_field="verb", tag="hold_sale"):
    """Hold a sale: one that is not processed goes back to draft; of one that is, the shipments not yet picked do.

    A draft asks nobody for anything: no stock is taken and the warehouse does not see it. What is picked goes on.
    Repeat: states are read first. Read back: `sales` and `shipments`. Undo: `ReleaseSale`.
    """

    sale: str
    reason: str = ""


class ReleaseSale(Written, frozen=True, kw_only=True, tag_field="verb", tag="release_sale"):
    """Let a held sale go on: its draft shipments wait for stock again; a draft sale goes as far as it is told.

    Repeat: states are read first. Read back: `sales` and `shipments`. Undo: `HoldSale`.
    """

    sale: str
    upto: Literal["draft", "quotation", "processing"] = "quotation"


class CountStock(Written, frozen=True, kw_only=True, tag_field="verb", tag="count_stock"):
    """Book a count: so many units of an item in a warehouse, if the books still say what was expected.

    Tryton freezes what it expects when the count is made: it is made, looked at and booked back to back, and taken
    back where stock moved in between. Repeat: our key is looked for among the notes. Read back: `stock`.
    Undo: the count before, against this one; a booked count cannot be cancelled.
    """

    sku: str
    location: str
    units: int
    expected: int
    lot: str = ""  #: its number; needed where several lots lie there


class CreateTransfer(Written, frozen=True, kw_only=True, tag_field="verb", tag="create_transfer"):
    """Make a shipment from one warehouse to another, as far as it is told.

    Repeat: one with our reference is looked for first. Read back: `transfers`. Undo: `CancelTransfer`, until sent.
    """

    origin: str
    destination: str
    units: dict[str, int]
    reference: str
    upto: Literal["draft", "waiting", "assigned"] = "draft"


class CancelTransfer(Written, frozen=True, kw_only=True, tag_field="verb", tag="cancel_transfer"):
    """Cancel a transfer that was not sent.

    Repeat: its state is read first. Read back: `transfers`. Undo: none; make it anew.
    """

    transfer: str


class CreatePurchase(Written, frozen=True, kw_only=True, tag_field="verb", tag="create_purchase"):
    """Draft a purchase at the supplier's prices; a person sends it.

    Repeat: one with our reference is looked for first. Read back: `purchases`. Undo: `CancelPurchase`.
    """

    supplier: str
    location: str
    units: dict[str, int]
    reference: str
    wanted_on: str | None = None  #: YYYY-MM-DD


class CancelPurchase(Written, frozen=True, kw_only=True, tag_field="verb", tag="cancel_purchase"):
    """Cancel a purchase that is a draft or a quotation.

    Repeat: its state is read first. Read back: `purchases`. Undo: none; draft it anew.
    """

    purchase: str


class AssignShipment(Written, frozen=True, kw_only=True, tag_field="verb", tag="assign_shipment"):
    """Let a shipment take its stock as far as it is there; what is short stays open, split off from what is taken.

    By force it takes what does not exist, which drives stock below zero: only with the name of who approved it.
    Repeat: its state is read first. Read back: `shipments`. Undo: `UnassignShipment`.
    """

    shipment: str
    force: bool = False
    approved_by: str = ""


class UnassignShipment(Written, frozen=True, kw_only=True, tag_field="verb", tag="unassign_shipment"):
    """Give back what a shipment took; it waits again.

    Repeat: its state is read first. Read back: `shipments`. Undo: `AssignShipment`.
    """

    shipment: str


class TakeBack(Written, frozen=True, kw_only=True, tag_field="verb", tag="take_back"):
    """Take in what a customer sent back of an order: good units into storage, damaged ones out of it.

    Repeat: the return under the channel's number is looked for first and taken further from where it stands.
    Read back: `returns`. Undo: none; what was put away is moved or counted.
    """

    order: str  #: the order's number
    number: str  #: the return's number in the channel
    good: dict[str, int]  #: item -> units
    damaged: dict[str, int] = {}
    reference: str = ""


class ReceiveReturn(Written, frozen=True, kw_only=True, tag_field="verb", tag="receive_return"):
    """Take in a return that Tryton expects: good units into storage, damaged ones out of it.

    Repeat: its state is read first. Read back: `returns`. Undo: none; what was put away is moved or counted.
    """

    return_: str = msgspec.field(name="return")  #: id of the return's shipment
    damaged: dict[str, int] = {}  #: item -> units; everything else is good
    upto: Literal["received", "done"] = "done"


Verb = (
    CreateSale | CancelSale | HoldSale | ReleaseSale | CountStock | CreateTransfer | CancelTransfer | CreatePurchase
    | CancelPurchase | AssignShipment | UnassignShipment | TakeBack | ReceiveReturn
)  # fmt: skip


_LOCK = "the document's stamp goes with it, and Tryton refuses a stale write"
#: What a person is told before a write: why a repeat is harmless, and what of a race is left.
PROMISES: Mapping[type[Verb], Promise] = {
    CreateSale: Promise(
        repeat="a sale under the order's number is looked for first: one that is there is gone on with, not made again",
        race="where the ERP takes the order over in the same second, two documents may stand: X12 finds that",
    ),
    CancelSale: Promise(repeat=f"its state is read first: one that is cancelled is left as it is; {_LOCK}"),
    HoldSale: Promise(repeat=f"states are read first: what is a draft is left as it is; {_LOCK}"),
    ReleaseSale: Promise(repeat=f"states are read first: what went on already is left as it is; {_LOCK}"),
    CountStock: Promise(
        repeat="our key is pinned to the count and looked for first: the same count is booked once",
        race="what is booked between our look and the count, within a second, is counted twice",
    ),
    CreateTransfer: Promise(
        repeat="a transfer with our reference is looked for first: one that is there is not made again"
    ),
    CancelTransfer: Promise(repeat=f"its state is read first: one that is cancelled is left as it is; {_LOCK}"),
    CreatePurchase: Promise(
        repeat="a purchase with our reference is looked for first: one that is there is not made again"
    ),
    CancelPurchase: Promise(repeat=f"its state is read first: one that is cancelled is left as it is; {_LOCK}"),
    AssignShipment: Promise(repeat=f"its state is read first: one that has its stock is left as it is; {_LOCK}"),
    UnassignShipment: Promise(repeat=f"its state is read first: one that waits is left as it is; {_LOCK}"),
    TakeBack: Promise(
        repeat="a return under the channel's number is looked for first and gone on with from where it stands",
        race="a return that a person makes in the same second may stand beside ours; the read-back shows it",
    ),
    ReceiveReturn: Promise(repeat=f"its state is read first: what is put away is left as it is; {_LOCK}"),
}


def request(verb: Verb) -> WriteRequest:
    """Spell a verb as the request that will be sent."""
    body = msgspec.to_builtins(verb)
    return WriteRequest("DO", str(body.pop("verb")), body)


def verb_of(wanted: WriteRequest) -> Verb:
    """Read a verb from a request.

    Raises:
        msgspec.ValidationError: it is none that Tryton knows.
    """
    verb: Verb = msgspec.convert({**wanted.body, "verb": wanted.path}, Verb)
    return verb


def promise_of(wanted: WriteRequest) -> Promise:
    """Say what Tryton makes of a request.

    Raises:
        msgspec.ValidationError: it is no verb of Tryton's.
    """
    return PROMISES[type(verb_of(wanted))]
