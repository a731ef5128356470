"""What people do in the two systems by themselves: the next read sees each change, also those that leave no stamp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from app.engine import work
from ingest.medusa.read import SLOW
from tests.counterparts import merchant
from tests.counterparts.comparison import differences, order_differences
from tests.counterparts.conftest import Market
from tests.counterparts.history import Order
from tests.counterparts.judge_medusa import Raw
from tests.counterparts.judge_tryton import today
from tests.counterparts.ours import ERP, SHOP, Ours, ours
from tests.counterparts.seed_medusa import place_order
from tests.counterparts.seed_tryton import sale_of

BER, LYS = (place.code for place in merchant.PLACES)


@pytest.fixture(scope="module")
def mine(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    with ours(tmp_path_factory.mktemp("home"), market) as found:
        found.pull()
        assert differences(found, market) == {}
        yield found


class Arrives(Protocol):
    """Reads once and looks whether a change came."""

    def __call__(self, system: str, what: str, *, order: str | None = None, says_more: bool = True) -> None:
        """Fail where nothing came of this system, or where anything of it, or of one order, is not as it has it."""


@pytest.fixture(scope="module")
def arrives(mine: Ours, market: Market) -> Iterator[Arrives]:
    """Read when the slow cycle is due; what says nothing new in our words must have been received all the same.

    A step changes one system, so only that one is read and compared, of the storefront one order where it is told;
    after the last step everything is.
    """

    def check(system: str, what: str, *, order: str | None = None, says_more: bool = True) -> None:
        before = mine.outcomes()
        mine.clock.lead += SLOW
        mine.pull([system])
        after = mine.outcomes()
        assert sum(after.values()) > sum(before.values()), f"{what}: nothing came"
        assert (after["accepted"] > before["accepted"]) is says_more, what
        differs = differences(mine, market, [system]) if order is None else order_differences(mine, market, order)
        assert differs == {}, what

    yield check
    mine.pull()
    assert differences(mine, market) == {}


def an_order(market: Market, lines: dict[str, int], place: str = BER) -> Raw:
    """Place an order."""
    return place_order(market.shop, market.merchant.shop, Order("reserved", place, lines))


def a_sale(market: Market, reference: str, sku: str, units: int) -> int:
    """Make a draft sale of units of an item."""
    ids = market.merchant.erp
    line = {
        "type": "line",
        "product": ids.products[sku],
        "quantity": float(units),
        "unit": ids.unit,
        "unit_price": merchant.BY_SKU[sku].family.price,
    }
    value = {**sale_of(ids, market.merchant.sold[0]), "reference": reference, "lines": [["create", [line]]]}
    [made] = market.erp.create("sale.sale", value)
    return made


def test_every_step_of_an_orders_life(market: Market, arrives: Arrives) -> None:
    shop, ids = market.shop, market.merchant.shop
    sku = "BAG-004-S"
    order = an_order(market, {sku: 3})
    key = order["id"]
    arrives(SHOP, "placed", order=key)
    payment = shop.pay(key)
    arrives(SHOP, "paid: a capture moves neither the order's stamp nor its version", order=key)
    first = shop.fulfil(key, {sku: 2}, ids.locations[BER], ids.options[BER])
    arrives(SHOP, "packed in part", order=key)
    shop.ship(key, first, "TRK-LIFE-1")
    arrives(SHOP, "shipped in part", order=key)
    shop.deliver(key, first)
    arrives(SHOP, "delivered in part: we have no word for it yet", order=key, says_more=False)
    second = shop.fulfil(key, {sku: 1}, ids.locations[BER], ids.options[BER])
    shop.post(f"fulfillments/{second['id']}/shipment", {"labels": []})
    arrives(SHOP, "shipped by the direct way: the order's stamp stands still", order=key)
    back = shop.request_return(key, {sku: 2}, ids.locations[BER], ids.return_options[BER], ids.reason)
    arrives(SHOP, "a return was asked for", order=key)
    shop.receive_return(key, back, {sku: 1}, {sku: 1})
    arrives(SHOP, "a return was received, one unit of it damaged")
    shop.refund(payment["id"], 24)
    arrives(SHOP, "refunded: what settles a return moves no stamp")


def test_an_order_called_off_and_its_money_given_back(market: Market, arrives: Arrives) -> None:
    order = an_order(market, {"PEN-006-S": 4})
    market.shop.pay(order["id"])
    market.shop.cancel(order["id"])
    arrives(SHOP, "cancelled")


def test_a_fulfilment_taken_back(market: Market, arrives: Arrives) -> None:
    ids = market.merchant.shop
    order = an_order(market, {"PEN-006-S": 2})
    packed = market.shop.fulfil(order["id"], {"PEN-006-S": 2}, ids.locations[BER], ids.options[BER])
    arrives(SHOP, "packed", order=order["id"])
    market.shop.post(f"orders/{order['id']}/fulfillments/{packed['id']}/cancel")
    arrives(SHOP, "unpacked: stock and reservation are back")


def test_reservations_that_come_change_move_and_go(market: Market, arrives: Arrives) -> None:
    shop, ids = market.shop, market.merchant.shop
    item = ids.items["TEA-005-S"]
    body = {"inventory_item_id": item, "location_id": ids.locations[BER], "quantity": 7}
    made = shop.post("reservations", body)["reservation"]["id"]
    arrives(SHOP, "reserved")
    shop.post(f"reservations/{made}", {"quantity": 4})
    arrives(SHOP, "reserved less")
    shop.post(f"reservations/{made}", {"location_id": ids.locations[LYS]})
    arrives(SHOP, "moved: it stays reserved where it was, too")
    shop.delete(f"reservations/{made}")
    arrives(SHOP, "deleted: nothing lists it any more")


def test_levels_set_by_hand(market: Market, arrives: Arrives) -> None:
    ids = market.merchant.shop
    market.shop.stock(ids.items["TEA-005-L"], ids.locations[LYS], 33)
    arrives(SHOP, "a level changed: its item's stamp does not move")


def test_a_line_of_a_sale_written_behind_its_back(market: Market, arrives: Arrives) -> None:
    sale = a_sale(market, "T-LINE", "TEE-002-S", 2)
    arrives(ERP, "a sale was made")
    [line] = market.erp.search("sale.line", [["sale", "=", sale]])
    before = market.erp.read("sale.sale", sale, "last_modified_at")
    market.erp.write("sale.line", [line], {"quantity": 5.0})
    assert market.erp.read("sale.sale", sale, "last_modified_at") == before
    arrives(ERP, "its line changed, its stamp did not")


def test_every_step_of_a_sales_life(market: Market, arrives: Arrives) -> None:
    erp = market.erp
    order = an_order(market, {"TEE-002-S": 2})
    arrives(SHOP, "placed", order=order["id"])
    sale = a_sale(market, str(order["display_id"]), "TEE-002-S", 2)
    arrives(ERP, "made")
    for button in ("quote", "confirm"):
        erp.click("sale.sale", button, sale)
    arrives(ERP, "confirmed")
    [shipment] = erp.read("sale.sale", sale, "shipments")["shipments"]
    for button in ("assign_try", "pick", "pack", "do"):
        erp.click("stock.shipment.out", button, shipment)
        arrives(ERP, button)


def test_a_sale_that_is_called_off(market: Market, arrives: Arrives) -> None:
    sale = a_sale(market, "T-OFF", "TEE-002-S", 1)
    market.erp.click("sale.sale", "quote", sale)
    market.erp.click("sale.sale", "cancel", sale)
    arrives(ERP, "cancelled")


def test_stock_that_moves_by_count_by_move_and_by_transfer(market: Market, arrives: Arrives) -> None:
    erp, ids = market.erp, market.merchant.erp
    sku, product = "CAP-003-S", ids.products["CAP-003-S"]
    erp.count(ids.storage[BER], product, erp.on_hand(ids.storage[BER])[sku] - 3)
    arrives(ERP, "counted")
    found = {
        "company": ids.company,
        "product": product,
        "unit": ids.unit,
        "quantity": 2.0,
        "from_location": ids.lost,
        "to_location": ids.storage[BER],
        "effective_date": today(),
    }
    erp.call("stock.move", "do", erp.create("stock.move", found))
    arrives(ERP, "found again")
    inner = {
        "company": ids.company,
        "product": product,
        "unit": ids.unit,
        "quantity": 4.0,
        "from_location": ids.storage[BER],
        "to_location": ids.storage[LYS],
        "planned_date": today(),
    }
    transfer = {
        "company": ids.company,
        "from_location": ids.storage[BER],
        "to_location": ids.storage[LYS],
        "planned_date": today(),
        "planned_start_date": today(),
        "moves": [["create", [inner]]],
    }
    [shipment] = erp.create("stock.shipment.internal", transfer)
    for button in ("wait", "assign_try", "pack", "ship", "do"):
        erp.click("stock.shipment.internal", button, shipment)
    arrives(ERP, "transferred")


def test_what_is_deleted_in_the_erp_is_found_by_the_sweep(market: Market, mine: Ours) -> None:
    sale = a_sale(market, "T-GONE", "TEE-002-S", 1)
    mine.pull()
    assert mine.rows("sale").filter(reference="T-GONE").height == 1
    market.erp.call("sale.sale", "delete", [sale])
    assert work.sweep_all(mine.engine) >= 1
    mine.pull()
    assert mine.rows("sale").filter(reference="T-GONE").height == 0
    assert differences(mine, market) == {}
