"""Our verbs and our reading against a real Medusa; the judge is a client that is not ours.

Runs on the servers of these tests, or on one of yours that MEDUSA_URL and MEDUSA_KEY name; orders are made there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

import msgspec
import pytest

from data.clock import system_clock
from data.events import Event, LevelStated, ListingStated, OrderStated, PaymentMoved, ReturnStated
from ingest.adapter import WriteResult
from ingest.http import Http
from ingest.medusa import write
from ingest.medusa.client import Medusa, open_medusa
from ingest.medusa.read import SLOW
from ingest.medusa.records import AT
from ingest.medusa.write import Verb
from ingest.shapes import Context
from tests.counterparts.conftest import FIGURE
from tests.counterparts.judge_medusa import Raw, Shop


def _adapter(url: str, key: str) -> Medusa:
    context = Context(connection="medusa", authority="medusa", currency="EUR", stock_from="tryton")
    return open_medusa(Http("medusa", url, key), context)


@dataclass
class Store:
    """A storefront, its judge and ours."""

    shop: Shop
    mine: Medusa
    region: str
    option: str
    channel: str
    here: str
    there: str
    variants: list[Raw]
    _turn: Iterator[int] = field(default_factory=count)

    def variant(self) -> Raw:
        """Take an item that no other test takes."""
        return self.variants[next(self._turn) % len(self.variants)]

    def item(self, variant: Raw) -> str:
        """Give its inventory item."""
        return str(variant["inventory_items"][0]["inventory_item_id"])

    def level(self, variant: Raw, at: str = "") -> Raw:
        """Give what the judge reads of a level."""
        return self.shop.levels()[variant["sku"], at or self.here]

    def key(self, variant: Raw, at: str = "") -> str:
        """Give our key of a level."""
        return self.item(variant) + AT + (at or self.here)

    def order(self, units: int = 3, variant: Raw | None = None) -> tuple[Raw, str]:
        """Sell units of one item; give the order and its line."""
        address = {
            "first_name": "Ada", "last_name": "L", "address_1": "1 Main St", "city": "Berlin", "country_code": "de",
            "postal_code": "10115",
        }  # fmt: skip
        body = {
            "region_id": self.region, "sales_channel_id": self.channel, "email": "ada@example.test",
            "shipping_address": address, "billing_address": address,
            "items": [{"variant_id": (variant or self.variant())["id"], "quantity": units}],
            "shipping_methods": [{"name": "Standard", "shipping_option_id": self.option, "amount": 5}],
        }  # fmt: skip
        draft = self.shop.post("draft-orders", body)["draft_order"]["id"]
        made = self.shop.order(self.shop.post(f"draft-orders/{draft}/convert-to-order")["order"]["id"])
        return made, made["items"][0]["id"]

    def place(self, line: str) -> str:
        """Tell where a line's units are reserved: Medusa chooses."""
        [kept] = [r for r in self.shop.reservations() if r["line_item_id"] == line]
        return str(kept["location_id"])

    def shipped(self, units: int = 3) -> tuple[Raw, str, Raw]:
        """Sell, pay and ship; give the order, its line and its payment."""
        made, line = self.order(units)
        payment = self.shop.pay(made["id"])
        sku = made["items"][0]["variant_sku"]
        self.shop.ship(made["id"], self.shop.fulfil(made["id"], {sku: units}, self.place(line), self.option), "T-0")
        return self.shop.order(made["id"]), line, payment

    def do(self, verb: Verb, key: str = "") -> WriteResult:
        """Do a verb of ours, under a new key unless one is given."""
        return self.mine.send(write.request(verb), key=key or uuid4().hex)

    def told(self, stream: str, key: str) -> list[Event]:
        """Give what our own read-back says."""
        found = self.mine.get(stream, key, clock=system_clock)
        assert found is not None
        received = self.mine.parse(stream, found)
        assert received.error is None
        return list(received.events)


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url, key = os.environ.get("MEDUSA_URL"), os.environ.get("MEDUSA_KEY")
    if url is None or key is None:
        market = request.getfixturevalue("market")
        url, key = market.shop.url, market.shop.key
    shop, mine = Shop(url, key), _adapter(url, key)
    options = shop.get("shipping-options", fields="id,name,rules.*,service_zone.fulfillment_set.location.id", limit=100)
    channels = shop.get("sales-channels", fields="id,*stock_locations", limit=100)["sales_channels"]
    variants = [v for v in shop.variants() if v["inventory_items"] and v["product"]["status"] == "published"]
    fed = next(c for c in channels if len(c["stock_locations"]) > 1)
    levels = shop.levels()
    for variant in variants:
        item = variant["inventory_items"][0]["inventory_item_id"]
        for place in fed["stock_locations"]:
            if (variant["sku"], place["id"]) not in levels:
                body = {"location_id": place["id"], "stocked_quantity": 100}
                shop.post(f"inventory-items/{item}/location-levels", body)
    option = next(o for o in options["shipping_options"] if "eturn" not in o["name"])
    region = shop.get("regions", limit=1)["regions"][0]["id"]
    here, there = (place["id"] for place in fed["stock_locations"][:2])
    yield Store(shop, mine, region, option["id"], fed["id"], here, there, variants)
    mine.close()
    shop.close()


