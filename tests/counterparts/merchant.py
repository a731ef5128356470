"""The one merchant that both systems hold: what is sold, where it lies, what it cost, who supplies it.

Twenty-eight codes are equal in both systems. Two are not, on purpose: a near miss of the same barcode and name, and
one whose code, barcode and name all differ a little or a lot.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

CURRENCY = "EUR"
SIZES = ("S", "M", "L")


@dataclass(frozen=True)
class Family:
    """Three sizes of one thing."""

    code: str
    name: str
    price: Decimal
    cost: Decimal
    supplier: int  #: index into SUPPLIERS
    only_at: str = ""  #: the one location that holds it; both where empty
    lots: bool = False


@dataclass(frozen=True)
class Item:
    """One thing that can be sold."""

    sku: str  #: the storefront's code
    code: str  #: the ERP's code
    name: str
    erp_name: str
    gtin: str
    erp_gtin: str
    size: str
    family: Family


@dataclass(frozen=True)
class Place:
    """A stock location of the storefront and a warehouse of the ERP."""

    code: str
    name: str
    city: str
    country: str
    stocked: int  #: opening units of each item that lies there


@dataclass(frozen=True)
class Supplier:
    """Whom the merchant buys from."""

    name: str
    lead_days: int


FAMILIES = (
    Family("MUG-001", "Mug", Decimal("12.00"), Decimal("4.10"), 0),
    Family("TEE-002", "T-shirt", Decimal("19.00"), Decimal("6.25"), 1),
    Family("CAP-003", "Cap", Decimal("15.00"), Decimal("5.00"), 1),
    Family("BAG-004", "Bag", Decimal("29.00"), Decimal("11.40"), 2),
    Family("TEA-005", "Green tea", Decimal("9.00"), Decimal("2.80"), 3, lots=True),
    Family("PEN-006", "Pen", Decimal("4.00"), Decimal("0.95"), 4),
    Family("PAD-007", "Notebook", Decimal("8.00"), Decimal("2.35"), 4),
    Family("LMP-008", "Lamp", Decimal("49.00"), Decimal("21.00"), 2, only_at="LYS"),
    Family("POT-009", "Teapot", Decimal("34.00"), Decimal("14.50"), 0),
    Family("BOX-010", "Gift box", Decimal("6.00"), Decimal("1.60"), 3),
)
PLACES = (
    Place("BER", "Berlin DC", "Berlin", "de", stocked=500),
    Place("LYS", "Lyon 3PL", "Lyon", "fr", stocked=200),
)
SUPPLIERS = (
    Supplier("Keramik Nord", 14), Supplier("Textil Ost", 9), Supplier("Haus & Licht", 21), Supplier("Teekontor", 5),
    Supplier("Papier Werke", 3),
)  # fmt: skip
CHANNELS = (("Webshop", "own storefront"), ("Marketplace", "marketplace listings"))
#: What the ERP calls differently: the storefront's code -> the ERP's code, name and barcode (None: the same).
UNMAPPED: dict[str, tuple[str, str | None, str | None]] = {
    "MUG-001-S": ("MUG-01-S", None, None),
    "BOX-010-L": ("GIFT-LARGE", "Gift box, large", ""),
}
SHIPPING = "SHIP-STD"  #: the ERP's service by which shipping is charged
SHIPPING_PRICE = Decimal("5.00")


def _gtin(number: int) -> str:
    """Give the 13 digits of a barcode with its check digit."""
    digits = f"400638133{number:03d}"
    check = -sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10
    return f"{digits}{check}"


def _items() -> tuple[Item, ...]:
    found: list[Item] = []
    for family in FAMILIES:
        for size in SIZES:
            sku, gtin = f"{family.code}-{size}", _gtin(len(found))
            name = f"{family.name} {size}"
            code, erp_name, erp_gtin = UNMAPPED.get(sku, (sku, None, None))
            found.append(
                Item(
                    sku,
                    code,
                    name,
                    name if erp_name is None else erp_name,
                    gtin,
                    gtin if erp_gtin is None else erp_gtin,
                    size,
                    family,
                )
            )
    return tuple(found)


ITEMS = _items()
BY_SKU = {item.sku: item for item in ITEMS}


def opening(item: Item, place: Place) -> int:
    """Give the units of an item that lie at a place before anything was sold."""
    return place.stocked if item.family.only_at in ("", place.code) else 0


def address(place: Place) -> dict[str, str]:
    """Give an address in the place's country, as the storefront writes it."""
    return {
        "first_name": "Ada", "last_name": "Lovelace", "address_1": "1 Main St", "city": place.city,
        "country_code": place.country, "postal_code": "10115",
    }  # fmt: skip
