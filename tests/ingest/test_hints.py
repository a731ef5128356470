"""Webhooks that only hint: a genuine one makes us look, once and in measure; none of them is believed."""

from __future__ import annotations

import json
import threading
from hashlib import sha256
from hmac import new
from pathlib import Path
from typing import Any

import pytest

from data.log.lookup import last_heard
from data.store import Store
from ingest.adapter import Adapter
from ingest.connections import Connection, webhook_secrets
from ingest.hints import WAITING, Hints
from ingest.replies import DOOR, LARGEST_BODY
from tests.ingest.factories import GOLDEN, NOON, a_store, accounted, an_adapter, an_item, keys_held, status_of
from tests.ingest.medusa_wire import MedusaWire
from tests.ingest.test_medusa_reading import HERE, a_payment, a_variant, an_inventory_item, an_order, reserve

REAL: dict[str, Any] = json.loads((GOLDEN / "hooks" / "medusa.json").read_text())
SECRET = "a-word-that-both-sides-know"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


@pytest.fixture
def wire() -> MedusaWire:
    return MedusaWire(NOON)


@pytest.fixture
def hints(store: Store, wire: MedusaWire) -> Hints:
    return hints_of(store, an_adapter("medusa", wire))


def hints_of(store: Store, shop: Adapter) -> Hints:
    return Hints(store, shop, lambda: NOON, sleep=lambda _seconds: None)


def a_hint(name: str, number: int = 0, **data: str) -> bytes:
    return json.dumps({"name": name, "data": data, "metadata": None, "sent_at": f"{number}"}).encode()


def deliver(hints: Hints, body: bytes, *, secret: str = SECRET) -> tuple[int, str]:
    reply = hints.receive({"X-Signature": new(secret.encode(), body, sha256).hexdigest()}, body, secrets=(SECRET,))
    return reply.status, reply.body.get("outcome", reply.body.get("error", ""))


def read_all(hints: Hints) -> int:
    """Read what waits and count how much that was."""
    number = 0
    while hints.read_next():
        number += 1
    return number


@pytest.mark.parametrize("hook", REAL["hooks"], ids=lambda hook: hook["name"])
def test_what_a_real_shop_posted_is_genuine_by_its_secret_alone(hints: Hints, hook: dict[str, str]) -> None:
    headers, body = {"x-signature": hook["signature"]}, hook["body"].encode()
    assert hints.receive(headers, body, secrets=("another-word", REAL["secret"])).status == 202
    assert hints.receive(headers, body, secrets=("another-word",)).status == 401
    assert hints.receive(headers, body + b" ", secrets=(REAL["secret"],)).status == 401


def test_a_hint_makes_us_read_and_carries_nothing_itself(store: Store, wire: MedusaWire, hints: Hints) -> None:
    wire.put("orders", an_order("7", metadata={"hold": "address"}))
    told = json.loads(a_hint("order.updated", id="order_7")) | {"data": {"id": "order_7", "hold": "forged"}}
    assert deliver(hints, json.dumps(told).encode()) == (202, "noted")
    assert keys_held(store) == []
    assert read_all(hints) == 1
    with store.log.read() as conn:
        order = last_heard(conn, "medusa", "orders", "7")
    assert getattr(order, "hold", None) == "address"
    assert accounted(store)


def test_the_same_body_counts_once_however_late_it_is_replayed(wire: MedusaWire, hints: Hints) -> None:
    wire.put("orders", an_order("7"))
    body = a_hint("order.updated", id="order_7")
    assert [deliver(hints, body) for _ in range(3)] == [(202, "noted"), (202, "duplicate"), (202, "duplicate")]
    assert read_all(hints) == 1
    assert deliver(hints, body) == (202, "duplicate")


def test_an_order_that_is_named_a_dozen_times_is_read_once(wire: MedusaWire, hints: Hints) -> None:
    wire.put("orders", an_order("7"))
    for number in range(12):
        deliver(hints, a_hint("order.order.updated", number, id="order_7"))
    wire.requests.clear()
    assert read_all(hints) == 1
    assert len(wire.requests) == 1


def test_more_hints_than_can_be_read_are_left_to_the_next_poll(hints: Hints) -> None:
    for number in range(WAITING + 50):
        deliver(hints, a_hint("order.updated", number, id=f"order_{number}"))
    assert read_all(hints) == WAITING


def test_nothing_forged_comes_in_and_every_refusal_is_counted(store: Store, hints: Hints) -> None:
    body = a_hint("order.updated", id="order_7")
    assert deliver(hints, body, secret="a guess") == (401, "signature")
    assert hints.receive({}, body, secrets=(SECRET,)).status == 401
    assert hints.receive({"x-signature": "ü"}, body, secrets=(SECRET,)).status == 401
    assert deliver(hints, b"x" * (LARGEST_BODY + 1)) == (413, "too_large")
    for junk in (b"", b"[]", b"\xff\xfe", b'{"name": 7, "data": {}}', b'{"name": "x"}', b"[" * 100_000):
        assert deliver(hints, junk) == (400, "not_json")
    assert status_of(store, "medusa", DOOR).refused == 10
    assert read_all(hints) == 0


