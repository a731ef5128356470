"""Each correction that a person may choose is done on the real pair, told by the remote itself, repeated and undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from actions import outbox
from actions import tables as desk
from actions.desk import Desk
from actions.people import Person, person
from actions.plans import Card
from actions.rows import intent_of
from app.demo.stage import APPROVER
from app.engine import work
from data.errors import RequestError
from ingest.medusa.records import AT
from tests.counterparts import merchant
from tests.counterparts.conftest import Market
from tests.counterparts.judge_medusa import Raw
from tests.counterparts.judge_tryton import today
from tests.counterparts.ours import ERP, SHOP, Ours, ours
from tests.counterparts.test_exceptions import BER, LYS, Shop

WANTED_ON = today() + timedelta(days=30)


@dataclass(frozen=True)
class Wish:
    """What a person wants done about something, how the remote tells that it was, and what it says once undone."""

    about: dict[str, Any]  #: what the case names
    truth: Callable[[], object]
    done: object
    undone: object = None  #: None: it cannot be taken back
    choice: dict[str, int | str] = field(default_factory=dict)


def order_of(order: Raw, **more: object) -> dict[str, Any]:
    """Name an order, as a case about it does."""
    return {"kind": "order", "object_id": f"{SHOP}/{order['display_id']}",
            "order_id": f"{SHOP}/{order['display_id']}", **more}  # fmt: skip


def level_of(sku: str, place: str) -> dict[str, Any]:
    """Name an item at a location, as a case about it does."""
    return {"kind": "level", "object_id": f"{sku}@{place}", "sku": sku, "location": place}


def left(shop: Shop, sku: str, units: int) -> tuple[Raw, Raw]:
    """Sell units that left and of which the storefront was told: the order as it is then, and its sale."""
    order = shop.sold({sku: units}, hours=60)
    tracking = f"TRK-{order['display_id']}"
    shop.hand_over(shop.sale(order), tracking)
    return shop.tell(order, tracking), shop.market.erp.sale_of(str(order["display_id"]))


def hold_order(shop: Shop) -> Wish:
    """Hold an order in the storefront for its address."""
    order, api = shop.sold({"MUG-001-M": 1}), shop.market.shop
    return Wish(
        order_of(order), lambda: api.order(order["id"])["metadata"].get("hold") or None, "address", "",
        {"reason": "address"},
    )  # fmt: skip


def cancel_order(shop: Shop) -> Wish:
    """Cancel an order that the customer does not want any more; its money goes back by itself."""
    order, api = shop.sold({"MUG-001-L": 2}), shop.market.shop

    def truth() -> object:
        found = api.order(order["id"])
        [payment] = [p for c in found["payment_collections"] for p in c["payments"]]
        return found["status"], sum(r["amount"] for r in payment["refunds"])

    return Wish(order_of(order), truth, ("canceled", order["total"]), choice={"cause": "customer"})


def delist_product(shop: Shop) -> Wish:
    """Take a product out of the marketplace."""
    ids, api = shop.market.merchant.shop, shop.market.shop
    channel = ids.channels[1]
    listing = f"{ids.variants['BAG-004-S']}{AT}{channel}"

    def truth() -> object:
        found = api.get(f"products/{ids.products['BAG-004-S']}", fields="id,*sales_channels")["product"]
        return channel in {c["id"] for c in found["sales_channels"]}

    return Wish({"kind": "listing", "object_id": listing, "sku": "BAG-004-S"}, truth, False, True)


def create_return(shop: Shop) -> Wish:
    """Announce that one of two caps comes back to Berlin."""
    order, _ = left(shop, "CAP-003-S", 2)
    api, line = shop.market.shop, order["items"][0]["id"]

    def truth() -> object:
        found = [r for r in api.returns() if r["order"]["display_id"] == order["display_id"]]
        return [(r["status"], sum(x["quantity"] for x in r["items"])) for r in found]

    return Wish(
        order_of(order), truth, [("requested", 1)], [("canceled", 1)], {"line": line, "units": 1, "location": BER}
    )


def receive_return(shop: Shop) -> Wish:
    """Take in two shirts in the storefront, of which one is damaged."""
    order, _ = left(shop, "TEE-002-M", 2)
    api, ids = shop.market.shop, shop.market.merchant.shop
    back = api.request_return(order["id"], {"TEE-002-M": 2}, ids.locations[BER], ids.return_options[BER], ids.reason)
    place = "TEE-002-M", ids.locations[BER]
    before = api.levels()[place]["stocked_quantity"]

    def truth() -> object:
        [found] = [r for r in api.returns() if r["id"] == back]
        [item] = found["items"]
        stock = api.levels()[place]["stocked_quantity"] - before
        return found["status"], item["received_quantity"], item["damaged_quantity"], stock

    return Wish(order_of(order), truth, ("received", 2, 1, 1), choice={"damaged_units": 1})


def set_stock_level(shop: Shop) -> Wish:
    """Keep seven teapots less in Lyon than there are."""
    ids, api = shop.market.merchant.shop, shop.market.shop
    place = "POT-009-S", ids.locations[LYS]
    kept = int(api.levels()[place]["stocked_quantity"])
    return Wish(
        level_of("POT-009-S", LYS), lambda: api.levels()[place]["stocked_quantity"], kept - 7, kept,
        {"quantity": kept - 7},
    )  # fmt: skip


def refund(shop: Shop) -> Wish:
    """Give five of a payment back."""
    order, api = shop.sold({"POT-009-M": 1}), shop.market.shop

    def truth() -> object:
        found = api.order(order["id"])
        return [r["amount"] for c in found["payment_collections"] for p in c["payments"] for r in p["refunds"]]

    return Wish(order_of(order), truth, [5], choice={"amount_minor": 500})


def hold_sale(shop: Shop) -> Wish:
    """Let no warehouse work on a processed sale, and let it go on."""
    order, erp = shop.sold({"PEN-006-L": 3}), shop.market.erp
    sale = shop.sale(order)
    [shipment] = erp.read("sale.sale", sale, "shipments")["shipments"]
    return Wish(
        order_of(order), lambda: erp.read("stock.shipment.out", shipment, "state")["state"], "draft", "waiting",
        {"reason": "fraud"},
    )  # fmt: skip


def release_sale(shop: Shop) -> Wish:
    """Let a draft go on that nobody confirmed: it is processed, and never a draft again."""
    order, erp = shop.sold({"PEN-006-L": 2}), shop.market.erp
    sale = shop.sale(order, buttons=())
    return Wish(order_of(order), lambda: erp.read("sale.sale", sale, "state")["state"], "processing",
                choice={"release": 1})  # fmt: skip


def assign_shipment(shop: Shop) -> Wish:
    """Let a shipment take its stock."""
    order, erp = shop.sold({"BOX-010-S": 4}), shop.market.erp
    [shipment] = erp.read("sale.sale", shop.sale(order), "shipments")["shipments"]
    return Wish(
        order_of(order), lambda: erp.read("stock.shipment.out", shipment, "state")["state"], "assigned", "waiting"
    )


def count_stock(shop: Shop) -> Wish:
    """Book that three notebooks less lie in Lyon than the books say."""
    erp, place = shop.market.erp, shop.market.merchant.erp.storage[LYS]
    held = erp.on_hand(place)["PAD-007-L"]
    return Wish(
        level_of("PAD-007-L", LYS), lambda: erp.on_hand(place)["PAD-007-L"], held - 3, held, {"units": int(held) - 3}
    )


def create_transfer_draft(shop: Shop) -> Wish:
    """Draft that five caps go from Berlin to Lyon."""
    erp, ids = shop.market.erp, shop.market.merchant.erp
    known = set(erp.search("stock.shipment.internal", []))

    def truth() -> object:
        fields = ("state", "from_location", "to_location", "moves.product.code", "moves.quantity")
        found = erp.rows("stock.shipment.internal", [["id", "not in", sorted(known)]], fields)
        mine = [row for row in found if [m["product."]["code"] for m in row["moves."]] == ["CAP-003-M"]]
        return [(r["state"], r["from_location"], r["to_location"], r["moves."][0]["quantity"]) for r in mine]

    way = (ids.storage[BER], ids.storage[LYS], 5.0)
    return Wish(level_of("CAP-003-M", LYS), truth, [("draft", *way)], [("cancelled", *way)], {"units": 5, "from": BER})


def create_purchase_draft(shop: Shop) -> Wish:
    """Draft a purchase of two dozen bags to Berlin, wanted in a month."""
    erp, ids = shop.market.erp, shop.market.merchant.erp
    known = set(erp.search("purchase.purchase", []))

    def truth() -> object:
        fields = ("state", "party", "warehouse", "delivery_date", "lines.product.code", "lines.quantity")
        found = erp.rows("purchase.purchase", [["id", "not in", sorted(known)]], fields)
        return [
            (r["state"], r["party"], r["warehouse"], r["delivery_date"],
             [(x["product."]["code"], x["quantity"]) for x in r["lines."]])
            for r in found
        ]  # fmt: skip

    supplier = ids.suppliers[merchant.BY_SKU["BAG-004-M"].family.supplier]
    what = (supplier, ids.warehouses[BER], WANTED_ON, [("BAG-004-M", 24.0)])
    return Wish(
        level_of("BAG-004-M", BER), truth, [("draft", *what)], [("cancelled", *what)],
        {"units": 24, "date": WANTED_ON.isoformat()},
    )  # fmt: skip


def create_sale(shop: Shop) -> Wish:
    """Take an order over as a draft."""
    order = shop.sold({"TEE-002-S": 1})
    return Wish(order_of(order, evidence=f'{{"erp": "{ERP}"}}'), lambda: sales_of(shop, order), [("draft", 0)],
                [("cancelled", 0)])  # fmt: skip


def create_sale_and_process_it(shop: Shop) -> Wish:
    """Take an order over and let the warehouse begin."""
    order = shop.sold({"TEE-002-S": 2})
    return Wish(order_of(order, evidence=f'{{"erp": "{ERP}"}}'), lambda: sales_of(shop, order), [("processing", 1)],
                choice={"upto": "processing"})  # fmt: skip


def sales_of(shop: Shop, order: Raw) -> list[tuple[str, int]]:
    """Give the state and the number of shipments of each sale of an order."""
    found = shop.market.erp.rows("sale.sale", [["reference", "=", str(order["display_id"])]], ("state", "shipments"))
    return [(row["state"], len(row["shipments"])) for row in found]


def take_back_return(shop: Shop) -> Wish:
    """Take three caps into the ERP's stock that the storefront received, of which one is damaged."""
    order, _ = left(shop, "CAP-003-L", 3)
    api, ids = shop.market.shop, shop.market.merchant.shop
    back = api.request_return(order["id"], {"CAP-003-L": 3}, ids.locations[BER], ids.return_options[BER], ids.reason)
    api.receive_return(order["id"], back, {"CAP-003-L": 2}, {"CAP-003-L": 1})
    about = order_of(order) | {"kind": "return", "object_id": back}
    return Wish(about, lambda: came_back(shop, back), [("done", 2.0, 1.0)], choice={"damaged_units": 1})


