"""What the procedures of Medusa look at, before they write and after it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ingest.http import Query, Unavailable
from ingest.medusa import lists, read
from ingest.medusa.hands import Hands
from ingest.medusa.lists import Listing
from ingest.medusa.records import Reservation

T = TypeVar("T")
ORDER = Listing(
    "/admin/orders", "orders",
    "id,display_id,status,metadata,*items,*items.detail,*fulfillments,*fulfillments.items,*fulfillments.labels",
)  # fmt: skip
RETURN = Listing("/admin/returns", "returns", "id,status,metadata,created_at,*items")
PAYMENT = Listing("/admin/payments", "payments", "id,*captures,*refunds")
VARIANT = Listing("/admin/product-variants", "variants", "id,product.id,product.sales_channels.id")
MOVING = Listing("/admin/reservations", "reservations", "id,inventory_item_id,location_id,quantity,metadata")


class Id(msgspec.Struct):
    """What is named by its id alone."""

    id: str


class _Item(msgspec.Struct):
    quantity: int | float
    line_item_id: str | None = None


class _Label(msgspec.Struct):
    tracking_number: str | None = None


class Fulfilment(msgspec.Struct):
    """A parcel of an order: what it holds, and whether it left."""

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


class Order(msgspec.Struct):
    """An order with its lines and parcels."""

    id: str
    status: str
    metadata: dict[str, Any] | None = None
    items: list[Id] = []
    fulfillments: list[Fulfilment] = []


class _ReturnItem(msgspec.Struct):
    item_id: str
    quantity: int | float
    received_quantity: int | float = 0


class Return(msgspec.Struct):
    """A return: what is to come and what came."""

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


class Payment(msgspec.Struct):
    """A payment with what was given back of it."""

    id: str
    refunds: list[_Refunded] = []


class Level(msgspec.Struct):
    """What is kept and reserved of an item at a location."""

    location_id: str
    stocked_quantity: int | float
    reserved_quantity: int | float


class _Inventory(msgspec.Struct):
    id: str
    location_levels: list[Level] = []


class Product(msgspec.Struct):
    """A product with the channels that offer it."""

    id: str
    sales_channels: list[Id] = []


class _Variant(msgspec.Struct):
    id: str
    product: Product


class Moving(Reservation, frozen=True):
    """A reservation with the marks that we left on it."""

    metadata: dict[str, Any] | None = None


def order_of(hands: Hands, number: str) -> Order | None:
    """Read an order by its id or its number, with the authority that issued it or without."""
    name = read.order_id(hands.http, number.rpartition("/")[2])
    return None if name is None else _first(hands, ORDER, name, Order)


def return_of(hands: Hands, name: str) -> Return | None:
    """Read a return by its id."""
    return _first(hands, RETURN, name, Return)


def payment_of(hands: Hands, name: str) -> Payment | None:
    """Read a payment by its id."""
    return _first(hands, PAYMENT, name, Payment)


def product_of(hands: Hands, variant: str) -> Product | None:
    """Read the product of a variant."""
    found = _first(hands, VARIANT, variant, _Variant)
    return None if found is None else found.product


def level_of(hands: Hands, item: str, place: str) -> Level | None:
    """Read what is kept of an item at a location."""
    found = _first(hands, read.INVENTORY, item, _Inventory)
    levels = () if found is None else found.location_levels
    return next((level for level in levels if level.location_id == place), None)


def _first(hands: Hands, listing: Listing, name: str, shape: type[T]) -> T | None:
    return next(iter(rows(hands, listing, {"id": name, "limit": 1}, shape)), None)


def rows(hands: Hands, listing: Listing, query: Query, shape: type[T]) -> list[T]:
    """Ask a list and give its rows in a shape.

    Raises:
        Unavailable: the rows are not of that shape.
    """
    try:
        return [msgspec.json.decode(row, type=shape) for row in lists.ask(hands.http, listing, query)]
    except msgspec.MsgspecError as error:
        raise Unavailable(
            f"{listing.path}: {error}; is the server of another version?", error_class="schema"
        ) from error
