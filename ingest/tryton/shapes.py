"""Tryton's records as it writes them: only what is read, with nothing made of it."""

from __future__ import annotations

import msgspec

from ingest.shapes import Currency, Id, Text
from ingest.tryton.typed import Day, Moment, Number, Span


class Coded(msgspec.Struct, frozen=True, gc=False):
    """Something that is known by its code, and by its id where it has none."""

    id: int
    code: Text | None = None


class Named(Coded, frozen=True, kw_only=True):
    """A place with a name and perhaps a kind."""

    name: Text = ""
    type: Text = ""


class Money(msgspec.Struct, frozen=True):
    """A currency."""

    code: Currency


class Unit(msgspec.Struct, frozen=True, gc=False):
    """A unit of measure as so many of the smallest."""

    factor: float


class Product(Coded, frozen=True, kw_only=True, rename={"default_uom": "default_uom."}):
    """A product on a line."""

    default_uom: Unit | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every record has."""

    id: int
    last_modified_at: Moment


class Location(Record, frozen=True, kw_only=True):
    """A warehouse."""

    code: Text | None = None
    name: Text


class Identifier(msgspec.Struct, frozen=True):
    """A barcode."""

    type: Text | None = None
    code: Text | None = None


class Category(msgspec.Struct, frozen=True):
    """The category under which a product is accounted."""

    name: Text


class Stamped(msgspec.Struct, frozen=True):
    """A part of which only the stamp matters."""

    last_modified_at: Moment


class SoldBy(msgspec.Struct, frozen=True, rename={"party": "party."}):
    """Who sells a product to us; the first in Tryton's order is the preferred one."""

    party: Coded


class Shared(msgspec.Struct, frozen=True, rename={"product_suppliers": "product_suppliers."}):
    """What a product has in common with its variants."""

    product_suppliers: tuple[SoldBy, ...] = ()


class Item(
    Record, frozen=True, kw_only=True,
    rename={
        "identifiers": "identifiers.", "account_category": "account_category.",
        "product_suppliers": "product_suppliers.", "cost_prices": "cost_prices.", "template": "template.",
    },
):  # fmt: skip
    """A product."""

    code: Text | None = None
    name: Text
    type: Text = "goods"
    list_price_used: Number | None = None
    cost_price: Number | None = None
    identifiers: tuple[Identifier, ...] = ()
    account_category: Category | None = None
    product_suppliers: tuple[SoldBy, ...] = ()
    template: Shared | None = None
    cost_prices: tuple[Stamped, ...] = ()


class Supplied(msgspec.Struct, frozen=True, rename={"currency": "currency."}):
    """One product that a supplier sells us."""

    lead_time: Span | None = None
    currency: Money | None = None


class Supplier(Record, frozen=True, kw_only=True):
    """A party that sells us something."""

    code: Text | None = None
    name: Text | None = None
    supplier_lead_time: Span | None = None
    supplied: tuple[Supplied, ...] = ()


class Template(msgspec.Struct, frozen=True, rename={"products": "products."}):
    """What the variants of a product have in common."""

    products: tuple[Coded, ...] = ()


class Price(msgspec.Struct, frozen=True):
    """A supplier's price from a quantity on."""

    quantity: float | None
    unit_price: Number | None


class Terms(
    Record, frozen=True, kw_only=True,
    rename={
        "party": "party.", "product": "product.", "template": "template.", "prices": "prices.", "currency": "currency.",
    },
):  # fmt: skip
    """What a supplier asks for a product, or for all variants of one."""

    party: Coded
    product: Coded | None = None
    template: Template | None = None
    prices: tuple[Price, ...] = ()
    currency: Money | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename={"product": "product.", "unit": "unit."}):
    """A line of a sale or a purchase; titles and subtotals are lines, too."""

    id: int
    type: Text = "line"
    quantity: float | None = None
    unit_price: Number | None = None
    product: Product | None = None
    unit: Unit | None = None


class Sale(Record, frozen=True, kw_only=True, rename={"currency": "currency.", "party": "party.", "lines": "lines."}):
    """A sale with its lines."""

    state: Text
    reference: Text | None = None
    currency: Money
    party: Coded | None = None
    create_date: Moment
    total_amount_cache: Number | None = None
    total_amount: Number | None = None
    lines: tuple[Line, ...] = ()


class SaleOf(msgspec.Struct, frozen=True):
    """The sale that a move delivers."""

    id: int
    reference: Text | None = None
    origin: Text | None = None


class Place(Named, frozen=True, kw_only=True):
    """Where a move leads."""

    waste_warehouses: tuple[int, ...] = ()