def came_back(shop: Shop, number: str) -> list[tuple[str, float, float]]:
    """Give of each return under a number where it stands, what went to the storage, and what to the waste."""
    erp = shop.market.erp
    sales = erp.rows("sale.sale", [["reference", "=", number]], ("shipment_returns",))
    return [stands(shop, key) for sale in sales for key in sale["shipment_returns"]]


def stands(shop: Shop, key: int) -> tuple[str, float, float]:
    """Tell where a return of the ERP stands, and where its units went."""
    erp, ids = shop.market.erp, shop.market.merchant.erp
    told = erp.read("stock.shipment.out.return", key, "state", "inventory_moves")
    moves = erp.rows("stock.move", [["id", "in", told["inventory_moves"]]], ("quantity", "to_location"))
    stored = sum(m["quantity"] for m in moves if m["to_location"] == ids.storage[BER])
    return told["state"], stored, sum(m["quantity"] for m in moves) - stored


def put_away_return(shop: Shop) -> Wish:
    """Put two notebooks away that lie at the gate since the ERP's people received them; one is damaged."""
    order, sale = left(shop, "PAD-007-M", 2)
    api, erp, ids = shop.market.shop, shop.market.erp, shop.market.merchant.shop
    back = api.request_return(order["id"], {"PAD-007-M": 2}, ids.locations[BER], ids.return_options[BER], ids.reason)
    kept = (
        "currency", "party", "invoice_party", "shipment_party", "invoice_address", "shipment_address", "warehouse",
        "payment_term",
    )  # fmt: skip
    sold = erp.read("sale.sale", sale["id"], *kept)
    line = {"type": "line", "product": shop.market.merchant.erp.products["PAD-007-M"], "quantity": -2.0,
            "unit": shop.market.merchant.erp.unit, "unit_price": merchant.BY_SKU["PAD-007-M"].family.price}  # fmt: skip
    values = {name: sold[name] for name in kept} | {
        "company": shop.market.merchant.erp.company, "origin": f"sale.sale,{sale['id']}", "invoice_method": "manual",
        "lines": [["create", [line]]],
    }  # fmt: skip
    [made] = erp.create("sale.sale", values)
    for button in ("quote", "confirm"):
        erp.click("sale.sale", button, made)
    [came] = erp.read("sale.sale", made, "shipment_returns")["shipment_returns"]
    erp.click("stock.shipment.out.return", "receive", came)
    about = order_of(order) | {"kind": "return", "object_id": back}
    return Wish(about, lambda: stands(shop, came), ("done", 1.0, 1.0), choice={"damaged_units": 1})


