"""Imports of files as batches: what one covers and lacks is gone, and a person can take one back.

Everything here is a pure consequence of which batches are closed and which are withdrawn, so the facts do not depend
on the order in which files came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from data.clock import from_micros, to_micros
from data.errors import RequestError
from data.events import BatchWithdrawn, Entity, Gone, MovementDecided, PaymentMoved, Reparsed
from data.log import tables as t
from data.log.append import Statement, Tally, append_statements, count
from data.log.rows import chunks, insert, next_id

LOOKUP = 1_000
_MOVEMENTS = (str(PaymentMoved.__struct_config__.tag),)
_GONE = str(Gone.__struct_config__.tag)
_NO_ASPECT = tuple(str(kind.__struct_config__.tag) for kind in (BatchWithdrawn, Reparsed, MovementDecided))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One import."""

    id: int
    connection: str
    name: str
    instant: datetime  #: when the file was exported
    received_at: datetime
    status: str  #: open | closed | withdrawn
    rows: int


@dataclass(frozen=True)
class Withdrawn:
    """What taking a batch back did."""

    batch: int
    entities: int  #: whose facts are made again
    redecided: int  #: later records that were its duplicates and count now


class _Held(NamedTuple):
    """The statement that holds under a key."""

    version: int
    observed_at: int
    digest: bytes
    kind: str
    event: int


def open_batch(conn: sa.Connection, connection: str, name: str, *, instant: datetime, now: datetime) -> int:
    """Open a batch for one file, exported at `instant`, which is the version of all of its rows."""
    made = conn.execute(
        sa.insert(t.batch)
        .values(connection=connection, name=name, instant=to_micros(instant), received_at=to_micros(now), status="open")
        .returning(t.batch.c.id)
    )
    return int(made.scalar_one())


def close_batch(
    conn: sa.Connection, batch: int, source: int, covered: Iterable[Entity], *, now: datetime, parser: int = 0
) -> int:
    """Close a batch over the entities that it states in whole; gives how many aspects of them are gone with it.

    What any earlier export of the stream stated of them and this one lacks gets a tombstone at this one's instant.

    Raises:
        RequestError: the batch is not open.
    """
    status, instant = _batch(conn, batch)
    if status != "open":
        raise RequestError(f"batch {batch} is {status}; only an open batch can be closed")
    scope = sorted(set(covered))
    insert(conn, t.batch_scope, [(source, kind, entity, batch) for kind, entity in scope])
    rows = sa.select(sa.func.count()).where(t.record.c.batch == batch).scalar_subquery()
    conn.execute(sa.update(t.batch).where(t.batch.c.id == batch).values(status="closed", rows=rows))
    if _is_only_export(conn, batch, instant):
        return 0
    return entomb(conn, source, scope, at=to_micros(now), parser=parser)


def withdraw_batch(conn: sa.Connection, batch: int, *, now: datetime) -> Withdrawn:
    """Take a batch back: its events no longer count, and records that were only its duplicates do.

    Raises:
        RequestError: there is no such batch, or it was withdrawn already.
    """
    status, _ = _batch(conn, batch)
    if status == "withdrawn":
        raise RequestError(f"batch {batch} was withdrawn already")
    rows = sa.select(sa.func.count()).where(t.record.c.batch == batch).scalar_subquery()
    conn.execute(sa.update(t.batch).where(t.batch.c.id == batch).values(status="withdrawn", rows=rows))
    at, concerned, redecided = to_micros(now), 0, 0
    r, s = t.record.c, t.batch_scope.c
    of_records = sa.select(r.source).where(r.batch == batch)
    sources = conn.execute(of_records.union(sa.select(s.source).where(s.batch == batch))).scalars().all()
    for source in sorted(sources):
        _unconfirm(conn, source, batch)
        entities = _concerned(conn, source, batch)
        concerned += len(entities)
        withdrawal = Statement(
            key=f"#batch {batch}", event=BatchWithdrawn(batch=batch), version=at, concerns=tuple(entities)
        )
        append_statements(conn, source, [withdrawal], at=at, parser=0)
        redecided += _redecide(conn, source, batch) + _promote_conflicts(conn, source, batch)
        scope = conn.execute(sa.select(s.kind, s.entity).where(s.source == source, s.batch == batch))
        entomb(conn, source, sorted((kind, entity) for kind, entity in scope), at=at, parser=0)
    return Withdrawn(batch, concerned, redecided)


