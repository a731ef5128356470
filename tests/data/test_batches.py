"""Files as batches: what a newer one lacks is gone, and each can be taken back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from data.clock import to_micros
from data.errors import RequestError
from data.log.append import Tally, source_id
from data.log.batches import close_batch, list_batches, open_batch, withdraw_batch
from data.publish import facts_as_of, facts_hash
from data.store import Store
from tests.data.conftest import MakeStore
from tests.data.factories import hash_now, hash_rebuilt, ingest, rows, tallies_are_exact
from tests.factories import DAY, NOON, a_line, a_payment, an_order_line, received

Lines = dict[str, int]  #: line -> units


def deliver(store: Store, exported: datetime, lines: Lines, *, at: datetime | None = None, close: bool = True) -> int:
    """Bring in one file of lines of order 1; it covers that order."""
    at = at or exported
    with store.log.write() as conn:
        batch = open_batch(conn, "shop", f"{exported:%d}.csv", instant=exported, now=at)
    items = [
        received(an_order_line("shop/1", a_line(name, "A", units)), version=to_micros(exported), at=at)
        for name, units in lines.items()
    ]
    ingest(store, items, stream="lines", at=at, batch=batch)
    if close:
        with store.log.write() as conn:
            close_batch(conn, batch, source_id(conn, "shop", "lines"), [("order", "shop/1")], now=at)
    return batch


def withdraw(store: Store, batch: int, at: datetime = NOON + 30 * DAY) -> None:
    with store.log.write() as conn:
        withdraw_batch(conn, batch, now=at)


def lines_of(store: Store) -> Lines:
    return dict(rows(store, "order_line", "line_id", "ordered_units"))


def test_a_line_that_comes_back_in_a_later_file_lives_again(store: Store) -> None:
    deliver(store, NOON, {"a": 1, "b": 1})
    deliver(store, NOON + DAY, {"a": 1})
    assert lines_of(store) == {"a": 1}
    deliver(store, NOON + 2 * DAY, {"a": 1, "b": 1})
    assert lines_of(store) == {"a": 1, "b": 1}
    assert hash_rebuilt(store) == hash_now(store)


def test_an_order_that_a_file_does_not_cover_is_left_alone(store: Store) -> None:
    deliver(store, NOON, {"a": 1})
    with store.log.write() as conn:
        batch = open_batch(conn, "shop", "other.csv", instant=NOON + DAY, now=NOON + DAY)
        assert close_batch(conn, batch, source_id(conn, "shop", "lines"), [("order", "shop/2")], now=NOON + DAY) == 0
    assert lines_of(store) == {"a": 1}


def test_files_in_any_order_give_the_same_facts(make_store: MakeStore) -> None:
    files: list[tuple[datetime, Lines]] = [
        (NOON, {"a": 1, "b": 1, "c": 1}),
        (NOON + DAY, {"a": 2, "b": 1}),
        (NOON + 2 * DAY, {"a": 2, "c": 4}),
    ]
    hashes = set()
    for order in itertools.permutations(files):
        store = make_store()
        for exported, lines in order:
            deliver(store, exported, lines, at=NOON)
        assert lines_of(store) == {"a": 2, "c": 4}
        hashes.add(hash_now(store))
        assert hash_rebuilt(store) in hashes
    assert len(hashes) == 1


def test_a_withdrawn_file_leaves_no_trace_in_the_facts(make_store: MakeStore) -> None:
    with_it, without = make_store(), make_store()
    for store in (with_it, without):
        deliver(store, NOON, {"a": 1, "b": 1})
    wrong = deliver(with_it, NOON + DAY, {"a": 7})
    assert lines_of(with_it) == {"a": 7}
    withdraw(with_it, wrong)
    assert lines_of(with_it) == {"a": 1, "b": 1}
    assert hash_now(with_it) == hash_now(without)
    assert hash_rebuilt(with_it) == hash_now(without)
    assert tallies_are_exact(with_it)


def test_the_duplicates_of_a_withdrawn_file_count_in_its_place(store: Store) -> None:
    first = deliver(store, NOON, {"a": 1, "b": 1})
    deliver(store, NOON + DAY, {"a": 1, "b": 1})
    deliver(store, NOON + 2 * DAY, {"a": 1, "b": 1})
    before = hash_now(store)
    with store.log.write() as conn:
        assert withdraw_batch(conn, first, now=NOON + 3 * DAY).redecided == 2
    assert hash_now(store) == before
    assert hash_rebuilt(store) == before
    assert tallies_are_exact(store)
    with store.log.read() as conn:
        assert [(b.status, b.rows) for b in list_batches(conn)] == [("closed", 2), ("closed", 2), ("withdrawn", 2)]


def test_the_confirmation_of_a_withdrawn_file_no_longer_counts(make_store: MakeStore) -> None:
    # a=1 on day 0, confirmed on day 2 by a file that is taken back; a=5 on day 1 comes late and holds then.
    store, plain = make_store(), make_store()
    deliver(store, NOON, {"a": 1})
    confirming = deliver(store, NOON + 2 * DAY, {"a": 1})
    deliver(store, NOON + DAY, {"a": 5}, at=NOON + 3 * DAY)
    assert lines_of(store) == {"a": 1}
    then = hash_now(store)
    withdraw(store, confirming)
    assert lines_of(store) == {"a": 5}
    assert hash_rebuilt(store) == hash_now(store)
    assert facts_hash(facts_as_of(store, NOON + 4 * DAY)) == then  # before it was taken back, it held
    deliver(plain, NOON, {"a": 1})
    deliver(plain, NOON + DAY, {"a": 5})
    assert hash_now(plain) == hash_now(store)


def test_withdrawing_brings_back_what_only_the_withdrawn_file_had_removed(store: Store) -> None:
    deliver(store, NOON, {"a": 1, "b": 1})
    second = deliver(store, NOON + DAY, {"a": 1})
    third = deliver(store, NOON + 2 * DAY, {"a": 1})
    withdraw(store, second)
    assert lines_of(store) == {"a": 1}  # the third file lacks it as well
    withdraw(store, third, NOON + 31 * DAY)
    assert lines_of(store) == {"a": 1, "b": 1}
    assert hash_rebuilt(store) == hash_now(store)


def test_the_earliest_contradiction_of_a_withdrawn_payment_is_accepted(store: Store) -> None:
    with store.log.write() as conn:
        batch = open_batch(conn, "shop", "payments.csv", instant=NOON, now=NOON)
    ingest(store, [received(a_payment("P", amount_minor=1))], stream="payments", batch=batch)
    assert ingest(store, [received(a_payment("P", amount_minor=2))], stream="payments") == Tally(conflicts=1)
    withdraw(store, batch)
    assert rows(store, "payment", "amount_minor") == [(2,)]
    assert tallies_are_exact(store)


def test_a_closed_batch_takes_no_more_records_and_is_closed_and_withdrawn_once(store: Store) -> None:
    batch = deliver(store, NOON, {"a": 1})
    with pytest.raises(RequestError, match="closed"):
        ingest(store, [received(an_order_line())], stream="lines", batch=batch)
    with store.log.write() as conn, pytest.raises(RequestError, match="only an open batch"):
        close_batch(conn, batch, 1, [], now=NOON)
    withdraw(store, batch)
    with pytest.raises(RequestError, match="already"):
        withdraw(store, batch)
    with pytest.raises(RequestError, match="no batch 99"):
        withdraw(store, 99)


def as_of(store: Store, moments: Iterable[datetime]) -> list[str]:
    return [facts_hash(facts_as_of(store, moment)) for moment in moments]


def test_looking_back_shows_the_facts_before_a_file_was_withdrawn(make_store: MakeStore) -> None:
    store, mirror = make_store(), make_store()
    seen = []
    moments = [NOON, NOON + DAY]
    for exported, lines in zip(moments, ({"a": 1, "b": 1}, {"a": 3}), strict=True):
        deliver(store, exported, lines)
        deliver(mirror, exported, lines)
        seen.append(hash_now(mirror))
    hash_now(store)
    withdraw(store, 2)
    hash_now(store)
    assert as_of(store, [m + timedelta(hours=1) for m in moments]) == seen
