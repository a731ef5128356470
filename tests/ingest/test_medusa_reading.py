"""Reading Medusa: nothing is lost to ties, to changes without a stamp, or to a list that moves while it is read."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from data.errors import SourceRejected, SourceUnavailable
from data.events import Event, ItemStated, LevelStated, ListingStated, OrderStated, PaymentMoved, StockStated
from data.store import Store
from ingest.connections import OPENERS
from ingest.http import Http
from ingest.medusa.client import Medusa
from ingest.medusa.read import RECENT, SLOW
from ingest.medusa.records import AT
from ingest.shapes import Context
from ingest.sync import pull, sweep
from tests.ingest.factories import (
    NOON,
    a_store,
    accounted,
    an_adapter,
    an_http,
    an_item,
    golden,
    item_of,
    keys_held,
    outcomes,
    status_of,
)
from tests.ingest.medusa_wire import MedusaWire
from tests.ingest.remote import Raw

HERE, THERE = "sloc_here", "sloc_there"


@pytest.fixture
def wire() -> MedusaWire:
    return MedusaWire(NOON)


@pytest.fixture
def shop(wire: MedusaWire) -> Medusa:
    adapter = an_adapter("medusa", wire)
    assert isinstance(adapter, Medusa)
    return adapter


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


def owning(wire: MedusaWire, stock_from: str) -> Medusa:
    context = Context(connection="medusa", authority="medusa", currency="EUR", stock_from=stock_from)
    opened = OPENERS["medusa"](an_http(wire.transport, name="medusa"), context)
    assert isinstance(opened, Medusa)
    return opened


def an_order(key: str, **fields: object) -> Raw:
    return an_item("medusa", "orders", key, **{"payment_status": "not_paid", **fields})


def a_payment(key: str, order: str, *, captured: int = 0, refunded: int = 0) -> Raw:
    moved = {"created_at": NOON.isoformat(), "amount": 5}
    return {
        "id": key, "currency_code": "eur", "created_at": NOON.isoformat(),
        "payment_collection": {"id": "c", "order": {"id": f"order_{order}", "display_id": order}},
        "captures": [{"id": f"capt_{key}_{n}", **moved} for n in range(captured)],
        "refunds": [{"id": f"ref_{key}_{n}", **moved} for n in range(refunded)],
    }  # fmt: skip


def an_inventory_item(key: str, *, stocked: int = 10, reserved: int = 0) -> Raw:
    level = {"stocked_quantity": stocked, "reserved_quantity": reserved, "incoming_quantity": 0}
    places = [{"id": f"ilev_{p}", "location_id": p, "updated_at": NOON.isoformat(), **level} for p in (HERE, THERE)]
    return {"id": key, "sku": f"SKU-{key}", "title": "x", "location_levels": places}


def reserve(wire: MedusaWire, key: str, item: str, units: int, at: str = HERE) -> None:
    wire.put("reservations", {"id": key, "inventory_item_id": item, "location_id": at, "quantity": units})


def a_variant(key: str, *items: str, **fields: object) -> Raw:
    takes = [{"inventory_item_id": item, "required_quantity": 1} for item in items]
    product = {"id": "prod_1", "title": "Tee", "status": "published", "sales_channels": [{"id": "sc_web"}]}
    prices = [{"amount": 12.5, "currency_code": "eur"}, {"amount": 9, "currency_code": "eur", "rules": {"g": "vip"}}]
    return {
        "id": key, "sku": f"SKU-{key}", "title": "M", "manage_inventory": True, "product": product, "prices": prices,
        "inventory_items": takes, **fields,
    }  # fmt: skip


def read(store: Store, shop: Medusa, stream: str, wire: MedusaWire) -> int:
    return pull(store, shop, stream, clock=wire.clock).accepted


def told(shop: Medusa, stream: str, wire: MedusaWire) -> list[Event]:
    pages = shop.changes(stream, None, clock=wire.clock)
    return [event for page in pages for item in page.items for event in shop.parse(stream, item).events]


def parsed(shop: Medusa, stream: str, raw: dict[str, Any]) -> tuple[Event, ...] | str:
    """Give the events of a raw record, or the class of what is wrong with it."""
    received = shop.parse(stream, item_of(shop, stream, json.dumps(raw).encode()))
    return received.events if received.error is None else received.error.error_class


def test_a_thousand_orders_of_one_instant_are_all_read_and_none_twice(wire: MedusaWire, store: Store) -> None:
    for number in range(1_000):
        wire.put("orders", an_order(f"{number:04}"))
    shop = an_adapter("medusa", wire)
    pulled = pull(store, shop, "orders", clock=wire.clock)
    assert (pulled.accepted, pulled.received) == (1_000, 1_000)
    assert len(set(keys_held(store))) == 1_000


def test_what_the_shop_cannot_filter_is_never_relied_on(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    for key in ("a", "b", "c"):
        wire.put("returns", an_item("medusa", "returns", key))
        wire.put("orders", an_order(key))
    for stream in shop.streams:
        pull(store, shop, stream, clock=wire.clock)
        status = status_of(store, "medusa", stream)
        assert (status.failures, status.dead_letters) == (0, 0)
    known = {"fields", "order", "limit", "offset", "id", "id[]", "q"}
    assert {name for r in wire.requests for name in r.url.params} <= known | {
        "updated_at[$gte]", "updated_at[$lt]", "id[$gt]", "status[]", "inventory_item_id[]",
    }  # fmt: skip


def test_a_window_ends_where_the_shops_own_clock_stands_however_ours_goes(
    wire: MedusaWire, shop: Medusa, store: Store
) -> None:
    wire.put("orders", an_order("1"))
    ahead = wire.now + timedelta(hours=2)
    pull(store, shop, "orders", clock=lambda: ahead)
    wire.step()
    wire.put("orders", an_order("2"))
    assert pull(store, shop, "orders", clock=lambda: ahead).accepted == 1


def test_a_capture_that_moves_no_stamp_is_seen_on_the_slow_cycle(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    wire.put("orders", an_order("1"))
    wire.put("orders", an_order("2"), updated_at=(NOON - timedelta(days=3)).isoformat())
    read(store, shop, "orders", wire)
    wire.items["orders"]["order_2"]["payment_status"] = "captured"
    assert read(store, shop, "orders", wire) == 0
    wire.step(SLOW.total_seconds())
    assert read(store, shop, "orders", wire) == 1
    assert read(store, shop, "orders", wire) == 0


def test_an_order_that_is_over_is_not_read_again(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    over = {"payment_status": "captured", "fulfillment_status": "delivered"}
    wire.put("orders", an_order("1", **over), updated_at=(NOON - timedelta(days=1)).isoformat())
    wire.put("orders", an_order("2", **over))
    read(store, shop, "orders", wire)
    wire.requests.clear()
    wire.step(SLOW.total_seconds())
    read(store, shop, "orders", wire)
    assert not [r for r in wire.requests if "id[]" in r.url.params]


def test_a_slow_cycle_that_was_cut_off_goes_on_with_the_next_orders(wire: MedusaWire, shop: Medusa) -> None:
    for number in range(150):
        old = (NOON - timedelta(days=2)).isoformat()
        wire.put("orders", an_order(f"{number:03}"), updated_at=old)
    wire.put("orders", an_order("new"))
    [*_, page] = shop.changes("orders", None, clock=wire.clock)
    wire.step(SLOW.total_seconds())
    reader = shop.changes("orders", page.cursor, clock=wire.clock)
    next(reader)
    first = next(reader)
    rest = [item.key for page in shop.changes("orders", first.cursor, clock=wire.clock) for item in page.items]
    assert (len(first.items), len(rest)) == (100, 51)
    assert len({item.key for item in first.items} | set(rest)) == 151


def test_each_capture_and_each_refund_is_a_movement_of_its_own(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    wire.put("payments", a_payment("pay_1", "1", captured=1))
    assert read(store, shop, "payments", wire) == 1
    wire.items["payments"]["pay_1"] = {
        **a_payment("pay_1", "1", captured=1, refunded=2),
        "updated_at": "2026-03-02T12:00:00Z",
    }
    wire.step(SLOW.total_seconds())
    assert read(store, shop, "payments", wire) == 2
    assert outcomes(store) == {"accepted": 3}
    assert accounted(store)
    kinds = [event.kind for event in told(shop, "payments", wire) if isinstance(event, PaymentMoved)]
    assert sorted(kinds) == ["capture", "refund", "refund"]


def test_refunds_of_old_payments_are_found_in_their_turn(wire: MedusaWire, store: Store) -> None:
    for number in range(6):
        at = (NOON - RECENT - timedelta(days=10 - number)).isoformat()
        wire.put("payments", {**a_payment(f"pay_{number}", "1", captured=1), "created_at": at}, updated_at=at)
    wire.put("payments", a_payment("pay_now", "1", captured=1))
    wire.page_size = 2
    shop = an_adapter("medusa", wire)
    assert pull(store, shop, "payments", clock=wire.clock).accepted == 7
    for number in (0, 5):
        refund = {"id": f"ref_{number}", "amount": 1, "created_at": NOON.isoformat()}
        wire.items["payments"][f"pay_{number}"]["refunds"] = [refund]
    found = 0
    for _ in range(8):
        wire.step(SLOW.total_seconds())
        found += pull(store, shop, "payments", clock=wire.clock).accepted
    assert found == 2


def test_returns_are_asked_for_without_an_order_that_would_break_them(
    wire: MedusaWire, shop: Medusa, store: Store
) -> None:
    for number in range(40):
        wire.put("returns", an_item("medusa", "returns", f"r{number:02}"))
        wire.step(1)
    small = Medusa(connection="medusa", http=shop.http, parsers=shop.parsers, page_size=6)
    assert pull(store, small, "returns", clock=wire.clock).accepted == 40


def test_an_open_return_is_read_again_on_the_slow_cycle(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    old = (NOON - timedelta(days=3)).isoformat()
    wire.put("returns", an_item("medusa", "returns", "r1", status="requested"), updated_at=old)
    wire.put("returns", an_item("medusa", "returns", "r2"))
    read(store, shop, "returns", wire)
    wire.items["returns"]["r1"]["items"][0]["quantity"] = 9
    assert read(store, shop, "returns", wire) == 0
    wire.step(SLOW.total_seconds())
    assert read(store, shop, "returns", wire) == 1


def test_a_level_is_kept_with_the_reservations_that_hold_it(wire: MedusaWire, shop: Medusa) -> None:
    wire.put("levels", an_inventory_item("iitem_1", reserved=5))
    reserve(wire, "resitem_1", "iitem_1", 5)
    stated = {e.location: e for e in told(shop, "levels", wire) if isinstance(e, LevelStated)}
    assert [(stated[p].stocked, stated[p].reserved, stated[p].held) for p in (HERE, THERE)] == [(10, 5, 5), (10, 5, 0)]
    assert len([e for e in told(shop, "levels", wire) if isinstance(e, StockStated)]) == 2
    assert not [e for e in told(owning(wire, "tryton"), "levels", wire) if isinstance(e, StockStated)]


def test_a_reservation_that_was_deleted_without_a_trace_is_seen(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    wire.put("levels", an_inventory_item("iitem_1", reserved=5))
    reserve(wire, "resitem_1", "iitem_1", 5)
    assert read(store, shop, "levels", wire) == 2
    wire.delete("reservations", "resitem_1")
    wire.step()
    assert read(store, shop, "levels", wire) == 1
    assert read(store, shop, "levels", wire) == 0


def test_an_order_placed_between_two_lists_does_not_look_like_a_leak(wire: MedusaWire, shop: Medusa) -> None:
    wire.put("levels", an_inventory_item("iitem_1"))

    def sell(page: int) -> None:
        if page == 2:  # the levels were read, their reservations are asked for next
            wire.put("levels", an_inventory_item("iitem_1", reserved=2))
            reserve(wire, "resitem_1", "iitem_1", 2)
            reserve(wire, "resitem_2", "iitem_1", 2, THERE)

    wire.before_page = sell
    assert {(e.reserved, e.held) for e in told(shop, "levels", wire) if isinstance(e, LevelStated)} == {(2, 2)}


def test_a_channel_offers_what_its_locations_could_send(wire: MedusaWire, shop: Medusa) -> None:
    wire.put("channels", {"id": "sc_web", "name": "Web", "stock_locations": [{"id": HERE}]})
    wire.put("levels", an_inventory_item("iitem_1", stocked=9, reserved=2))
    wire.put("levels", an_inventory_item("iitem_2", stocked=5))
    wire.put("items", a_variant("variant_1", "iitem_1"))
    wire.put("items", a_variant("variant_2", "iitem_1", "iitem_2"))
    wire.put("items", a_variant("variant_3", manage_inventory=False))
    listed = [e for e in told(shop, "listings", wire) if isinstance(e, ListingStated)]
    assert [(e.listing, e.quantity, e.price_minor, e.active) for e in listed] == [
        (f"variant_1{AT}sc_web", 7, 1250, True), (f"variant_2{AT}sc_web", 5, 1250, True),
    ]  # fmt: skip


def test_a_listing_taken_out_of_its_channel_is_found_by_the_sweep(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    wire.put("channels", {"id": "sc_web", "name": "Web", "stock_locations": [{"id": HERE}]})
    wire.put("levels", an_inventory_item("iitem_1"))
    wire.put("items", a_variant("variant_1", "iitem_1"))
    read(store, shop, "listings", wire)
    wire.items["items"]["variant_1"]["product"]["sales_channels"] = []
    assert sweep(store, shop, "listings", clock=wire.clock).gone == (f"variant_1{AT}sc_web",)


def test_rows_that_move_while_a_list_is_read_by_offsets_begin_it_again(wire: MedusaWire, store: Store) -> None:
    for key in "abcdef":
        wire.put("items", a_variant(key))
    wire.page_size = 2
    shop = an_adapter("medusa", wire)

    def meddle(page: int) -> None:
        if page == 2:
            wire.delete("items", "a")

    wire.before_page = meddle
    pulled = pull(store, shop, "items", clock=wire.clock)
    assert pulled.restarts == 1
    assert set(keys_held(store)) >= set("bcdef")


def test_a_list_that_never_holds_still_is_given_up_as_failed(wire: MedusaWire, store: Store) -> None:
    for key in "abcdefghijklmnop":
        wire.put("items", a_variant(key))
    wire.page_size = 2
    shop = an_adapter("medusa", wire)

    def meddle(page: int) -> None:
        if page > 1:
            wire.delete("items", min(wire.items["items"]))
            wire.put("items", a_variant(f"z{page}"))

    wire.before_page = meddle
    with pytest.raises(SourceUnavailable, match="changes while it is read"):
        pull(store, shop, "items", clock=wire.clock)


def test_an_order_is_found_by_its_number_among_others_that_hold_it(wire: MedusaWire, shop: Medusa) -> None:
    for number in (1, 10, 11, 21, 110, *range(200, 260)):
        row = {**an_order(str(number)), "display_id": number, "email": f"a1{number}@example.test"}
        wire.put("orders", row)
    for number in ("1", "11", "259"):
        found = shop.get("orders", number, clock=wire.clock)
        assert found is not None
        assert found.key == number
    assert shop.get("orders", "9", clock=wire.clock) is None
    by_id = shop.get("orders", "order_21", clock=wire.clock)
    assert by_id is not None
    assert by_id.key == "21"


def test_times_are_cut_to_milliseconds_and_nothing_is_read_twice_or_lost(
    wire: MedusaWire, shop: Medusa, store: Store
) -> None:
    for number in range(5):
        at = NOON + timedelta(microseconds=number * 300)
        wire.put("orders", an_order(str(number)), updated_at=at.isoformat())
    assert read(store, shop, "orders", wire) == 5
    assert read(store, shop, "orders", wire) == 0


def test_a_wrong_key_says_so(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    wire.answers = [httpx.Response(401, json={"message": "Unauthorized"})]
    with pytest.raises(SourceRejected, match="check the token"):
        read(store, shop, "orders", wire)
    assert status_of(store, "medusa", "orders").error_class == "auth"


def test_the_key_goes_as_a_basic_authorization(wire: MedusaWire, shop: Medusa) -> None:
    told(shop, "locations", wire)
    assert wire.requests[0].headers["Authorization"] == "Basic dG9rZW4tMTo="


@pytest.mark.parametrize(
    ("answer", "error_class", "said"),
    [
        (httpx.ConnectError("refused"), "connection", "refused"),
        (httpx.Response(500, json={"type": "unknown_error"}), "server", "HTTP 500"),
        (httpx.Response(200, json={"data": []}), "schema", "another version"),
        (httpx.Response(200, json=["orders"]), "schema", "another version"),
        (httpx.Response(200, text="<html>down for maintenance</html>"), "body", "not whole JSON"),
    ],
)
def test_a_shop_that_cannot_answer_is_asked_again_later(
    wire: MedusaWire, shop: Medusa, store: Store, answer: httpx.Response | Exception, error_class: str, said: str
) -> None:
    wire.answers = [answer] * 5
    with pytest.raises(SourceUnavailable, match=said):
        read(store, shop, "orders", wire)
    assert status_of(store, "medusa", "orders").error_class == error_class


def test_a_server_that_is_no_medusa_says_so(wire: MedusaWire, shop: Medusa, store: Store) -> None:
    wire.answers = [httpx.Response(404, text="Not Found")]
    with pytest.raises(SourceRejected, match="is this Medusa 2"):
        read(store, shop, "orders", wire)


def test_a_list_that_does_not_go_on_is_not_read_for_ever(store: Store) -> None:
    class Stubborn(MedusaWire):
        """Ignores the keyset, as a Medusa of another version might."""

        def _answer(self, request: httpx.Request) -> httpx.Response:
            params = request.url.params.remove("id[$gt]")
            return super()._answer(httpx.Request("GET", request.url.copy_with(params=params)))

    stubborn = Stubborn(NOON, page_size=2)
    for key in "abcde":
        stubborn.put("orders", an_order(key))
    with pytest.raises(SourceUnavailable, match="does not go on"):
        pull(store, an_adapter("medusa", stubborn), "orders", clock=stubborn.clock)


def test_an_item_without_a_price_has_none(shop: Medusa) -> None:
    raw = golden("medusa")["items"][0]["raw"]
    for prices in ([], None, [{"amount": 5, "currency_code": "usd"}]):
        found = parsed(shop, "items", {**raw, "prices": prices})
        assert [e.list_price for e in found if isinstance(e, ItemStated)] == [None]


@pytest.mark.parametrize("currency", ["", "euro", "e1r", "€€€"])
def test_a_currency_that_is_none_makes_a_dead_letter(shop: Medusa, currency: str) -> None:
    raw = golden("medusa")["orders"][0]["raw"]
    assert parsed(shop, "orders", {**raw, "currency_code": currency}) == "currency"


@pytest.mark.parametrize(
    ("stream", "fields", "error_class"),
    [
        ("orders", {"items": "none"}, "shape"),
        ("orders", {"created_at": "yesterday"}, "shape"),
        ("returns", {"order": None}, "value"),
        ("payments", {"kind": "gift"}, "value"),
        ("payments", {"payment": {"id": "p", "currency_code": "eur"}}, "value"),
    ],
)
def test_a_bad_record_says_what_is_wrong_with_it(
    shop: Medusa, stream: str, fields: dict[str, Any], error_class: str
) -> None:
    assert parsed(shop, stream, {**golden("medusa")[stream][0]["raw"], **fields}) == error_class


def test_half_a_unit_makes_a_dead_letter(shop: Medusa) -> None:
    raw = golden("medusa")["levels"][0]["raw"]
    level = {**raw["level"], "stocked_quantity": 2.5}
    assert parsed(shop, "levels", {**raw, "level": level}) == "number"


def test_tax_and_discount_are_reckoned_from_what_does_not_shrink_with_returns(shop: Medusa) -> None:
    raw = golden("medusa")["orders"][1]["raw"]
    line = {**raw["items"][0], "quantity": 4, "unit_price": 11.9, "tax_lines": [{"rate": 19}]}
    included = {**line, "is_tax_inclusive": True}
    discounted = {**line, "unit_price": 10, "adjustments": [{"amount": 4}]}
    for changed, price, discount, tax in ((included, "10", 0, 760), (discounted, "10", 400, 684)):
        orders = [e for e in parsed(shop, "orders", {**raw, "items": [changed]}) if isinstance(e, OrderStated)]
        [found] = orders[0].lines
        assert (str(found.unit_price), found.discount_minor, found.tax_minor) == (price, discount, tax)


def test_no_name_and_no_address_is_ever_asked_for(wire: MedusaWire, shop: Medusa) -> None:
    wire.put("orders", an_order("1"))
    told(shop, "orders", wire)
    fields = wire.requests[-1].url.params["fields"].split(",")
    assert not [f for f in fields if f.startswith(("email", "*customer", "*shipping_address", "*billing"))]
    assert "shipping_address.country_code" in fields


def test_the_wire_is_closed_with_the_adapter(wire: MedusaWire) -> None:
    http = Http("medusa", "https://remote.test", "k", transport=wire.transport)
    context = Context(connection="medusa", authority="medusa")
    adapter = OPENERS["medusa"](http, context)
    adapter.close()
    with pytest.raises(RuntimeError, match="closed"):
        adapter.get("orders", "1", clock=wire.clock)


def test_medusa_cannot_be_asked_to_push_and_says_what_to_set(shop: Medusa) -> None:
    with pytest.raises(SourceRejected, match="OUT_WEBHOOK_URL"):
        shop.subscribe("https://us.test/hooks/medusa", "a-secret-of-ours", ["orders"])
