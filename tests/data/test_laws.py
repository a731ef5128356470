"""Laws of the log and the fold: neither order, repetition, batching nor a crash may matter."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.clock import to_micros
from data.events import Event, Gone
from data.facts import ENTITY
from data.lake import Lake, _Mode
from data.log.append import Received
from data.publish import compact, facts_as_of, facts_hash, open_facts, publish, rebuild
from data.settings import read_settings
from data.store import Store, open_store
from tests.data.factories import counted, hash_now, hash_rebuilt, ingest, status, tallies_are_exact
from tests.factories import (
    DAY,
    HOUR,
    NOON,
    a_count,
    a_line,
    a_listing,
    a_parcel,
    a_payment,
    a_return,
    a_tracking,
    a_work,
    an_inspection,
    an_item,
    an_order,
    received,
)

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
FEW = settings(
    max_examples=300 if FULL else 8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
pytestmark = pytest.mark.timeout(7200 if FULL else 120)
#: Memory, where there is such a folder: these laws are about logic, and the disk would take most of the time.
FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 -- each store has its own folder in it


@contextmanager
def a_store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        store = open_store(read_settings({"FILLWELL_HOME": folder}), "mine")
        try:
            yield store
        finally:
            store.close()


@dataclass(frozen=True)
class Message:
    """One record as some connection sends it."""

    connection: str
    record: Received


ORDERS = ("shop/1", "shop/2")
small = st.integers(1, 4)


def of_order(order: str, content: int) -> st.SearchStrategy[Event]:
    """Draw what some system says of an order; the content follows from content and kind."""
    line = a_line("1", "A", content + 1)
    at = NOON + content * HOUR
    states = [
        an_order(order, line, a_line("2", "B", 1, "9.99"), ship_by=NOON + DAY),
        an_order(order, line, hold="address" if content % 2 else None),
        an_order(order, line, cancelled_at=at, cancel_cause="customer"),
    ]
    works = [
        a_parcel(f"P{order}", order, ("1", "A", content), handed_over_at=at, freight_minor=10 * content),
        a_work(f"W{order}", order, ("1", "A", content), status="packed", handling_minor=content),
        a_return(f"R{order}", order, status="received" if content > 2 else "requested"),
        an_inspection(f"I{order}", f"R{order}", order, dispositions=("dispose" if content > 2 else "restock",)),
        a_tracking(f"T-P{order}", delivered_at=at),
    ]
    return st.sampled_from(states) | st.sampled_from(works)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Draw a record; content, version and moment of observation are independent, as with a source that restates."""
    content = draw(small)
    version = draw(st.sampled_from([0, 0, 1, 2, 3]))
    at = NOON + draw(small) * HOUR
    order = draw(st.sampled_from(ORDERS))
    kind = draw(st.sampled_from(["order", "order", "order", "payment", "item", "stock", "listing", "gone"]))
    event: Event
    if kind == "order":
        event = draw(of_order(order, content))
    elif kind == "payment":  # a movement: sometimes stated in two ways
        of = draw(st.sampled_from(["capture", "refund"]))
        event = a_payment(f"PAY{draw(small)}", order, 100 * content, kind=of)
    elif kind == "item":
        event = an_item(draw(st.sampled_from("AB")), ("2026-01-01", f"{content}.00"))
    elif kind == "stock":
        event = a_count("A", "NORTH", content)
    elif kind == "listing":
        event = a_listing(quantity=content)
    else:
        event = Gone(entities=(("order", order),))
    key = order if kind == "gone" else None
    return Message(
        draw(st.sampled_from(["shop", "shop", "shop", "depot"])), received(event, key=key, version=version, at=at)
    )


def stream_of(message: Message) -> str:
    return type(message.record.events[0]).__name__ if not isinstance(message.record.events[0], Gone) else "OrderStated"


def take_in(store: Store, sent: Sequence[Message], at: datetime = NOON) -> None:
    for message in sent:
        ingest(store, [message.record], connection=message.connection, stream=stream_of(message), at=at)


class CrashError(Exception):
    """The process ended here."""


class CrashingLake(Lake):
    """A lake whose process ends after so many commits to its tables, or right before one."""

    left: int = 0

    def _commit(self, table: str | DeltaTable, rows: pl.DataFrame, mode: _Mode, position: int) -> None:
        if self.left == 0:
            raise CrashError
        super()._commit(table, rows, mode, position)
        self.left -= 1
        if self.left == 0:
            raise CrashError


def crash(store: Store, steps: int, *, compacting: bool) -> None:
    """Publish or compact with a process that ends after some steps."""
    lake = CrashingLake(store.facts)
    lake.left = steps
    try:
        if compacting:
            compact(store, now=NOON, force=True, lake=lake)
        else:
            publish(store, now=NOON, lake=lake)
    except CrashError:
        pass


@FEW
@given(sent=st.lists(messages(), min_size=8, max_size=16), data=st.data())
def test_order_repetition_and_batching_do_not_matter(sent: list[Message], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(sent), max_size=6), label="repeated")
    shuffled = data.draw(st.permutations([*sent, *again]), label="shuffled")
    with a_store() as one, a_store() as other:
        take_in(one, sent)
        for message in shuffled:
            take_in(other, [message])
            if data.draw(st.booleans(), label="publish"):
                publish(other, now=NOON)
        assert hash_now(one) == hash_now(other)
        assert hash_rebuilt(other) == hash_now(one)
        for store, number in ((one, len(sent)), (other, len(shuffled))):
            assert tallies_are_exact(store)
            assert sum(counted(store).values()) == number