def test_what_names_nothing_of_ours_is_no_reason_to_read(hints: Hints) -> None:
    assert deliver(hints, a_hint("order.order-address.created", id="ordaddr_1")) == (202, "ignored")
    assert deliver(hints, a_hint("customer.updated", id="cus_1")) == (202, "ignored")
    assert read_all(hints) == 0


def test_what_is_gone_meanwhile_or_cannot_be_read_does_no_harm(store: Store, wire: MedusaWire, hints: Hints) -> None:
    deliver(hints, a_hint("order.updated", id="order_404"))
    assert read_all(hints) == 1
    assert keys_held(store) == []
    deliver(hints, a_hint("order.updated", 1, id="order_1"))
    deliver(hints, a_hint("order.updated", 2, id="order_2"))
    wire.put("orders", an_order("2"))
    wire.refused = ("order_1",)
    assert read_all(hints) == 2
    assert keys_held(store) == ["2"]


def test_a_shipment_is_read_with_the_order_of_its_fulfilment(store: Store, wire: MedusaWire, hints: Hints) -> None:
    wire.put("orders", an_order("7"))
    assert deliver(hints, a_hint("shipment.created", id="ful_1")) == (202, "noted")
    read_all(hints)
    assert keys_held(store) == []  # nobody told yet whose it is
    deliver(hints, a_hint("order.fulfillment_created", order_id="order_7", fulfillment_id="ful_1"))
    read_all(hints)
    wire.items["orders"]["order_7"]["fulfillment_status"] = "shipped"
    wire.requests.clear()
    deliver(hints, a_hint("shipment.created", 2, id="ful_1"))
    assert read_all(hints) == 1
    assert wire.requests[0].url.params["id"] == "order_7"


def test_a_payment_brings_its_movements_and_its_order(store: Store, wire: MedusaWire, hints: Hints) -> None:
    wire.put("orders", an_order("7"))
    wire.put("payments", a_payment("pay_1", "7", captured=1, refunded=1))
    deliver(hints, a_hint("payment.captured", id="pay_1"))
    read_all(hints)
    assert keys_held(store) == ["7", "pay_1@capt_pay_1_0", "pay_1@ref_pay_1_0"]


def test_a_reservation_brings_the_levels_of_its_item_even_when_it_is_deleted(
    store: Store, wire: MedusaWire, hints: Hints
) -> None:
    wire.put("levels", an_inventory_item("iitem_1", reserved=2))
    reserve(wire, "resitem_1", "iitem_1", 2)
    reserve(wire, "resitem_2", "iitem_1", 2, "sloc_there")
    deliver(hints, a_hint("reservation-item.created", id="resitem_1"))
    read_all(hints)
    assert len(keys_held(store)) == 2
    wire.delete("reservations", "resitem_1")
    deliver(hints, a_hint("reservation-item.deleted", id="resitem_1"))
    read_all(hints)
    assert keys_held(store).count(f"iitem_1@{HERE}") == 2
    deliver(hints, a_hint("inventory-level.updated", id="ilev_sloc_here"))
    assert read_all(hints) == 1


def test_a_variant_brings_its_item_and_its_listings(store: Store, wire: MedusaWire, hints: Hints) -> None:
    wire.put("channels", {"id": "sc_web", "name": "Web", "stock_locations": [{"id": HERE}]})
    wire.put("levels", an_inventory_item("iitem_1"))
    wire.put("items", a_variant("variant_1", "iitem_1"))
    deliver(hints, a_hint("product-variant.updated", id="variant_1"))
    read_all(hints)
    assert keys_held(store) == ["variant_1", "variant_1@sc_web"]


def test_a_return_is_read_with_its_order(store: Store, wire: MedusaWire, hints: Hints) -> None:
    wire.put("orders", an_order("7"))
    wire.put("returns", an_item("medusa", "returns", "return_1"))
    deliver(hints, a_hint("order.return_received", order_id="order_7", return_id="return_1"))
    assert read_all(hints) == 2
    assert keys_held(store) == ["7", "return_1"]


def test_a_shop_signs_with_any_word_that_both_sides_know() -> None:
    connection = Connection(
        name="medusa", system="medusa", url="https://shop.test", token="env:KEY", webhook_secrets=("env:HOOK",)
    )
    assert webhook_secrets(connection, {"HOOK": SECRET}) == (SECRET,)


def test_a_client_that_breaks_does_not_deafen_us_to_what_comes_after(
    store: Store, wire: MedusaWire, hints: Hints
) -> None:
    for number in (7, 8):
        wire.put("orders", an_order(f"{number}"))
    hints.adapter.close()  # as when its mappings change: another one is open by then
    deliver(hints, a_hint("order.updated", id="order_7"))
    listened(hints)
    assert keys_held(store) == []
    hints.adapter = an_adapter("medusa", wire)
    deliver(hints, a_hint("order.updated", id="order_8"))
    listened(hints)
    assert keys_held(store) == ["8"]


def listened(hints: Hints) -> None:
    """Let it read in its thread, as when it is served, until it ends."""
    hints.listen()
    for thread in threading.enumerate():
        if thread.name == f"hints-{hints.adapter.connection}":
            thread.join(10)