def test_stock_is_set_once_against_what_was_seen(store: Store) -> None:
    variant = store.variant()
    before = store.level(variant)["stocked_quantity"]
    verb = write.SetStock(level=store.key(variant), quantity=before + 7, expected=before)
    assert [store.do(verb, "s1").outcome for _ in range(2)] == ["applied", "applied"]
    assert store.level(variant)["stocked_quantity"] == before + 7
    stale = store.do(write.SetStock(level=store.key(variant), quantity=3, expected=before))
    assert (stale.outcome, store.level(variant)["stocked_quantity"]) == ("stale", before + 7)
    [level] = store.told("levels", store.key(variant))
    assert isinstance(level, LevelStated)
    assert level.stocked == before + 7


def test_stock_below_what_is_reserved_needs_a_persons_word(store: Store) -> None:
    variant = store.variant()
    _, line = store.order(2, variant)
    at = store.place(line)
    level, key = store.level(variant, at), store.key(variant, at)
    stocked, reserved = level["stocked_quantity"], level["reserved_quantity"]
    less = write.SetStock(level=key, quantity=reserved - 1, expected=stocked)
    refused = store.do(less)
    assert (refused.outcome, "are reserved" in refused.response) == ("rejected", True)
    assert store.do(msgspec.structs.replace(less, below_reserved=True)).outcome == "applied"
    assert store.level(variant, at)["available_quantity"] == -1
    assert store.do(write.SetStock(level=key, quantity=stocked, expected=reserved - 1)).outcome == "applied"


def test_a_fulfilment_with_tracking_is_pushed_once_however_often(store: Store) -> None:
    made, line = store.order(3)
    verb = write.PushFulfilment(
        order=f"medusa/{made['display_id']}", lines={line: 2}, tracking="1Z-1", reference="case-7"
    )
    first = store.do(verb, "f1")
    assert (first.outcome, store.do(verb, "f1").outcome) == ("applied", "applied")
    [found] = store.shop.order(made["id"])["fulfillments"]
    assert (found["id"], [x["tracking_number"] for x in found["labels"]]) == (first.remote_id, ["1Z-1"])
    rest = msgspec.structs.replace(verb, lines={line: 1}, tracking="1Z-2")
    assert store.do(rest).outcome == "applied"
    order = next(e for e in store.told("orders", str(made["display_id"])) if isinstance(e, OrderStated))
    assert [(f.tracking, f.lines[0].units, f.reference) for f in order.fulfilments] == [
        ("1Z-1", 2, "case-7"), ("1Z-2", 1, "case-7"),
    ]  # fmt: skip
    refused = store.do(msgspec.structs.replace(verb, tracking="1Z-3"))
    assert refused.outcome == "rejected"
    assert len(store.shop.order(made["id"])["fulfillments"]) == 2


