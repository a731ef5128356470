"""Fold what the log gained and publish it: one row names the versions of all tables that belong together.

A crash between any two steps loses nothing and repeats nothing: what is appended is the difference between the rows
that the newest tables hold and the rows that the fold makes, so doing it again appends nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl
import sqlalchemy as sa

from data.clock import from_micros, to_micros
from data.errors import RequestError, StoreError
from data.events import Cost, Entity, decode
from data.facts import ENTITY, KINDS, TABLES, FactTable, Rows, frame, tables_of
from data.fold.fold import FOLD_VERSION, fold
from data.fold.item import whole_item
from data.fold.reference import Reference
from data.fold.settle import Stated, settle
from data.lake import Facts, Files, Lake, Versions, difference
from data.log import tables as t
from data.log.rows import chunks
from data.store import Store

#: A tail longer than this is folded into its base, off the hot path.
TAIL_ROWS, TAIL_FILES = 200_000, 64
#: Entities whose events are looked up by one statement.
LOOKUP = 2_000
#: Folded rows of a table that are held as tuples.
PILE_ROWS = 50_000

Progress = Callable[[str, int, int], None]  #: (what, done, of)


@dataclass(frozen=True)
class Publication:
    """What readers open; its id stands on every answer."""

    id: int
    position: int
    tables: Versions
    fold: int
    published_at: datetime
    received_upto: int = 0  #: microseconds: the newest receipt that it holds
    files: Files | None = None  #: set where it is kept for good: its versions may be gone, its files stay


def latest_publication(conn: sa.Connection) -> Publication | None:
    """Give the newest publication, or None where nothing was published yet."""
    row = conn.execute(sa.select(t.publication).order_by(t.publication.c.id.desc()).limit(1)).first()
    return None if row is None else publication_of(row)


def log_position(conn: sa.Connection) -> int:
    """Give the position of the newest event in the log."""
    return int(conn.execute(sa.select(sa.func.coalesce(sa.func.max(t.event.c.id), 0))).scalar_one())


def open_facts(store: Store) -> Facts:
    """Open the newest publication.

    Raises:
        RequestError: nothing was published yet.
    """
    with store.log.read() as conn:
        publication = latest_publication(conn)
    if publication is None:
        raise RequestError("there are no figures yet: nothing was brought in; ingest files or start the demo")
    return facts_of(store, publication)


def facts_of(store: Store, publication: Publication) -> Facts:
    """Open one publication."""
    lake = Lake(store.facts)
    if publication.files is not None and publication.fold == FOLD_VERSION:
        frames = lake.frames_of_files(publication.files)
    else:
        frames = lake.frames(publication.tables, older=publication.fold != FOLD_VERSION)
    return Facts(publication.id, publication.position, publication.published_at, frames)


def facts_as_of(store: Store, at: datetime) -> Facts:
    """Fold the records received until a moment: the figures as they could be known then.

    The newest publication that holds nothing received later is taken as it is; what it lacks is folded in memory.
    """
    with store.log.read() as conn:
        base = _publication_until(conn, to_micros(at))
        known = facts_of(store, base) if base else Facts.of(at)
        span = Span(base.position if base else 0, log_position(conn), to_micros(at))
        touched = _touched(conn, span, known)
        folded = _fold(conn, touched, span, progress=None)
        newest = sa.select(sa.func.max(t.event.c.id)).where(t.event.c.received_at <= to_micros(at))
        position = conn.execute(newest).scalar() or 0
    frames = dict(known.frames)
    for name, table in TABLES.items():
        entities = _entities(table, touched)
        if entities.is_empty():
            continue
        old = known.rows(name).join(entities.lazy(), on=ENTITY, how="semi").collect()
        changes = difference(old, folded[name], table)
        rows, tail = frames[name]
        frames[name] = (rows, pl.concat([tail, changes.select(tail.collect_schema().names()).lazy()]))
    return Facts(base.id if base else 0, position, at, frames)


def publish(
    store: Store, *, now: datetime, progress: Progress | None = None, lake: Lake | None = None
) -> Publication | None:
    """Fold every entity that the log touched since the last publication; None where nothing is new.

    A `lake` that is handed in again keeps its tables open.
    """
    with store.log.read() as conn:
        last = latest_publication(conn)
        if last is not None and last.position == log_position(conn) and last.fold == FOLD_VERSION:
            return None
    lake = lake or Lake(store.facts)
    with lake.writing():
        with store.log.read() as conn:
            last = latest_publication(conn)
            lake.versions = _copy(last)
            base = last if last is not None and last.fold == FOLD_VERSION else None
            span = Span(base.position if base else 0, log_position(conn))
            if span.upto == span.after:
                return None
            known = facts_of(store, base) if base else Facts.of(now)
            touched = _touched(conn, span, known)
            folded = _fold(conn, touched, span, progress)
            received = _received_upto(conn, span, base)
        for table in TABLES.values():
            if base is None:
                _write_first(lake, table, folded.get(table.name), span.upto)
            elif not (entities := _entities(table, touched)).is_empty():
                changes = difference(lake.current(table, entities), folded[table.name], table)
                if changes.height:
                    lake.append_tail(table, changes, span.upto)
        return _announce(store, lake, span.upto, received, now, after=last)


def compact(store: Store, *, now: datetime, force: bool = False, lake: Lake | None = None) -> Publication | None:
    """Fold long tails into their bases; the only rewrite there is. None where no tail is long."""
    lake = lake or Lake(store.facts)
    with lake.writing():
        with store.log.read() as conn:
            last = latest_publication(conn)
        if last is None:
            return None
        lake.versions = _copy(last)
        facts = facts_of(store, last)
        done = False
        for table in TABLES.values():
            rows, files = lake.tail_size(table)
            if rows > TAIL_ROWS or files > TAIL_FILES or (force and rows):
                lake.write_base(table, facts.rows(table.name).collect().sort(ENTITY), last.position)
                done = True
        return _announce(store, lake, last.position, last.received_upto, now, after=last) if done else None


def rebuild(
    store: Store, *, now: datetime, progress: Progress | None = None, lake: Lake | None = None
) -> Publication | None:
    """Make every fact anew from the log; the rows are the same as the incremental ones, and so is their hash."""
    lake = lake or Lake(store.facts)
    with lake.writing():
        with store.log.read() as conn:
            last = latest_publication(conn)
            lake.versions = _copy(last)
            span = Span(0, log_position(conn))
            folded = _fold(conn, _touched(conn, span, Facts.of(now)), span, progress)
            received = _received_upto(conn, span, None)
        for table in TABLES.values():
            _write_first(lake, table, folded.get(table.name), span.upto)
        return _announce(store, lake, span.upto, received, now, after=last)


def facts_hash(facts: Facts) -> str:
    """Hash all rows of all tables in canonical order: equal facts give equal hashes."""
    from hashlib import blake2b

    digest = blake2b(digest_size=16)
    for name, table in TABLES.items():
        rows = facts.rows(name).collect().sort(table.schema.names())
        digest.update(name.encode())
        digest.update(rows.write_csv().encode())
    return digest.hexdigest()


def publication_of(row: sa.Row[Any]) -> Publication:
    """Read a row of the publication table."""
    files = None if row.files is None else json.loads(zlib.decompress(row.files))
    return Publication(
        row.id, row.position, json.loads(row.tables), row.fold, from_micros(row.published_at), row.received_upto, files
    )


def fold_entities(
    conn: sa.Connection, entities: Iterable[Entity], replaced: Mapping[Entity, Sequence[Stated]] | None = None
) -> dict[str, pl.DataFrame]:
    """Fold some entities as if the replaced ones had these events instead of theirs, for a dry run."""
    touched: dict[str, set[str]] = {}
    for kind, entity in entities:
        touched.setdefault(kind, set()).add(entity)
    return _fold(conn, touched, Span(0, log_position(conn)), None, replaced)


def orders_with(facts: Facts, skus: Iterable[str]) -> set[str]:
    """Name the orders whose lines an item's cost concerns."""
    changed = pl.DataFrame({"sku": sorted(skus)}, schema={"sku": pl.String})
    orders = facts.rows("order_line").join(changed.lazy(), on="sku", how="semi").select(pl.col(ENTITY).unique())
    return set(orders.collect()[ENTITY])


