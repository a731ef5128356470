"""Fold what the log gained and publish it: one row names the versions of all tables that belong together.

A crash between any two steps loses nothing and repeats nothing: what is appended is the difference between the rows
that the newest tables hold and the rows that the fold makes, so doing it again appends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import polars as pl
import sqlalchemy as sa

from data.clock import from_micros, to_micros
from data.errors import RequestError
from data.events import Cost, Entity, ItemStated, decode
from data.facts import ENTITY, KINDS, TABLES, FactTable, Rows, frame, tables_of
from data.fold.fold import FOLD_VERSION, fold
from data.fold.reference import Reference
from data.fold.settle import Stated, settle
from data.lake import Facts, Lake, Versions, difference
from data.log import tables as t
from data.store import Store

#: A tail longer than this is folded into its base, off the hot path.
TAIL_ROWS, TAIL_FILES = 200_000, 64
#: Entities whose events are looked up by one statement.
LOOKUP = 2_000

Progress = Callable[[str, int, int], None]  #: (what, done, of)


@dataclass(frozen=True)
class Publication:
    """What readers open; its id stands on every answer."""

    id: int
    position: int
    tables: Versions
    fold: int
    published_at: datetime


def latest_publication(conn: sa.Connection) -> Publication | None:
    """Give the newest publication, or None where nothing was published yet."""
    row = conn.execute(sa.select(t.publication).order_by(t.publication.c.id.desc()).limit(1)).first()
    return None if row is None else _publication(row)


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
    frames = Lake(store.facts).frames(publication.tables)
    return Facts(publication.id, publication.position, publication.published_at, frames)


def facts_as_of(store: Store, at: datetime) -> Facts:
    """Fold the records received until a moment: the figures as they could be known then.

    The newest publication not after that moment is taken as it is; what came after it is folded in memory on top.
    """
    with store.log.read() as conn:
        newest = sa.select(sa.func.max(t.event.c.id)).where(t.event.c.received_at <= to_micros(at))
        position = conn.execute(newest).scalar() or 0
        query = sa.select(t.publication).where(
            t.publication.c.position <= position, t.publication.c.fold == FOLD_VERSION
        )
        row = conn.execute(
            query.order_by(t.publication.c.position.desc(), t.publication.c.id.desc()).limit(1)
        ).first()
        base = None if row is None else _publication(row)
        lake = Lake(store.facts)
        known = facts_of(store, base) if base else Facts.of(at)
        touched = _touched(conn, base.position if base else 0, position, known)
        folded = _fold(conn, touched, position, progress=None)
    frames = dict(lake.frames(base.tables if base else {}))
    for name, table in TABLES.items():
        entities = _entities(table, touched)
        if entities.is_empty():
            continue
        old = known.rows(name).join(entities.lazy(), on=ENTITY, how="semi").collect()
        changes = difference(old, frame(table, folded.get(name, [])), table)
        rows, tail = frames[name]
        frames[name] = (rows, pl.concat([tail, changes.select(tail.collect_schema().names()).lazy()]))
    return Facts(base.id if base else 0, position, at, frames)


def publish(store: Store, *, now: datetime, progress: Progress | None = None) -> Publication | None:
    """Fold every entity that the log touched since the last publication; None where nothing is new."""
    lake = Lake(store.facts)
    with store.log.read() as conn:
        last = latest_publication(conn)
        if last is not None and last.fold != FOLD_VERSION:
            last = None
        position = log_position(conn)
        if position == (last.position if last else 0):
            return None
        first = last is None
        known = facts_of(store, last) if last else Facts.of(now)
        touched = _touched(conn, last.position if last else 0, position, known)
        folded = _fold(conn, touched, position, progress)
    for table in TABLES.values():
        new = frame(table, folded.get(table.name, []))
        if first:
            if new.height or lake.tail_size(table)[1]:
                lake.write_base(table, new.sort(table.schema.names()), position)
        elif not (entities := _entities(table, touched)).is_empty():
            changes = difference(lake.current(table, entities), new, table)
            if changes.height:
                lake.append_tail(table, changes, position)
    return _announce(store, lake, position, now)


def compact(store: Store, *, now: datetime, force: bool = False) -> Publication | None:
    """Fold long tails into their bases; the only rewrite there is. None where no tail is long."""
    lake = Lake(store.facts)
    with store.log.read() as conn:
        last = latest_publication(conn)
    if last is None:
        return None
    facts = facts_of(store, last)
    done = False
    for table in TABLES.values():
        rows, files = lake.tail_size(table)
        if rows > TAIL_ROWS or files > TAIL_FILES or (force and rows):
            lake.write_base(table, facts.rows(table.name).collect().sort(table.schema.names()), last.position)
            done = True
    return _announce(store, lake, last.position, now) if done else None


def rebuild(store: Store, *, now: datetime, progress: Progress | None = None) -> Publication | None:
    """Make every fact anew from the log; the rows are the same as the incremental ones, and so is their hash."""
    lake = Lake(store.facts)
    with store.log.read() as conn:
        position = log_position(conn)
        folded = _fold(conn, _touched(conn, 0, position, Facts.of(now)), position, progress)
    for table in TABLES.values():
        lake.write_base(table, frame(table, folded.get(table.name, [])).sort(table.schema.names()), position)
    return _announce(store, lake, position, now)


def facts_hash(facts: Facts) -> str:
    """Hash all rows of all tables in canonical order: equal facts give equal hashes."""
    from hashlib import blake2b  # noqa: PLC0415 -- used by checks only

    digest = blake2b(digest_size=16)
    for name, table in TABLES.items():
        rows = facts.rows(name).collect().sort(table.schema.names())
        digest.update(name.encode())
        digest.update(rows.write_csv().encode())
    return digest.hexdigest()


def _announce(store: Store, lake: Lake, position: int, now: datetime) -> Publication:
    versions = lake.versions()
    with store.log.write() as conn:
        number = int(
            conn.execute(sa.select(sa.func.coalesce(sa.func.max(t.publication.c.id), 0) + 1)).scalar_one()
        )
        conn.execute(
            sa.insert(t.publication).values(
                id=number,
                position=position,
                tables=json.dumps(versions),
                fold=FOLD_VERSION,
                published_at=to_micros(now),
            )
        )
    return Publication(number, position, versions, FOLD_VERSION, now)


def _publication(row: sa.Row[tuple[object, ...]]) -> Publication:
    return Publication(row.id, row.position, json.loads(row.tables), row.fold, from_micros(row.published_at))


def _entities(table: FactTable, touched: dict[str, set[str]]) -> pl.DataFrame:
    return pl.DataFrame({ENTITY: sorted(touched.get(table.kind, ()))}, schema={ENTITY: pl.String})


def _touched(conn: sa.Connection, after: int, upto: int, known: Facts) -> dict[str, set[str]]:
    """Name the entities with news, and the orders that an item's new cost concerns."""
    ee = t.event_entity.c
    query = sa.select(ee.kind, ee.entity).where(ee.event > after, ee.event <= upto).distinct()
    touched: dict[str, set[str]] = {}
    for kind, entity in conn.execute(query):
        touched.setdefault(kind, set()).add(entity)
    if after and (items := touched.get("item")):
        changed = pl.DataFrame({"sku": sorted(items)})
        orders = (
            known.rows("order_line")
            .join(changed.lazy(), on="sku", how="semi")
            .select(pl.col(ENTITY).unique())
        )
        touched.setdefault("order", set()).update(orders.collect()[ENTITY])
    return touched


