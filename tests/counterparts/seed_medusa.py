"""Fills an empty storefront with the merchant and its history, by the Admin API; only the many copies go by SQL."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import psycopg

from tests.counterparts import merchant
from tests.counterparts.history import CLONES, DAYS, LIVES, PATTERNS, Order, Sold
from tests.counterparts.judge_medusa import Raw, Shop

CLONE = Path(__file__).parent / "clone_orders.sql"
COUNTRIES = ("de", "fr", "dk")


class ShopIds(msgspec.Struct, frozen=True):
    """The ids that the storefront gave."""

    key: str
    publishable_key: str
    region: str
    channels: tuple[str, ...]
    locations: dict[str, str]  #: our code of it -> id
    options: dict[str, str]  #: location code -> shipping option
    return_options: dict[str, str]
    reason: str
    variants: dict[str, str]  #: SKU -> id
    products: dict[str, str]  #: SKU -> the product's id
    items: dict[str, str]  #: SKU -> inventory item


def seed_shop(url: str, database: str) -> tuple[ShopIds, list[Sold]]:
    """Make the merchant and its orders, in the state in which the ERP is to know them, too."""
    shop = Shop.first_user(url)
    ids = _merchant(shop)
    sold = [_live(shop, ids, order) for order in LIVES]
    for pattern in PATTERNS:
        sold.append(_live(shop, ids, pattern))
        sold += _copies(database, shop, sold[-1])
        _take_out(shop, ids, pattern, CLONES)
    shop.close()
    return ids, sold


def _merchant(shop: Shop) -> ShopIds:
    publishable = shop.post("api-keys", {"title": "webshop", "type": "publishable"})["api_key"]
    store = shop.get("stores")["stores"][0]["id"]
    currency = merchant.CURRENCY.lower()
    shop.post(f"stores/{store}", {"supported_currencies": [{"currency_code": currency, "is_default": True}]})
    channels = tuple(
        shop.post("sales-channels", {"name": name, "description": about})["sales_channel"]["id"]
        for name, about in merchant.CHANNELS
    )
    shop.post(f"api-keys/{publishable['id']}/sales-channels", {"add": list(channels)})
    region = shop.post(
        "regions",
        {
            "name": "Europe",
            "currency_code": currency,
            "countries": list(COUNTRIES),
            "payment_providers": ["pp_system_default"],
        },
    )["region"]["id"]
    for country in COUNTRIES:
        shop.post("tax-regions", {"country_code": country, "provider_id": "tp_system"})
    profiles = shop.get("shipping-profiles")["shipping_profiles"]
    profile = (
        profiles[0]
        if profiles
        else shop.post("shipping-profiles", {"name": "Default", "type": "default"})["shipping_profile"]
    )["id"]
    locations, options, return_options = {}, {}, {}
    for place in merchant.PLACES:
        location, zone = _location(shop, place, channels)
        locations[place.code] = location
        options[place.code] = _option(shop, f"Standard from {place.name}", zone, profile, region, is_return=False)
        return_options[place.code] = _option(shop, f"Return to {place.name}", zone, profile, region, is_return=True)
    variants = [v for family in merchant.FAMILIES for v in _family(shop, family, profile, channels)]
    items = {v["sku"]: v["inventory_items"][0]["inventory_item_id"] for v in variants}
    levels = [
        {
            "inventory_item_id": items[i.sku],
            "location_id": locations[p.code],
            "stocked_quantity": merchant.opening(i, p),
        }
        for i in merchant.ITEMS
        for p in merchant.PLACES
    ]
    shop.post("inventory-items/location-levels/batch", {"create": levels})
    reason = shop.post("return-reasons", {"value": "damaged", "label": "Damaged"})["return_reason"]["id"]
    return ShopIds(
        shop.key, publishable["token"], region, channels, locations, options, return_options, reason,
        {v["sku"]: v["id"] for v in variants}, {v["sku"]: v["product_id"] for v in variants}, items,
    )  # fmt: skip


def _location(shop: Shop, place: merchant.Place, channels: tuple[str, ...]) -> tuple[str, str]:
    where = {"address_1": "1 Dock Rd", "city": place.city, "country_code": place.country, "postal_code": "10000"}
    made = shop.post("stock-locations", {"name": place.name, "address": where, "metadata": {"code": place.code}})
    location: str = made["stock_location"]["id"]
    shop.post(f"stock-locations/{location}/sales-channels", {"add": list(channels)})
    shop.post(f"stock-locations/{location}/fulfillment-providers", {"add": ["manual_manual"]})
    body = {"name": f"{place.name} shipping", "type": "shipping"}
    made = shop.post(f"stock-locations/{location}/fulfillment-sets", body, fields="*fulfillment_sets")
    sets = made["stock_location"]["fulfillment_sets"][0]["id"]
    zones = [{"type": "country", "country_code": country} for country in COUNTRIES]
    made = shop.post(f"fulfillment-sets/{sets}/service-zones", {"name": f"{place.name} zone", "geo_zones": zones})
    zone: str = made["fulfillment_set"]["service_zones"][0]["id"]
    return location, zone


def _option(shop: Shop, name: str, zone: str, profile: str, region: str, *, is_return: bool) -> str:
    amount = 0 if is_return else float(merchant.SHIPPING_PRICE)
    code, currency = "return" if is_return else "standard", merchant.CURRENCY.lower()
    body = {
        "name": name, "service_zone_id": zone, "shipping_profile_id": profile, "provider_id": "manual_manual",
        "price_type": "flat", "type": {"label": code, "description": code, "code": code},
        "prices": [{"currency_code": currency, "amount": amount}, {"region_id": region, "amount": amount}],
        "rules": [
            {"attribute": "enabled_in_store", "value": "true", "operator": "eq"},
            {"attribute": "is_return", "value": str(is_return).lower(), "operator": "eq"},
        ],
    }  # fmt: skip
    found: str = shop.post("shipping-options", body)["shipping_option"]["id"]
    return found


def _family(shop: Shop, family: merchant.Family, profile: str, channels: tuple[str, ...]) -> list[Raw]:
    variants = [
        {
            "title": item.name, "sku": item.sku, "ean": item.gtin, "options": {"Size": item.size},
            "manage_inventory": True, "allow_backorder": False, "metadata": {"unit_cost": float(family.cost)},
            "prices": [{"currency_code": merchant.CURRENCY.lower(), "amount": float(family.price)}],
        }
        for item in merchant.ITEMS
        if item.family is family
    ]  # fmt: skip
    body = {
        "title": family.name, "handle": family.code.lower(), "status": "published", "shipping_profile_id": profile,
        "sales_channels": [{"id": channel} for channel in channels],
        "options": [{"title": "Size", "values": list(merchant.SIZES)}], "variants": variants,
    }  # fmt: skip
    made: list[Raw] = shop.post("products", body, fields="*variants,*variants.inventory_items")["product"]["variants"]
    return made


def place_order(shop: Shop, ids: ShopIds, order: Order, **metadata: str) -> Raw:
    """Place an order as a person at the desk does: a draft, made real; its lines are reserved."""
    where = merchant.address(next(p for p in merchant.PLACES if p.code == order.place))
    shipping = float(merchant.SHIPPING_PRICE)
    body = {
        "region_id": ids.region, "sales_channel_id": ids.channels[order.channel], "email": "ada@example.test",
        "shipping_address": where, "billing_address": where,
        "items": [{"variant_id": ids.variants[sku], "quantity": units} for sku, units in order.lines.items()],
        "shipping_methods": [{"name": "Standard", "shipping_option_id": ids.options[order.place], "amount": shipping}],
        "metadata": metadata,
    }  # fmt: skip
    draft = shop.post("draft-orders", body)["draft_order"]["id"]
    return shop.order(shop.post(f"draft-orders/{draft}/convert-to-order")["order"]["id"])


def _live(shop: Shop, ids: ShopIds, order: Order) -> Sold:
    """Walk an order's life up to where it is to stand."""
    made = place_order(shop, ids, order)
    key, place = made["id"], order.place
    payment = None if order.fate in ("unpaid", "cancelled") else shop.pay(key)
    if order.packed:
        fulfilment = shop.fulfil(key, order.packed, ids.locations[place], ids.options[place])
        if order.shipped:
            shop.ship(key, fulfilment, f"TRK-{made['display_id']}")
        if order.fate in ("delivered", "completed", "returned", "return requested"):
            shop.deliver(key, fulfilment)
    if order.fate == "completed":
        shop.post(f"orders/{key}/complete")
    if order.good or order.damaged:
        _send_back(shop, ids, order, key, payment)
    if order.fate.startswith("cancelled"):
        shop.cancel(key)
    return Sold(made["display_id"], datetime.fromisoformat(made["created_at"]), order)