@contextmanager
def _two_hands(store: Store) -> Iterator[list[Medusa]]:
    """Open two more accounts of ours, which know nothing of each other."""
    hands = [_adapter(store.shop.url, store.shop.key) for _ in range(2)]
    yield hands
    for hand in hands:
        hand.close()


def test_two_hands_of_one_account_make_one_fulfilment(store: Store) -> None:
    made, line = store.order(3)
    verb = write.PushFulfilment(order=str(made["display_id"]), lines={line: 3}, tracking="1Z-9", reference="case-8")
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda _: store.do(verb, "both"), range(2)))
    assert [result.outcome for result in told] == ["applied", "applied"]
    [found] = store.shop.order(made["id"])["fulfillments"]
    assert (len(found["labels"]), found["shipped_at"] is not None) == (1, True)


def test_what_two_accounts_made_twice_at_once_is_told_and_never_called_done(store: Store) -> None:
    """Medusa may book both, and takes the stock twice: the outbox lets one in; this is what is left if it did not."""
    made, line = store.order(3)
    verb = write.PushFulfilment(order=str(made["display_id"]), lines={line: 3}, tracking="1Z-8", reference="case-8")
    with _two_hands(store) as hands, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda hand: hand.send(write.request(verb), key="twice"), hands))
    live = [f for f in store.shop.order(made["id"])["fulfillments"] if f["canceled_at"] is None]
    told = store.do(verb, "twice")
    assert (told.outcome, "made 2 times" in told.response) == (
        ("applied", False) if len(live) == 1 else ("unknown", True)
    )


def test_a_fulfilment_that_the_shop_began_is_shipped_and_not_made_again(store: Store) -> None:
    made, line = store.order(2)
    sku = made["items"][0]["variant_sku"]
    begun = store.shop.fulfil(made["id"], {sku: 2}, store.place(line), store.option)
    verb = write.PushFulfilment(order=str(made["display_id"]), lines={line: 2}, tracking="1Z-4", reference="case-9")
    assert store.do(verb).remote_id == begun["id"]
    [found] = store.shop.order(made["id"])["fulfillments"]
    assert found["shipped_at"] is not None


def test_a_fulfilment_from_where_nothing_is_reserved_is_refused_and_leaks_nothing(store: Store) -> None:
    variant = store.variant()
    made, line = store.order(2, variant)
    before = [store.level(variant, at)["reserved_quantity"] for at in (store.here, store.there)]
    elsewhere = store.there if store.place(line) == store.here else store.here
    verb = write.PushFulfilment(
        order=str(made["display_id"]), lines={line: 2}, tracking="1Z-5", reference="case-10", location=elsewhere
    )
    told = store.do(verb)
    assert (told.outcome, "reserved at" in told.response) == ("rejected", True)
    assert [store.level(variant, at)["reserved_quantity"] for at in (store.here, store.there)] == before


def test_an_order_is_cancelled_once_and_its_money_goes_back(store: Store) -> None:
    made, _ = store.order(2)
    payment = store.shop.pay(made["id"])
    verb = write.CancelOrder(order=str(made["display_id"]), cause="supply")
    assert [store.do(verb).outcome for _ in range(2)] == ["applied", "applied"]
    found = store.shop.order(made["id"])
    assert found["status"] == "canceled"
    [refunds] = [p["refunds"] for p in store.shop.payments() if p["id"] == payment["id"]]
    assert [r["amount"] for r in refunds] == [made["total"]]
    order = next(e for e in store.told("orders", str(made["display_id"])) if isinstance(e, OrderStated))
    assert (order.cancelled_at is not None, order.cancel_cause) == (True, "supply")