def list_batches(conn: sa.Connection, *, connection: str | None = None, limit: int = 200) -> list[Batch]:
    """Give the newest batches; the rows of an open one are counted as they are now."""
    b = t.batch.c
    live = sa.select(sa.func.count()).where(t.record.c.batch == b.id).scalar_subquery()
    number = sa.case((b.status == "open", live), else_=b.rows).label("number")
    query = sa.select(t.batch, number).order_by(b.id.desc()).limit(limit)
    if connection is not None:
        query = query.where(b.connection == connection)
    return [
        Batch(
            id=row.id, connection=row.connection, name=row.name, instant=from_micros(row.instant),
            received_at=from_micros(row.received_at), status=row.status, rows=row.number,
        )
        for row in conn.execute(query)
    ]  # fmt: skip


def _batch(conn: sa.Connection, batch: int) -> tuple[str, int]:
    row = conn.execute(sa.select(t.batch.c.status, t.batch.c.instant).where(t.batch.c.id == batch)).first()
    if row is None:
        raise RequestError(f"there is no batch {batch}")
    return row.status, row.instant


def _is_only_export(conn: sa.Connection, batch: int, instant: int) -> bool:
    """Tell whether its connection has no export of another instant: then none can lack what another one states."""
    b = t.batch.c
    mine = sa.select(b.connection).where(b.id == batch).scalar_subquery()
    other = sa.select(b.id).where(b.connection == mine, b.id != batch, b.instant != instant, b.status != "withdrawn")
    return conn.execute(other.limit(1)).first() is None


def _withdrawn() -> sa.Select[tuple[int]]:
    return sa.select(t.batch.c.id).where(t.batch.c.status == "withdrawn")