@dataclass(frozen=True)
class Span:
    """Part of the log: positions (after, upto], and of those what was received until a moment."""

    after: int
    upto: int
    received: int | None = None  #: microseconds

    def holds(self) -> list[sa.ColumnElement[bool]]:
        """Say which events a fold may see."""
        seen = [t.event_entity.c.event <= self.upto]
        return seen if self.received is None else [*seen, t.event.c.received_at <= self.received]


def _announce(
    store: Store, lake: Lake, position: int, received_upto: int, now: datetime, *, after: Publication | None
) -> Publication:
    """Name the versions that belong together; they are what readers open from now on.

    Raises:
        StoreError: another program published meanwhile, from another machine.
    """
    versions = {name: lake.versions[name] for name in sorted(lake.versions)}
    with store.log.write() as conn:
        last = conn.execute(sa.select(sa.func.max(t.publication.c.id))).scalar()
        if last != (after.id if after else None):
            raise StoreError("another program published at the same time; let only one fold, and run this again")
        number = (last or 0) + 1
        conn.execute(
            sa.insert(t.publication).values(
                id=number, position=position, tables=json.dumps(versions), fold=FOLD_VERSION,
                published_at=to_micros(now), received_upto=received_upto,
            )
        )  # fmt: skip
    return Publication(number, position, versions, FOLD_VERSION, now, received_upto)


