"""What happens in the live shop is known here within moments: its webhook names it, and we go and look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.connect import Connected, connect
from app.engine.door import listening
from app.processes import free_port
from data.clock import system_clock
from data.log.lookup import last_heard
from data.publish import publish
from data.settings import read_settings
from data.store import Store, open_store
from ingest.sync import pull
from tests.counterparts import merchant, serving
from tests.counterparts.conftest import FIGURE, Market
from tests.counterparts.history import Order
from tests.counterparts.install import install
from tests.counterparts.judge_medusa import Shop
from tests.counterparts.ours import SHOP
from tests.counterparts.seed import SHOP as SEEDED
from tests.counterparts.seed_medusa import place_order

DATABASE = "medusa_that_tells"
SECRET = "local-only"
CONNECTION = """
[medusa]
system = "medusa"
url = "{url}"
token = "env:KEY"
currency = "EUR"
webhook_secrets = ["env:HOOK"]
"""
WITHIN_SECONDS = 60.0  #: on a machine that is busy; what it really takes is printed
BER = merchant.PLACES[0].code


def until(what: Callable[[], bool]) -> float:
    """Wait until something is so, and give how many seconds that took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < WITHIN_SECONDS, "it never came"
        time.sleep(0.05)
    return time.monotonic() - began


def heard(store: Store, stream: str, key: str) -> bool:
    with store.log.read() as conn:
        return last_heard(conn, SHOP, stream, key) is not None


def close(connected: Connected, store: Store) -> None:
    for adapter in connected.adapters.values():
        adapter.close()
    store.close()


def test_an_order_and_its_payment_are_known_moments_after_they_were_made(
    market: Market, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    db, port = market.systems.db, free_port()
    db.copy(SEEDED, DATABASE)
    told = f"http://127.0.0.1:{port}/hooks/{SHOP}"
    with serving.medusa(install(lambda _: None).medusa, db, DATABASE, webhook=told) as url:
        shop = Shop(url, market.merchant.shop.key)
        store = open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine", create=True)
        (store.facts.parent / "connections.toml").write_text(CONNECTION.format(url=url))
        connected = connect(store, {"KEY": market.merchant.shop.key, "HOOK": SECRET})
        for stream in ("orders", "payments"):
            pull(store, connected.adapters[SHOP], stream, clock=system_clock)
        arrived = threading.Event()
        with listening(port, store, connected, system_clock, arrived=arrived.set):
            order = place_order(shop, market.merchant.shop, Order("reserved", BER, {"BAG-004-S": 1}))
            placed = until(lambda: heard(store, "orders", str(order["display_id"])))
            assert arrived.is_set()
            payment = shop.pay(order["id"])
            [captured] = [p for p in shop.payments() if p["id"] == payment["id"]]
            paid = until(lambda: heard(store, "payments", f"{payment['id']}@{captured['captures'][0]['id']}"))
        publish(store, now=system_clock())
        close(connected, store)
        shop.close()
    record_property(FIGURE, f"hints: an order is known {placed:.2f} s after it was placed, its capture {paid:.2f} s")


def test_a_hint_that_nobody_signed_is_refused(market: Market, tmp_path: Path) -> None:
    store, port = open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine", create=True), free_port()
    (store.facts.parent / "connections.toml").write_text(CONNECTION.format(url=market.systems.shop_url))
    connected = connect(store, {"KEY": market.merchant.shop.key, "HOOK": SECRET})
    with listening(port, store, connected, system_clock, arrived=lambda: pytest.fail("nothing may come of it")):
        answer = httpx.post(f"http://127.0.0.1:{port}/hooks/{SHOP}", json={"name": "order.placed", "data": {"id": "x"}})
    assert answer.status_code == 401
    close(connected, store)
