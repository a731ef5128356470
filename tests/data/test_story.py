"""One order, followed through, from three rows of a file to the second line that Monday's export no longer has."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl

from data.clock import to_micros
from data.log.append import Received, Tally, source_id
from data.log.batches import close_batch, open_batch
from data.publish import open_facts, publish
from data.store import Store
from tests.data.conftest import MakeStore
from tests.data.factories import hash_now, hash_rebuilt, ingest, rows, status, tallies_are_exact
from tests.factories import DAY, NOON, a_line, a_parcel, an_order_line, received

SUNDAY, MONDAY = NOON - DAY, NOON
PROMISE = NOON + 2 * DAY


def a_row(name: str, sku: str, units: int, price: str, exported: datetime) -> Received:
    line = a_line(name, sku, units, price)
    return received(an_order_line("shop/1001", line, ship_by=PROMISE), version=to_micros(exported), at=exported)


FIRST, SECOND, THIRD = ("A|2.55|1", "A", 2, "2.55"), ("A|2.55|2", "A", 2, "2.55"), ("B|9.99|1", "B", 1, "9.99")


def deliver_file(store: Store, exported: datetime, *lines: tuple[str, str, int, str], at: datetime) -> Tally:
    with store.log.write() as conn:
        batch = open_batch(conn, "shop", f"orders-{exported:%a}.csv", instant=exported, now=at)
    tally = ingest(store, [a_row(*line, exported) for line in lines], stream="lines", at=at, batch=batch)
    with store.log.write() as conn:
        source = source_id(conn, "shop", "lines")
        close_batch(conn, batch, source, [("order", "shop/1001")], now=at)
    return tally


def deliver_parcel(store: Store, at: datetime) -> Tally:
    parcel = a_parcel("P", "shop/1001", (FIRST[0], "A", 2), handed_over_at=MONDAY + timedelta(hours=-2))
    return ingest(store, [received(parcel, at=at)], connection="depot", stream="parcels", at=at)


def sums(store: Store) -> tuple[int, int]:
    """Sum weight times measure over base and tail, as metrics do."""
    weighted = open_facts(store).weighted("order_line")
    measures = [(pl.col("weight") * pl.col(name)).sum().alias(name) for name in ("ordered_units", "on_time_units")]
    ordered, on_time = weighted.select(measures).collect().row(0)
    return ordered, on_time


def test_one_order_followed_through(make_store: MakeStore) -> None:
    store = make_store()

    # The orders file: three records, accepted; three assertions at log position 3; publication 1.
    assert deliver_file(store, SUNDAY, FIRST, SECOND, THIRD, at=SUNDAY) == Tally(accepted=3)
    first = publish(store, now=SUNDAY)
    assert first is not None
    assert (first.id, first.position) == (1, 3)
    assert sums(store) == (5, 0)  # 2 + 2 + 1 ordered, nothing shipped: 0 of 5 on time

    # The warehouse's parcel: A x2; one accepted record; the order is folded whole, publication 2.
    assert deliver_parcel(store, MONDAY) == Tally(accepted=1)
    second = publish(store, now=MONDAY)
    assert second is not None
    assert (second.id, second.position) == (2, 4)
    tail = open_facts(store).frames["order_line"][1].select("line_id", "shipped_units", "weight").collect()
    assert sorted(tail.rows()) == [(FIRST[0], 0, -1), (FIRST[0], 2, 1)]  # the old row out, the new row in
    assert rows(store, "shipment_line", "parcel", "line_id", "units") == [("P", FIRST[0], 2)]
    assert sums(store) == (5, 2)  # 5 - 2 + 2 ordered; 2 on time

    # The webhook again, and the file again: duplicates, no event, no publication.
    assert deliver_parcel(store, MONDAY) == Tally(duplicates=1)
    assert deliver_file(store, SUNDAY, FIRST, SECOND, THIRD, at=MONDAY) == Tally(duplicates=3)
    assert publish(store, now=MONDAY) is None
    both = [status(store, "shop", "lines"), status(store, "depot", "parcels")]
    assert sum(s.received for s in both) == 8  # 3 + 1 + 1 + 3
    assert (sum(s.accepted for s in both), sum(s.duplicates for s in both)) == (4, 4)
    assert tallies_are_exact(store)

    # Monday's export has only one A line: the second is gone, the others stand.
    assert deliver_file(store, MONDAY, FIRST, THIRD, at=MONDAY + timedelta(hours=1)) == Tally(duplicates=2)
    assert rows(store, "order_line", "line_id", "ordered_units", "shipped_units") == [
        (FIRST[0], 2, 2),
        (THIRD[0], 1, 0),
    ]
    assert sums(store) == (3, 2)

    # Rebuilding gives the same rows; so does any other order of delivery.
    expected = hash_now(store)
    assert hash_rebuilt(store) == expected
    deliveries: list[Callable[[Store], Tally]] = [
        lambda s: deliver_file(s, SUNDAY, FIRST, SECOND, THIRD, at=SUNDAY),
        lambda s: deliver_parcel(s, SUNDAY),
        lambda s: deliver_file(s, MONDAY, FIRST, THIRD, at=SUNDAY),
    ]
    for seed in range(3):
        other = make_store()
        for deliver in random.Random(seed).sample(deliveries, 3):  # noqa: S311 -- an order, not a secret
            deliver(other)
        assert hash_now(other) == expected
