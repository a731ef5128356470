"""What can be written, by system: the same verb is spelled differently for each, and some systems lack it.

Each verb here says what it means; the modules `ingest/<system>/write.py` say how it is spelled there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from data.errors import RequestError
from ingest.adapter import Promise, WriteRequest
from ingest.erp import write as erp
from ingest.medusa import write as medusa
from ingest.medusa.records import AT
from ingest.storefront import write as storefront
from ingest.tryton import write as tryton
from ingest.warehouse import write as warehouse

Spelling = Callable[..., WriteRequest]


class VerbMissing(RequestError):  # noqa: N818 -- it reads as what it is: the verb is missing there
    """The system has no such verb; a person must do it there."""


@dataclass(frozen=True, kw_only=True)
class Sale:
    """What the ERP's document of an order is to say."""

    lines: tuple[tuple[str, int, str], ...]  #: (item, units, price of a unit in major units without tax)
    currency: str
    buyer: str = ""  #: pseudonymous
    warehouse: str | None = None  #: who is to ship it, where somebody said so
    upto: str = "draft"  #: draft | quotation | processing


@dataclass(frozen=True)
class Verbs:
    """The verbs of one system; one that it lacks says so."""

    system: str

    def has(self, verb: str) -> bool:
        """Tell whether the system has a verb."""
        return verb in SPELLINGS.get(self.system, {})

    def set_listing_quantity(self, listing: str, quantity: int, *, expected: int, reference: str) -> WriteRequest:
        """Set what a channel offers, if it still offers what was expected."""
        return self._spell("set_listing_quantity")(listing, quantity, expected=expected, reference=reference)

    def set_listing_active(self, listing: str, *, active: bool, expected: bool, reference: str) -> WriteRequest:
        """Pause or resume one listing."""
        return self._spell("set_listing_active")(listing, active=active, expected=expected, reference=reference)

    def list_product(self, listing: str, *, listed: bool) -> WriteRequest:
        """Take the whole product of a listing out of its channel, or put it back."""
        return self._spell("list_product")(listing, listed=listed)

    def push_fulfilment(
        self, order: str, units: Mapping[str, int], *, carrier: str, tracking: str, reference: str
    ) -> WriteRequest:
        """Tell the channel that these units left, with their tracking."""
        return self._spell("push_fulfilment")(order, units, carrier=carrier, tracking=tracking, reference=reference)

    def set_stock_level(self, level: str, quantity: int, *, expected: int, below_reserved: bool) -> WriteRequest:
        """Set what a channel itself keeps of an item at a location, if it still keeps what was expected."""
        return self._spell("set_stock_level")(level, quantity, expected=expected, below_reserved=below_reserved)

    def repair_reserved(self, level: str, *, reserved: int, held: int, through: str, accepted: bool) -> WriteRequest:
        """Set a counter of reserved units right, by way of another level of the item."""
        return self._spell("repair_reserved")(level, reserved=reserved, held=held, through=through, accepted=accepted)

    def cancel_order(self, order: str, *, cause: str, reference: str) -> WriteRequest:
        """Cancel a channel's order."""
        return self._spell("cancel_order")(order, cause=cause, reference=reference)

    def hold_order(self, order: str, *, reason: str, expected: str) -> WriteRequest:
        """Hold an order, or release it with an empty reason."""
        return self._spell("hold_order")(order, reason=reason, expected=expected)

    def refund(
        self, payment: str, amount_minor: int, *, currency: str, refunds_before: int, reference: str
    ) -> WriteRequest:
        """Give money of a capture back."""
        return self._spell("refund")(
            payment, amount_minor, currency=currency, refunds_before=refunds_before, reference=reference
        )

    def create_return(self, order: str, units: Mapping[str, int], *, level: str, reference: str) -> WriteRequest:
        """Announce a return to the place of a level."""
        return self._spell("create_return")(order, units, level=level, reference=reference)

    def receive_return(
        self, back: str, *, good: Mapping[str, int], damaged: Mapping[str, int], received_before: int
    ) -> WriteRequest:
        """Take in what came back."""
        return self._spell("receive_return")(back, good=good, damaged=damaged, received_before=received_before)

    def cancel_return(self, back: str) -> WriteRequest:
        """Call a return off of which nothing was received."""
        return self._spell("cancel_return")(back)

    def create_sale(self, number: str, sale: Sale, *, reference: str) -> WriteRequest:
        """Make the ERP's document of an order."""
        return self._spell("create_sale")(number, sale, reference=reference)

    def cancel_sale(self, sale: str, *, reference: str) -> WriteRequest:
        """Cancel the ERP's document of an order."""
        return self._spell("cancel_sale")(sale, reference=reference)

    def count_stock(self, sku: str, location: str, units: int, *, expected: int, reference: str) -> WriteRequest:
        """Book a count of an item at a location, if the books still say what was expected."""
        return self._spell("count_stock")(sku, location, units, expected=expected, reference=reference)

    def take_back(
        self, order: str, back: str, *, good: Mapping[str, int], damaged: Mapping[str, int], reference: str
    ) -> WriteRequest:
        """Take what a customer sent back of an order into the owner's stock; units by item."""
        return self._spell("take_back")(order, back, good=good, damaged=damaged, reference=reference)

    def put_away(self, back: str, *, damaged: Mapping[str, int]) -> WriteRequest:
        """Take in a return that the owner of the stock expects or received: units by item, good where not damaged."""
        return self._spell("put_away")(back, damaged=damaged)

    def assign_shipment(self, shipment: str, *, reference: str) -> WriteRequest:
        """Let a shipment take its stock, as far as it is there."""
        return self._spell("assign_shipment")(shipment, reference=reference)

    def unassign_shipment(self, shipment: str) -> WriteRequest:
        """Let a shipment give back the stock that it took."""
        return self._spell("unassign_shipment")(shipment)

    def hold_sale(self, sale: str, *, reason: str) -> WriteRequest:
        """Let nobody work on the ERP's document of an order."""
        return self._spell("hold_sale")(sale, reason=reason)

    def release_sale(self, sale: str) -> WriteRequest:
        """Let the ERP's document of an order go on, until it is processed."""
        return self._spell("release_sale")(sale)

    def set_priority(self, work: str, priority: int, *, expected_version: int, reference: str) -> WriteRequest:
        """Give work another place in the pick wave."""
        return self._spell("set_priority")(work, priority, expected_version=expected_version, reference=reference)

    def create_purchase_draft(
        self, supplier: str, location: str, units: Mapping[str, int], *, reference: str, wanted_on: date | None = None
    ) -> WriteRequest:
        """Draft a purchase order, wanted on a day where one is named."""
        return self._spell("create_purchase_draft")(supplier, location, units, reference=reference, wanted_on=wanted_on)

    def cancel_purchase_draft(self, purchase: str) -> WriteRequest:
        """Take a draft of a purchase back."""
        return self._spell("cancel_purchase_draft")(purchase)

    def create_transfer_draft(
        self, origin: str, destination: str, units: Mapping[str, int], *, reference: str
    ) -> WriteRequest:
        """Draft a transfer."""
        return self._spell("create_transfer_draft")(origin, destination, units, reference=reference)

    def cancel_transfer_draft(self, transfer: str) -> WriteRequest:
        """Take a draft of a transfer back."""
        return self._spell("cancel_transfer_draft")(transfer)

    def _spell(self, verb: str) -> Spelling:
        known = SPELLINGS.get(self.system, {})
        if verb not in known:
            what = verb.replace("_", " ")
            raise VerbMissing(f"{self.system or 'this system'} cannot be asked to {what}; a person must do it there")
        return known[verb]


