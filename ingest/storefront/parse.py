"""The storefront's shapes, and what they say in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from data.errors import RecordInvalid
from data.events import (
    ChannelFulfilment,
    ChannelStated,
    ListingChange,
    ListingStated,
    OrderLine,
    OrderStated,
    PaymentMoved,
    ReturnStated,
    Units,
)
from ingest.shapes import (
    Amount,
    Context,
    Count,
    Currency,
    Customer,
    Id,
    Item,
    Parser,
    Signed,
    Text,
    Time,
    decimal,
    maybe_utc,
    minor,
    plain,
    reader,
    utc,
)

PAID = frozenset({"paid", "refunded", "partially_refunded"})
#: Causes of a cancellation by what the storefront calls them; any other text counts as the customer's wish.
CAUSES = {
    "inventory": "supply", "out_of_stock": "supply", "supply": "supply", "fraud": "fraud",
    "declined": "payment", "payment": "payment", "customer": "customer",
}  # fmt: skip


class Channel(Item, kw_only=True, frozen=True):
    """A way to sell, with the rules of its listings."""

    name: Text
    locations: list[Id]
    buffer: Count = 0
    cap: Count | None = None
    handling_hours: Count | None = None


class Line(msgspec.Struct, frozen=True, gc=False):
    """What was ordered of one code at one price."""

    id: Id
    sku: Id
    quantity: Count
    unit_price: Amount
    title: Text = ""
    kind: str = "product"
    cancelled_quantity: Count = 0
    discount: Amount = "0"
    tax: Amount = "0"


class FulfilmentLine(msgspec.Struct, frozen=True, gc=False):
    """Units of one order line in a parcel."""

    line: Id
    quantity: Count


class Fulfilment(msgspec.Struct, frozen=True):
    """What the storefront was told about one parcel."""

    id: Id
    created_at: Time
    lines: list[FulfilmentLine]
    tracking: Id | None = None
    reference: Text | None = None


class Order(Item, kw_only=True, frozen=True):
    """A customer's order."""

    channel: Id
    created_at: Time
    currency: Currency
    lines: list[Line]
    customer: Customer | None = None
    shipping_price: Amount = "0"
    financial_status: str = "paid"
    fulfillments: tuple[Fulfilment, ...] = ()
    hold: Text | None = None
    cancelled_at: Time | None = None
    cancel_reason: Text | None = None
    ship_by: Time | None = None
    simulated: bool = False