def _copy(last: Publication | None) -> Versions:
    return {name: dict(parts) for name, parts in last.tables.items()} if last else {}


def _publication_until(conn: sa.Connection, received: int) -> Publication | None:
    """Find the newest publication that holds nothing received later."""
    p = t.publication.c
    query = sa.select(t.publication).where(p.received_upto <= received, p.fold == FOLD_VERSION)
    row = conn.execute(query.order_by(p.position.desc(), p.id.desc()).limit(1)).first()
    return None if row is None else publication_of(row)


def _received_upto(conn: sa.Connection, span: Span, base: Publication | None) -> int:
    e = t.event.c
    query = sa.select(sa.func.max(e.received_at)).where(e.id > span.after, e.id <= span.upto)
    return max(conn.execute(query).scalar() or 0, base.received_upto if base else 0)


def _write_first(lake: Lake, table: FactTable, rows: pl.DataFrame | None, position: int) -> None:
    """Write a table from nothing; one that is empty and never was anything else is not made."""
    if rows is None:
        rows = frame(table, [])
    if rows.height or table.name in lake.versions:
        lake.write_base(table, rows.sort(ENTITY), position)


def _entities(table: FactTable, touched: Mapping[str, set[str]]) -> pl.DataFrame:
    return pl.DataFrame({ENTITY: sorted(touched.get(table.kind, ()))}, schema={ENTITY: pl.String})


def _touched(conn: sa.Connection, span: Span, known: Facts) -> dict[str, set[str]]:
    """Name the entities with news, and the orders that an item's new cost concerns."""
    ee = t.event_entity.c
    query = sa.select(ee.kind, ee.entity).where(ee.event > span.after, *span.holds()).distinct()
    if span.received is not None:
        query = query.select_from(t.event_entity.join(t.event, t.event.c.id == ee.event))
    touched: dict[str, set[str]] = {}
    for kind, entity in conn.execute(query):
        touched.setdefault(kind, set()).add(entity)
    if span.after and (items := touched.get("item")):
        touched.setdefault("order", set()).update(orders_with(known, items))
    return touched