class Move(
    msgspec.Struct, frozen=True, kw_only=True, gc=False,
    rename={"product": "product.", "sale": "sale.", "to_location": "to_location."},
):  # fmt: skip
    """Units of a product from one place to another."""

    id: int
    state: Text
    last_modified_at: Moment
    internal_quantity: float | None = None
    product: Coded | None = None
    origin: Text | None = None
    package: int | None = None
    effective_date: Day | None = None
    sale: SaleOf | None = None
    to_location: Place | None = None


class Package(msgspec.Struct, frozen=True):
    """A box with a tracking number of its own, where the carrier gave one."""

    id: int
    shipping_reference: Text | None = None


class Carrier(msgspec.Struct, frozen=True):
    """Who carries it."""

    rec_name: Text = ""


class Shipment(
    Record, frozen=True, kw_only=True,
    rename={
        "warehouse": "warehouse.", "carrier": "carrier.", "packages": "packages.", "outgoing_moves": "outgoing_moves.",
        "inventory_moves": "inventory_moves.", "cost_currency_used": "cost_currency_used.",
    },
):  # fmt: skip
    """Goods on their way to a customer."""

    number: Text | None = None
    state: Text
    warehouse: Coded
    create_date: Moment
    effective_date: Day | None = None
    partially_assigned: bool | None = None
    shipping_reference: Text | None = None
    carrier: Carrier | None = None
    cost_used: Number | None = None
    cost_currency_used: Money | None = None
    packages: tuple[Package, ...] = ()
    outgoing_moves: tuple[Move, ...] = ()
    inventory_moves: tuple[Stamped, ...] = ()


class Return(
    Record, frozen=True, kw_only=True,
    rename={"warehouse": "warehouse.", "incoming_moves": "incoming_moves.", "inventory_moves": "inventory_moves."},
):  # fmt: skip
    """Goods that came back from a customer."""

    reference: Text | None = None
    state: Text
    warehouse: Coded
    effective_date: Day | None = None
    incoming_moves: tuple[Move, ...] = ()
    inventory_moves: tuple[Move, ...] = ()
    sold: tuple[SaleOf, ...] = ()


class Transfer(
    Record, frozen=True, kw_only=True,
    rename={
        "warehouse": "warehouse.", "to_warehouse": "to_warehouse.", "from_location": "from_location.",
        "to_location": "to_location.", "outgoing_moves": "outgoing_moves.", "moves": "moves.",
    },
):  # fmt: skip
    """Goods from one place of ours to another."""

    reference: Text | None = None
    state: Text
    create_date: Moment
    warehouse: Coded | None = None
    to_warehouse: Coded | None = None
    from_location: Named
    to_location: Named
    outgoing_moves: tuple[Move, ...] = ()
    moves: tuple[Move, ...] = ()


class PurchaseMove(msgspec.Struct, frozen=True, gc=False):
    """Units that a supplier sends or sent."""

    state: Text
    internal_quantity: float | None = None
    effective_date: Day | None = None
    origin_planned_date: Day | None = None


class PurchaseItem(Line, frozen=True, kw_only=True, rename={"product": "product.", "unit": "unit.", "moves": "moves."}):
    """A line of a purchase with what came of it."""

    delivery_date: Day | None = None
    moves: tuple[PurchaseMove, ...] = ()


class Purchase(
    Record, frozen=True, kw_only=True,
    rename={"party": "party.", "warehouse": "warehouse.", "currency": "currency.", "lines": "lines."},
):  # fmt: skip
    """A purchase with its lines and receipts."""

    reference: Text | None = None
    state: Text
    shipment_state: Text = "none"
    party: Coded
    warehouse: Coded | None = None
    currency: Money
    purchase_date: Day | None = None
    create_date: Moment
    lines: tuple[PurchaseItem, ...] = ()


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """What a warehouse holds of a product."""

    id: Id
    last_modified_at: Moment
    product: Coded
    warehouse: Coded
    total: float
    free: float
    input: float = 0.0


class Held(Coded, frozen=True, kw_only=True):
    """What a warehouse holds of a lot."""

    quantity: float


class Lot(Record, frozen=True, kw_only=True, rename={"product": "product."}):
    """A lot."""

    number: Text
    product: Coded
    expiration_date: Day | None = None
    held: tuple[Held, ...] = ()


class Zone(Named, frozen=True, kw_only=True, rename={"parent": "parent."}):
    """A place within a warehouse, or the warehouse itself."""

    parent: Named | None = None


class OrderPoint(Record, frozen=True, kw_only=True, rename={"product": "product.", "location": "location."}):
    """A rule for ordering."""

    product: Coded
    location: Zone
    min_quantity: float | None = None
    target_quantity: float | None = None
