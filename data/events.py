"""The event vocabulary: what a source can state (snapshots) and what can happen once (movements).

A **snapshot** is the whole of one aspect of one entity as one connection states it: the newest version replaces all
of it. A **movement** happened once, has its own id and never changes. Order ids carry the authority that issued them
(`storefront/536365`), so that the same number from two systems never merges; codes of items and locations are the
merchant's own and shared.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec

from data.canonical import canonical, is_suspect


class OrderLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an order as the channel states it."""

    line: str  #: id within the order
    sku: str
    units: int
    unit_price: Decimal  #: major units, before discount, without tax
    kind: str = "product"  #: product | service (postage, fees: no stock, no parcel)
    title: str = ""
    cancelled_units: int = 0
    discount_minor: int = 0
    tax_minor: int = 0


class Units(msgspec.Struct, frozen=True, array_like=True):
    """Units of one order line, in a parcel, a fulfilment, a return."""

    line: str
    sku: str
    units: int


class ChannelFulfilment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the channel was told: these units left, with this tracking."""

    fulfilment: str
    told_at: datetime
    tracking: str | None
    lines: tuple[Units, ...]
    reference: str | None = None
    location: str | None = None  #: from whose level the channel took them


class ChannelPacked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a channel itself took off a level and does not call shipped yet."""

    fulfilment: str
    packed_at: datetime
    lines: tuple[Units, ...]
    location: str | None = None


class OrderStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order"):
    """An order with all of its lines, as a channel states it."""

    order: str
    channel: str
    placed_at: datetime
    currency: str
    lines: tuple[OrderLine, ...]
    customer: str | None = None  #: pseudonymous
    country: str | None = None
    paid: bool = True
    hold: str | None = None
    cancelled_at: datetime | None = None
    cancel_cause: str | None = None  #: customer | supply | fraud | payment
    ship_by: datetime | None = None
    promise: str | None = None  #: given | policy
    shipping_minor: int = 0
    fulfilments: tuple[ChannelFulfilment, ...] = ()
    packed: tuple[ChannelPacked, ...] = ()
    total_minor: int | None = None  #: what the customer owes in all, with tax and shipping, as the channel says it
    is_test: bool = False
    simulated: bool = False


class OrderLineStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order_line"):
    """One line of an order from a file that has no order records: its aspect is the line."""

    order: str
    channel: str
    placed_at: datetime
    currency: str
    line: OrderLine
    customer: str | None = None
    country: str | None = None
    shipped_at: datetime | None = None
    ship_by: datetime | None = None
    promise: str | None = None
    simulated: bool = False


class SaleLine(msgspec.Struct, frozen=True, array_like=True):
    """One line of the ERP's document; it keeps its own line ids."""

    line: str
    sku: str
    units: int
    amount_minor: int  #: without tax


class SaleStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="sale"):
    """The ERP's own document for an order."""

    order: str
    sale: str
    status: str  #: draft | open | done | cancelled
    total_minor: int  #: with tax, where the document has any
    currency: str
    created_at: datetime
    reference: str | None = None  #: what the document says it is for: the channel's order number
    customer: str | None = None  #: pseudonymous
    lines: tuple[SaleLine, ...] = ()


class PriorityChange(msgspec.Struct, frozen=True, array_like=True):
    """One change of the priority of work, from the warehouse's own change record."""

    at: datetime
    before: int
    after: int
    reference: str | None


class WorkStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="work"):
    """A warehouse's work on an order at one location."""

    work: str
    order: str
    location: str
    status: str  #: released | picking | picked | packed | shipped | cancelled | backordered
    lines: tuple[Units, ...]
    released_at: datetime | None = None
    picked_at: datetime | None = None
    packed_at: datetime | None = None
    shipped_at: datetime | None = None
    status_since: datetime | None = None
    handling_minor: int = 0
    currency: str = ""  #: of the handling; empty where it is the order's
    priority: int = 0  #: 0 as it comes; the higher, the earlier it is picked
    changes: tuple[PriorityChange, ...] = ()  #: of the priority, oldest first
    allocated: bool | None = None  #: all of its stock is set aside for it; None where the warehouse does not say
    version: int | None = None  #: the warehouse's own: what a change of priority is made against


class ParcelStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="parcel"):
    """A parcel that a location handed over, with what is in it."""

    parcel: str
    order: str
    location: str
    carrier: str
    tracking: str
    handed_over_at: datetime
    lines: tuple[Units, ...]
    freight_minor: int = 0
    currency: str = ""  #: of the freight; empty where it is the order's


class Scan(msgspec.Struct, frozen=True, array_like=True):
    """A carrier's scan of a parcel."""

    at: datetime
    code: str


class TrackingStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tracking"):
    """A carrier's view of a parcel."""

    tracking: str
    carrier: str
    scans: tuple[Scan, ...] = ()
    delivered_at: datetime | None = None


class ReturnStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="return"):
    """A return as the channel states it."""

    return_: str = msgspec.field(name="return")
    order: str
    lines: tuple[Units, ...]
    requested_at: datetime
    status: str
    reason: str | None = None
    refunded_minor: int = 0
    channel: str | None = None  #: where the return's own document states it
    currency: str = ""


class InspectionStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="inspection"):
    """What a warehouse found in a return; `disposition` by line."""

    inspection: str
    return_: str = msgspec.field(name="return")
    order: str
    location: str
    lines: tuple[Units, ...]
    dispositions: tuple[str, ...]  #: restock | dispose, in the order of lines
    received_at: datetime
    inspected_at: datetime | None = None
    cost_minor: int = 0  #: of the return: its label, taking it in, looking at it
    currency: str = ""  #: of this cost; empty where it is the order's


class PaymentMoved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="payment"):
    """Money moved: a capture, a refund or a fee. A movement."""

    payment: str
    order: str
    kind: str  #: capture | refund | fee
    amount_minor: int  #: positive
    currency: str
    at: datetime
    fee_kind: str | None = None  #: payment | marketplace


class StockStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="stock"):
    """A count of one item at one location, by state."""

    sku: str
    location: str
    on_hand: int
    allocated: int = 0
    quarantined: int = 0
    damaged: int = 0
    counted_at: datetime


class LevelStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="level"):
    """What a channel itself keeps of one item at one location, whether or not it owns the stock.

    `reserved` is the level's own counter, `held` the sum of the reservations that exist: they should be equal.
    """

    sku: str
    location: str
    stocked: int
    reserved: int
    held: int | None = None
    incoming: int = 0
    level: str = ""  #: the channel's own id of it, by which it can be written
    counted_at: datetime


class LotAt(msgspec.Struct, frozen=True, array_like=True):
    """Units of a lot at a location."""

    location: str
    units: int


class LotStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="lot"):
    """A lot of one item, where it lies and until when it may be sold."""

    lot: str
    sku: str
    number: str
    held: tuple[LotAt, ...]
    expires_on: date | None = None


class OrderPointStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order_point"):
    """The ERP's own rule for when to order an item to a location, and up to how much."""

    order_point: str
    sku: str
    location: str
    minimum: int
    target: int
    supplier: str | None = None


class StockMonthStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="stock_month"):
    """The closing stock of each day of one month; None before the item was stocked there."""

    sku: str
    location: str
    month: str  #: YYYY-MM
    closing: tuple[int | None, ...]


class ListingChange(msgspec.Struct, frozen=True, array_like=True):
    """One change of a listing's quantity, from the channel's own change record."""

    at: datetime
    before: int
    after: int
    reference: str | None


class ListingStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="listing"):
    """What a channel offers of one item."""

    listing: str
    channel: str
    sku: str
    quantity: int
    active: bool
    price_minor: int = 0
    currency: str = ""
    title: str = ""
    changes: tuple[ListingChange, ...] = ()


class ChannelStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="channel"):
    """A channel and the rule by which its listings are filled."""

    channel: str
    name: str
    locations: tuple[str, ...]
    buffer_units: int = 0
    cap_units: int | None = None
    handling_hours: int | None = None


class Cost(msgspec.Struct, frozen=True, array_like=True):
    """A unit cost and the day from which it holds."""

    effective_from: date
    unit_cost: Decimal


class ItemStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="item"):
    """An item of the catalogue with its costs by effective date."""

    sku: str
    name: str
    category: str | None = None
    kind: str = "product"
    supplier: str | None = None
    list_price: Decimal | None = None
    currency: str = ""
    costs: tuple[Cost, ...] = ()
    gtin: str | None = None


class SupplierStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="supplier"):
    """A supplier and its planned lead time."""

    supplier: str
    name: str
    lead_time_days: int
    order_minimum_minor: int = 0
    currency: str = ""


class TermsStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="terms"):
    """What a supplier asks for one item."""

    supplier: str
    sku: str
    moq: int = 1
    pack: int = 1
    unit_cost: Decimal | None = None
    currency: str = ""


class LocationStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="location"):
    """A place that holds stock."""

    location: str
    name: str
    kind: str = "warehouse"
    time_zone: str = "UTC"


class PurchaseLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a purchase order."""

    line: str
    sku: str
    ordered: int
    received: int = 0
    unit_cost: Decimal | None = None
    promised_at: datetime | None = None
    received_at: datetime | None = None


class PurchaseStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="purchase"):
    """A purchase order with its lines, as the ERP states it."""

    purchase: str
    supplier: str
    location: str
    status: str  #: draft | sent | confirmed | received | cancelled
    created_at: datetime
    lines: tuple[PurchaseLine, ...]
    sent_at: datetime | None = None
    reference: str | None = None
    currency: str = ""
    simulated: bool = False


class TransferStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="transfer"):
    """Stock on its way from one location to another."""

    transfer: str
    origin: str
    destination: str
    status: str  #: draft | sent | received | cancelled
    lines: tuple[Units, ...]
    created_at: datetime
    reference: str | None = None


class Gone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="gone"):
    """A tombstone: the aspect under this key no longer exists at the source."""

    entities: tuple[tuple[str, str], ...]


class BatchWithdrawn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="batch_withdrawn"):
    """A person took back one import: its events no longer count."""

    batch: int


class MovementDecided(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="movement_decided"):
    """A person decided which of two contents of one movement holds."""

    entities: tuple[tuple[str, str], ...]
    holds: str  #: digest of the content that holds, as hex
    by: str


class Reparsed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="reparsed"):
    """What a stream said of these entities was read anew: their facts are to be made again."""

    parser: int


Event = (
    OrderStated | OrderLineStated | SaleStated | WorkStated | ParcelStated | TrackingStated | ReturnStated
    | InspectionStated | PaymentMoved | StockStated | LevelStated | LotStated | OrderPointStated | StockMonthStated
    | ListingStated | ChannelStated | ItemStated
    | SupplierStated | TermsStated | LocationStated | PurchaseStated | TransferStated | Gone | BatchWithdrawn
    | MovementDecided | Reparsed
)  # fmt: skip

Entity = tuple[str, str]  #: (kind, id)


def is_movement(event: Event) -> bool:
    """Tell whether the event happened once and never changes."""
    return isinstance(event, PaymentMoved)


def entities(event: Event) -> tuple[Entity, ...]:  # noqa: PLR0911 -- a table in code: one line an event
    """Name the entities whose facts depend on the event."""
    match event:
        case OrderStated() | OrderLineStated() | SaleStated() | WorkStated() | PaymentMoved():
            return (("order", event.order),)
        case ParcelStated():
            return (("order", event.order), ("parcel", event.tracking))
        case ReturnStated() | InspectionStated():
            return (("order", event.order), ("return", event.return_))
        case TrackingStated():
            return (("parcel", event.tracking),)
        case StockStated() | LevelStated():
            return (("stock", f"{event.sku}@{event.location}"),)
        case StockMonthStated():
            return (("stock_month", f"{event.sku}@{event.location}@{event.month}"),)
        case ListingStated():
            return (("listing", event.listing),)
        case TermsStated():
            return (("terms", f"{event.supplier}:{event.sku}"),)
        case Gone() | MovementDecided():
            return event.entities
        case BatchWithdrawn() | Reparsed():
            return ()  # whom they concern is told beside them: they may be very many
        case _:  # the others are each about one thing, named as they are
            kind = str(event.__struct_config__.tag)
            return ((kind, str(getattr(event, "sku" if kind == "item" else kind))),)


_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Write an event as canonical JSON: equal events give equal bytes.

    Raises:
        RecordInvalid: a value is none: NaN, a naive time, a number that no merchant has.
    """
    body = _encoder.encode(event)
    return _encoder.encode(canonical(event)) if is_suspect(body) else body


def decode(body: bytes) -> Event:
    """Read an event that `encode` wrote."""
    return _decoder.decode(body)
