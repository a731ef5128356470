"""The ERP's shapes, and what they say in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from data.events import (
    Cost,
    ItemStated,
    PurchaseLine,
    PurchaseStated,
    SaleStated,
    SupplierStated,
    TermsStated,
)
from ingest.shapes import (
    Amount,
    Context,
    Count,
    Currency,
    Id,
    Item,
    Parser,
    Text,
    Time,
    day,
    decimal,
    maybe_utc,
    minor,
    plain,
    reader,
    utc,
)


class CostFrom(msgspec.Struct, frozen=True, rename={"since": "from"}):
    """The unit cost from a date on."""

    since: str
    unit_cost: Amount


class Article(Item, kw_only=True, frozen=True):
    """A row of the item master; its id is the SKU."""

    name: Text
    category: Text | None = None
    kind: str = "product"
    supplier: Id | None = None
    list_price: Amount | None = None
    costs: tuple[CostFrom, ...] = ()
    currency: Currency | None = None


class Supplier(Item, kw_only=True, frozen=True):
    """Who delivers, and how long that is planned to take."""

    name: Text
    lead_time_days: Count
    order_minimum: Amount = "0"
    currency: Currency | None = None


class Terms(Item, kw_only=True, frozen=True):
    """What a supplier asks for one SKU."""

    supplier: Id
    sku: Id
    moq: Count = 1
    pack: Count = 1
    unit_cost: Amount | None = None
    currency: Currency | None = None


class Sale(Item, kw_only=True, frozen=True):
    """The ERP's copy of an order."""

    reference: Id
    total: Amount
    currency: Currency
    status: str
    created_at: Time


class Line(msgspec.Struct, frozen=True, gc=False):
    """What was ordered of one SKU from a supplier."""

    id: Id
    sku: Id
    ordered: Count
    received: Count = 0
    unit_cost: Amount | None = None
    promised_at: Time | None = None
    received_at: Time | None = None


class Purchase(Item, kw_only=True, frozen=True):
    """A purchase order for one location."""

    supplier: Id
    location: Id
    status: str
    created_at: Time
    lines: list[Line]
    sent_at: Time | None = None
    reference: Text | None = None
    currency: Currency | None = None
    simulated: bool = False


def parsers(context: Context) -> Mapping[str, Parser]:
    """Give the parser of each stream."""
    return {
        "items": reader(Article, article, context),
        "suppliers": reader(Supplier, supplier, context),
        "terms": reader(Terms, terms, context),
        "sales": reader(Sale, sale, context),
        "purchases": reader(Purchase, purchase, context),
    }


def article(raw: Article, context: Context) -> ItemStated:
    """Translate an item; its costs in the order in which they took effect."""
    costs = [Cost(day(cost.since), decimal(cost.unit_cost)) for cost in raw.costs]
    costs.sort(key=lambda cost: cost.effective_from)
    return ItemStated(
        sku=plain(raw.id, "item"), name=raw.name, category=raw.category, kind=raw.kind, supplier=raw.supplier,
        list_price=None if raw.list_price is None else decimal(raw.list_price),
        currency=raw.currency or context.currency, costs=tuple(costs),
    )  # fmt: skip


def supplier(raw: Supplier, context: Context) -> SupplierStated:
    """Translate a supplier."""
    currency = raw.currency or context.currency
    return SupplierStated(
        supplier=plain(raw.id, "supplier"), name=raw.name, lead_time_days=raw.lead_time_days,
        order_minimum_minor=minor(raw.order_minimum, currency), currency=currency,
    )  # fmt: skip


def terms(raw: Terms, context: Context) -> TermsStated:
    """Translate the terms of one item at one supplier."""
    return TermsStated(
        supplier=plain(raw.supplier, "supplier"), sku=plain(raw.sku, "sku"), moq=raw.moq, pack=raw.pack,
        unit_cost=None if raw.unit_cost is None else decimal(raw.unit_cost), currency=raw.currency or context.currency,
    )  # fmt: skip


def sale(raw: Sale, context: Context) -> SaleStated:
    """Translate the ERP's document of an order; it meets the storefront's view in the same order."""
    return SaleStated(
        order=context.order(raw.reference), sale=raw.id, status=raw.status, total_minor=minor(raw.total, raw.currency),
        currency=raw.currency, created_at=utc(raw.created_at),
    )  # fmt: skip


def purchase(raw: Purchase, context: Context) -> PurchaseStated:
    """Translate a purchase order."""
    return PurchaseStated(
        purchase=plain(raw.id, "purchase"), supplier=raw.supplier, location=raw.location, status=raw.status,
        created_at=utc(raw.created_at), lines=tuple(_line(line) for line in raw.lines),
        sent_at=maybe_utc(raw.sent_at), reference=raw.reference, currency=raw.currency or context.currency,
        simulated=raw.simulated,
    )  # fmt: skip


def _line(raw: Line) -> PurchaseLine:
    return PurchaseLine(
        line=raw.id, sku=raw.sku, ordered=raw.ordered, received=raw.received,
        unit_cost=None if raw.unit_cost is None else decimal(raw.unit_cost),
        promised_at=maybe_utc(raw.promised_at), received_at=maybe_utc(raw.received_at),
    )  # fmt: skip
