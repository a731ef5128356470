"""Fold and publish 1,000 changed orders in a store of 20,000 orders with 20 lines each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.harness import Result, median_seconds, result
from data.clock import to_micros
from data.events import OrderLine, OrderStated, encode
from data.log.append import Received, append, prepare, source_id
from data.publish import publish
from data.settings import read_settings
from data.store import Store, open_store

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ORDERS, LINES, CHANGED, RUNS = 20_000, 20, 1_000, 5


def an_order(number: int, units: int) -> OrderStated:
    """Make an order of 20 lines over 4,000 items."""
    lines = tuple(
        OrderLine(line=str(n), sku=f"S{(number * 7 + n) % 4000}", units=units, unit_price=Decimal("2.55"))
        for n in range(LINES)
    )
    placed = NOW - timedelta(minutes=number)
    return OrderStated(order=f"bench/{number}", channel="web", placed_at=placed, currency="GBP", lines=lines)


def store_orders(store: Store, numbers: Iterable[int], *, units: int, version: int) -> None:
    """Append orders in batches of 2,000."""
    at = to_micros(NOW)
    orders = [an_order(number, units) for number in numbers]
    items = [Received(key=o.order, raw=encode(o), version=version, observed_at=at, events=(o,)) for o in orders]
    for start in range(0, len(items), 2_000):
        prepared = prepare(items[start : start + 2_000])
        with store.log.write() as conn:
            append(conn, source_id(conn, "bench", "orders"), prepared, received_at=at, parser=1)


def run() -> list[Result]:
    """Measure seconds per publication of 1,000 changed orders, and of a single one."""
    with tempfile.TemporaryDirectory() as home:
        store = open_store(read_settings({"FILLWELL_HOME": str(Path(home))}), "bench")
        store_orders(store, range(ORDERS), units=1, version=1)
        publish(store, now=NOW)
        version = 1

        def change(count: int) -> float:
            nonlocal version
            version += 1
            store_orders(store, range(count), units=version, version=version)
            return median_seconds(lambda: publish(store, now=NOW), runs=1)

        many = sorted(change(CHANGED) for _ in range(RUNS))[RUNS // 2]
        one = sorted(change(1) for _ in range(RUNS))[RUNS // 2]
        store.close()
    packages = ("polars", "deltalake", "sqlalchemy")
    return [
        result(
            "fold and publish 1,000 changed orders of 20,000",
            ours=many,
            peer=None,
            unit="s",
            peer_name=None,
            packages=packages,
        ),
        result(
            "fold and publish 1 changed order of 20,000",
            ours=one,
            peer=None,
            unit="s",
            peer_name=None,
            packages=packages,
        ),
    ]
