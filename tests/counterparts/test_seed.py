"""The seed itself: one merchant in both systems, as two independent clients see it."""

from __future__ import annotations

from collections import Counter

from tests.counterparts import merchant
from tests.counterparts.conftest import Market
from tests.counterparts.judge_medusa import skus
from tests.counterparts.judge_tryton import SALE

SENT = ("processing", "sent")
#: What each fate is in the storefront (status, payment, fulfilment) and in the ERP (state, shipments).
FATES = {
    "reserved": ("pending", "captured", "not_fulfilled", ("processing", "waiting")),
    "unpaid": ("pending", "not_paid", "not_fulfilled", None),
    "packed": ("pending", "captured", "partially_fulfilled", ("processing", "waiting")),
    "shipped in part": ("pending", "captured", "partially_shipped", ("processing", "partially shipped")),
    "shipped": ("pending", "captured", "shipped", SENT),
    "delivered": ("pending", "captured", "delivered", SENT),
    "completed": ("completed", "captured", "delivered", SENT),
    "returned": ("pending", "partially_refunded", "delivered", SENT),
    "return requested": ("pending", "captured", "delivered", SENT),
    "cancelled": ("canceled", "not_paid", "not_fulfilled", ("cancelled", "none")),
    "cancelled after payment": ("canceled", "refunded", "not_fulfilled", ("cancelled", "none")),
}


def test_twenty_eight_codes_are_equal_and_two_are_not(market: Market) -> None:
    shop = {v["sku"] for v in market.shop.variants()}
    erp = set(market.erp.products())
    assert len(shop) == 30
    assert shop - erp == set(merchant.UNMAPPED)
    assert {code for code, _name, _gtin in merchant.UNMAPPED.values()} <= erp


def test_both_hold_the_same_stock_but_for_what_is_packed(market: Market) -> None:
    packed: Counter[tuple[str, str]] = Counter()
    for sold in market.merchant.sold:
        for sku, units in sold.order.packed.items():
            packed[sku, sold.order.place] += units - sold.order.shipped.get(sku, 0)
    locations = market.shop.locations()
    levels = market.shop.levels()
    for place in merchant.PLACES:
        lies = market.erp.on_hand(market.merchant.erp.storage[place.code])
        for item in merchant.ITEMS:
            stocked = levels[item.sku, locations[place.code]]["stocked_quantity"]
            assert stocked + packed[item.sku, place.code] == lies[item.code], (item, place)


def test_what_is_reserved_is_what_is_held_for_orders(market: Market) -> None:
    held: Counter[tuple[str, str]] = Counter()
    sku_of = {key: sku for sku, key in market.merchant.shop.items.items()}
    for reservation in market.shop.reservations():
        held[sku_of[reservation["inventory_item_id"]], reservation["location_id"]] += reservation["quantity"]
    levels = {key: level["reserved_quantity"] for key, level in market.shop.levels().items()}
    assert +held == {key: reserved for key, reserved in levels.items() if reserved}
    assert held


def test_every_paid_order_has_one_sale_of_the_same_lines_and_total(market: Market) -> None:
    orders = {order["display_id"]: order for order in market.shop.orders() if order["status"] != "draft"}
    assert len(orders) == len(market.merchant.sold)
    sales = market.erp.rows("sale.sale", [["reference", "!=", None], ["origin", "=", None]], SALE)
    assert len({sale["reference"] for sale in sales}) == len(sales)
    sale_of = {sale["reference"]: sale for sale in sales}
    for sold in market.merchant.sold:
        order = orders[sold.number]
        assert skus(order["items"]) == sold.order.lines
        if sold.order.fate != "unpaid":
            sale = sale_of[str(sold.number)]
            lines = {line["product."]["code"]: line["quantity"] for line in sale["lines."]}
            assert lines.pop(merchant.SHIPPING) == 1
            assert lines == {merchant.BY_SKU[sku].code: units for sku, units in sold.order.lines.items()}
            charged = sum(line["unit_price"] * line["detail"]["quantity"] for line in order["items"])
            assert float(sale["total_amount"]) == charged + order["shipping_total"], sold


def test_each_fate_stands_in_both_as_it_is_called(market: Market) -> None:
    seen = {}
    orders = {order["display_id"]: order for order in market.shop.orders()}
    for sold in market.merchant.sold[:13]:
        order = orders[sold.number]
        told = (order["status"], order["payment_status"], order["fulfillment_status"])
        sale = market.erp.sale_of(str(sold.number)) if sold.order.fate != "unpaid" else None
        seen[sold.order.fate] = (*told, sale and (sale["state"], sale["shipment_state"]))
    assert seen == FATES