def test_an_order_of_which_something_left_is_not_cancelled(store: Store) -> None:
    made, _, _ = store.shipped()
    told = store.do(write.CancelOrder(order=str(made["display_id"])))
    assert (told.outcome, "return" in told.response) == ("rejected", True)


def test_a_hold_is_set_and_released_beside_what_else_is_written_there(store: Store) -> None:
    made, _ = store.order(1)
    number = str(made["display_id"])
    assert store.do(write.SetMetadata(order=number, values={"note": "call first"})).outcome == "applied"
    held = write.HoldOrder(order=number, reason="address")
    assert [store.do(held).outcome for _ in range(2)] == ["applied", "applied"]
    assert store.shop.order(made["id"])["metadata"] == {"note": "call first", "hold": "address"}
    assert store.do(write.HoldOrder(order=number, reason="fraud", expected="")).outcome == "stale"
    assert store.do(write.HoldOrder(order=number, reason="", expected="address")).outcome == "applied"
    assert store.shop.order(made["id"])["metadata"] == {"note": "call first"}


def test_a_product_is_taken_out_of_one_channel_and_put_back(store: Store) -> None:
    variant = store.variant()
    key = variant["id"] + AT + store.channel
    out, back = (write.ListProduct(listing=key, listed=listed) for listed in (False, True))

    def channels() -> set[str]:
        found = store.shop.get(f"products/{variant['product_id']}", fields="*sales_channels")["product"]
        return {c["id"] for c in found["sales_channels"]}

    before = channels()
    assert [store.do(out).outcome for _ in range(2)] == ["applied", "applied"]
    assert channels() == before - {store.channel}
    assert store.mine.get("listings", key, clock=system_clock) is None
    assert [store.do(back).outcome for _ in range(2)] == ["applied", "applied"]
    assert channels() == before
    [listing] = store.told("listings", key)
    assert isinstance(listing, ListingStated)
    assert (listing.active, listing.quantity > 0) == (True, True)


def _refund(payment: Raw, before: int = 0) -> write.Refund:
    return write.Refund(
        payment=payment["id"], amount_minor=1_000, currency="EUR", refunds_before=before, reference="case-11"
    )


def _refunds(store: Store, payment: Raw) -> list[Raw]:
    [found] = [p["refunds"] for p in store.shop.payments() if p["id"] == payment["id"]]
    return list(found)


def test_a_refund_is_booked_once_however_often_it_is_sent(store: Store) -> None:
    _, _, payment = store.shipped()
    first = store.do(_refund(payment), "r1")
    assert (first.outcome, store.do(_refund(payment), "r1").outcome) == ("applied", "applied")
    assert [r["amount"] for r in _refunds(store, payment)] == [10]
    assert store.do(_refund(payment), "r2").outcome == "stale"
    assert first.remote_id is not None
    [moved] = store.told("payments", first.remote_id)
    assert isinstance(moved, PaymentMoved)
    assert (moved.kind, moved.amount_minor) == ("refund", 1_000)


def test_of_two_refunds_at_once_each_is_judged_by_what_was_booked(store: Store) -> None:
    _, _, payment = store.shipped()
    with _two_hands(store) as hands, ThreadPoolExecutor(2) as pool:
        told = list(
            pool.map(lambda pair: pair[1].send(write.request(_refund(payment)), key=f"p{pair[0]}"), enumerate(hands))
        )
    notes = " ".join(r["note"] or "" for r in _refunds(store, payment))
    for number, result in enumerate(told):
        booked = f"[p{number}]" in notes
        assert result.outcome in (("applied", "unknown") if booked else ("stale", "unknown"))
        assert store.do(_refund(payment), f"p{number}").outcome == ("applied" if booked else "stale")