def of(system: str) -> Verbs:
    """Give the verbs of a system."""
    return Verbs(system)


def promise(system: str, wanted: WriteRequest) -> Promise:
    """Say why a repeat of a request is harmless at a system, and what of a race is left."""
    known = PROMISES.get(system)
    return _UNKNOWN if known is None else known(wanted)


_UNKNOWN = Promise(repeat="the request bears our key; whether the system heeds it is not known here")
_KEPT = Promise(repeat="the system keeps keys: the same key again is answered as the first time, and changes nothing")

#: What each system makes of what it is sent.
PROMISES: Mapping[str, Callable[[WriteRequest], Promise]] = {
    "storefront": lambda _: _KEPT,
    "warehouse": lambda _: _KEPT,
    "erp": lambda _: _KEPT,
    "medusa": medusa.promise_of,
    "tryton": tryton.promise_of,
}


def _level_place(level: str) -> str:
    """Give the location of a level as its own system calls it."""
    return level.partition(AT)[2]


def _medusa_push(
    order: str,
    units: Mapping[str, int],
    *,
    carrier: str,  # noqa: ARG001 -- Medusa keeps none
    tracking: str,
    reference: str,
) -> WriteRequest:
    return medusa.request(medusa.PushFulfilment(order=order, lines=dict(units), tracking=tracking, reference=reference))