class Change(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """One change of a listed quantity and who asked for it."""

    at: Time
    before: Signed
    after: Signed
    reference: Text | None = None


class Listing(Item, kw_only=True, frozen=True):
    """What a channel says is there to buy."""

    channel: Id
    sku: Id
    quantity: Signed
    active: bool
    title: Text = ""
    price: Amount = "0"
    currency: Currency | None = None
    changes: tuple[Change, ...] = ()


class Payment(Item, kw_only=True, frozen=True):
    """A movement of money."""

    order: Id
    kind: str
    amount: Amount
    currency: Currency
    at: Time
    fee_kind: str | None = None


class ReturnLine(msgspec.Struct, frozen=True, gc=False):
    """Units of one order line that come back."""

    line: Id
    sku: Id
    quantity: Count
    reason: Text | None = None


class Return(Item, kw_only=True, frozen=True):
    """Goods on the way back from a customer."""

    order: Id
    lines: list[ReturnLine]
    requested_at: Time
    status: str
    refunded_amount: Amount = "0"
    currency: Currency | None = None


def parsers(context: Context) -> Mapping[str, Parser]:
    """Give the parser of each stream."""
    return {
        "channels": reader(Channel, channel, context),
        "orders": reader(Order, order, context),
        "listings": reader(Listing, listing, context),
        "payments": reader(Payment, payment, context),
        "returns": reader(Return, return_, context),
    }


def channel(raw: Channel, _context: Context) -> ChannelStated:
    """Translate a channel."""
    return ChannelStated(
        channel=plain(raw.id, "channel"), name=raw.name, locations=tuple(raw.locations), buffer_units=raw.buffer,
        cap_units=raw.cap, handling_hours=raw.handling_hours,
    )  # fmt: skip


def order(raw: Order, context: Context) -> OrderStated:
    """Translate an order; a promise that the storefront states is marked as given."""
    lines = tuple(_line(line, raw.currency, context) for line in raw.lines)
    skus = {line.line: line.sku for line in lines}
    if len(skus) != len(lines):
        raise RecordInvalid("two lines of the order have the same id; each line needs its own")
    return OrderStated(
        order=context.order(raw.id), channel=raw.channel, placed_at=utc(raw.created_at), currency=raw.currency,
        lines=lines, customer=f"{context.connection}/{raw.customer.id}" if raw.customer else None,
        country=raw.customer.country if raw.customer else None, paid=raw.financial_status in PAID, hold=raw.hold,
        cancelled_at=maybe_utc(raw.cancelled_at), cancel_cause=_cause(raw), ship_by=maybe_utc(raw.ship_by),
        promise="given" if raw.ship_by else None, shipping_minor=minor(raw.shipping_price, raw.currency),
        fulfilments=tuple(_fulfilment(told, skus) for told in raw.fulfillments), simulated=raw.simulated,
    )  # fmt: skip


def _line(raw: Line, currency: str, context: Context) -> OrderLine:
    return OrderLine(
        line=raw.id, sku=context.ours("sku", raw.sku), units=raw.quantity,
        unit_price=decimal(raw.unit_price), kind=raw.kind, title=raw.title,
        cancelled_units=raw.cancelled_quantity, discount_minor=minor(raw.discount, currency),
        tax_minor=minor(raw.tax, currency),
    )  # fmt: skip


def _fulfilment(raw: Fulfilment, skus: Mapping[str, str]) -> ChannelFulfilment:
    return ChannelFulfilment(
        fulfilment=raw.id, told_at=utc(raw.created_at), tracking=raw.tracking, reference=raw.reference,
        lines=tuple(Units(part.line, skus.get(part.line, ""), part.quantity) for part in raw.lines),
    )  # fmt: skip


def _cause(raw: Order) -> str | None:
    if raw.cancel_reason is None:
        return None
    return CAUSES.get(raw.cancel_reason.lower().replace(" ", "_"), "customer")


def listing(raw: Listing, context: Context) -> ListingStated:
    """Translate a listing with the channel's own record of its last changes."""
    currency = raw.currency or context.currency
    return ListingStated(
        listing=plain(raw.id, "listing"), channel=raw.channel, sku=context.ours("sku", raw.sku),
        quantity=raw.quantity, active=raw.active, price_minor=minor(raw.price, currency), currency=currency,
        title=raw.title,
        changes=tuple(ListingChange(utc(c.at), c.before, c.after, c.reference) for c in raw.changes),
    )  # fmt: skip


def payment(raw: Payment, context: Context) -> PaymentMoved:
    """Translate a movement of money; its amount is positive whatever its kind."""
    if raw.kind not in ("capture", "refund", "fee"):
        raise RecordInvalid(f"payment kind {raw.kind!r} is unknown; capture, refund or fee was expected")
    amount = minor(raw.amount, raw.currency)
    if amount < 0:
        raise RecordInvalid(f"a {raw.kind} of {raw.amount} is negative; its kind already says the direction")
    return PaymentMoved(
        payment=raw.id, order=context.order(raw.order), kind=raw.kind, amount_minor=amount, currency=raw.currency,
        at=utc(raw.at), fee_kind=raw.fee_kind,
    )  # fmt: skip


def return_(raw: Return, context: Context) -> ReturnStated:
    """Translate a return."""
    reasons = dict.fromkeys(line.reason for line in raw.lines if line.reason)
    return ReturnStated(
        return_=raw.id, order=context.order(raw.order), requested_at=utc(raw.requested_at), status=raw.status,
        lines=tuple(Units(line.line, context.ours("sku", line.sku), line.quantity) for line in raw.lines),
        reason=", ".join(reasons) or None,
        refunded_minor=minor(raw.refunded_amount, raw.currency or context.currency),
        currency=raw.currency or context.currency,
    )  # fmt: skip