def _fold(conn: sa.Connection, touched: dict[str, set[str]], upto: int, progress: Progress | None) -> Rows:
    reference = _reference(conn, upto)
    total, done = sum(map(len, touched.values())), 0
    rows: Rows = {table.name: [] for kind in touched for table in tables_of(kind)}
    for kind in KINDS:
        for entity, stated in _events_of(conn, kind, touched.get(kind, set()), upto):
            for name, new in fold(kind, entity, stated, reference).items():
                rows[name].extend(new)
            done += 1
            if progress and done % 1000 == 0:
                progress("fold", done, total)
    return rows


def events_of(conn: sa.Connection, entity: Entity) -> list[Stated]:
    """Give all events of one entity, for a timeline."""
    return next((stated for _, stated in _events_of(conn, entity[0], {entity[1]}, log_position(conn))), [])


def _events_of(
    conn: sa.Connection, kind: str, entities: set[str], upto: int
) -> Iterator[tuple[str, Sequence[Stated]]]:
    """Read the events of entities of one kind, entity by entity; most of a kind is read in one pass."""
    if not entities:
        return
    ee, e, s = t.event_entity.c, t.event.c, t.source.c
    query = (
        sa.select(
            ee.entity, s.connection, s.stream, e.key, e.version, e.observed_at, e.digest, e.batch, e.body
        )
        .select_from(t.event_entity.join(t.event, e.id == ee.event).join(t.source, s.id == e.source))
        .where(ee.kind == kind, ee.event <= upto)
        .order_by(ee.entity)
    )
    ordered = sorted(entities)
    if len(ordered) > 20 * LOOKUP:
        yield from ((name, stated) for name, stated in _grouped(conn.execute(query)) if name in entities)
        return
    for start in range(0, len(ordered), LOOKUP):
        yield from _grouped(conn.execute(query.where(ee.entity.in_(ordered[start : start + LOOKUP]))))


def _grouped(result: Iterable[sa.Row[tuple[object, ...]]]) -> Iterator[tuple[str, list[Stated]]]:
    for entity, group in groupby(result, key=itemgetter(0)):
        yield entity, [Stated(r[1], r[2], r[3], r[4], r[5], bytes(r[6]), r[7], decode(r[8])) for r in group]


def _reference(conn: sa.Connection, upto: int) -> Reference:
    costs: dict[str, Sequence[Cost]] = {}
    every = conn.execute(
        sa.select(t.event_entity.c.entity).where(t.event_entity.c.kind == "item").distinct()
    ).scalars()
    for sku, stated in _events_of(conn, "item", set(every), upto):
        newest = max((s for s in settle(stated) if isinstance(s.event, ItemStated)), key=lambda s: (s.observed_at, s.connection, s.digest), default=None)  # fmt: skip
        if newest is not None and isinstance(newest.event, ItemStated):
            costs[sku] = sorted(newest.event.costs, key=lambda cost: cost.effective_from)
    return Reference(costs)
