"""Medusa's records as it writes them: only what is read, with nothing made of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ingest.shapes import Id, Text, Time

Meta = dict[str, object]


class Location(msgspec.Struct):
    """A place that holds stock."""

    id: Id
    name: Text
    updated_at: Time


class Named(msgspec.Struct):
    """Anything with an id."""

    id: Id


class Channel(msgspec.Struct):
    """A way to sell."""

    id: Id
    name: Text
    updated_at: Time
    stock_locations: list[Named] | None = None


class Price(msgspec.Struct):
    """A price of a variant; one with rules holds for some customers only."""

    amount: Decimal
    currency_code: str
    min_quantity: int | float | None = None
    rules: Meta | None = None


class Valued(msgspec.Struct):
    """A word of a vocabulary."""

    value: Text | None = None
    name: Text | None = None


class Product(msgspec.Struct):
    """What variants are variants of."""

    title: Text = ""
    status: str = ""
    type: Valued | None = None
    categories: list[Valued] | None = None


class Variant(msgspec.Struct):
    """What can be bought."""

    id: Id
    title: Text | None = None
    sku: Text | None = None
    barcode: Text | None = None
    ean: Text | None = None
    upc: Text | None = None
    metadata: Meta | None = None
    manage_inventory: bool = True
    prices: list[Price] | None = None
    product: Product | None = None
    inventory_items: list[Linked] | None = None


class Linked(msgspec.Struct):
    """How many units of an inventory item one unit of a variant takes."""

    inventory_item_id: Id
    required_quantity: int | float | None = 1


class LevelAt(msgspec.Struct):
    """What lies of an inventory item at a location; quantities may be fractions, which no warehouse here has."""

    location_id: Id
    stocked_quantity: int | float
    reserved_quantity: int | float
    incoming_quantity: int | float = 0
    updated_at: Time | None = None


class Reserved(msgspec.Struct):
    """Units kept for a purpose; a repair makes negative ones."""

    quantity: int | float


class Level(msgspec.Struct):
    """A level with the reservations that exist for it."""

    id: Id
    level: LevelAt
    reservations: list[Reserved]
    sku: Text | None = None


class Feed(msgspec.Struct):
    """The levels of an inventory item."""

    id: Id
    levels: list[LevelAt]


class Listing(msgspec.Struct):
    """A variant in a channel with the stock that feeds it."""

    id: Id
    channel: Id
    locations: list[Id]
    variant: Variant
    inventory: list[Feed]


class Rate(msgspec.Struct):
    """A tax on a line, in percent."""

    rate: Decimal


class Adjustment(msgspec.Struct):
    """A discount of a line, for all of its units."""

    amount: Decimal
    is_tax_inclusive: bool = False


class Detail(msgspec.Struct):
    """Where a line stands."""

    quantity: int | float


class Line(msgspec.Struct):
    """What was ordered of one variant at one price."""

    id: Id
    quantity: int | float
    unit_price: Decimal
    variant_id: Text | None = None
    variant_sku: Text | None = None
    title: Text | None = None
    product_title: Text | None = None
    requires_shipping: bool = True
    is_tax_inclusive: bool = False
    tax_lines: list[Rate] | None = None
    adjustments: list[Adjustment] | None = None


class MethodDetail(msgspec.Struct):
    """What a shipping method belongs to beside its order."""

    return_id: str | None = None


class Method(msgspec.Struct):
    """What is paid for shipping."""

    amount: Decimal
    is_tax_inclusive: bool = False
    tax_lines: list[Rate] | None = None
    adjustments: list[Adjustment] | None = None
    detail: MethodDetail | None = None


class FulfilmentItem(msgspec.Struct):
    """Units of an inventory item for an order line."""

    quantity: int | float
    line_item_id: str | None = None


class Label(msgspec.Struct):
    """How a parcel can be followed."""

    id: Id
    tracking_number: Text | None = None


class Fulfilment(msgspec.Struct):
    """A part of an order that one location sends."""

    id: Id
    created_at: Time
    location_id: Text | None = None
    provider_id: Text | None = None
    packed_at: Time | None = None
    shipped_at: Time | None = None
    delivered_at: Time | None = None
    canceled_at: Time | None = None
    metadata: Meta | None = None
    items: list[FulfilmentItem] | None = None
    labels: list[Label] | None = None


class Address(msgspec.Struct):
    """Where an order goes, as far as it is not personal."""

    country_code: Text | None = None


class Order(msgspec.Struct):
    """A customer's order."""

    display_id: int | Id
    status: str
    payment_status: str
    currency_code: str
    created_at: Time
    updated_at: Time
    items: list[Line]
    sales_channel_id: Text | None = None
    customer_id: Text | None = None
    canceled_at: Time | None = None
    metadata: Meta | None = None
    shipping_address: Address | None = None
    shipping_methods: list[Method] | None = None
    fulfillments: list[Fulfilment] | None = None


class Numbered(msgspec.Struct):
    """An order as others refer to it."""

    display_id: int | Id
    currency_code: str = ""
    sales_channel_id: Text | None = None


class Collection(msgspec.Struct):
    """What is owed for an order."""

    order: Numbered | None = None


class Paid(msgspec.Struct):
    """A payment of which money moved."""

    id: Id
    currency_code: str
    payment_collection: Collection | None = None


class Moved(msgspec.Struct):
    """A capture or a refund."""

    id: Id
    amount: Decimal
    created_at: Time


class Movement(msgspec.Struct):
    """One movement of money."""

    id: Id
    kind: str
    payment: Paid
    movement: Moved


class LineOfVariant(msgspec.Struct):
    """The order line of a returned item."""

    variant_sku: Text | None = None


class ReturnItem(msgspec.Struct):
    """Units of one order line that come back; what was received includes what was damaged."""

    item_id: Id
    quantity: int | float
    received_quantity: int | float = 0
    damaged_quantity: int | float = 0
    item: LineOfVariant | None = None
    reason: Valued | None = None


class Return(msgspec.Struct):
    """Goods on the way back from a customer."""

    id: Id
    status: str
    created_at: Time
    updated_at: Time
    order: Numbered | None
    items: list[ReturnItem] | None = None
    location_id: Text | None = None
    requested_at: Time | None = None
    received_at: Time | None = None
    metadata: Meta | None = None