#: What is wanted, and by which type of action.
WISHES: dict[Callable[[Shop], Wish], str] = {
    hold_order: "hold_order",
    cancel_order: "cancel_order",
    delist_product: "delist_product",
    create_return: "create_return",
    receive_return: "receive_return",
    set_stock_level: "set_stock_level",
    refund: "refund",
    hold_sale: "hold_sale",
    release_sale: "hold_sale",
    assign_shipment: "assign_shipment",
    count_stock: "count_stock",
    create_transfer_draft: "create_transfer_draft",
    create_purchase_draft: "create_purchase_draft",
    create_sale: "create_sale",
    create_sale_and_process_it: "create_sale",
    take_back_return: "take_back_return",
    put_away_return: "put_away_return",
}
NAMES = {wish.__name__: kind for wish, kind in WISHES.items()}
MEDUSA = {
    "hold_order",
    "cancel_order",
    "delist_product",
    "create_return",
    "receive_return",
    "set_stock_level",
    "refund",
}


@dataclass(frozen=True)
class Told:
    """An action that came to its end, with the card on which it was decided."""

    wish: Wish
    card: Card
    action: dict[str, Any]


@dataclass
class Corrections:
    """What was wished, and what was done of it; each is done once, by whichever test asks first."""

    mine: Ours
    wishes: dict[str, Wish]
    told: dict[str, Told] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        """Give the workspace's desk."""
        return self.mine.engine.desk

    @property
    def approver(self) -> Person:
        """Give who decides."""
        return person(self.desk, APPROVER, entry="test")

    def done(self, name: str) -> Told:
        """Plan, approve, send and read back what was wished, once."""
        if name not in self.told:
            wish = self.wishes[name]
            view = work.look(self.mine.engine)
            assert view is not None
            planned = outbox.plan(
                self.desk, view, noted(self.desk, **wish.about), by=self.approver, targets=self.mine.engine.targets,
                type=NAMES[name], choice=wish.choice,
            )  # fmt: skip
            assert planned.card is not None, planned.words
            self.told[name] = Told(wish, planned.card, self.carried_out(planned))
        return self.told[name]

    def refused(self, name: str) -> str:
        """Say why it cannot be taken back; nothing where it can."""
        view = work.look(self.mine.engine)
        assert view is not None
        action = self.done(name).action["id"]
        try:
            planned = outbox.undo(self.desk, view, action, by=self.approver, targets=self.mine.engine.targets)
        except RequestError as error:
            return str(error)
        return planned.words if planned.action is None else ""

    def undone(self, name: str) -> dict[str, Any]:
        """Take back what was done, by the same gates."""
        view = work.look(self.mine.engine)
        assert view is not None
        targets = self.mine.engine.targets
        action = self.done(name).action["id"]
        return self.carried_out(outbox.undo(self.desk, view, action, by=self.approver, targets=targets))

    def carried_out(self, planned: outbox.Planned) -> dict[str, Any]:
        """Approve, send and read back."""
        assert planned.action is not None, planned.words
        step = outbox.approve(self.desk, planned.action, by=self.approver)
        assert step.done, step.words
        return self.mine.ended(planned.action)


