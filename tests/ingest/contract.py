"""What every adapter promises, told once: a class whose tests run unchanged against each system's main stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from data.errors import SourceRejected, SourceUnavailable
from data.store import Store
from ingest.adapter import Adapter
from ingest.sync import compare, pull, pull_or_error, read_back, reconcile, sweep
from tests.ingest.factories import (
    NOON,
    a_store,
    accounted,
    an_adapter,
    an_item,
    keys_held,
    outcomes,
    status_of,
)
from tests.ingest.remote import Remote, pages_of


class AdapterContract:
    """Subclass it, name the system and its stream, and say how an item changes."""

    system: str
    stream: str
    change: dict[str, Any]  #: fields that a later version of the item states otherwise

    @pytest.fixture
    def remote(self) -> Remote:
        return Remote(NOON, page_size=2)

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return a_store(tmp_path)

    @pytest.fixture
    def adapter(self, remote: Remote) -> Adapter:
        return an_adapter(self.system, remote)

    def fill(self, remote: Remote, *keys: str, apart: float = 60.0) -> None:
        for key in keys:
            remote.put(self.stream, an_item(self.system, self.stream, key))
            remote.step(apart)

    def pull(self, store: Store, adapter: Adapter, remote: Remote) -> Any:
        return pull(store, adapter, self.stream, clock=remote.clock)

    def test_the_first_run_reads_everything(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        self.fill(remote, "a", "b", "c", "d", "e")
        pulled = self.pull(store, adapter, remote)
        assert (pulled.accepted, pulled.received, pulled.pages) == (5, 5, 3)
        status = status_of(store, self.system, self.stream)
        assert (status.accepted, status.failures, status.as_of) == (5, 0, remote.now)

    def test_the_next_run_reads_only_what_changed(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        self.fill(remote, "a", "b", "c")
        self.pull(store, adapter, remote)
        remote.put(self.stream, an_item(self.system, self.stream, "b", **self.change))
        remote.step()
        pulled = self.pull(store, adapter, remote)
        assert (pulled.accepted, pulled.received, pulled.pages) == (1, 1, 1)

    def test_a_reader_that_died_goes_on_where_it_stored_last(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b", "c", "d", "e")
        reader = adapter.changes(self.stream, None, clock=remote.clock)
        next(reader)
        second = next(reader)
        assert [item.key for item in next(adapter.changes(self.stream, second.cursor, clock=remote.clock)).items] == [
            "e"
        ]

    def test_a_page_stored_before_the_remote_failed_stays(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        self.fill(remote, "a", "b", "c", "d")

        def fail(page: int) -> None:
            if 1 < page < 7:
                raise httpx.ConnectError("refused")

        remote.before_page = fail
        ended = pull_or_error(store, adapter, self.stream, clock=remote.clock)
        assert isinstance(ended.error, SourceUnavailable)
        status = status_of(store, self.system, self.stream)
        assert (status.accepted, status.failures, status.error_class) == (2, 1, "connection")
        remote.before_page = lambda _page: None
        assert self.pull(store, adapter, remote).accepted == 2
        assert status_of(store, self.system, self.stream).failures == 0

    def test_the_same_delivered_again_is_a_duplicate(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        self.fill(remote, "a", "b")
        self.pull(store, adapter, remote)
        for key in ("a", "b", "b"):
            read_back(store, adapter, self.stream, key, clock=remote.clock)
        assert outcomes(store) == {"accepted": 2, "duplicate": 3}
        assert accounted(store)

    def test_what_became_visible_late_is_found_in_the_overlap(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b", apart=1)
        began = remote.now
        self.pull(store, adapter, remote)
        remote.step(30)
        item = an_item(self.system, self.stream, "late")
        remote.put(self.stream, item, updated_at=began.isoformat())
        pulled = self.pull(store, adapter, remote)
        assert pulled.accepted == 1
        assert "late" in keys_held(store)

    def test_the_overlap_is_read_again_but_not_received_again(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b", apart=0)
        self.pull(store, adapter, remote)
        for _ in range(3):
            assert self.pull(store, adapter, remote).received == 0
        assert outcomes(store) == {"accepted": 2}

    def test_equal_timestamps_over_pages_miss_nothing(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        keys = [f"k{n}" for n in range(7)]
        self.fill(remote, *keys, apart=0)
        assert self.pull(store, adapter, remote).accepted == 7
        assert keys_held(store) == keys

    def test_an_empty_list_is_a_success(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        pulled = self.pull(store, adapter, remote)
        assert (pulled.received, pulled.pages) == (0, 1)
        assert status_of(store, self.system, self.stream).succeeded_at == remote.now

    def test_a_broken_record_in_the_middle_becomes_a_dead_letter_and_the_rest_goes_on(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b", "c", "d")
        remote.broken = {"b": b'{"id":"b","version":1,"updated_at":"2026-03-02T12:01:00+00:00"}', "c": b'"what?"'}
        pulled = self.pull(store, adapter, remote)
        assert (pulled.accepted, pulled.dead_letters) == (2, 2)
        assert keys_held(store) == ["a", "d"]
        assert accounted(store)

    def test_a_broken_record_is_counted_once_however_often_it_is_read(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b", apart=0)
        remote.broken = {"b": b'{"id":"b","version":1,"updated_at":"2026-03-02T12:00:00+00:00"}'}
        for _ in range(3):
            self.pull(store, adapter, remote)
        assert outcomes(store) == {"accepted": 1, "dead_letter": 1}

    def test_a_list_that_changes_while_it_is_read_misses_nothing(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b", "c", "d")

        def change(page: int) -> None:
            if page == 2:
                remote.put(self.stream, an_item(self.system, self.stream, "c", **self.change))
                remote.put(self.stream, an_item(self.system, self.stream, "e"))

        remote.before_page = change
        self.pull(store, adapter, remote)
        assert set(keys_held(store)) == {"a", "b", "c", "d", "e"}
        assert not compare(store, adapter, self.stream, clock=remote.clock)

    def test_an_expired_cursor_begins_the_list_again_from_the_last_known_change(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b", "c", "d", "e", "f")

        def restart(page: int) -> None:
            if page == 3:
                remote.epoch += 1

        remote.before_page = restart
        pulled = self.pull(store, adapter, remote)
        assert (pulled.accepted, pulled.restarts) == (6, 1)
        assert "updated_since" in list(pages_of(remote))[-1]

    def test_a_cursor_that_nobody_can_read_begins_the_list_again(self, adapter: Adapter, remote: Remote) -> None:
        self.fill(remote, "a")
        [page] = adapter.changes(self.stream, "what?", clock=remote.clock)
        assert [item.key for item in page.items] == ["a"]

    def test_one_item_is_read_by_its_key(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        self.fill(remote, "a/ö b")
        received = read_back(store, adapter, self.stream, "a/ö b", clock=remote.clock)
        assert received is not None
        assert (received.key, received.error) == ("a/ö b", None)
        assert read_back(store, adapter, self.stream, "nowhere", clock=remote.clock) is None

    def test_a_wrong_token_says_so(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        remote.answers = [httpx.Response(401, json={"error": "unauthorized"})]
        with pytest.raises(SourceRejected, match="token"):
            self.pull(store, adapter, remote)
        assert status_of(store, self.system, self.stream).error_class == "auth"

    def test_what_was_lost_is_reported_and_then_repaired(self, store: Store, adapter: Adapter, remote: Remote) -> None:
        self.fill(remote, "a", "b")
        self.pull(store, adapter, remote)
        remote.put(self.stream, an_item(self.system, self.stream, "a", **self.change), updated_at=NOON.isoformat())
        remote.put(self.stream, an_item(self.system, self.stream, "c"), updated_at=NOON.isoformat())
        seen = []
        tally = reconcile(store, adapter, self.stream, clock=remote.clock, report=seen.append)
        assert (seen[0].missing, seen[0].outdated, tally.accepted) == (("c",), ("a",), 2)
        assert not compare(store, adapter, self.stream, clock=remote.clock)

    def test_what_was_deleted_without_a_trace_is_found_by_the_sweep(
        self, store: Store, adapter: Adapter, remote: Remote
    ) -> None:
        self.fill(remote, "a", "b")
        self.pull(store, adapter, remote)
        remote.delete(self.stream, "a")
        assert sweep(store, adapter, self.stream, clock=remote.clock).gone == ("a",)
        assert sweep(store, adapter, self.stream, clock=remote.clock).gone == ()
