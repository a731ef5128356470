"""What every adapter promises: each test runs unchanged for every system; a new system adds one line to CASES."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from data.errors import SourceRejected, SourceUnavailable
from data.store import Store
from ingest.adapter import Adapter
from ingest.connections import SANDBOX
from ingest.sync import Drift, Pulled, compare, pull, pull_or_error, read_back, reconcile, sweep
from tests.ingest.factories import (
    NOON,
    a_store,
    a_wire,
    accounted,
    an_adapter,
    an_item,
    keys_held,
    outcomes,
    status_of,
)
from tests.ingest.remote import Remote, pages_of

#: (system, stream, what a later version of an item states otherwise)
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("storefront", "orders", {"hold": "address"}),
    ("storefront", "listings", {"quantity": 3}),
    ("erp", "purchases", {"status": "confirmed"}),
    ("warehouse", "stock", {"on_hand": 3}),
    ("carrier", "parcels", {"carrier": "other"}),
    ("medusa", "orders", {"metadata": {"hold": "address"}}),
    ("medusa", "items", {"title": "other"}),
    ("tryton", "sales", {"state": "cancelled"}),
    ("tryton", "order_points", {"min_quantity": 7.0}),
]
#: Those whose lists are followed by tokens, which can expire.
BY_TOKEN = [case for case in CASES if case[0] in SANDBOX]


@dataclass
class Case:
    """One system's stream behind a wire, and a store to read it into."""

    system: str
    stream: str
    change: dict[str, Any]
    remote: Remote
    adapter: Adapter
    store: Store

    def fill(self, *keys: str, apart: float = 60.0) -> None:
        """Put items behind the wire, so many seconds apart."""
        for key in keys:
            self.put(key)
            self.remote.step(apart)

    def put(self, key: str, at: datetime | None = None, /, **fields: object) -> None:
        """Put one item behind the wire, changed now or at a moment."""
        stamp = {} if at is None else {"updated_at": at.isoformat()}
        self.remote.put(self.stream, an_item(self.system, self.stream, key, **fields), **stamp)

    def id_of(self, key: str) -> str:
        """Give the remote's own id."""
        return self.remote.id_of(self.stream, key)

    def key(self, name: str) -> str:
        """Give the key under which an item is known here."""
        return self.remote.key_of(self.stream, name)

    def keys(self, *names: str) -> list[str]:
        """Give the keys under which items are known here, sorted."""
        return sorted(self.key(name) for name in names)

    def pull(self) -> Pulled:
        """Read what changed."""
        return pull(self.store, self.adapter, self.stream, clock=self.remote.clock)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return a_case(request.param, tmp_path)


@pytest.fixture(params=BY_TOKEN, ids=lambda case: f"{case[0]}-{case[1]}")
def token_case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return a_case(request.param, tmp_path)


def a_case(of: tuple[str, str, dict[str, Any]], folder: Path) -> Case:
    system, stream, change = of
    remote = a_wire(system, page_size=2)
    return Case(system, stream, change, remote, an_adapter(system, remote), a_store(folder))


def test_the_first_run_reads_everything(case: Case) -> None:
    case.fill("a", "b", "c", "d", "e")
    pulled = case.pull()
    assert (pulled.accepted, pulled.received, pulled.pages) == (5, 5, 3)
    status = status_of(case.store, case.system, case.stream)
    assert (status.accepted, status.failures, status.as_of) == (5, 0, case.remote.now)


def test_the_next_run_reads_only_what_changed(case: Case) -> None:
    case.fill("a", "b")
    case.pull()
    case.put("b", **case.change)
    case.remote.step()
    pulled = case.pull()
    assert (pulled.accepted, pulled.received, pulled.pages) == (1, 1, 1)


def test_a_reader_that_died_goes_on_where_it_stored_last(case: Case) -> None:
    case.fill("a", "b", "c", "d", "e")
    reader = case.adapter.changes(case.stream, None, clock=case.remote.clock)
    next(reader)
    second = next(reader)
    rest = case.adapter.changes(case.stream, second.cursor, clock=case.remote.clock)
    assert [item.key for page in rest for item in page.items] == [case.key("e")]


def test_a_page_stored_before_the_remote_failed_stays(case: Case) -> None:
    case.fill("a", "b", "c", "d")

    def fail(page: int) -> None:
        if 1 < page < 7:
            raise httpx.ConnectError("refused")

    case.remote.before_page = fail
    ended = pull_or_error(case.store, case.adapter, case.stream, clock=case.remote.clock)
    assert isinstance(ended.error, SourceUnavailable)
    status = status_of(case.store, case.system, case.stream)
    assert (status.accepted, status.failures, status.error_class) == (2, 1, "connection")
    case.remote.before_page = lambda _page: None
    case.adapter = an_adapter(case.system, case.remote)
    assert case.pull().accepted == 2
    assert status_of(case.store, case.system, case.stream).failures == 0


def test_the_same_delivered_again_is_a_duplicate(case: Case) -> None:
    case.fill("a", "b")
    case.pull()
    for key in ("a", "b", "b"):
        read_back(case.store, case.adapter, case.stream, case.key(key), clock=case.remote.clock)
    assert outcomes(case.store) == {"accepted": 2, "duplicate": 3}
    assert accounted(case.store)


def test_what_became_visible_late_is_found_in_the_overlap(case: Case) -> None:
    case.fill("a", "b", apart=1)
    began = case.remote.now
    case.pull()
    case.remote.step(30)
    case.put("late", began)
    pulled = case.pull()
    assert pulled.accepted == 1
    assert case.key("late") in keys_held(case.store)