def _live(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.or_(column.is_(None), column.not_in(_withdrawn()))


def entomb(conn: sa.Connection, source: int, scope: Sequence[Entity], *, at: int, parser: int) -> int:
    """Make the tombstones that closed batches call for and that are not there; tells how many.

    A tombstone is observed at 0, so that any statement of its own instant holds against it.
    """
    statements: list[Statement] = []
    for kind, group in groupby(scope, key=itemgetter(0)):
        for part in chunks([entity for _, entity in group], LOOKUP):
            statements.extend(_missing(conn, source, kind, part))
    append_statements(conn, source, statements, at=at, parser=parser, observed_at=0)
    return len(statements)


def _missing(conn: sa.Connection, source: int, kind: str, entities: Iterable[str]) -> Iterator[Statement]:
    """Name the aspects of some entities that a newer closed batch covers and lacks."""
    named = list(entities)
    covers: dict[str, list[tuple[int, int]]] = defaultdict(list)
    s, b = t.batch_scope.c, t.batch.c
    query = (
        sa.select(s.entity, b.instant, b.id)
        .join_from(t.batch_scope, t.batch, b.id == s.batch)
        .where(s.source == source, s.kind == kind, s.entity.in_(named), b.status == "closed")
    )
    for entity, instant, batch in conn.execute(query):
        covers[entity].append((instant, batch))
    wanted: list[tuple[str, _Held, list[tuple[int, int]]]] = []
    for (entity, key), held in _holding(conn, source, kind, named).items():
        newer = [cover for cover in covers[entity] if cover[0] > held.version]
        if newer and held.kind != _GONE and held.kind not in _MOVEMENTS:
            wanted.append((key, held, newer))
    has = _keys_of(conn, source, {batch for *_, newer in wanted for _, batch in newer}, {key for key, *_ in wanted})
    concerned = _entities_of(conn, [held.event for _, held, _ in wanted])
    for key, held, newer in sorted(wanted, key=itemgetter(0)):
        lacking = [(instant, batch) for instant, batch in newer if (batch, key) not in has]
        if lacking:
            instant, batch = max(lacking)
            yield Statement(
                key=key, event=Gone(entities=tuple(sorted(concerned[held.event]))), version=instant, batch=batch
            )


def _holding(conn: sa.Connection, source: int, kind: str, entities: list[str]) -> dict[tuple[str, str], _Held]:
    """Find what holds under each key that concerns some entities."""
    ee, e = t.event_entity.c, t.event.c
    query = (
        sa.select(ee.entity, e.key, e.version, e.observed_at, e.digest, e.kind, e.id)
        .join_from(t.event_entity, t.event, e.id == ee.event)
        .where(ee.kind == kind, ee.entity.in_(entities), e.source == source, e.kind.not_in(_NO_ASPECT), _live(e.batch))
    )
    found: dict[tuple[str, str], _Held] = {}
    for entity, key, version, observed_at, digest, event_kind, event in conn.execute(query):
        held = _Held(version, observed_at, bytes(digest), event_kind, event)
        if (entity, key) not in found or found[entity, key] < held:
            found[entity, key] = held
    return found


def _keys_of(conn: sa.Connection, source: int, batches: set[int], keys: set[str]) -> set[tuple[int, str]]:
    r = t.record.c
    found: set[tuple[int, str]] = set()
    for part in chunks(sorted(keys), LOOKUP):
        query = sa.select(r.batch, r.key).where(r.source == source, r.key.in_(part), r.batch.in_(sorted(batches)))
        found.update((batch, key) for batch, key in conn.execute(query))
    return found


def _entities_of(conn: sa.Connection, events: list[int]) -> dict[int, list[Entity]]:
    ee = t.event_entity.c
    found: dict[int, list[Entity]] = defaultdict(list)
    for part in chunks(sorted(set(events)), LOOKUP):
        for event, kind, entity in conn.execute(sa.select(ee.event, ee.kind, ee.entity).where(ee.event.in_(part))):
            found[event].append((kind, entity))
    return found


def _concerned(conn: sa.Connection, source: int, batch: int) -> list[Entity]:
    """Name the entities of a batch's events: those of its records and its tombstones."""
    r, e, s, ee = t.record.c, t.event.c, t.batch_scope.c, t.event_entity.c
    other = t.event_entity.alias("other")
    of_records = (
        sa.select(ee.kind, ee.entity)
        .select_from(
            t.record.join(t.event, sa.and_(e.source == r.source, e.key == r.key, e.batch == r.batch)).join(
                t.event_entity, ee.event == e.id
            )
        )
        .where(r.batch == batch, r.source == source)
    )
    of_tombstones = (
        sa.select(other.c.kind, other.c.entity)
        .select_from(
            t.batch_scope.join(t.event_entity, sa.and_(ee.kind == s.kind, ee.entity == s.entity))
            .join(t.event, sa.and_(e.id == ee.event, e.batch == s.batch, e.source == s.source))
            .join(other, other.c.event == e.id)
        )
        .where(s.batch == batch, s.source == source)
    )
    return sorted((kind, entity) for kind, entity in conn.execute(of_records.union(of_tombstones)))


def _redecide(conn: sa.Connection, source: int, batch: int) -> int:
    """Let the earliest remaining duplicate of each record of the batch count in its place."""
    original, later = t.record.alias("original"), t.record.alias("later")
    o, d = original.c, later.c
    query = (
        sa.select(
            o.id.label("of"), o.body.label("bytes"), d.id, d.key, d.version, d.observed_at, d.received_at, d.batch
        )
        .select_from(original.join(later, sa.and_(d.source == o.source, d.key == o.key, d.same_as == o.id)))
        .where(o.batch == batch, o.source == source, _live(d.batch))
        .order_by(o.id, d.id)
    )
    groups = {of: list(rows) for of, rows in groupby(conn.execute(query).all(), key=itemgetter(0))}
    for rows in groups.values():
        first, *others = rows
        stamp = max((row.version, row.observed_at) for row in rows)
        _copy_events(conn, source, first.key, first.of, first.id, stamp, first.received_at, first.batch)
        whole = sa.func.coalesce(t.record.c.body, first.bytes)
        one = sa.update(t.record).where(t.record.c.id == first.id)
        conn.execute(one.values(outcome="accepted", same_as=None, body=whole))
        for other in others:
            conn.execute(sa.update(t.record).where(t.record.c.id == other.id).values(same_as=first.id, body=whole))
    count(conn, source, Tally(accepted=len(groups), duplicates=-len(groups)))
    return len(groups)


def _copy_events(
    conn: sa.Connection,
    source: int,
    key: str,
    of: int,
    record: int,
    stamp: tuple[int, int],
    received_at: int,
    batch: int | None,
) -> None:
    """Store the events of one record once more, as those of another with its own stamp."""
    e, ee = t.event.c, t.event_entity.c
    found = conn.execute(
        sa.select(e.id, e.digest, e.kind, e.parser, e.body)
        .where(e.source == source, e.key == key, e.record == of)
        .order_by(e.id)
    ).all()
    number = next_id(conn, t.event)
    for event, digest, kind, parser, body in found:
        insert(
            conn, t.event,
            [(number, record, source, key, *stamp, received_at, bytes(digest), kind, parser, batch, bytes(body))],
        )  # fmt: skip
        concerned = conn.execute(sa.select(ee.kind, ee.entity).where(ee.event == event)).all()
        insert(conn, t.event_entity, [(kind_, entity, number) for kind_, entity in concerned])
        number += 1


def _promote_conflicts(conn: sa.Connection, source: int, batch: int) -> int:
    """Where the movement that was accepted is gone, the first that contradicted it is accepted."""
    gone, other = t.record.alias("gone"), t.record.alias("other")
    query = (
        sa.select(other.c.key, other.c.outcome, other.c.id)
        .select_from(gone.join(other, sa.and_(other.c.source == gone.c.source, other.c.key == gone.c.key)))
        .where(gone.c.batch == batch, gone.c.source == source, gone.c.outcome == "accepted", _live(other.c.batch))
        .where(other.c.outcome.in_(("accepted", "conflict")))
        .distinct()
        .order_by(other.c.key, other.c.id)
    )
    promoted = 0
    for _, group in groupby(conn.execute(query).all(), key=itemgetter(0)):
        rows = list(group)
        if all(row.outcome == "conflict" for row in rows):
            conn.execute(sa.update(t.record).where(t.record.c.id == rows[0].id).values(outcome="accepted"))
            promoted += 1
    count(conn, source, Tally(accepted=promoted, conflicts=-promoted))
    return promoted


def _unconfirm(conn: sa.Connection, source: int, batch: int) -> None:
    """Take back the later stamps that duplicates of the batch gave to events of others."""
    dup, original = t.record.alias("dup"), t.record.alias("original")
    e = t.event.c
    query = (
        sa.select(original.c.id, e.key, e.version, e.observed_at, original.c.version.label("v"),
                  original.c.observed_at.label("o"), e.batch, e.received_at)
        .select_from(
            dup.join(original, original.c.id == dup.c.same_as).join(
                t.event, sa.and_(e.source == dup.c.source, e.key == dup.c.key, e.record == original.c.id)
            )
        )
        .where(dup.c.batch == batch, dup.c.source == source, dup.c.outcome == "duplicate", _live(original.c.batch))
        .where(e.version == dup.c.version, e.observed_at == dup.c.observed_at)
        .distinct()
    )  # fmt: skip
    for record, key, version, observed_at, own_version, own_observed, own_batch, received_at in conn.execute(
        query
    ).all():
        stamp = max([(own_version, own_observed), *_confirmed(conn, source, key, record)])
        if stamp >= (version, observed_at):
            continue
        mine = (e.source == source, e.key == key, e.record == record)
        if _between(conn, source, key, record, stamp, (version, observed_at)):
            # The later stamp held until now, which a look back at an earlier moment must still see.
            _copy_events(conn, source, key, record, record, stamp, received_at, own_batch)
            now_gone = sa.and_(e.version == version, e.observed_at == observed_at)
            conn.execute(sa.update(t.event).where(*mine, now_gone).values(batch=batch))
        else:
            conn.execute(sa.update(t.event).where(*mine).values(version=stamp[0], observed_at=stamp[1]))


def _confirmed(conn: sa.Connection, source: int, key: str, record: int) -> list[tuple[int, int]]:
    """Give the stamps of the remaining duplicates of a record."""
    r = t.record.c
    query = sa.select(r.version, r.observed_at).where(r.source == source, r.key == key, r.same_as == record)
    return [(version, observed_at) for version, observed_at in conn.execute(query.where(_live(r.batch)))]


def _between(
    conn: sa.Connection, source: int, key: str, record: int, low: tuple[int, int], high: tuple[int, int]
) -> bool:
    """Tell whether another statement of the key has a stamp between two."""
    e = t.event.c
    query = sa.select(e.version, e.observed_at).where(
        e.source == source, e.key == key, sa.or_(e.record.is_(None), e.record != record), _live(e.batch)
    )
    return any(low < (version, observed_at) <= high for version, observed_at in conn.execute(query))