def noted(desk_: Desk, **about: object) -> int:
    """Open a case as a detector does, about something on which a person then chooses what to do."""
    with desk_.write() as conn:
        now = desk_.now
        values: dict[str, Any] = {
            "detector": "X10", "subject": f"{about['object_id']} {now}", "status": "open", "generation": 1,
            "owner": "operations", "title": "noted", "ours": "{}", "remote": "{}", "evidence": "{}", "members": "[]",
            "exposed_minor": 0, "expected_loss_minor": 0, "suppressed": 0, "below_line": False, "shadow": False,
            "currency": merchant.CURRENCY, "probability": 1.0, "cost_of_delay_minor": 0, "publication": 1,
            "opened_at": now, "seen_at": now, "status_at": now,
        }  # fmt: skip
        return int(conn.execute(sa.insert(desk.case).values(**values | about)).inserted_primary_key[0])  # type: ignore[index]


@pytest.fixture(scope="module")
def corrections(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corrections]:
    with ours(tmp_path_factory.mktemp("home"), market) as mine:
        wishes = {wish.__name__: wish(Shop(market)) for wish in WISHES}
        mine.pull()
        yield Corrections(mine, wishes)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_person_chose_is_done_as_the_remote_itself_tells(corrections: Corrections, name: str) -> None:
    told = corrections.done(name)
    assert told.action["status"] == "verified", told.action["outcome"]
    assert told.wish.truth() == told.wish.done


