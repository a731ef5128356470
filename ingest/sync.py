"""Reading systems into the log: pull what changed, sweep what is gone, compare what should be the same.

A page's records and the cursor that they move are stored in one transaction; a page too large for a short lock is
stored in parts, and the cursor moves with the last. What happens twice is therefore harmless, what is lost is not
possible: a reader that dies reads the same page again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from data.clock import Clock, to_micros
from data.errors import SourceRejected, SourceUnavailable
from data.events import Gone
from data.log.append import Prepared, Received, Tally, append, append_statement, prepare, source_id
from data.log.persons import store_secret
from data.log.sources import read_cursor
from data.log.status import note_failure, note_success
from data.store import Store
from ingest.adapter import Adapter, Page, RawItem
from ingest.held import Held, entities_of, held, newest_records
from ingest.http import Unavailable, error_class
from ingest.personal import received

#: How long one append may hold the write lock, in seconds; parts are sized to stay below it.
LOCK_SECONDS = 0.08
SMALLEST_PART, LARGEST_PART = 200, 2_000
#: A sweep that misses more than this share of a stream blames the source's list, not the items.
LARGEST_LOSS, SMALL_STREAM = 0.2, 20

Progress = Callable[[str, int, int], None]  #: (what, done, of; 0 where the whole is not known)


@dataclass(frozen=True, slots=True)
class Pulled(Tally):
    """What a read brought, beside what became of its records."""

    pages: int = 0
    seen_again: int = 0  #: read a second time on purpose and found unchanged: not received twice
    restarts: int = 0  #: the source refused the cursor, so the list was begun again

    def __add__(self, other: Tally) -> Pulled:
        extra = other if isinstance(other, Pulled) else Pulled()
        return Pulled(
            self.accepted + other.accepted, self.duplicates + other.duplicates, self.conflicts + other.conflicts,
            self.dead_letters + other.dead_letters, self.restated + other.restated, self.pages + extra.pages,
            self.seen_again + extra.seen_again, self.restarts + extra.restarts,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StreamPull:
    """How the read of one stream ended: with what it brought, or with the error that stopped it."""

    connection: str
    stream: str
    pulled: Pulled
    error: SourceUnavailable | SourceRejected | None = None


@dataclass(slots=True)
class _Part:
    """How many records one transaction takes, adapted to how long the last one held the lock."""

    size: int = 250

    def took(self, records: int, seconds: float) -> None:
        if records == self.size or seconds > LOCK_SECONDS:
            fitting = int(records * LOCK_SECONDS / max(seconds, 1e-4))
            self.size = max(SMALLEST_PART, min(LARGEST_PART, fitting, 2 * self.size))


def pull(
    store: Store,
    adapter: Adapter,
    stream: str,
    *,
    clock: Clock,
    progress: Progress | None = None,
) -> Pulled:
    """Read what a stream changed since the last read into the log.

    Raises:
        SourceUnavailable, SourceRejected: the read stopped; what was stored before stays, and the health of the
            stream says what happened.
    """
    ended = pull_or_error(store, adapter, stream, clock=clock, progress=progress)
    if ended.error is not None:
        raise ended.error
    return ended.pulled


def pull_all(
    store: Store, adapters: Iterable[Adapter], *, clock: Clock, progress: Progress | None = None
) -> list[StreamPull]:
    """Read every stream of every adapter; one that fails does not keep the others from being read."""
    return [
        pull_or_error(store, adapter, stream, clock=clock, progress=progress)
        for adapter in adapters
        for stream in adapter.streams
    ]


def pull_or_error(
    store: Store, adapter: Adapter, stream: str, *, clock: Clock, progress: Progress | None = None
) -> StreamPull:
    """Read one stream; the error that stopped it is a value, beside what was stored before."""
    with store.log.write() as conn:
        source = source_id(conn, adapter.connection, stream)
        cursor = read_cursor(conn, source)
    total, part = Pulled(), _Part()
    try:
        with _failures_noted(store, source, clock):
            for page, records in _one_ahead(_parsed(store, adapter, stream, cursor, clock)):
                total += _keep_page(store, source, adapter, stream, page, records, part, clock)
                if progress is not None:
                    progress(f"{adapter.connection}/{stream}", total.received, 0)
    except (SourceUnavailable, SourceRejected) as error:
        return StreamPull(adapter.connection, stream, total, error)
    return StreamPull(adapter.connection, stream, total)


def take(store: Store, adapter: Adapter, stream: str, item: RawItem, *, clock: Clock) -> tuple[Received, Tally]:
    """Store one item that came by itself: a webhook's, a read-back's."""
    taken = received(adapter, stream, item, secret=store_secret(store.facts.parent))
    prepared = prepare((taken,))
    with store.log.write() as conn:
        source = source_id(conn, adapter.connection, stream)
        tally = append(conn, source, prepared, received_at=to_micros(clock()), parser=adapter.streams[stream].parser)
    return taken, tally


def read_back(store: Store, adapter: Adapter, stream: str, key: str, *, clock: Clock) -> Received | None:
    """Read one item now and store it as an ordinary record; None where the source has none.

    Raises:
        SourceUnavailable, SourceRejected: it could not be read; nothing is known.
    """
    item = adapter.get(stream, key, clock=clock)
    return None if item is None else take(store, adapter, stream, item, clock=clock)[0]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a key sweep found: keys that the source no longer has, now marked as gone."""

    held: int
    gone: tuple[str, ...]


