"""How a connection is doing: one row each, and its records always add up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from data.store import Store
from ingest.status import quantile, status_rows
from ingest.sync import pull_all, pull_or_error, read_back
from tests.ingest.factories import NOON, SYSTEMS, a_store, an_adapter, an_item, an_order
from tests.ingest.remote import Remote


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


def row_of(store: Store, connection: str) -> dict[str, Any]:
    return next(row for row in status_rows(store) if row["connection"] == connection)


def test_nothing_connected_gives_no_rows(store: Store) -> None:
    assert status_rows(store) == []


def test_received_is_always_the_sum_of_its_outcomes(store: Store) -> None:
    for system in SYSTEMS:
        remote = Remote(NOON)
        adapter = an_adapter(system, remote)
        for stream in adapter.streams:
            for number in range(6):
                key = f"{stream}{number}"
                remote.put(stream, an_item(system, stream, key))
                if number == 3:
                    remote.broken[key] = b'{"id": 7}'
        pull_all(store, [adapter], clock=remote.clock)
        for stream in adapter.streams:
            read_back(store, adapter, stream, f"{stream}0", clock=remote.clock)
        if system == "storefront":
            remote.put("payments", an_item(system, "payments", "payments1", amount="1.00"), version=1)
            read_back(store, adapter, "payments", "payments1", clock=remote.clock)
    rows: list[Any] = status_rows(store)
    assert [row["connection"] for row in rows] == sorted(SYSTEMS)
    for row in rows:
        for counted in (row, *row["streams"]):
            parts = ("accepted", "duplicates", "conflicts", "dead_letters")
            assert counted["received"] == sum(counted[part] for part in parts)
        assert row["received"] == sum(stream["received"] for stream in row["streams"])
    assert row_of(store, "storefront")["conflicts"] == 1


def test_lag_is_taken_from_what_changed_since_the_connection_began(store: Store) -> None:
    remote = Remote(NOON)
    shop = an_adapter("storefront", remote)
    remote.put("orders", an_order("old"), updated_at=(NOON - timedelta(days=300)).isoformat())
    pull_all(store, [shop], clock=remote.clock)
    assert row_of(store, "storefront")["lag_p50_seconds"] is None
    for number in range(10):
        remote.put("orders", an_order(f"o{number}"))
        remote.step(1)
    pull_all(store, [shop], clock=remote.clock)
    row = row_of(store, "storefront")
    assert (row["lag_p50_seconds"], row["lag_p95_seconds"]) == (5.0, 10.0)


def test_what_goes_wrong_is_counted_by_its_class(store: Store) -> None:
    remote = Remote(NOON)
    shop = an_adapter("storefront", remote)
    remote.put("orders", an_order("a", lines="none"))
    remote.put("orders", an_order("b", shipping_price="free"))
    pull_or_error(store, shop, "orders", clock=remote.clock)
    remote.answers = [httpx.Response(401)]
    pull_or_error(store, shop, "listings", clock=remote.clock)
    row = row_of(store, "storefront")
    assert row["errors"] == {"auth": 1, "number": 1, "shape": 1}
    assert row["last_success"] == NOON.isoformat()


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0], 0.95) == 3.0
    assert [quantile([1.0, 2.0, 3.0, 4.0], share) for share in (0.25, 0.5, 0.95)] == [1.0, 2.0, 4.0]