@FEW
@given(sent=st.lists(messages(), min_size=6, max_size=12), data=st.data())
def test_no_crash_between_any_two_steps_changes_the_facts(sent: list[Message], data: st.DataObject) -> None:
    with a_store() as plain, a_store() as crashing:
        take_in(plain, sent)
        for message in sent:
            take_in(crashing, [message])
            step = data.draw(st.sampled_from(["nothing", "publish", "crash", "compact", "crash compacting"]))
            if step == "publish":
                publish(crashing, now=NOON)
            elif step == "compact":
                compact(crashing, now=NOON, force=True)
            elif step != "nothing":
                crash(crashing, data.draw(st.integers(0, 6)), compacting=step == "crash compacting")
        assert hash_now(crashing) == hash_now(plain)
        assert weighted_equals_rows(crashing)
        assert hash_rebuilt(crashing) == hash_now(plain)


def weighted_equals_rows(store: Store) -> bool:
    """Sums of weight times value are those over the netted rows."""
    facts = open_facts(store)
    by_weight = facts.weighted("order_line").select((pl.col("weight") * pl.col("ordered_units")).sum().alias("u"))
    plain = facts.rows("order_line").select(pl.col("ordered_units").sum().alias("u"))
    return bool(by_weight.collect().item() == plain.collect().item())


@FEW
@given(sent=st.lists(messages(), min_size=6, max_size=10), data=st.data())
def test_looking_back_shows_what_a_store_knew_that_received_no_more(sent: list[Message], data: st.DataObject) -> None:
    with a_store() as store:
        moments, hashes = [], []
        with a_store() as mirror:
            for n, message in enumerate(sent):
                at = NOON + n * timedelta(minutes=1)
                take_in(store, [message], at)
                take_in(mirror, [message], at)
                if data.draw(st.booleans(), label="publish"):
                    publish(store, now=at)
                moments.append(at + timedelta(seconds=1))
                hashes.append(hash_now(mirror))
        assert [facts_hash(facts_as_of(store, moment)) for moment in moments] == hashes
        publish(store, now=NOON)
        assert [facts_hash(facts_as_of(store, moment)) for moment in moments] == hashes


@FEW
@given(before=st.integers(1, 5), retries=st.integers(1, 4), data=st.data())
def test_a_late_retry_of_an_original_payload_never_takes_the_state_back(
    before: int, retries: int, data: st.DataObject
) -> None:
    updates = [received(an_order("o", a_line(units=v)), version=v, at=NOON + v * HOUR) for v in range(1, before + 1)]
    with a_store() as store:
        ingest(store, updates)
        for n in range(retries):
            version = data.draw(st.integers(1, before))
            late = received(an_order("o", a_line(units=version)), version=version, at=NOON + (before + n + 1) * HOUR)
            ingest(store, [late])
        publish(store, now=NOON)
        assert open_facts(store).frame("order_line")["ordered_units"].to_list() == [before]
        assert status(store).accepted == before
        assert status(store).received == before + retries


def test_a_cost_that_arrives_after_its_orders_refolds_them() -> None:
    with a_store() as store:
        ingest(store, [received(an_order("o")), received(a_parcel("P1", "o"))])
        publish(store, now=NOON)
        assert open_facts(store).frame("line_amount")["uncosted_minor"].to_list() == [510]
        ingest(store, [received(an_item("A", ("2026-01-01", "1.00")))], stream="items")
        publish(store, now=NOON)
        assert open_facts(store).frame("line_amount").select("cogs_minor", "uncosted_minor").rows() == [(200, 0)]
        assert hash_rebuilt(store) == hash_now(store)


def test_a_crash_after_the_tables_and_before_the_publication_is_taken_back() -> None:
    with a_store() as store:
        ingest(store, [received(an_order("o"), version=1)])
        publish(store, now=NOON)
        ingest(store, [received(an_order("o", a_line(units=5)), version=2)])
        crash(store, 1, compacting=False)  # the tail has the change, no publication names it
        assert open_facts(store).frame("order_line")["ordered_units"].to_list() == [2]
        publish(store, now=NOON)
        assert open_facts(store).frame("order_line")["ordered_units"].to_list() == [5]
        assert weighted_equals_rows(store)


def test_an_older_publication_can_still_be_read_while_newer_ones_are_made() -> None:
    with a_store() as store:
        ingest(store, [received(an_order("o"), version=1)])
        publish(store, now=NOON)
        facts = open_facts(store)
        ingest(store, [received(an_order("o", a_line(units=5)), version=2), received(an_order("p"))])
        publish(store, now=NOON)
        compact(store, now=NOON, force=True)
        rebuild(store, now=NOON)
        assert facts.frame("order_line").select(ENTITY, "ordered_units").rows() == [("o", 2)]


@pytest.mark.slow
@settings(max_examples=1000 if FULL else 25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(messages(), min_size=1, max_size=30), data=st.data())
def test_shuffles_of_a_day_repeated_and_up_to_thirty_days_late_give_one_state(
    sent: list[Message], data: st.DataObject
) -> None:
    lateness = st.integers(0, 30 * 24 * 60)
    arriving = [
        (NOON + timedelta(minutes=data.draw(lateness, label="late")), message)
        for message in sent
        for _ in range(data.draw(st.integers(1, 6), label="times"))
    ]
    with a_store() as one, a_store() as other:
        take_in(one, sent)
        for at, message in sorted(arriving, key=lambda arrival: arrival[0]):
            take_in(other, [message], at)
        assert hash_now(one) == hash_now(other)
        assert tallies_are_exact(other)


def test_micros_are_exact() -> None:
    assert to_micros(NOON + timedelta(microseconds=1)) - to_micros(NOON) == 1