@pytest.mark.parametrize("name", NAMES)
def test_the_same_request_sent_again_under_its_key_changes_nothing(corrections: Corrections, name: str) -> None:
    told = corrections.done(name)
    intent = intent_of(told.action)
    assert intent.request is not None
    again = corrections.mine.engine.targets[intent.connection].send(intent.request, key=told.action["key"])
    assert again.outcome in ("applied", "stale"), again.response
    assert told.wish.truth() == told.wish.done


@pytest.mark.parametrize("name", NAMES)
def test_its_card_said_what_a_repeat_does_how_it_is_undone_and_what_race_is_left(
    corrections: Corrections, name: str
) -> None:
    told = corrections.done(name)
    assert told.card.repeat
    assert told.card.reversible
    assert bool(told.card.race) == (name in MEDUSA) or NAMES[name] in ("create_sale", "count_stock", "take_back_return")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_taken_back_as_the_remote_itself_tells_or_said_to_be_final(corrections: Corrections, name: str) -> None:
    told = corrections.done(name)
    if told.wish.undone is None:
        assert corrections.refused(name)
        assert told.wish.truth() == told.wish.done
        return
    back = corrections.undone(name)
    assert back["status"] == "verified", back["outcome"]
    assert (told.wish.truth() or "") == told.wish.undone