def test_more_than_was_paid_is_not_known_to_be_refused(store: Store) -> None:
    _, _, payment = store.shipped()
    told = store.do(msgspec.structs.replace(_refund(payment), amount_minor=10_000_000))
    assert (told.outcome, "refused" in told.response) == ("unknown", True)
    assert _refunds(store, payment) == []


def _return(store: Store, made: Raw, line: str, units: int) -> write.CreateReturn:
    return write.CreateReturn(
        order=str(made["display_id"]), lines={line: units}, location=store.here, reference="case-12"
    )


def test_a_return_is_announced_once_even_where_it_was_cut_off_after_it_was_begun(store: Store) -> None:
    made, line, _ = store.shipped()
    body = {"order_id": made["id"], "location_id": store.here, "metadata": {"fillwell_key": "t1"}}
    store.shop.post("returns", body)
    first = store.do(_return(store, made, line, 2), "t1")
    assert (first.outcome, store.do(_return(store, made, line, 2), "t1").remote_id) == ("applied", first.remote_id)
    [found] = store.shop.order(made["id"])["returns"]
    assert (found["id"], found["status"]) == (first.remote_id, "requested")


def test_a_return_is_taken_in_once_good_units_into_stock_and_damaged_ones_not(store: Store) -> None:
    made, line, _ = store.shipped()
    variant = next(v for v in store.variants if v["sku"] == made["items"][0]["variant_sku"])
    name = store.do(_return(store, made, line, 3)).remote_id or ""
    before = store.level(variant)["stocked_quantity"]
    store.shop.post(f"returns/{name}/receive")  # somebody began to take it in and went away
    verb = write.ReceiveReturn(return_=name, good={line: 2}, damaged={line: 1})
    assert [store.do(verb).outcome for _ in range(2)] == ["applied", "applied"]
    assert store.level(variant)["stocked_quantity"] == before + 2
    [told] = store.told("returns", name)
    assert isinstance(told, ReturnStated)
    assert (told.status, told.lines[0].units) == ("received", 3)
    assert store.do(write.CancelReturn(return_=name)).outcome == "rejected"


def test_a_return_is_called_off_once(store: Store) -> None:
    made, line, _ = store.shipped()
    name = store.do(_return(store, made, line, 1)).remote_id or ""
    assert [store.do(write.CancelReturn(return_=name)).outcome for _ in range(2)] == ["applied", "applied"]
    [found] = store.shop.order(made["id"])["returns"]
    assert found["status"] == "canceled"


def _leak(store: Store, variant: Raw, units: int) -> None:
    """Move a reservation and delete it: what it reserved stays reserved where it was."""
    body = {"inventory_item_id": store.item(variant), "location_id": store.here, "quantity": units}
    kept = store.shop.post("reservations", body)["reservation"]["id"]
    store.shop.post(f"reservations/{kept}", {"location_id": store.there})
    store.shop.delete(f"reservations/{kept}")


def _held(store: Store, variant: Raw) -> tuple[int, int]:
    [level] = store.told("levels", store.key(variant))
    assert isinstance(level, LevelStated)
    return level.reserved, level.held or 0


def test_a_leaked_reservation_is_seen_and_repaired_where_a_person_accepts_the_limits(store: Store) -> None:
    variant = store.variant()
    other = store.level(variant, store.there)["reserved_quantity"]
    _leak(store, variant, 10)
    reserved, held = _held(store, variant)
    assert reserved == held + 10
    verb = write.RepairReserved(level=store.key(variant), reserved=reserved, held=held, through=store.there)
    refused = store.do(verb)
    assert (refused.outcome, "limits" in refused.response) == ("rejected", True)
    accepted = msgspec.structs.replace(verb, accepted=True)
    assert store.do(msgspec.structs.replace(accepted, reserved=reserved + 1)).outcome == "stale"
    assert [store.do(accepted, "d1").outcome for _ in range(2)] == ["applied", "applied"]
    assert store.level(variant)["reserved_quantity"] == held
    assert store.level(variant, store.there)["reserved_quantity"] == other