def _fold(
    conn: sa.Connection,
    touched: Mapping[str, set[str]],
    span: Span,
    progress: Progress | None,
    replaced: Mapping[Entity, Sequence[Stated]] | None = None,
) -> dict[str, pl.DataFrame]:
    """Fold entities into a frame for each table of their kinds."""
    reference = _reference(conn, span, replaced) if touched.get("order") else Reference()
    total, done = sum(map(len, touched.values())), 0
    frames: dict[str, pl.DataFrame] = {}
    for kind in KINDS:
        if not (entities := touched.get(kind)):
            continue
        pile = Pile(kind)
        for entity, stated in _replaced(_events_of(conn, kind, entities, span), kind, replaced):
            pile.add(fold(kind, entity, stated, reference))
            done += 1
            if progress and done % 1000 == 0:
                progress("fold", done, total)
        frames.update(pile.frames())
    return frames


class Pile:
    """Folded rows, made into frames by and by, so that Python's tuples never are many."""

    def __init__(self, kind: str) -> None:
        self._tables = tables_of(kind)
        self._rows: Rows = {table.name: [] for table in self._tables}
        self._frames: dict[str, list[pl.DataFrame]] = {table.name: [] for table in self._tables}

    def add(self, new: Rows) -> None:
        """Take the rows of one entity."""
        for name, rows in new.items():
            pile = self._rows[name]
            pile.extend(rows)
            if len(pile) >= PILE_ROWS:
                self._frames[name].append(frame(TABLES[name], pile))
                pile.clear()

    def frames(self) -> dict[str, pl.DataFrame]:
        """Give one frame a table."""
        return {
            table.name: pl.concat([*self._frames[table.name], frame(table, self._rows[table.name])])
            for table in self._tables
        }


def _replaced(
    found: Iterable[tuple[str, list[Stated]]], kind: str, replaced: Mapping[Entity, Sequence[Stated]] | None
) -> Iterator[tuple[str, Sequence[Stated]]]:
    if not replaced:
        yield from found
        return
    waiting = {entity: stated for (of, entity), stated in replaced.items() if of == kind}
    for entity, stated in found:
        yield entity, waiting.pop(entity, stated)
    yield from waiting.items()


def _events_of(conn: sa.Connection, kind: str, entities: set[str], span: Span) -> Iterator[tuple[str, list[Stated]]]:
    """Read the events of entities of one kind, entity by entity; most of a kind is read in one pass."""
    if not entities:
        return
    ee, e, s = t.event_entity.c, t.event.c, t.source.c
    query = (
        sa.select(ee.entity, s.connection, s.stream, e.key, e.version, e.observed_at, e.digest, e.batch, e.body)
        .select_from(t.event_entity.join(t.event, e.id == ee.event).join(t.source, s.id == e.source))
        .where(ee.kind == kind, *span.holds())
        .order_by(ee.entity)
    )
    ordered = sorted(entities)
    if len(ordered) > 20 * LOOKUP:
        rows = conn.execute(query.execution_options(yield_per=5_000))
        yield from ((name, stated) for name, stated in _grouped(rows) if name in entities)
        return
    for part in chunks(ordered, LOOKUP):
        yield from _grouped(conn.execute(query.where(ee.entity.in_(part))))


def _grouped(result: Iterable[Any]) -> Iterator[tuple[str, list[Stated]]]:
    for entity, group in groupby(result, key=itemgetter(0)):
        yield entity, [Stated(r[1], r[2], r[3], r[4], r[5], bytes(r[6]), r[7], decode(r[8])) for r in group]


def _reference(conn: sa.Connection, span: Span, replaced: Mapping[Entity, Sequence[Stated]] | None) -> Reference:
    """Read the costs of every item, by effective date."""
    every = conn.execute(sa.select(t.event_entity.c.entity).where(t.event_entity.c.kind == "item").distinct())
    costs: dict[str, Sequence[Cost]] = {}
    currencies: dict[str, str] = {}
    for sku, stated in _replaced(_events_of(conn, "item", set(every.scalars()), span), "item", replaced):
        item = whole_item(settle(stated))
        if item is not None:
            costs[sku], currencies[sku] = item.costs, item.currency
    return Reference(costs, currencies)
