"""Identified rows to events of the log. Pure: the same row gives the same event, whatever stands around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from data.clock import from_micros
from data.events import (
    Cost,
    Event,
    ItemStated,
    ListingStated,
    LocationStated,
    OrderLine,
    OrderLineStated,
    ParcelStated,
    PaymentMoved,
    PurchaseLine,
    PurchaseStated,
    ReturnStated,
    StockStated,
    SupplierStated,
    TermsStated,
    Units,
)
from data.money import to_minor
from ingest.files.identify import LINE

#: Raised with every change of what the same row of a file states.
PARSER = 2

Row = dict[str, Any]
Build = Callable[[Row, str, datetime], Event]


def build(states: str, row: Row, authority: str, instant: datetime) -> Event:
    """Make the event that a row states; `instant` is when the file was exported."""
    return BUILDERS[states](row, authority, instant)


@lru_cache(maxsize=100_000)
def _at(micros: int) -> datetime:
    return from_micros(micros)


def _when(micros: int | None) -> datetime | None:
    return None if micros is None else _at(micros)


@lru_cache(maxsize=100_000)
def _decimal(text: str) -> Decimal:
    return Decimal(text)


def _price(text: str | None) -> Decimal | None:
    return None if text is None else _decimal(text)


@lru_cache(maxsize=100_000)
def _minor(text: str | None, currency: str | None) -> int:
    return 0 if text is None else to_minor(Decimal(text), currency or "")


@lru_cache(maxsize=100_000)
def _order(number: str, authority: str) -> str:
    return f"{authority}/{number}"


def order_line(row: Row, authority: str, _instant: datetime) -> OrderLineStated:
    """Make an order line."""
    currency = row["currency"]
    return OrderLineStated(
        order=_order(row["order"], authority), channel=row["channel"], placed_at=_at(row["placed_at"]),
        currency=currency, customer=row["customer"], country=row["country"], shipped_at=_when(row["shipped_at"]),
        ship_by=_when(row["ship_by"]), promise=row["promise"] or ("given" if row["ship_by"] else None),
        line=OrderLine(
            line=row[LINE], sku=row["sku"], units=row["units"], unit_price=_decimal(row["unit_price"]),
            kind=row["kind"], title=row["title"] or "", cancelled_units=row["cancelled_units"],
            discount_minor=_minor(row["discount"], currency), tax_minor=_minor(row["tax"], currency),
        ),
    )  # fmt: skip


def returned(row: Row, authority: str, _instant: datetime) -> ReturnStated:
    """Make a return; one that found no order has an order of its own, which no channel states."""
    return ReturnStated(
        return_=row["return"], order=_order(row["order"] or row["return"], authority),
        lines=(Units(row["line"] or row[LINE], row["sku"], row["units"]),), requested_at=_at(row["requested_at"]),
        status=row["status"], reason=row["reason"], refunded_minor=_minor(row["refunded"], row["currency"]),
        channel=row["channel"], currency=row["currency"] or "",
    )  # fmt: skip


def payment(row: Row, authority: str, _instant: datetime) -> PaymentMoved:
    """Make a payment."""
    return PaymentMoved(
        payment=row["payment"], order=_order(row["order"], authority), kind=row["kind"],
        amount_minor=_minor(row["amount"], row["currency"]), currency=row["currency"], at=_at(row["at"]),
        fee_kind=row["fee_kind"],
    )  # fmt: skip


def shipment(row: Row, authority: str, _instant: datetime) -> ParcelStated:
    """Make one line of a parcel."""
    return ParcelStated(
        parcel=row["parcel"], order=_order(row["order"], authority), location=row["location"], carrier=row["carrier"],
        tracking=row["tracking"] or row["parcel"], handed_over_at=_at(row["handed_over_at"]),
        lines=(Units(row["line"] or row[LINE], row["sku"], row["units"]),),
        freight_minor=_minor(row["freight"], row["currency"]),
        currency=(row["currency"] or "") if row["freight"] else "",
    )  # fmt: skip


def stock(row: Row, _authority: str, instant: datetime) -> StockStated:
    """Make a count; one without a time was made when the file was exported."""
    return StockStated(
        sku=row["sku"], location=row["location"], on_hand=row["on_hand"], allocated=row["allocated"],
        quarantined=row["quarantined"], damaged=row["damaged"], counted_at=_when(row["counted_at"]) or instant,
    )  # fmt: skip


def item(row: Row, _authority: str, instant: datetime) -> ItemStated:
    """Make an item; a cost without a day holds from the export on."""
    cost = _price(row["unit_cost"])
    day = row["effective_from"]
    since = date.fromisoformat(day) if day else instant.astimezone(UTC).date()
    return ItemStated(
        sku=row["sku"], name=row["name"], category=row["category"], kind=row["kind"], supplier=row["supplier"],
        list_price=_price(row["list_price"]), currency=row["currency"],
        costs=() if cost is None else (Cost(since, cost),),
    )  # fmt: skip


def cost(row: Row, _authority: str, _instant: datetime) -> ItemStated:
    """Make what an item costs from a day on; its name is stated elsewhere."""
    since = date.fromisoformat(row["effective_from"])
    return ItemStated(
        sku=row["sku"], name="", currency=row["currency"], costs=(Cost(since, _decimal(row["unit_cost"])),)
    )


def purchase_line(row: Row, _authority: str, _instant: datetime) -> PurchaseStated:
    """Make one line of a purchase order."""
    return PurchaseStated(
        purchase=row["purchase"], supplier=row["supplier"], location=row["location"], status=row["status"],
        created_at=_at(row["created_at"]), sent_at=_when(row["sent_at"]), reference=row["reference"],
        currency=row["currency"] or "",
        lines=(
            PurchaseLine(
                line=row[LINE], sku=row["sku"], ordered=row["ordered"], received=row["received"],
                unit_cost=_price(row["unit_cost"]), promised_at=_when(row["promised_at"]),
                received_at=_when(row["received_at"]),
            ),
        ),
    )  # fmt: skip


def supplier(row: Row, _authority: str, _instant: datetime) -> SupplierStated:
    """Make a supplier."""
    return SupplierStated(
        supplier=row["supplier"], name=row["name"], lead_time_days=row["lead_time_days"],
        order_minimum_minor=_minor(row["order_minimum"], row["currency"]), currency=row["currency"] or "",
    )  # fmt: skip


def terms(row: Row, _authority: str, _instant: datetime) -> TermsStated:
    """Make what a supplier asks."""
    return TermsStated(
        supplier=row["supplier"],
        sku=row["sku"],
        moq=row["moq"],
        pack=row["pack"],
        unit_cost=_price(row["unit_cost"]),
        currency=row["currency"] or "",
    )


def location(row: Row, _authority: str, _instant: datetime) -> LocationStated:
    """Make a location."""
    return LocationStated(location=row["location"], name=row["name"], kind=row["kind"], time_zone=row["time_zone"])


def listing(row: Row, _authority: str, _instant: datetime) -> ListingStated:
    """Make a listing."""
    return ListingStated(
        listing=row["listing"], channel=row["channel"], sku=row["sku"], quantity=row["quantity"], active=row["active"],
        price_minor=_minor(row["price"], row["currency"]), currency=row["currency"], title=row["title"] or "",
    )  # fmt: skip


BUILDERS: dict[str, Build] = {
    "order_line": order_line,
    "return": returned,
    "payment": payment,
    "shipment": shipment,
    "stock": stock,
    "item": item,
    "cost": cost,
    "purchase_line": purchase_line,
    "supplier": supplier,
    "terms": terms,
    "location": location,
    "listing": listing,
}
