"""The items of all streams, field by field as they go over the wire."""

from __future__ import annotations

import msgspec


class Item(msgspec.Struct, kw_only=True):
    """What every item has; the stream sets version and time of change."""

    id: str
    version: int = 0
    updated_at: str = ""


class Channel(Item, kw_only=True):
    """A way to sell, with the rules of its listings."""

    name: str
    locations: list[str]
    buffer: int
    cap: int
    handling_hours: int


class Customer(msgspec.Struct, frozen=True):
    """A buyer under an invented name."""

    id: str
    email: str
    name: str
    country: str


class OrderLine(msgspec.Struct, gc=False):
    """What was ordered of one code at one price."""

    id: str
    sku: str
    title: str
    kind: str
    quantity: int
    cancelled_quantity: int
    unit_price: str
    discount: str = "0.00"
    tax: str = "0.00"


class FulfillmentLine(msgspec.Struct, gc=False):
    """Units of one order line in a parcel."""

    line: str
    quantity: int


class Fulfillment(msgspec.Struct):
    """What the storefront was told about one parcel."""

    id: str
    created_at: str
    carrier: str
    tracking: str
    lines: list[FulfillmentLine]
    reference: str | None


class Order(Item, kw_only=True):
    """A customer's order at the storefront."""

    channel: str
    created_at: str
    currency: str
    customer: Customer
    lines: list[OrderLine]
    shipping_price: str
    financial_status: str
    fulfillment_status: str
    fulfillments: list[Fulfillment]
    hold: str | None
    cancelled_at: str | None
    cancel_reason: str | None
    ship_by: str
    simulated: bool


class ListingChange(msgspec.Struct, rename={"before": "from", "after": "to"}):
    """One change of a listed quantity and who asked for it."""

    at: str
    before: int
    after: int
    reference: str | None


class Listing(Item, kw_only=True):
    """What a channel says is there to buy."""

    channel: str
    sku: str
    title: str
    quantity: int
    price: str
    active: bool
    changes: list[ListingChange]


class Payment(Item, kw_only=True, omit_defaults=False):
    """A movement of money; it never changes."""

    order: str
    kind: str
    amount: str
    currency: str
    at: str
    fee_kind: str | None


class ReturnLine(msgspec.Struct, gc=False):
    """Units of one order line that come back."""

    line: str
    sku: str
    quantity: int
    reason: str


class Return(Item, kw_only=True):
    """Goods on the way back from a customer."""

    order: str
    lines: list[ReturnLine]
    requested_at: str
    status: str
    refunded_amount: str
    currency: str
    simulated: bool


class Cost(msgspec.Struct, rename={"since": "from"}):
    """The unit cost from a date on."""

    since: str
    unit_cost: str


class Article(Item, kw_only=True):
    """A row of the ERP's item master; its id is the SKU."""

    name: str
    category: str
    kind: str
    supplier: str | None
    list_price: str
    costs: list[Cost]
    currency: str


class Supplier(Item, kw_only=True):
    """Who delivers, and how long that is planned to take."""

    name: str
    lead_time_days: int
    order_minimum: str
    currency: str


class Term(Item, kw_only=True):
    """What a supplier asks for one SKU."""

    supplier: str
    sku: str
    moq: int
    pack: int
    unit_cost: str
    currency: str


class Sale(Item, kw_only=True):
    """The ERP's copy of an order."""

    reference: str
    total: str
    currency: str
    status: str
    created_at: str


class PurchaseLine(msgspec.Struct):
    """What was ordered of one SKU from a supplier."""

    id: str
    sku: str
    ordered: int
    received: int
    unit_cost: str
    promised_at: str | None
    received_at: str | None


class Purchase(Item, kw_only=True):
    """A purchase order for one location."""

    supplier: str
    location: str
    status: str
    created_at: str
    sent_at: str | None
    lines: list[PurchaseLine]
    reference: str | None
    currency: str
    simulated: bool


class Location(Item, kw_only=True):
    """A place that holds stock."""

    name: str
    kind: str
    time_zone: str


class WorkLine(msgspec.Struct, gc=False):
    """Units of one order line to be picked at one location."""

    line: str
    sku: str
    ordered: int
    picked: int
    shipped: int


class PriorityChange(msgspec.Struct, rename={"before": "from", "after": "to"}):
    """One change of a priority and who asked for it."""

    at: str
    before: int
    after: int
    reference: str | None


class Work(Item, kw_only=True):
    """A warehouse order: what one location has to do for one order."""

    order: str
    location: str
    status: str
    released_at: str | None
    picked_at: str | None
    packed_at: str | None
    shipped_at: str | None
    lines: list[WorkLine]
    handling_cost: str
    currency: str
    priority: int = 0  #: 0 as it comes, 9 first of all
    changes: list[PriorityChange] = []  #: of the priority, the last ones


class ShipmentLine(msgspec.Struct, gc=False):
    """Units of one order line in a parcel, by SKU."""

    line: str
    sku: str
    quantity: int


class Shipment(Item, kw_only=True):
    """A parcel that was handed over to a carrier."""

    order: str
    location: str
    carrier: str
    tracking: str
    handed_over_at: str
    lines: list[ShipmentLine]
    freight_cost: str
    currency: str


class Stock(Item, kw_only=True):
    """What lies at a location, by state."""

    sku: str
    location: str
    on_hand: int
    allocated: int
    quarantined: int
    damaged: int
    counted_at: str


class StockMonth(Item, kw_only=True):
    """Closing stock of each day of a month so far."""

    sku: str
    location: str
    month: str
    days: list[int | None]


class InspectionLine(msgspec.Struct, gc=False):
    """What was decided about returned units."""

    line: str
    sku: str
    quantity: int
    disposition: str


class Inspection(Item, kw_only=True, rename={"return_id": "return"}):
    """The look at returned goods."""

    return_id: str
    order: str
    lines: list[InspectionLine]
    received_at: str
    inspected_at: str | None
    location: str


class TransferLine(msgspec.Struct):
    """Units of one SKU on the way between two locations."""

    sku: str
    quantity: int


class Transfer(Item, kw_only=True, rename={"origin": "from", "target": "to"}):
    """A movement between two locations."""

    origin: str
    target: str
    status: str
    created_at: str
    sent_at: str | None
    received_at: str | None
    lines: list[TransferLine]
    reference: str | None


class Scan(msgspec.Struct):
    """A reading of a parcel's label."""

    at: str
    code: str


class Parcel(Item, kw_only=True):
    """What the carrier knows of a parcel; its id is the tracking number."""

    carrier: str
    scans: list[Scan]
    delivered_at: str | None
