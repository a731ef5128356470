"""A planned file into the log: one batch, in short transactions, each of which says how far it came.

Stopped at any moment and started again, it goes on after the last row that was stored: nothing is lost or doubled.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from data.clock import to_micros
from data.errors import RequestError
from data.log import tables as t
from data.log.append import Prepared, Tally, append, move_cursor, prepare, source_id
from data.log.batches import close_batch, open_batch
from data.log.persons import store_secret
from data.log.sources import read_cursor
from data.store import Store
from ingest.files.corrections import Corrections, as_before, corrections
from ingest.files.events import PARSER
from ingest.files.kept import keep_mapping
from ingest.files.plan import Plan
from ingest.files.replay import parse_again

#: The writer is held no longer than this at a time, so that nobody waits long.
HELD_SECONDS = 0.08
FEWEST, MOST = 200, 4_000
#: Rows made into records at once.
MADE = 8_000

Progress = Callable[[str, int, int], None]


class Place(msgspec.Struct, frozen=True):
    """Where an import stands: rows stored of the file with this digest, in this batch."""

    digest: str
    batch: int
    rows: int
    closed: bool = False


@dataclass(frozen=True)
class Imported:
    """What became of a file."""

    batch: int
    name: str
    rows: int
    tally: Tally
    instant: datetime
    resumed_at: int  #: rows that an interrupted import had stored already
    removed: int  #: lines that the file no longer has


def load(store: Store, plan: Plan, *, now: datetime, progress: Progress | None = None) -> Imported:
    """Store every row of a file as a record of one batch, then close it over the documents that it names.

    Raises:
        RequestError: another import into the same stream began meanwhile.
    """
    keep_mapping(store, plan.mapping, plan.notes.formats)
    source, place = _begin(store, plan, now)
    ready = _Ready(plan, observed_at=to_micros(now))
    known: Corrections | None = None
    secret = store_secret(store.facts.parent)
    resumed_at, size = place.rows, FEWEST
    with _collector_paused():
        while place.rows < plan.rows:
            items = ready.take(place.rows, size)
            stop = place.rows + len(items)
            if known is None and any(one.item.error is not None for one in items):
                known = _corrections(store, source)
            with store.log.write() as conn:
                began = time.monotonic()
                _require(conn, source, place, plan)
                if known:
                    items = as_before(
                        conn, items, known, parse_again(conn, plan.mapping, plan.notes.formats, key=secret)
                    )
                place = Place(place.digest, place.batch, stop)
                append(
                    conn, source, items, received_at=to_micros(now), parser=PARSER, batch=place.batch,
                    cursor=_encode(place),
                )  # fmt: skip
            size = _next_size(size, time.monotonic() - began)
            if progress:
                progress(f"store {plan.name}", stop, plan.rows)
    covered = plan.covered() if plan.mapping.covers else set()
    with store.log.write() as conn:
        _require(conn, source, place, plan)
        removed = close_batch(conn, place.batch, source, covered, now=now, parser=PARSER)
        move_cursor(
            conn, source, _encode(Place(place.digest, place.batch, place.rows, closed=True)), moved_at=to_micros(now)
        )
    with store.log.read() as conn:
        tally = tally_of(conn, place.batch)
    return Imported(place.batch, plan.name, plan.rows, tally, plan.instant, resumed_at, removed)


def _corrections(store: Store, source: int) -> Corrections:
    with store.log.read() as conn:
        return corrections(conn, source)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the search for cycles: rows make none, and looking for them takes a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Ready:
    """Rows made into records some thousands at a time, whatever the size of the transactions that take them."""

    def __init__(self, plan: Plan, *, observed_at: int) -> None:
        self._plan, self._observed_at = plan, observed_at
        self._first, self._items = 0, list[Prepared]()

    def take(self, start: int, size: int) -> list[Prepared]:
        """Give the records of at most `size` rows from `start` on."""
        if not self._first <= start < self._first + len(self._items):
            self._first = start
            stop = min(start + MADE, self._plan.rows)
            self._items = prepare(self._plan.received(start, stop, observed_at=self._observed_at))
        return self._items[start - self._first : start - self._first + size]


def tally_of(conn: sa.Connection, batch: int) -> Tally:
    """Count a batch's records by outcome."""
    r = t.record.c
    query = sa.select(r.outcome, sa.func.count()).where(r.batch == batch).group_by(r.outcome)
    counts: dict[str, int] = {row[0]: row[1] for row in conn.execute(query)}
    return Tally(
        counts.get("accepted", 0), counts.get("duplicate", 0), counts.get("conflict", 0), counts.get("dead_letter", 0)
    )


def _begin(store: Store, plan: Plan, now: datetime) -> tuple[int, Place]:
    """Go on with an interrupted import of the same file by the same mapping, or open a batch."""
    with store.log.write() as conn:
        source = source_id(conn, plan.mapping.connection, plan.mapping.stream)
        place = _place(conn, source)
        if place is not None and place.digest == plan.digest and not place.closed and _is_open(conn, place.batch):
            return source, place
        batch = open_batch(conn, plan.mapping.connection, plan.name, instant=plan.instant, now=now)
        place = Place(plan.digest, batch, 0)
        move_cursor(conn, source, _encode(place), moved_at=to_micros(now))
        return source, place


def _is_open(conn: sa.Connection, batch: int) -> bool:
    return conn.execute(sa.select(t.batch.c.status).where(t.batch.c.id == batch)).scalar() == "open"


def _place(conn: sa.Connection, source: int) -> Place | None:
    value = read_cursor(conn, source)
    return None if value is None else msgspec.json.decode(value, type=Place)


def _require(conn: sa.Connection, source: int, place: Place, plan: Plan) -> None:
    if _place(conn, source) != place:
        raise RequestError(
            f"another import into {plan.mapping.connection} {plan.mapping.stream} began; when it is done, ingest "
            f"{plan.name} again"
        )


def _encode(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def _next_size(size: int, seconds: float) -> int:
    """Aim at the time that the writer may be held."""
    wanted = int(size * HELD_SECONDS / max(seconds, 0.001))
    return max(FEWEST, min(MOST, wanted, 2 * size))