def test_the_overlap_is_read_again_but_not_received_again(case: Case) -> None:
    case.fill("a", "b", apart=0)
    case.pull()
    for _ in range(3):
        assert case.pull().received == 0
    assert outcomes(case.store) == {"accepted": 2}


def test_equal_timestamps_over_pages_miss_nothing(case: Case) -> None:
    keys = [f"k{n}" for n in range(7)]
    case.fill(*keys, apart=0)
    assert case.pull().accepted == 7
    assert keys_held(case.store) == case.keys(*keys)


def test_an_empty_list_is_a_success(case: Case) -> None:
    pulled = case.pull()
    assert (pulled.received, pulled.pages) == (0, 1)
    assert status_of(case.store, case.system, case.stream).succeeded_at == case.remote.now


def test_a_broken_record_in_the_middle_becomes_a_dead_letter_and_the_rest_goes_on(case: Case) -> None:
    case.fill("a", "b", "c", "d")
    at = NOON + timedelta(minutes=1)
    case.remote.broken = {case.id_of("b"): case.remote.bare(case.stream, "b", at), case.id_of("c"): b'"what?"'}
    pulled = case.pull()
    assert (pulled.accepted, pulled.dead_letters) == (2, 2)
    assert keys_held(case.store) == case.keys("a", "d")
    assert accounted(case.store)


def test_a_broken_record_is_counted_once_however_often_it_is_read(case: Case) -> None:
    case.fill("a", "b", apart=0)
    case.remote.broken = {case.id_of("b"): case.remote.bare(case.stream, "b", NOON)}
    for _ in range(3):
        case.pull()
    assert outcomes(case.store) == {"accepted": 1, "dead_letter": 1}


def test_a_list_that_changes_while_it_is_read_misses_nothing(case: Case) -> None:
    case.fill("a", "b", "c", "d")

    def change(page: int) -> None:
        if page == 2:
            case.put("c", **case.change)
            case.put("e")

    case.remote.before_page = change
    case.pull()
    case.remote.step()
    case.pull()
    assert set(keys_held(case.store)) == set(case.keys("a", "b", "c", "d", "e"))
    assert not compare(case.store, case.adapter, case.stream, clock=case.remote.clock)


def test_an_expired_cursor_begins_the_list_again_from_the_last_known_change(token_case: Case) -> None:
    token_case.fill("a", "b", "c", "d", "e", "f")

    def restart(page: int) -> None:
        if page == 3:
            token_case.remote.epoch += 1

    token_case.remote.before_page = restart
    pulled = token_case.pull()
    assert (pulled.accepted, pulled.restarts) == (6, 1)
    assert "updated_since" in list(pages_of(token_case.remote))[-1]


@pytest.mark.parametrize("expired", [4, 6], ids=["while it is read", "the next time"])
def test_a_change_behind_the_reader_is_found_though_its_list_expires(token_case: Case, expired: int) -> None:
    token_case.fill("x", "y", apart=0)
    token_case.remote.step(5)
    token_case.fill("a", "b", "c", apart=0)

    def meddle(page: int) -> None:
        if page == 3:  # the reader stands behind `b`, and `a` changes in that very instant
            token_case.put("a", **token_case.change)
            token_case.remote.step()
            token_case.fill("e", "f", apart=0)
        if page == expired:
            token_case.remote.epoch += 1

    token_case.remote.before_page = meddle
    restarts = sum(token_case.pull().restarts for _ in range(3))
    assert restarts == 1
    assert not compare(token_case.store, token_case.adapter, token_case.stream, clock=token_case.remote.clock)


def test_a_cursor_that_nobody_can_read_begins_the_list_again(case: Case) -> None:
    case.fill("a")
    [page] = case.adapter.changes(case.stream, "what?", clock=case.remote.clock)
    assert [item.key for item in page.items] == [case.key("a")]


def test_one_item_is_read_by_its_key(case: Case) -> None:
    case.fill("a/ö b")
    key = case.key("a/ö b")
    received = read_back(case.store, case.adapter, case.stream, key, clock=case.remote.clock)
    assert received is not None
    assert (received.key, received.error) == (key, None)
    assert read_back(case.store, case.adapter, case.stream, "nowhere", clock=case.remote.clock) is None


def test_a_wrong_token_says_so(case: Case) -> None:
    case.remote.answers = [httpx.Response(401, json={"error": "unauthorized"})]
    with pytest.raises(SourceRejected, match="token"):
        case.pull()
    assert status_of(case.store, case.system, case.stream).error_class == "auth"


def test_what_was_lost_is_reported_and_then_repaired(case: Case) -> None:
    case.fill("a", "b")
    case.pull()
    later = NOON + timedelta(seconds=1)
    case.put("a", later, **case.change)
    case.put("c", later)
    seen: list[Drift] = []
    tally = reconcile(case.store, case.adapter, case.stream, clock=case.remote.clock, report=seen.append)
    assert (seen[0].missing, seen[0].outdated, tally.accepted) == ((case.key("c"),), (case.key("a"),), 2)
    assert not compare(case.store, case.adapter, case.stream, clock=case.remote.clock)


def test_what_was_deleted_without_a_trace_is_found_by_the_sweep(case: Case) -> None:
    case.fill("a", "b")
    case.pull()
    case.remote.delete(case.stream, "a")
    assert sweep(case.store, case.adapter, case.stream, clock=case.remote.clock).gone == (case.key("a"),)
    assert sweep(case.store, case.adapter, case.stream, clock=case.remote.clock).gone == ()