@pytest.mark.parametrize("steps", [1, 2])
def test_a_repair_that_was_cut_off_goes_on_where_it_stood(store: Store, steps: int) -> None:
    variant = store.variant()
    _leak(store, variant, 4)
    reserved, held = _held(store, variant)
    body = {
        "inventory_item_id": store.item(variant), "location_id": store.here, "quantity": held - reserved,
        "metadata": {"fillwell_key": f"cut{steps}"},
    }  # fmt: skip
    begun = store.shop.post("reservations", body)["reservation"]["id"]
    if steps == 2:
        store.shop.post(f"reservations/{begun}", {"location_id": store.there})
    verb = write.RepairReserved(
        level=store.key(variant), reserved=reserved, held=held, through=store.there, accepted=True
    )
    assert store.do(verb, f"cut{steps}").outcome == "applied"
    assert _held(store, variant) == (held, held)


def _follow(store: Store, stream: str, cursor: str | None, clock: Callable[[], datetime]) -> tuple[list[Event], str]:
    """Read on from a cursor; give what was told and the next cursor."""
    told: list[Event] = []
    for page in store.mine.changes(stream, cursor, clock=clock):
        for item in page.items:
            received = store.mine.parse(stream, item)
            assert received.error is None
            told += received.events
        cursor = page.cursor
    return told, cursor or ""


def _later() -> datetime:
    return system_clock() + SLOW + timedelta(seconds=1)


def test_what_moves_no_stamp_is_seen_on_the_slow_cycle(store: Store) -> None:
    made, _ = store.order(2)
    _, orders = _follow(store, "orders", None, system_clock)
    _, payments = _follow(store, "payments", None, system_clock)
    stamp = store.shop.order(made["id"])["updated_at"]
    payment = store.shop.pay(made["id"])
    order = f"medusa/{made['display_id']}"
    told, _ = _follow(store, "orders", orders, _later)
    assert [e.paid for e in told if isinstance(e, OrderStated) and e.order == order][-1] is True
    assert store.shop.order(made["id"])["updated_at"] == stamp
    told, payments = _follow(store, "payments", payments, system_clock)
    assert [e.kind for e in told if isinstance(e, PaymentMoved) and e.order == order] == ["capture"]
    store.shop.cancel(made["id"])
    told, _ = _follow(store, "payments", payments, _later)
    assert "refund" in [e.kind for e in told if isinstance(e, PaymentMoved) and e.order == order]
    assert payment["id"]


def test_everything_that_exists_is_listed_once(store: Store) -> None:
    every = store.shop.orders()
    assert sorted(store.mine.keys("orders")) == sorted(str(order["display_id"]) for order in every)
    small = Medusa(connection="medusa", http=store.mine.http, parsers=store.mine.parsers, page_size=7)
    for stream, wanted in (
        ("orders", len(every)), ("returns", len(store.shop.returns())), ("levels", len(store.shop.levels())),
    ):  # fmt: skip
        keys = [item.key for page in small.changes(stream, None, clock=system_clock) for item in page.items]
        assert (len(keys), len(set(keys))) == (wanted, wanted)


def test_our_side_takes_less_than_a_fifth_of_the_time(
    store: Store, record_property: Callable[[str, object], None]
) -> None:
    began, busy = time.perf_counter(), time.process_time()
    records = 0
    for page in store.mine.changes("orders", None, clock=system_clock):
        for item in page.items:
            records += store.mine.parse("orders", item).error is None
    whole, ours = time.perf_counter() - began, time.process_time() - busy
    record_property(
        FIGURE,
        f"Medusa orders without our log: {records} in {whole:.1f} s, {records / whole:.0f}/s as served, "
        f"{records / max(ours, 1e-9):.0f}/s of our own time, {ours / whole:.0%} of the time is ours",
    )
    assert ours < whole / 5
