"""A wrong mapping is repaired by reading the records anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from data.clock import to_micros
from data.errors import RecordInvalid, RequestError
from data.log.append import Received, source_id
from data.log.batches import close_batch, open_batch, withdraw_batch
from data.log.records import Stored, one_by_one
from data.log.reparse import reparse
from data.publish import facts_as_of, facts_hash, publish
from data.store import Store
from tests.data.conftest import MakeStore
from tests.data.factories import counted, hash_now, hash_rebuilt, ingest, rows, status, tallies_are_exact
from tests.factories import DAY, NOON, a_line, a_parcel, an_item, an_order, received

BODIES = [b"1:2", b"2:3", b"1:2", b"3:x", b"1:4"]  # order:units; the fourth is no number


def read(body: bytes, version: int, observed_at: int, *, factor: int = 1, lenient: bool = False) -> Received:
    order, _, units = body.decode().partition(":")
    if not units.isdigit() and not lenient:
        error = RecordInvalid(f"units {units!r}", error_class="number")
        return Received(key=order, raw=body, observed_at=observed_at, version=version, error=error)
    number = int(units) * factor if units.isdigit() else 1
    event = an_order(f"shop/{order}", a_line(units=number))
    return Received(key=order, raw=body, version=version, observed_at=observed_at, events=(event,))


def right(record: Stored) -> Received:
    return read(record.body, record.version, record.observed_at)


def doubled(record: Stored) -> Received:
    return read(record.body, record.version, record.observed_at, factor=2, lenient=True)


def fill(store: Store, *, as_doubled: bool = False) -> None:
    for n, body in enumerate(BODIES):
        at = NOON + n * timedelta(minutes=1)
        record = read(body, n + 1, to_micros(at), factor=2 if as_doubled else 1, lenient=as_doubled)
        ingest(store, [record], at=at)
        publish(store, now=at)


def test_reading_anew_gives_what_the_new_parser_would_have_given_from_the_start(make_store: MakeStore) -> None:
    store, mirror = make_store(), make_store()
    fill(store)
    fill(mirror, as_doubled=True)
    before = counted(store)
    moments = [NOON + n * timedelta(minutes=1, seconds=1) for n in range(len(BODIES))]
    publish(mirror, now=NOON)

    dry = reparse(store, "shop", "orders", one_by_one(doubled), parser=2, now=NOON + DAY, dry_run=True)
    assert (dry.records, dry.outcomes) == (5, {("dead_letter", "accepted"): 1})
    assert dry.tables == {"order_line": (3, 2)}  # orders 1 and 2 change, order 3 appears
    assert counted(store) == before

    done = reparse(store, "shop", "orders", one_by_one(doubled), parser=2, now=NOON + DAY, dry_run=False)
    assert (done.changed, done.tables) == (dry.changed, None)
    assert rows(store, "order_line", "entity", "ordered_units") == [("shop/1", 8), ("shop/2", 6), ("shop/3", 1)]
    assert hash_now(store) == hash_now(mirror)
    assert hash_rebuilt(store) == hash_now(mirror)
    assert counted(store) == counted(mirror)
    assert tallies_are_exact(store)
    assert [facts_hash(facts_as_of(store, m)) for m in moments] == [facts_hash(facts_as_of(mirror, m)) for m in moments]


def test_reading_anew_with_the_same_parser_changes_nothing(store: Store) -> None:
    fill(store)
    before = hash_now(store)
    for dry_run in (True, False, False):
        done = reparse(store, "shop", "orders", one_by_one(right), parser=2, now=NOON + DAY, dry_run=dry_run)
        assert (done.changed, done.outcomes) == (0, {})
    assert hash_now(store) == before
    assert status(store).received == len(BODIES)


def test_what_becomes_the_newest_word_because_another_is_refused_is_folded_anew(store: Store) -> None:
    for n, (body, version) in enumerate([(b"1:2", 1), (b"1:02", 3), (b"1:9", 2)]):  # the second is the first again
        at = NOON + n * timedelta(minutes=1)
        ingest(store, [read(body, version, to_micros(at))], at=at)
        publish(store, now=at)
    assert rows(store, "order_line", "ordered_units") == [(2,)]

    def strict(record: Stored) -> Received:
        if b":0" not in record.body:
            return right(record)
        error = RecordInvalid("a leading zero", error_class="number")
        return Received(key="1", raw=record.body, version=3, observed_at=record.observed_at, error=error)

    dry = reparse(store, "shop", "orders", one_by_one(strict), parser=2, now=NOON + DAY, dry_run=True)
    reparse(store, "shop", "orders", one_by_one(strict), parser=2, now=NOON + DAY, dry_run=False)
    publish(store, now=NOON + DAY)
    assert (dry.tables, rows(store, "order_line", "ordered_units")) == ({"order_line": (1, 1)}, [(9,)])
    assert hash_now(store) == hash_rebuilt(store)


def test_what_was_mapped_to_the_wrong_order_leaves_it(store: Store) -> None:
    fill(store)

    def elsewhere(record: Stored) -> Received:
        return read(record.body.replace(b"2:", b"7:"), record.version, record.observed_at)

    assert reparse(store, "shop", "orders", one_by_one(elsewhere), parser=2, now=NOON, dry_run=False).changed == 1
    assert rows(store, "order_line", "entity", "ordered_units") == [("shop/1", 4), ("shop/7", 3)]
    assert hash_rebuilt(store) == hash_now(store)
    reparse(store, "shop", "orders", one_by_one(right), parser=3, now=NOON, dry_run=False)
    assert rows(store, "order_line", "entity", "ordered_units") == [("shop/1", 4), ("shop/2", 3)]


def test_a_dry_run_over_costs_shows_the_margins_that_change(store: Store) -> None:
    ingest(store, [received(an_order("o", a_line())), received(a_parcel("P", "o"))])
    item = Received(key="A", raw=b"1.00", observed_at=1, events=(an_item("A", ("2026-01-01", "1.00")),))
    ingest(store, [item], stream="items")
    publish(store, now=NOON)

    def dearer(record: Stored) -> Received:
        return Received(key="A", raw=record.body, observed_at=1, events=(an_item("A", ("2026-01-01", "1.50")),))

    dry = reparse(store, "shop", "items", one_by_one(dearer), parser=2, now=NOON, dry_run=True)
    assert dry.tables == {"line_amount": (1, 1), "item": (1, 1)}  # what was shipped at 1.00 cost 1.50


def test_withdrawn_files_stay_withdrawn_and_missing_lines_stay_gone(store: Store) -> None:
    with store.log.write() as conn:
        batch = open_batch(conn, "shop", "a.csv", instant=NOON, now=NOON)
    ingest(store, [read(b"1:2", 1, 1), read(b"2:2", 1, 1)], batch=batch)
    ingest(store, [read(b"1:2", 1, 2)])
    with store.log.write() as conn:
        later = open_batch(conn, "shop", "b.csv", instant=NOON + DAY, now=NOON)
        close_batch(conn, later, source_id(conn, "shop", "orders"), [("order", "shop/1")], now=NOON)
    assert rows(store, "order_line", "entity") == [("shop/2",)]
    reparse(store, "shop", "orders", one_by_one(doubled), parser=2, now=NOON, dry_run=False)
    assert rows(store, "order_line", "entity", "ordered_units") == [("shop/2", 4)]
    with store.log.write() as conn:
        withdraw_batch(conn, batch, now=NOON + 2 * DAY)
    reparse(store, "shop", "orders", one_by_one(right), parser=3, now=NOON, dry_run=False)
    assert rows(store, "order_line", "entity", "ordered_units") == []
    assert hash_rebuilt(store) == hash_now(store)
    assert tallies_are_exact(store)


def test_an_unknown_stream_is_named(store: Store) -> None:
    with pytest.raises(RequestError, match="no stream 'orders'"):
        reparse(store, "shop", "orders", one_by_one(right), parser=2, now=NOON, dry_run=True)
