"""What goes wrong in or between the two systems is found and put right by the ordinary path; nothing else is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest

from actions.registry import action_types
from tests.counterparts import merchant
from tests.counterparts.conftest import SHOP_NOW, Market
from tests.counterparts.history import Order
from tests.counterparts.judge_medusa import Raw
from tests.counterparts.judge_tryton import today
from tests.counterparts.ours import SHOP, Ours, ours
from tests.counterparts.seed_medusa import place_order
from tests.counterparts.seed_tryton import sale_of

BER, LYS = (place.code for place in merchant.PLACES)
Case = tuple[str, str]  #: (detector, subject)
#: What came back may lie for a day before it is in the stock.
PUT_AWAY = timedelta(hours=24)


@dataclass(frozen=True)
class Caused:
    """A case that must be found, and how the remote itself tells that it was put right."""

    case: Case
    truth: Callable[[], object]
    mended: object = True


class Shop:
    """What can go wrong, each on orders and items of its own."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def sold(self, lines: dict[str, int], *, place: str = BER, hours: float = 0.1) -> Raw:
        """Sell and be paid, some hours ago."""
        shop = self.market.shop
        order = place_order(shop, self.market.merchant.shop, Order("reserved", place, lines))
        shop.pay(order["id"])
        past = "update \"order\" set created_at = now() - %s * interval '1 hour', updated_at = now() where id = %s"
        self.sql(past, hours, order["id"])
        return shop.order(order["id"])

    def sql(self, statement: str, *values: object) -> None:
        """Change what the API cannot: the past."""
        self.market.systems.db.run(statement, *values, database=SHOP_NOW)

    def sale(
        self,
        order: Raw,
        *,
        price: Decimal | None = None,
        place: str = BER,
        buttons: Sequence[str] = ("quote", "confirm"),
    ) -> int:
        """Make the ERP's sale of an order and confirm it; at another price if told."""
        erp, ids = self.market.erp, self.market.merchant.erp
        lines = [
            {
                "type": "line",
                "product": ids.products[code],
                "quantity": float(units),
                "unit": ids.unit,
                "unit_price": at,
            }
            for code, units, at in (
                *(
                    (merchant.BY_SKU[i["variant_sku"]].code, i["quantity"], price or Decimal(str(i["unit_price"])))
                    for i in order["items"]
                ),
                (merchant.SHIPPING, 1, merchant.SHIPPING_PRICE),
            )
        ]
        value = sale_of(ids, self.market.merchant.sold[0])
        warehouse = ids.warehouses[place]
        reference = str(order["display_id"])
        [made] = erp.create(
            "sale.sale", {**value, "warehouse": warehouse, "reference": reference, "lines": [["create", lines]]}
        )
        for button in buttons:
            erp.click("sale.sale", button, made)
        return made

    def sales(self, order: Raw) -> list[int]:
        """Give the ERP's live sales of an order."""
        domain: list[object] = [["reference", "=", str(order["display_id"])], ["state", "!=", "cancelled"]]
        return self.market.erp.search("sale.sale", domain)

    def hand_over(self, sale: int, tracking: str) -> None:
        """Send a sale's shipment, yesterday."""
        erp, ids = self.market.erp, self.market.merchant.erp
        [shipment] = erp.read("sale.sale", sale, "shipments")["shipments"]
        erp.write("stock.shipment.out", [shipment], {"carrier": ids.carrier, "shipping_reference": tracking})
        for button in ("assign_try", "pick", "pack"):
            erp.click("stock.shipment.out", button, shipment)
        erp.write("stock.shipment.out", [shipment], {"effective_date": today() - timedelta(days=1)})
        erp.click("stock.shipment.out", "do", shipment)

    def tell(self, order: Raw, tracking: str, place: str = BER) -> Raw:
        """Tell the storefront that all of an order left and arrived."""
        shop, ids = self.market.shop, self.market.merchant.shop
        units = {line["variant_sku"]: int(line["quantity"]) for line in order["items"]}
        packed = shop.fulfil(order["id"], units, ids.locations[place], ids.options[place])
        shop.ship(order["id"], packed, tracking)
        shop.deliver(order["id"], packed)
        return shop.order(order["id"])