def sweep(store: Store, adapter: Adapter, stream: str, *, clock: Clock) -> Swept:
    """Mark as gone what the log holds and the source no longer has; each is asked for by id before it is believed.

    Raises:
        SourceUnavailable: the source cannot be read, or its list of keys misses too much to be believed.
        SourceRejected: it refuses.
    """
    started = to_micros(clock())
    with store.log.write() as conn:
        source = source_id(conn, adapter.connection, stream)
    with store.log.read() as conn:
        mine = {key: found for key, found in held(conn, source).items() if not found.gone}
    with _failures_noted(store, source, clock):
        remote = set(adapter.keys(stream))
        missing = sorted(key for key, h in mine.items() if key not in remote and h.observed_at <= started)
        if len(missing) > max(SMALL_STREAM, LARGEST_LOSS * len(mine)):
            raise Unavailable(
                f"{adapter.connection}/{stream}: the list of keys misses {len(missing)} of {len(mine)} known items; "
                "nothing was marked as gone",
                error_class="sweep",
            )
        gone = tuple(key for key in missing if adapter.get(stream, key, clock=clock) is None)
    _bury(store, source, adapter.streams[stream].parser, {key: mine[key] for key in gone}, clock)
    return Swept(len(mine), gone)


@dataclass(frozen=True, slots=True)
class Drift:
    """How the log differs from the source: what it lacks, what it holds in an older version, what is gone there."""

    connection: str
    stream: str
    compared: int
    missing: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    items: tuple[RawItem, ...] = field(default=(), repr=False)  #: what the source has of the differing ones

    def __bool__(self) -> bool:
        return bool(self.missing or self.outdated or self.extra)


def compare(store: Store, adapter: Adapter, stream: str, *, clock: Clock, since: datetime | None = None) -> Drift:
    """Compare keys and versions of the source with the log, of all items or of those changed since a moment."""
    with store.log.write() as conn:
        source = source_id(conn, adapter.connection, stream)
    with store.log.read() as conn:
        mine = held(conn, source)
    cursor = None if since is None else adapter.cursor_at(since)
    listed: dict[str, int] = {}
    differing: dict[str, RawItem] = {}
    with _failures_noted(store, source, clock):
        for page in adapter.changes(stream, cursor, clock=clock):
            for item in page.items:
                listed[item.key] = item.version
                if _newer(item, mine.get(item.key)):
                    differing[item.key] = item
    with store.log.read() as conn:
        now = newest_records(conn, source, differing)
    differing = {key: item for key, item in differing.items() if not _arrived(item, mine.get(key), now.get(key))}
    missing = tuple(sorted(key for key in differing if key not in mine or mine[key].gone))
    extra = () if since else tuple(sorted(k for k, h in mine.items() if not h.gone and k not in listed))
    return Drift(
        adapter.connection, stream, len(listed), missing,
        tuple(sorted(differing.keys() - set(missing))), extra, tuple(differing.values()),
    )  # fmt: skip


