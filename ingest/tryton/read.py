"""What is read of Tryton, in the order of a first read: streams, their models, and whose change re-reads them.

A change of a line, a move or a price does not move the stamp of what it belongs to. Each stream therefore names the
parts whose changes are followed beside its own, and how a part leads to its owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ingest.adapter import Stream

MINUTES = timedelta(minutes=1)

STREAMS = {
    stream.name: stream
    for stream in (
        Stream(name="locations", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="items", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="suppliers", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="terms", interval=15 * MINUTES, grace=15 * MINUTES, parser=2),
        Stream(name="sales", interval=MINUTES, grace=5 * MINUTES),
        Stream(name="shipments", interval=MINUTES, grace=5 * MINUTES, parser=3),
        Stream(name="returns", interval=5 * MINUTES, grace=10 * MINUTES, parser=2),
        Stream(name="transfers", interval=5 * MINUTES, grace=10 * MINUTES),
        Stream(name="purchases", interval=5 * MINUTES, grace=10 * MINUTES),
        Stream(name="stock", interval=MINUTES, grace=5 * MINUTES),
        Stream(name="lots", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="order_points", interval=15 * MINUTES, grace=15 * MINUTES),
    )
}

Domain = tuple[object, ...]
STAMP = "last_modified_at"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A model whose changes concern records of another.

    One that Tryton lets nobody list has no `model`: its owners are searched through their field `to`.
    """

    model: str = ""
    to: str  #: the field that leads to the owner: an id, or a reference such as `stock.shipment.out,7`
    owner: str = "id"  #: the owner's field that it leads to
    domain: Domain = ()


@dataclass(frozen=True, kw_only=True)
class Source:
    """One stream's records: a model, which of them, their fields, and the parts whose changes re-read them."""

    model: str
    fields: tuple[str, ...]
    domain: Domain = ()
    parts: tuple[Part, ...] = ()
    page: int = 500  #: records a call: those with many parts are asked for in smaller pages


def _of(model: str) -> Domain:
    return (("shipment", "like", f"{model},%"),)


_UNITS = ("unit.factor", "product.default_uom.factor")
_LINE = ("type", "product.code", "quantity", "unit_price", *_UNITS, STAMP)
_MOVE = ("product.code", "internal_quantity", "state", "origin", STAMP)


def _in(parts: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{parts}.{field}" for field in fields)


SOURCES = {
    "locations": Source(
        model="stock.location", domain=(("type", "=", "warehouse"),), fields=("code", "name", STAMP),
    ),
    "items": Source(
        model="product.product", page=200,
        fields=(
            "code", "name", "type", "account_category.name", "list_price_used", "cost_price",
            *_in("identifiers", ("type", "code", STAMP)), *_in("product_suppliers", ("party.code", STAMP)),
            *_in("template.product_suppliers", ("party.code", STAMP)), *_in("template", (STAMP,)),
            *_in("cost_prices", (STAMP,)), *_in("list_prices", (STAMP,)),
            *_in("template.list_prices", (STAMP,)), STAMP,
        ),
        parts=(
            Part(model="product.template", to="id", owner="template"),
            Part(model="product.identifier", to="product"),
            Part(model="purchase.product_supplier", to="template", owner="template"),
            Part(to="cost_prices"),
            Part(to="list_prices"),
            Part(to="template.list_prices"),
        ),
    ),
    "suppliers": Source(
        model="party.party", page=200, fields=("code", "name", "supplier_lead_time", STAMP),
        parts=(Part(model="purchase.product_supplier", to="party"),),
    ),
    "terms": Source(
        model="purchase.product_supplier",
        fields=(
            "party.code", "product.code", "template.products.code", "currency.code",
            *_in("prices", ("quantity", "unit_price", STAMP)), STAMP,
        ),
        parts=(
            Part(model="purchase.product_supplier.price", to="product_supplier"),
            Part(model="product.product", to="template", owner="template"),
        ),
    ),
    # What comes back is a sale of its own, with negative lines, that the return's shipment stands for.
    "sales": Source(
        model="sale.sale", page=200, domain=(["OR", ("origin", "=", None), ("origin", "not like", "sale.sale,%")],),
        fields=(
            "number", "reference", "state", "currency.code", "party.code", "sale_date", "create_date",
            "total_amount_cache", *_in("lines", _LINE), STAMP,
        ),
        parts=(Part(model="sale.line", to="sale"),),
    ),
    "shipments": Source(
        model="stock.shipment.out", page=200,
        fields=(
            "number", "state", "warehouse.code", "create_date", "effective_date", "partially_assigned",
            "shipping_reference", "carrier.rec_name", "cost_used", "cost_currency_used.code",
            *_in("packages", ("shipping_reference", STAMP)), *_in("inventory_moves", ("state", STAMP)),
            *_in("outgoing_moves", (*_MOVE, "package", "effective_date", "sale.reference")), STAMP,
        ),
        parts=(
            Part(model="stock.move", to="shipment", domain=_of("stock.shipment.out")),
            Part(model="stock.package", to="shipment", domain=_of("stock.shipment.out")),
        ),
    ),
    "returns": Source(
        model="stock.shipment.out.return", page=200, domain=(("state", "in", ["received", "done"]),),
        fields=(
            "number", "reference", "state", "warehouse.code", "warehouse_storage", "effective_date",
            *_in("incoming_moves", (*_MOVE, "sale.reference", "sale.origin")),
            *_in("inventory_moves", (*_MOVE, "to_location.type", "to_location.waste_warehouses")), STAMP,
        ),
        parts=(Part(model="stock.move", to="shipment", domain=_of("stock.shipment.out.return")),),
    ),
    "transfers": Source(
        model="stock.shipment.internal", page=200,
        fields=(
            "number", "reference", "state", "create_date", "warehouse.code", "to_warehouse.code",
            *_in("from_location", ("code", "name")), *_in("to_location", ("code", "name")),
            *_in("outgoing_moves", _MOVE), *_in("moves", _MOVE), STAMP,
        ),
        parts=(Part(model="stock.move", to="shipment", domain=_of("stock.shipment.internal")),),
    ),
    "purchases": Source(
        model="purchase.purchase", page=200,
        fields=(
            "number", "reference", "state", "shipment_state", "party.code", "warehouse.code", "currency.code",
            "purchase_date", "create_date", *_in("lines", (*_LINE, "delivery_date")),
            *_in("lines.moves", ("state", "internal_quantity", "effective_date", "origin_planned_date", STAMP)), STAMP,
        ),
        parts=(
            Part(model="purchase.line", to="purchase"),
            Part(model="stock.move", to="purchase", domain=(("origin", "like", "purchase.line,%"),)),
        ),
    ),
    # A shipment that goes back to draft deletes its moves: what it held is free again and no move says so.
    "stock": Source(
        model="product.product", page=200, domain=(("type", "=", "goods"), ("consumable", "!=", True)),
        fields=("code", STAMP),
        parts=(
            Part(model="stock.move", to="product"),
            Part(model="stock.shipment.out", to="outgoing_moves.product"),
            Part(model="stock.shipment.internal", to="moves.product"),
        ),
    ),
    "lots": Source(
        model="stock.lot", page=200, fields=("number", "product.code", "expiration_date", STAMP),
        parts=(Part(model="stock.move", to="lot", domain=(("lot", "!=", None),)),),
    ),
    "order_points": Source(
        model="stock.order_point",
        fields=(
            "type", "product.code", "min_quantity", "target_quantity", *_in("location", ("code", "type", "name")),
            *_in("location.parent", ("code", "type")), "provisioning_location.code", STAMP,
        ),
    ),
}  # fmt: skip