def _medusa_level(level: str, quantity: int, *, expected: int, below_reserved: bool) -> WriteRequest:
    return medusa.request(
        medusa.SetStock(level=level, quantity=quantity, expected=expected, below_reserved=below_reserved)
    )


def _medusa_repair(level: str, *, reserved: int, held: int, through: str, accepted: bool) -> WriteRequest:
    return medusa.request(
        medusa.RepairReserved(
            level=level, reserved=reserved, held=held, through=_level_place(through), accepted=accepted
        )
    )


def _medusa_cancel(order: str, *, cause: str, reference: str) -> WriteRequest:  # noqa: ARG001 -- it keeps none
    return medusa.request(medusa.CancelOrder(order=order, cause=cause))


def _medusa_refund(
    payment: str, amount_minor: int, *, currency: str, refunds_before: int, reference: str
) -> WriteRequest:
    return medusa.request(
        medusa.Refund(
            payment=payment, amount_minor=amount_minor, currency=currency, refunds_before=refunds_before,
            reference=reference,
        )
    )  # fmt: skip


def _medusa_return(order: str, units: Mapping[str, int], *, level: str, reference: str) -> WriteRequest:
    return medusa.request(
        medusa.CreateReturn(order=order, lines=dict(units), location=_level_place(level), reference=reference)
    )


def _medusa_receive(
    back: str, *, good: Mapping[str, int], damaged: Mapping[str, int], received_before: int
) -> WriteRequest:
    return medusa.request(
        medusa.ReceiveReturn(return_=back, good=dict(good), damaged=dict(damaged), received_before=received_before)
    )


def _tryton_sale(number: str, sale: Sale, *, reference: str) -> WriteRequest:
    steps: dict[str, Literal["draft", "quotation", "processing"]] = {
        "draft": "draft", "quotation": "quotation", "processing": "processing",
    }  # fmt: skip
    if sale.upto not in steps:
        raise RequestError(f"a sale is taken up to {', '.join(steps)}, not to {sale.upto!r}")
    return tryton.request(
        tryton.CreateSale(
            number=number, lines=tuple(tryton.Wanted(*line) for line in sale.lines), currency=sale.currency,
            reference=reference, warehouse=sale.warehouse, buyer=sale.buyer, upto=steps[sale.upto],
        )
    )  # fmt: skip


def _tryton_take_back(
    order: str, back: str, *, good: Mapping[str, int], damaged: Mapping[str, int], reference: str
) -> WriteRequest:
    return tryton.request(
        tryton.TakeBack(order=order, number=back, good=dict(good), damaged=dict(damaged), reference=reference)
    )


def _tryton_count(sku: str, location: str, units: int, *, expected: int, reference: str) -> WriteRequest:  # noqa: ARG001
    return tryton.request(tryton.CountStock(sku=sku, location=location, units=units, expected=expected))