def reconcile(
    store: Store,
    adapter: Adapter,
    stream: str,
    *,
    clock: Clock,
    report: Callable[[Drift], None],
    since: datetime | None = None,
) -> Tally:
    """Compare with the source, report the drift, then repair it."""
    drift = compare(store, adapter, stream, clock=clock, since=since)
    report(drift)
    if not drift:
        return Tally()
    with store.log.write() as conn:
        source = source_id(conn, adapter.connection, stream)
    parser, part = adapter.streams[stream].parser, _Part()
    secret = store_secret(store.facts.parent)
    records = prepare(received(adapter, stream, item, secret=secret) for item in drift.items)
    tally = _keep(store, source, records, parser, part, clock, cursor=None)
    with store.log.read() as conn:
        mine = held(conn, source)
    gone = {key: mine[key] for key in drift.extra if adapter.get(stream, key, clock=clock) is None}
    _bury(store, source, parser, gone, clock)
    return tally


def _newer(item: RawItem, known: Held | None) -> bool:
    return known is None or known.gone or known.version < item.version


def _arrived(item: RawItem, known: Held | None, last: tuple[int, bytes] | None) -> bool:
    """Tell whether an item came in by itself meanwhile, or lies among the dead letters: neither is drift."""
    gone = known is not None and known.gone
    return not gone and last is not None and last[0] >= item.version


def _parsed(
    store: Store, adapter: Adapter, stream: str, cursor: str | None, clock: Clock
) -> Iterator[tuple[Page, list[Prepared]]]:
    secret = store_secret(store.facts.parent)
    for page in adapter.changes(stream, cursor, clock=clock):
        yield page, prepare(received(adapter, stream, item, secret=secret) for item in page.items)


def _one_ahead(
    pages: Iterator[tuple[Page, list[Prepared]]],
) -> Iterator[tuple[Page, list[Prepared]]]:
    """Ask for the next page while this one is being stored."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, pages, None)
        while (page := waiting.result()) is not None:
            waiting = pool.submit(next, pages, None)
            yield page


def _keep_page(
    store: Store,
    source: int,
    adapter: Adapter,
    stream: str,
    page: Page,
    records: list[Prepared],
    part: _Part,
    clock: Clock,
) -> Pulled:
    fresh = _without_reread(store, source, page, records)
    tally = _keep(store, source, fresh, adapter.streams[stream].parser, part, clock, page.cursor, page.as_of)
    return Pulled(pages=1, seen_again=len(records) - len(fresh), restarts=int(page.restarted)) + tally


def _without_reread(store: Store, source: int, page: Page, records: list[Prepared]) -> list[Prepared]:
    """Leave out what was asked for a second time on purpose and is still as the log has it."""
    until = page.reread_until
    if until is None:
        return records
    again = [p.item.key for p in records if p.item.changed_at is None or p.item.changed_at <= until]
    if not again:
        return records
    with store.log.read() as conn:
        known = newest_records(conn, source, again)
    return [p for p in records if known.get(p.item.key) != (p.item.version, p.hash)]


def _keep(
    store: Store,
    source: int,
    records: Sequence[Prepared],
    parser: int,
    part: _Part,
    clock: Clock,
    cursor: str | None,
    as_of: int | None = None,
) -> Tally:
    """Store records in parts that hold the lock shortly; the cursor and the stream's health move with the last."""
    total, start = Tally(), 0
    while True:
        some = records[start : start + part.size]
        start += len(some)
        last = start >= len(records)
        at = to_micros(clock())
        with store.log.write() as conn:
            began = time.perf_counter()
            total += append(conn, source, some, received_at=at, parser=parser, cursor=cursor if last else None)
            if last and cursor is not None:
                note_success(conn, source, at=at, as_of=as_of)
        part.took(len(some), time.perf_counter() - began)
        if last:
            return total


def _bury(store: Store, source: int, parser: int, gone: dict[str, Held], clock: Clock) -> None:
    """State under each key that it is gone; it stays so until the source states something newer."""
    for key, last in gone.items():
        with store.log.write() as conn:
            event = Gone(entities=entities_of(conn, source, key))
            at = max(to_micros(clock()), last.observed_at + 1)
            append_statement(conn, source, key, event, version=last.version, at=at, parser=parser)


@contextmanager
def _failures_noted(store: Store, source: int, clock: Clock) -> Iterator[None]:
    """Note why a read of the stream failed, and let the error go on."""
    try:
        yield
    except (SourceUnavailable, SourceRejected) as error:
        with store.log.write() as conn:
            note_failure(conn, source, at=to_micros(clock()), error_class=error_class(error), error=str(error))
        raise
