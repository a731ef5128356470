"""What is sold and where it lies: SKUs, prices, suppliers, and the places (a SKU at a location)."""

from __future__ import annotations

from collections import Counter
from statistics import median_low
from zlib import crc32

import msgspec

from sandbox.money import MILLS_PER_PENNY, share
from sandbox.real import Real, is_product

LOCATIONS = ("NORTH", "SOUTH", "3PL")
OWN_LOCATIONS = ("NORTH", "SOUTH")
CHANNELS = ("web", "marketplace", "wholesale")
CHANNEL_LOCATIONS = {
    "web": ["NORTH", "SOUTH"],
    "marketplace": ["3PL", "NORTH", "SOUTH"],
    "wholesale": ["NORTH", "SOUTH"],
}
BUFFER = {"web": 2, "marketplace": 5, "wholesale": 0}
CAP = {"web": 500, "marketplace": 1000, "wholesale": 10_000}
HANDLING_HOURS = {"web": 48, "marketplace": 36, "wholesale": 72}

SUPPLIER_COUNT = 40
TWO_HOMES = 400  # the best sellers lie in both own warehouses
IN_3PL = 2200  # what the marketplace sells most lies at its own 3PL too

_CATEGORIES = {
    "BAG": "Bags", "MUG": "Kitchen", "CUP": "Kitchen", "PLATE": "Kitchen", "BOWL": "Kitchen", "CAKE": "Kitchen",
    "CANDLE": "Lights", "LIGHT": "Lights", "LANTERN": "Lights", "CHRISTMAS": "Christmas", "CARD": "Paper",
    "PAPER": "Paper", "WRAP": "Paper", "BOX": "Storage", "TIN": "Storage", "CLOCK": "Home", "SIGN": "Home",
    "CUSHION": "Home", "HEART": "Home", "NECKLACE": "Jewellery", "BRACELET": "Jewellery", "EARRINGS": "Jewellery",
}  # fmt: skip


class Sku(msgspec.Struct):
    """One product and how it is bought."""

    code: str
    title: str
    category: str
    supplier: int
    list_price: int
    unit_cost: int
    pack: int
    moq: int
    first_sold: int
    own_side: list[tuple[int, ...]]  #: places that serve web and wholesale, by side of the order
    market_side: list[tuple[int, ...]]  #: places that serve the marketplace, by side of the order
    places: tuple[int, ...] = ()


class Place(msgspec.Struct):
    """A SKU at a location."""

    id: str
    sku: int
    location: str


class Vendor(msgspec.Struct):
    """A supplier's planned lead time and smallest order."""

    id: str
    name: str
    lead_days: int
    minimum: int


class Catalog(msgspec.Struct):
    """The goods, in the order of their codes."""

    skus: list[Sku]
    places: list[Place]
    vendors: list[Vendor]
    index: dict[str, int]


def lot(seed: int, *parts: object) -> int:
    """Draw a number that depends on nothing but the seed and a name."""
    return crc32("|".join(map(str, (seed, *parts))).encode())


def side_of(order_id: str) -> int:
    """Say in which half of the country an order is to be delivered."""
    return crc32(order_id.encode()) & 1


def make_catalog(real: Real, seed: int) -> Catalog:
    """Lay out the merchant's goods by what was really sold."""
    prices: dict[str, list[int]] = {}
    first_sold: dict[str, int] = {}
    sold: Counter[str] = Counter()
    at_market: Counter[str] = Counter()
    for order, sku, mills in zip(real.lines.order, real.lines.sku, real.lines.mills, strict=True):
        if is_product(sku):
            prices.setdefault(sku, []).append(mills)
            first_sold.setdefault(sku, real.orders[order].at)
            sold[sku] += 1
            if real.orders[order].channel == "marketplace":
                at_market[sku] += 1
    codes = sorted(prices)
    skus = [_sku(code, real.titles[code], median_low(prices[code]), first_sold[code], seed) for code in codes]
    places: list[Place] = []
    both = {code for code, _ in sold.most_common(TWO_HOMES)}
    third = {code for code, _ in at_market.most_common(IN_3PL)}
    for number, goods in enumerate(skus):
        _place(goods, number, places, is_both=goods.code in both, is_third=goods.code in third, seed=seed)
    return Catalog(
        skus=skus,
        places=places,
        vendors=[_vendor(number, seed) for number in range(SUPPLIER_COUNT)],
        index={code: number for number, code in enumerate(codes)},
    )


def _sku(code: str, title: str, price: int, first_sold: int, seed: int) -> Sku:
    price = max(MILLS_PER_PENNY, round(price / MILLS_PER_PENNY) * MILLS_PER_PENNY)
    return Sku(
        code=code,
        title=title,
        category=next((name for word, name in _CATEGORIES.items() if word in title), "Gifts"),
        supplier=lot(seed, code, "supplier") % SUPPLIER_COUNT,
        list_price=price,
        unit_cost=max(MILLS_PER_PENNY, share(price, 380 + lot(seed, code, "cost") % 200)),
        pack=(1, 6, 6, 12, 24)[lot(seed, code, "pack") % 5],
        moq=(6, 12, 12, 24)[lot(seed, code, "moq") % 4],
        first_sold=first_sold,
        own_side=[],
        market_side=[],
    )


def _place(sku: Sku, number: int, places: list[Place], *, is_both: bool, is_third: bool, seed: int) -> None:
    def at(location: str) -> int:
        places.append(Place(id=f"{sku.code}@{location}", sku=number, location=location))
        return len(places) - 1

    home = lot(seed, sku.code, "home") & 1
    if is_both:
        north, south = at("NORTH"), at("SOUTH")
        own: list[tuple[int, ...]] = [(north, south), (south, north)]
    else:
        own = [(at(OWN_LOCATIONS[home]),)] * 2
    third = (at("3PL"),) if is_third else ()
    sku.own_side = own
    sku.market_side = [third + side for side in own]
    sku.places = own[0] + third


def _vendor(number: int, seed: int) -> Vendor:
    names = ("Abbot", "Birch", "Cotton", "Dale", "Elm", "Fern", "Grove", "Heath", "Ivy", "Juniper")
    kinds = ("Trading", "Crafts", "Imports", "Works")
    return Vendor(
        id=f"SUP-{number + 1:02d}",
        name=f"{names[number % 10]} {kinds[number // 10]}",
        lead_days=4 + lot(seed, number, "lead") % 11,
        minimum=(100 + lot(seed, number, "minimum") % 5 * 50) * 1000,
    )