def _tryton_assign(shipment: str, *, reference: str) -> WriteRequest:  # noqa: ARG001 -- a shipment keeps none
    return tryton.request(tryton.AssignShipment(shipment=shipment))


def _tryton_cancel_sale(sale: str, *, reference: str) -> WriteRequest:  # noqa: ARG001 -- a sale keeps none
    return tryton.request(tryton.CancelSale(sale=sale))


def _tryton_purchase(
    supplier: str, location: str, units: Mapping[str, int], *, reference: str, wanted_on: date | None
) -> WriteRequest:
    return tryton.request(
        tryton.CreatePurchase(
            supplier=supplier, location=location, units=dict(units), reference=reference,
            wanted_on=None if wanted_on is None else wanted_on.isoformat(),
        )
    )  # fmt: skip


def _erp_purchase(
    supplier: str, location: str, units: Mapping[str, int], *, reference: str, wanted_on: date | None
) -> WriteRequest:
    if wanted_on is not None:
        raise VerbMissing("erp takes no date with a draft: leave it out, and say it to the supplier")
    return erp.create_purchase_draft(supplier, location, units, reference=reference)


def _tryton_transfer(origin: str, destination: str, units: Mapping[str, int], *, reference: str) -> WriteRequest:
    return tryton.request(
        tryton.CreateTransfer(origin=origin, destination=destination, units=dict(units), reference=reference)
    )


#: How each system spells the verbs that it has.
SPELLINGS: Mapping[str, Mapping[str, Spelling]] = {
    "storefront": {
        "set_listing_quantity": storefront.set_listing_quantity,
        "set_listing_active": storefront.set_listing_active,
        "push_fulfilment": storefront.push_fulfilment,
    },
    "warehouse": {
        "set_priority": warehouse.set_priority,
        "create_transfer_draft": warehouse.create_transfer_draft,
        "cancel_transfer_draft": warehouse.cancel_transfer_draft,
    },
    "erp": {
        "create_purchase_draft": _erp_purchase,
        "cancel_purchase_draft": erp.cancel_purchase_draft,
    },
    "medusa": {
        "set_stock_level": _medusa_level,
        "push_fulfilment": _medusa_push,
        "cancel_order": _medusa_cancel,
        "hold_order": lambda order, *, reason, expected: medusa.request(
            medusa.HoldOrder(order=order, reason=reason, expected=expected)
        ),
        "list_product": lambda listing, *, listed: medusa.request(
            medusa.ListProduct(listing=listing, listed=listed)
        ),
        "refund": _medusa_refund,
        "create_return": _medusa_return,
        "receive_return": _medusa_receive,
        "cancel_return": lambda back: medusa.request(medusa.CancelReturn(return_=back)),
        "repair_reserved": _medusa_repair,
    },
    "tryton": {
        "create_sale": _tryton_sale,
        "cancel_sale": _tryton_cancel_sale,
        "count_stock": _tryton_count,
        "take_back": _tryton_take_back,
        "put_away": lambda back, *, damaged: tryton.request(
            tryton.ReceiveReturn(return_=back, damaged=dict(damaged))
        ),
        "assign_shipment": _tryton_assign,
        "unassign_shipment": lambda shipment: tryton.request(tryton.UnassignShipment(shipment=shipment)),
        "hold_sale": lambda sale, *, reason: tryton.request(tryton.HoldSale(sale=sale, reason=reason)),
        "release_sale": lambda sale: tryton.request(tryton.ReleaseSale(sale=sale, upto="processing")),
        "create_purchase_draft": _tryton_purchase,
        "cancel_purchase_draft": lambda purchase: tryton.request(tryton.CancelPurchase(purchase=purchase)),
        "create_transfer_draft": _tryton_transfer,
        "cancel_transfer_draft": lambda transfer: tryton.request(tryton.CancelTransfer(transfer=transfer)),
    },
}  # fmt: skip