def oversold(shop: Shop) -> Caused:
    """The ERP finds less than its open orders need."""
    order = shop.sold({"CAP-003-L": 3})
    sale = shop.sale(order)
    erp, ids = shop.market.erp, shop.market.merchant.erp
    [shipment] = erp.read("sale.sale", sale, "shipments")["shipments"]
    erp.call("stock.shipment.out", "assign_try", [shipment])
    erp.count(ids.storage[BER], ids.products["CAP-003-L"], 2.0)
    level = shop.market.merchant.shop
    shop.market.shop.stock(level.items["CAP-003-L"], level.locations[BER], 2)
    return Caused(("X01", f"CAP-003-L@{BER}"), lambda: erp.search("stock.shipment.internal", []) != [])


def level_of_its_own(shop: Shop) -> Caused:
    """Somebody sets a level in the storefront: it offers what nobody has."""
    ids = shop.market.merchant.shop
    shop.market.shop.stock(ids.items["TEA-005-L"], ids.locations[LYS], 320)
    held = int(shop.market.erp.on_hand(shop.market.merchant.erp.storage[LYS])["TEA-005-L"])
    return Caused(
        ("X07", f"TEA-005-L@{LYS}"),
        lambda: shop.market.shop.levels()["TEA-005-L", ids.locations[LYS]]["stocked_quantity"],
        held,
    )


def missing_in_the_erp(shop: Shop) -> Caused:
    """A paid order never reached the ERP."""
    order = shop.sold({"PEN-006-M": 1})
    return Caused(("X11", f"{SHOP}/{order['display_id']}"), lambda: len(shop.sales(order)), 1)


def twice_in_the_erp(shop: Shop) -> Caused:
    """An order was taken over two times."""
    order = shop.sold({"PAD-007-M": 1})
    shop.sale(order)
    shop.sale(order, buttons=("quote",))
    return Caused(("X12", f"{SHOP}/{order['display_id']}"), lambda: len(shop.sales(order)), 1)


def another_total(shop: Shop) -> Caused:
    """The ERP charges another price."""
    order = shop.sold({"PAD-007-S": 2})
    shop.sale(order, price=Decimal("7.50"))
    return Caused(("X13", f"{SHOP}/{order['display_id']}"), lambda: len(shop.sales(order)), 1)


def not_told(shop: Shop) -> Caused:
    """The ERP handed a parcel over, and the storefront does not know."""
    order = shop.sold({"BAG-004-L": 1}, hours=30)
    shop.hand_over(shop.sale(order), f"TRK-{order['display_id']}")
    return Caused(
        ("X22", f"{SHOP}/{order['display_id']}"),
        lambda: [
            label["tracking_number"]
            for fulfilment in shop.market.shop.order(order["id"])["fulfillments"]
            for label in fulfilment["labels"]
        ],
        [f"TRK-{order['display_id']}"],
    )


def cancelled_and_kept(shop: Shop) -> Caused:
    """A cancelled order's refund failed at the provider, four days ago."""
    order = shop.sold({"PEN-006-S": 5}, hours=120)
    shop.market.shop.cancel(order["id"])
    past = "update \"order\" set canceled_at = now() - interval '4 days', updated_at = now() where id = %s"
    shop.sql(past, order["id"])
    [payment] = [
        p for p in shop.market.shop.payments() if p["payment_collection"]["order"]["display_id"] == order["display_id"]
    ]
    for refund in payment["refunds"]:
        shop.sql("update refund set deleted_at = now() where id = %s", refund["id"])
    return Caused(
        ("X29", f"{SHOP}/{order['display_id']}"),
        lambda: sum(r["amount"] for p in shop.market.shop.payments() if p["id"] == payment["id"] for r in p["refunds"]),
        order["total"],
    )


def back_and_not_in_stock(shop: Shop) -> Caused:
    """The storefront took a return in, and the ERP knows nothing of it."""
    order = shop.sold({"TEE-002-L": 2}, hours=60)
    tracking = f"TRK-{order['display_id']}"
    shop.hand_over(shop.sale(order), tracking)
    told = shop.tell(order, tracking)
    api, ids = shop.market.shop, shop.market.merchant.shop
    back = api.request_return(told["id"], {"TEE-002-L": 1}, ids.locations[BER], ids.return_options[BER], ids.reason)
    api.receive_return(told["id"], back, {"TEE-002-L": 1}, {})
    payment = told["payment_collections"][0]["payments"][0]
    api.refund(payment["id"], merchant.BY_SKU["TEE-002-L"].family.price)
    erp, before = shop.market.erp, shop.market.erp.search("stock.shipment.out.return", [["state", "=", "done"]])
    return Caused(
        ("X35", f"{back}/{told['items'][0]['id']}"),
        lambda: len(erp.search("stock.shipment.out.return", [["state", "=", "done"]])),
        len(before) + 1,
    )


