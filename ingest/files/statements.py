"""What a row of a file can state, and which fields each statement has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the text of a cell is read."""

    text = "text"
    code = "code"  #: text that identifies: spreadsheet damage such as #REF! or 5.01E+12 is refused
    integer = "a whole number"
    decimal = "a number"
    money = "an amount"  #: major units in the file, minor units in events
    instant = "a time"
    day = "a day"
    boolean = "yes or no"


@dataclass(frozen=True)
class Field:
    """A field of a statement; `least` is the smallest number that makes sense."""

    kind: Kind
    required: bool = False
    least: int | None = None
    default: str | None = None


@dataclass(frozen=True)
class Statement:
    """One thing a row can say: its fields, what identifies it, and the document it belongs to.

    A closed batch covers the documents it names: their rows that are no longer in the file are removed. A statement
    without a document (a stock count, an item) says nothing about what is absent.
    """

    says: str
    fields: dict[str, Field]
    identity: tuple[str, ...]
    document: str | None = None
    contradicts: bool = False  #: two rows of one identity with different content cannot both hold


TEXT, CODE = Field(Kind.text), Field(Kind.code)
REQUIRED = Field(Kind.code, required=True)
TIME, PRICE = Field(Kind.instant), Field(Kind.decimal, least=0)
AMOUNT, COUNT = Field(Kind.money), Field(Kind.integer, default="0")
UNITS = Field(Kind.integer, required=True, least=1)
WHEN = Field(Kind.instant, required=True)
CURRENCY = Field(Kind.text, required=True)

STATEMENTS: dict[str, Statement] = {
    "order_line": Statement(
        "one line of an order",
        {
            "order": REQUIRED, "line": CODE, "sku": REQUIRED, "units": UNITS,
            "unit_price": Field(Kind.decimal, required=True, least=0), "placed_at": WHEN,
            "channel": Field(Kind.text, required=True), "currency": CURRENCY, "title": TEXT,
            "kind": Field(Kind.text, default="product"), "cancelled_units": Field(Kind.integer, least=0, default="0"),
            "discount": AMOUNT, "tax": AMOUNT, "customer": TEXT, "country": TEXT, "shipped_at": TIME,
            "ship_by": TIME, "promise": TEXT,
        },
        ("order", "sku", "unit_price"),
        "order",
    ),
    "return": Statement(
        "one line that came back, with what was refunded for it",
        {
            "return": REQUIRED, "order": CODE, "line": CODE, "sku": REQUIRED, "units": UNITS, "requested_at": WHEN,
            "unit_price": PRICE, "refunded": AMOUNT, "currency": TEXT, "channel": TEXT, "reason": TEXT,
            "status": Field(Kind.text, default="received"), "customer": TEXT,
        },
        ("return", "sku", "unit_price"),
        "return",
    ),
    "payment": Statement(
        "money that moved once: a capture, a refund or a fee",
        {
            "payment": REQUIRED, "order": REQUIRED, "kind": Field(Kind.text, required=True),
            "amount": Field(Kind.money, required=True, least=0), "currency": CURRENCY, "at": WHEN, "fee_kind": TEXT,
        },
        ("payment",),
    ),
    "shipment": Statement(
        "one line in a parcel that was handed over",
        {
            "parcel": REQUIRED, "order": REQUIRED, "line": CODE, "sku": REQUIRED, "units": UNITS, "location": REQUIRED,
            "carrier": Field(Kind.text, required=True), "tracking": CODE, "handed_over_at": WHEN, "freight": AMOUNT,
            "currency": TEXT,
        },
        ("parcel", "sku"),
        "parcel",
    ),
    "stock": Statement(
        "a count of one item at one location",
        {
            "sku": REQUIRED, "location": REQUIRED, "on_hand": Field(Kind.integer, required=True), "allocated": COUNT,
            "quarantined": COUNT, "damaged": COUNT, "counted_at": TIME,
        },
        ("sku", "location"),
        contradicts=True,
    ),
    "item": Statement(
        "an item of the catalogue",
        {
            "sku": REQUIRED, "name": Field(Kind.text, required=True), "category": TEXT,
            "kind": Field(Kind.text, default="product"), "supplier": CODE, "list_price": PRICE, "unit_cost": PRICE,
            "currency": Field(Kind.text, default=""), "effective_from": Field(Kind.day),
        },
        ("sku",),
        contradicts=True,
    ),
    "cost": Statement(
        "what an item costs from a day on",
        {
            "sku": REQUIRED, "unit_cost": Field(Kind.decimal, required=True, least=0), "currency": CURRENCY,
            "effective_from": Field(Kind.day, required=True),
        },
        ("sku", "effective_from"),
        contradicts=True,
    ),
    "purchase_line": Statement(
        "one line of a purchase order",
        {
            "purchase": REQUIRED, "supplier": REQUIRED, "location": REQUIRED, "line": CODE, "sku": REQUIRED,
            "status": Field(Kind.text, default="sent"), "created_at": WHEN, "ordered": UNITS,
            "received": Field(Kind.integer, least=0, default="0"), "unit_cost": PRICE, "currency": TEXT,
            "sent_at": TIME, "promised_at": TIME, "received_at": TIME, "reference": TEXT,
        },
        ("purchase", "sku", "unit_cost"),
        "purchase",
    ),
    "supplier": Statement(
        "a supplier and its planned lead time",
        {
            "supplier": REQUIRED, "name": Field(Kind.text, required=True),
            "lead_time_days": Field(Kind.integer, required=True, least=0), "order_minimum": AMOUNT, "currency": TEXT,
        },
        ("supplier",),
        contradicts=True,
    ),
    "terms": Statement(
        "what a supplier asks for one item",
        {
            "supplier": REQUIRED, "sku": REQUIRED, "moq": Field(Kind.integer, least=1, default="1"),
            "pack": Field(Kind.integer, least=1, default="1"), "unit_cost": PRICE, "currency": TEXT,
        },
        ("supplier", "sku"),
        contradicts=True,
    ),
    "location": Statement(
        "a place that holds stock",
        {
            "location": REQUIRED, "name": Field(Kind.text, required=True),
            "kind": Field(Kind.text, default="warehouse"), "time_zone": Field(Kind.text, default="UTC"),
        },
        ("location",),
        contradicts=True,
    ),
    "listing": Statement(
        "what a channel offers of one item",
        {
            "listing": REQUIRED, "channel": Field(Kind.text, required=True), "sku": REQUIRED,
            "quantity": Field(Kind.integer, required=True), "active": Field(Kind.boolean, default="yes"),
            "price": AMOUNT, "currency": Field(Kind.text, default=""), "title": TEXT,
        },
        ("listing",),
        contradicts=True,
    ),
}  # fmt: skip
