"""What becomes of what is received, on every database."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from data.clock import to_micros
from data.errors import RecordInvalid, RequestError
from data.log import tables as t
from data.log.append import Received, Tally
from data.log.conflicts import count_undecided, decide_conflict, list_conflicts
from data.log.dead_letters import Wanted, classes, dead_letter_ids, dismiss, list_dead_letters, replay
from data.log.records import Stored, one_stored
from data.store import Store
from tests.data.conftest import MakeStore
from tests.data.factories import counted, hash_now, hash_rebuilt, ingest, rows, status, tallies_are_exact
from tests.factories import DAY, NOON, a_line, a_payment, an_order, received

MINUTE = timedelta(minutes=1)


def test_the_same_content_again_is_a_duplicate_and_its_bytes_are_stored_once(store: Store) -> None:
    order = received(an_order(), version=1)
    assert ingest(store, [order]) == Tally(accepted=1)
    assert ingest(store, [order, order], at=NOON + MINUTE) == Tally(duplicates=2)
    with store.log.read() as conn:
        bodies = conn.execute(sa.select(t.record.c.body, t.record.c.same_as).order_by(t.record.c.id)).all()
        assert [(body is None, same) for body, same in bodies] == [(False, None), (True, 1), (True, 1)]
        assert one_stored(conn, 3).body == order.raw


def test_equal_content_in_other_bytes_is_a_duplicate_that_keeps_its_bytes(store: Store) -> None:
    ingest(store, [received(an_order(), raw=b'{"a": 1}')])
    assert ingest(store, [received(an_order(), raw=b'{"a":1}')]) == Tally(duplicates=1)
    with store.log.read() as conn:
        assert one_stored(conn, 2).body == b'{"a":1}'


def test_prices_that_are_written_differently_are_equal(store: Store) -> None:
    ingest(store, [received(an_order("o", a_line(price="1.10")), version=1)])
    assert ingest(store, [received(an_order("o", a_line(price="1.1")), version=1)]) == Tally(duplicates=1)


def test_the_same_version_with_other_content_is_restated_and_the_later_observation_wins(store: Store) -> None:
    ingest(store, [received(an_order("o", a_line(units=2)), version=7, at=NOON)])
    later = received(an_order("o", a_line(units=3)), version=7, at=NOON + MINUTE)
    assert ingest(store, [later]) == Tally(accepted=1, restated=1)
    assert rows(store, "order_line", "ordered_units") == [(3,)]
    back = received(an_order("o", a_line(units=2)), version=7, at=NOON + 2 * MINUTE)
    assert ingest(store, [back]) == Tally(accepted=1, restated=1)
    assert rows(store, "order_line", "ordered_units") == [(2,)]


def test_a_late_retry_with_the_original_payload_changes_nothing(store: Store) -> None:
    original, update = an_order("o", a_line(units=2)), an_order("o", a_line(units=5))
    ingest(store, [received(original, version=1, at=NOON)])
    ingest(store, [received(update, version=2, at=NOON + MINUTE)])
    assert ingest(store, [received(original, version=1, at=NOON + 9 * MINUTE)]) == Tally(duplicates=1)
    assert rows(store, "order_line", "ordered_units") == [(5,)]


def test_a_confirmed_content_is_not_overtaken_by_what_was_observed_before_the_confirmation(store: Store) -> None:
    now, between = an_order("o", a_line(units=2)), an_order("o", a_line(units=9))
    ingest(store, [received(now, at=NOON)])
    ingest(store, [received(now, at=NOON + 2 * MINUTE)])  # polled again: still 2
    ingest(store, [received(between, at=NOON + MINUTE)])  # a late message from in between
    assert rows(store, "order_line", "ordered_units") == [(2,)]
    assert hash_rebuilt(store) == hash_now(store)


def test_the_same_id_from_two_connections_never_merges(store: Store) -> None:
    ingest(store, [received(an_order("shop/7"), key="7")], connection="shop")
    ingest(store, [received(an_order("market/7"), key="7")], connection="market")
    assert rows(store, "order_line", "entity") == [("market/7",), ("shop/7",)]


def test_numbers_that_are_none_become_dead_letters_with_a_reason(store: Store) -> None:
    bad = [
        received(an_order("o1"), raw=b"1"),
        Received(key="o2", raw=b"2", observed_at=0, events=(an_order("o2", a_line(units=10**18)),)),
        Received(key="o3", raw=b"3", observed_at=0, events=(an_order("o3", placed_at=datetime(2026, 1, 1)),)),  # noqa: DTZ001
        Received(key="o4", raw=b"4", observed_at=0, events=(an_order("o4", a_line(), a_line()),)),
        Received(key="o5\0", raw=b"5", observed_at=0, events=(an_order("o5"),)),
        Received(key="o6", raw=b"6", observed_at=0, events=(an_order("o6\0"),)),
        Received(key="o7", raw=b"\xff\xfe", observed_at=0, error=RecordInvalid("not UTF-8", error_class="text")),
    ]
    assert ingest(store, bad) == Tally(accepted=1, dead_letters=6)
    with store.log.read() as conn:
        letters = list_dead_letters(conn)
    assert [letter.body for letter in letters] == [b"2", b"3", b"4", b"5", b"6", b"\xff\xfe"]
    assert all(letter.error for letter in letters)
    assert "no offset" in str(letters[1].error)
    assert hash_rebuilt(store) == hash_now(store)
    assert tallies_are_exact(store)


def test_a_record_without_events_waits_and_is_known_when_it_comes_again(store: Store) -> None:
    waiting = Received(key="unmapped", raw=b"{}", observed_at=to_micros(NOON))
    assert ingest(store, [waiting]) == Tally(accepted=1)
    assert ingest(store, [waiting, waiting]) == Tally(duplicates=2)


# -- dead letters


def parse_units(record: Stored) -> Received:
    """Read `units` as text, as an adapter would."""
    try:
        units = int(record.body)
    except ValueError:
        error = RecordInvalid(f"units are {record.body!r}; a whole number was expected", error_class="number")
        return Received(key=record.key, raw=record.body, observed_at=record.observed_at, error=error)
    order = an_order("shop/1", a_line(units=units))
    return Received(key="shop/1", raw=record.body, version=1, observed_at=record.observed_at, events=(order,))


def a_dead_letter(store: Store, body: bytes = b"two") -> int:
    error = RecordInvalid("units are no number", error_class="number")
    ingest(store, [Received(key="row 1", raw=body, observed_at=to_micros(NOON), error=error)])
    with store.log.read() as conn:
        return list_dead_letters(conn, Wanted(connection="shop", error_class="number"))[-1].id


def test_a_corrected_dead_letter_counts_once_and_received_does_not_change(store: Store) -> None:
    letter = a_dead_letter(store)
    before = status(store).received
    with store.log.write() as conn:
        assert replay(conn, letter, parse_units, at=to_micros(NOON), parser=2).outcome == "dead_letter"
        assert replay(conn, letter, parse_units, at=to_micros(NOON), parser=2, edited=b"2").outcome == "accepted"
    assert (status(store).received, status(store).accepted, status(store).dead_letters) == (before, 1, 0)
    assert rows(store, "order_line", "ordered_units") == [(2,)]
    with store.log.write() as conn:
        assert replay(conn, letter, parse_units, at=to_micros(NOON), parser=2, edited=b"9").outcome == "accepted"
    assert rows(store, "order_line", "ordered_units") == [(2,)]  # the second replay changed nothing
    assert tallies_are_exact(store)
    with store.log.read() as conn:
        row = conn.execute(sa.select(t.record.c.body, t.record.c.edited)).one()
        assert (bytes(row.body), bytes(row.edited)) == (b"two", b"2")  # the evidence stays


def test_dead_letters_are_grouped_by_stream_and_reason_with_their_newest_as_example(store: Store) -> None:
    a_dead_letter(store, b"one")
    newest = a_dead_letter(store, b"two")
    aside = a_dead_letter(store, b"three")
    with store.log.write() as conn:
        dismiss(conn, aside, by="ana", why="a test row")
        [group] = classes(conn)
        assert (group.connection, group.stream, group.error_class) == ("shop", "orders", "number")
        assert (group.letters, group.example, group.error) == (2, newest, "units are no number")
        assert dead_letter_ids(conn, Wanted(stream="orders")) == [newest - 1, newest]
        assert dead_letter_ids(conn, Wanted(stream="items")) == []


def test_a_wrong_correction_changes_neither_the_bytes_nor_their_reason(store: Store) -> None:
    letter = a_dead_letter(store)
    with store.log.write() as conn:
        done = replay(conn, letter, parse_units, at=to_micros(NOON), parser=2, edited=b"four")
        assert done.outcome == "dead_letter"
        assert done.error is not None
        stored = one_stored(conn, letter)
        assert (stored.body, stored.error) == (b"two", "units are no number")


def test_a_dead_letter_that_says_what_is_known_becomes_a_duplicate(store: Store) -> None:
    letter = a_dead_letter(store)
    order = an_order("shop/1", a_line(units=2))
    ingest(store, [received(order, key="shop/1", version=1)])
    with store.log.write() as conn:
        assert replay(conn, letter, parse_units, at=to_micros(NOON), parser=2, edited=b"2").outcome == "duplicate"
    assert counted(store) == {"accepted": 1, "duplicate": 1}
    assert tallies_are_exact(store)


def test_a_card_number_typed_into_a_correction_is_masked(store: Store) -> None:
    letter = a_dead_letter(store)

    def parse(record: Stored) -> Received:
        return Received(key="k", raw=record.body, observed_at=0, events=(an_order("o", a_line(title="x")),))

    with store.log.write() as conn:
        replay(conn, letter, parse, at=0, parser=2, edited=b"note: 4111 1111 1111 1111")
        assert one_stored(conn, letter).body == b"note: 4111 11** **** 1111"


def test_a_dead_letter_set_aside_still_counts(store: Store) -> None:
    letter = a_dead_letter(store)
    with store.log.write() as conn:
        dismiss(conn, letter, by="ana", why="a test row")
        assert list_dead_letters(conn) == []
        assert [found.dismissed for found in list_dead_letters(conn, Wanted(dismissed=True))] == ["ana: a test row"]
    assert status(store).dead_letters == 1
    ingest(store, [received(an_order())])
    with store.log.write() as conn, pytest.raises(RequestError, match="no dead letter"):
        dismiss(conn, letter + 1, by="ana", why="no")


# -- movements stated in two ways


def test_two_contents_of_one_payment_are_a_conflict_that_a_person_decides(make_store: MakeStore) -> None:
    one, two = a_payment("PAY1", amount_minor=510), a_payment("PAY1", amount_minor=520)
    stores = [make_store(), make_store()]
    for store, (first, second) in zip(stores, ((one, two), (two, one)), strict=True):
        assert ingest(store, [received(first)], stream="payments") == Tally(accepted=1)
        assert ingest(store, [received(second)], stream="payments") == Tally(conflicts=1)
        assert ingest(store, [received(first), received(second)], stream="payments") == Tally(duplicates=2)
        assert tallies_are_exact(store)
    assert hash_now(stores[0]) == hash_now(stores[1])  # a fixed rule holds, never the first to arrive
    store = stores[0]
    with store.log.read() as conn:
        [conflict] = list_conflicts(conn)
    assert conflict.decided_by is None
    [held] = [content for content in conflict.contents if content.holds]
    [other] = [content for content in conflict.contents if not content.holds]
    assert rows(store, "payment", "amount_minor") == [(held.event.amount_minor,)]  # type: ignore[union-attr]
    with store.log.write() as conn:
        decide_conflict(conn, "shop", "payments", "PAY1", holds=other.digest, by="ana", now=NOON + DAY)
    assert rows(store, "payment", "amount_minor") == [(other.event.amount_minor,)]  # type: ignore[union-attr]
    assert hash_rebuilt(store) == hash_now(store)
    with store.log.write() as conn:
        assert list_conflicts(conn) == []
        assert count_undecided(conn) == {}
        assert [c.decided_by for c in list_conflicts(conn, undecided=False)] == ["ana"]
        with pytest.raises(RequestError, match="has no content"):
            decide_conflict(conn, "shop", "payments", "PAY1", holds="00", by="ana", now=NOON + DAY)
        with pytest.raises(RequestError, match="not stated in two ways"):
            decide_conflict(conn, "shop", "payments", "PAY9", holds="00", by="ana", now=NOON + DAY)


def test_money_is_exact(store: Store) -> None:
    ingest(store, [received(an_order("o", a_line(units=3, price=str(Decimal("0.1")))))])
    assert rows(store, "order_line", "net_minor") == [(30,)]