def reserved_for_nobody(shop: Shop) -> Caused:
    """A reservation was moved to another location and deleted: the first level never gave it back."""
    api, ids = shop.market.shop, shop.market.merchant.shop
    body = {"inventory_item_id": ids.items["POT-009-L"], "location_id": ids.locations[BER], "quantity": 10}
    made = api.post("reservations", body)["reservation"]["id"]
    api.post(f"reservations/{made}", {"location_id": ids.locations[LYS]})
    api.delete(f"reservations/{made}")
    return Caused(
        ("X51", f"POT-009-L@{BER}"),
        lambda: api.levels()["POT-009-L", ids.locations[BER]]["reserved_quantity"],
        0,
    )


#: What can go wrong, and which correction the desk suggests.
FAULTS: dict[Callable[[Shop], Caused], str] = {
    oversold: "create_transfer_draft",
    level_of_its_own: "set_stock_level",
    missing_in_the_erp: "create_sale",
    twice_in_the_erp: "cancel_sale",
    another_total: "",
    not_told: "push_fulfilment",
    cancelled_and_kept: "refund",
    back_and_not_in_stock: "take_back_return",
    reserved_for_nobody: "repair_reserved",
}
NAMES = {fault.__name__: action for fault, action in FAULTS.items()}
#: Two units of an order are packed at the storefront and still lie in the ERP's storage.
PACKED: Case = ("X07", f"PAD-007-S@{BER}")
UNMAPPED = {("X14", f"{SHOP}/sku/{sku}") for sku in merchant.UNMAPPED}


@dataclass(frozen=True)
class Seen:
    """What was there before, what each fault must show as, and what was found."""

    mine: Ours
    before: set[Case]
    caused: dict[str, Caused]
    found: set[Case]


@pytest.fixture(scope="module")
def seen(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with ours(tmp_path_factory.mktemp("home"), market) as mine:
        before = mine.detected()
        caused = {fault.__name__: fault(Shop(market)) for fault in FAULTS}
        mine.look()
        mine.clock.lead += PUT_AWAY
        yield Seen(mine, before, caused, mine.detected())


def test_a_shop_where_nothing_went_wrong_shows_only_the_two_codes_that_nobody_mapped(seen: Seen) -> None:
    assert seen.before == UNMAPPED


def test_what_is_packed_and_not_shipped_yet_is_no_mismatch(seen: Seen) -> None:
    packed = seen.mine.rows("fulfilment_line").filter(~pl.col("told"), sku="PAD-007-S", location=BER)
    assert packed["units"].sum() == 2
    assert PACKED not in seen.found


@pytest.mark.parametrize("fault", NAMES)
def test_what_went_wrong_is_found(seen: Seen, fault: str) -> None:
    assert seen.caused[fault].case in seen.found


def test_nothing_is_imagined(seen: Seen) -> None:
    caused = {one.case for one in seen.caused.values()}
    follows = {"X02"}  #: a listing that is wrong because its level is
    assert {case for case in seen.found - seen.before - caused if case[0] not in follows} == set()


def test_a_listing_that_is_wrong_because_its_level_is_counts_under_that_level(seen: Seen, market: Market) -> None:
    channel, variant = market.merchant.shop.channels[0], market.merchant.shop.variants["TEA-005-L"]
    listing, level = (seen.mine.case_of(*one) for one in (("X02", f"{variant}@{channel}"), ("X07", f"TEA-005-L@{LYS}")))
    assert listing["parent"] == level["id"]


@pytest.mark.parametrize("fault", [name for name, action in NAMES.items() if action in action_types()])
def test_what_went_wrong_is_put_right_as_the_remote_itself_tells(seen: Seen, fault: str) -> None:
    one = seen.caused[fault]
    action = seen.mine.fix(*one.case)
    assert (action["type"], action["status"]) == (NAMES[fault], "verified"), action["outcome"]
    assert one.truth() == one.mended


def test_a_near_miss_is_mapped_and_what_waited_is_read_anew(seen: Seen) -> None:
    code = merchant.BY_SKU["MUG-001-S"].code
    action = seen.mine.fix("X14", f"{SHOP}/sku/MUG-001-S")
    assert action["status"] == "verified", action["outcome"]
    levels = seen.mine.rows("level")
    assert levels.filter(sku=code).height == len(merchant.PLACES)
    assert levels.filter(sku="MUG-001-S").height == 0
