"""What the two systems do that nobody would expect: the reasons for how our writes are made, seen on the real servers.

A release of either system that behaves otherwise fails here first, and tells which caution is no longer needed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.counterparts import merchant
from tests.counterparts.conftest import Market
from tests.counterparts.history import Order
from tests.counterparts.judge_medusa import Raw
from tests.counterparts.judge_tryton import Fault, today
from tests.counterparts.seed_medusa import place_order
from tests.counterparts.seed_tryton import sale_of

PLACE = merchant.PLACES[0].code


def _shipped(market: Market, sku: str, units: int) -> tuple[Raw, Raw]:
    """Sell, pay and ship units of an item; give the order and its payment."""
    ids = market.merchant.shop
    order = place_order(market.shop, ids, Order("reserved", PLACE, {sku: units}))
    payment = market.shop.pay(order["id"])
    packed = market.shop.fulfil(order["id"], {sku: units}, ids.locations[PLACE], ids.options[PLACE])
    market.shop.ship(order["id"], packed, f"TRK-{order['display_id']}")
    return order, payment


def _sale(market: Market, sku: str, units: int, reference: str) -> int:
    """Make a draft sale."""
    ids = market.merchant.erp
    sold = market.merchant.sold[0]
    value = {**sale_of(ids, sold), "reference": reference}
    line = {
        "type": "line", "product": ids.products[sku], "quantity": float(units), "unit": ids.unit,
        "unit_price": merchant.BY_SKU[sku].family.price,
    }  # fmt: skip
    [made] = market.erp.create("sale.sale", {**value, "lines": [["create", [line]]]})
    return made


def test_of_two_refunds_at_once_one_is_refused_and_both_are_booked(market: Market) -> None:
    _order, payment = _shipped(market, "PAD-007-L", 3)

    def refund(_: int) -> int:
        return market.shop.ask("POST", f"payments/{payment['id']}/refund", {"amount": 10}).status_code

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(refund, range(2)))
    [found] = [p for p in market.shop.payments() if p["id"] == payment["id"]]
    booked = [r["amount"] for r in found["refunds"]]
    if told == [200, 400]:
        assert booked == [10, 10]
    else:  # this time they did not meet
        assert (told, booked) == ([200, 200], [10, 10])


def test_stock_below_what_is_reserved_is_accepted(market: Market) -> None:
    ids = market.merchant.shop
    sku, location = "CAP-003-M", ids.locations[PLACE]
    place_order(market.shop, ids, Order("reserved", PLACE, {sku: 2}))
    reserved = market.shop.levels()[sku, location]["reserved_quantity"]
    market.shop.stock(ids.items[sku], location, reserved - 1)
    level = market.shop.levels()[sku, location]
    assert (level["stocked_quantity"], level["available_quantity"]) == (reserved - 1, -1)


def test_a_moved_reservation_stays_reserved_where_it_was(market: Market) -> None:
    ids = market.merchant.shop
    sku, (here, there) = "BAG-004-L", (ids.locations[p.code] for p in merchant.PLACES)
    body = {"inventory_item_id": ids.items[sku], "location_id": here, "quantity": 10}
    made = market.shop.post("reservations", body)["reservation"]["id"]
    market.shop.post(f"reservations/{made}", {"location_id": there})
    market.shop.delete(f"reservations/{made}")
    levels = market.shop.levels()
    assert [levels[sku, at]["reserved_quantity"] for at in (here, there)] == [10, 0]
    assert not [r for r in market.shop.reservations() if r["inventory_item_id"] == ids.items[sku]]


def test_a_count_keeps_the_quantity_that_was_expected_when_it_was_begun(market: Market) -> None:
    erp, ids = market.erp, market.merchant.erp
    product, storage = ids.products["PEN-006-L"], ids.storage[PLACE]
    lay = erp.on_hand(storage)["PEN-006-L"]
    line = {"product": product, "quantity": lay - 1}
    [count] = erp.create(
        "stock.inventory",
        {
            "company": ids.company, "location": storage, "date": today(), "empty_quantity": "keep",
            "lines": [["create", [line]]],
        },
    )  # fmt: skip
    found = {
        "company": ids.company, "product": product, "unit": ids.unit, "quantity": 2.0, "from_location": ids.lost,
        "to_location": storage, "effective_date": today(),
    }  # fmt: skip
    erp.call("stock.move", "do", erp.create("stock.move", found))
    erp.call("stock.inventory", "confirm", [count])
    assert erp.on_hand(storage)["PEN-006-L"] == lay + 1  # neither what was counted nor what lay there


def test_what_does_not_exist_can_be_assigned_by_force(market: Market) -> None:
    erp = market.erp
    sale = _sale(market, "TEE-002-L", 100_000, "T-FORCE")
    for button in ("quote", "confirm"):
        erp.click("sale.sale", button, sale)
    [shipment] = erp.read("sale.sale", sale, "shipments")["shipments"]
    erp.call("stock.shipment.out", "assign_try", [shipment])
    assert erp.read("stock.shipment.out", shipment, "state")["state"] == "waiting"
    erp.click("stock.shipment.out", "assign_force", shipment)
    assert erp.read("stock.shipment.out", shipment, "state")["state"] == "assigned"
    erp.call("stock.shipment.out", "wait", [shipment])


def test_a_button_pressed_again_faults_though_the_state_is_what_was_wanted(market: Market) -> None:
    erp = market.erp
    sale = _sale(market, "TEE-002-S", 1, "T-AGAIN")
    erp.call("sale.sale", "quote", [sale])
    with pytest.raises(Fault, match="UserError"):
        erp.call("sale.sale", "quote", [sale])
    assert erp.read("sale.sale", sale, "state")["state"] == "quotation"


def test_a_write_against_an_old_state_is_refused(market: Market) -> None:
    erp = market.erp
    sale = _sale(market, "TEE-002-S", 1, "T-STALE")
    seen = erp.read("sale.sale", sale, "_timestamp")["_timestamp"]
    erp.write("sale.sale", [sale], {"comment": "somebody else"})
    with pytest.raises(Fault, match="ConcurrencyException"):
        erp.call("sale.sale", "write", [sale], {"comment": "mine"}, _timestamp={f"sale.sale,{sale}": seen})
    assert erp.read("sale.sale", sale, "comment")["comment"] == "somebody else"