def _send_back(shop: Shop, ids: ShopIds, order: Order, key: str, payment: Raw | None) -> None:
    back = {sku: order.good.get(sku, 0) + order.damaged.get(sku, 0) for sku in {**order.good, **order.damaged}}
    found = shop.request_return(key, back, ids.locations[order.place], ids.return_options[order.place], ids.reason)
    if order.fate == "returned" and payment is not None:
        shop.receive_return(key, found, order.good, order.damaged)
        price = sum(merchant.BY_SKU[sku].family.price * units for sku, units in back.items())
        shop.refund(payment["id"], price)


def _copies(database: str, shop: Shop, sold: Sold) -> list[Sold]:
    """Copy a delivered order many times, back in time."""
    [template] = [o["id"] for o in shop.orders() if o["display_id"] == sold.number]
    script = CLONE.read_text().format(template=template, copies=CLONES, days=DAYS)
    with psycopg.connect(database) as conn:
        conn.execute(script.encode())
        rows = conn.execute(
            'select display_id, created_at from "order" where display_id > %s order by display_id', [sold.number]
        ).fetchall()
    return [Sold(number, at, sold.order) for number, at in rows]


def _take_out(shop: Shop, ids: ShopIds, order: Order, times: int) -> None:
    """Take out of the levels what the copies of an order sent: what the SQL did not do."""
    location, levels = ids.locations[order.place], shop.levels()
    for sku, units in order.shipped.items():
        shop.stock(ids.items[sku], location, levels[sku, location]["stocked_quantity"] - times * units)
