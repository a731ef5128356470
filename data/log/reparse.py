"""Read the records of a stream anew with another parser: a wrong mapping is repaired here, never by editing facts.

The same records and the same parser give the same events, whatever was in the log before. What is unchanged stays
where it is; of the rest the events are replaced, and the facts follow with the next publication.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa

from data.clock import to_micros
from data.errors import RequestError
from data.events import Entity, Reparsed, decode, entities
from data.facts import TABLES
from data.fold.settle import Stated
from data.lake import WEIGHT, difference
from data.log import tables as t
from data.log.append import (
    ONE,
    Prepared,
    Stamp,
    Statement,
    Tally,
    append_events,
    append_statements,
    count,
    prepare,
    restamp,
    take,
)
from data.log.batches import entomb
from data.log.outcome import Decision, Known
from data.log.records import ParseAll, Stored, stored
from data.log.rows import chunks
from data.publish import facts_of, fold_entities, latest_publication, orders_with
from data.store import Store

LOOKUP = 1_000
#: Progress is told after so many records.
TOLD = 1_000

Progress = Callable[[str, int, int], None]  #: (what, done, of)


@dataclass(frozen=True, kw_only=True)
class Reparse:
    """What reading a stream anew changes, or changed."""

    records: int
    changed: int  #: records whose events or outcome differ
    outcomes: dict[tuple[str, str], int]  #: (before, after) -> records, where they differ
    tables: dict[str, tuple[int, int]] | None  #: fact table -> rows (added, removed); None unless it is a dry run


class _Old(NamedTuple):
    """The events of a record as the log has them."""

    key: str
    version: int
    observed_at: int
    digest: bytes


@dataclass
class _Plan:
    """Everything that must be written so that the log is as if the parser had been there from the start."""

    records: int = 0
    remove: set[int] = field(default_factory=set)  #: records whose events go
    add: list[tuple[Stored, Prepared, Stamp]] = field(default_factory=list)
    stamps: dict[int, Stamp] = field(default_factory=dict)  #: events that stay, under another stamp
    rewrite: list[dict[str, Any]] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed: int = 0


def reparse(
    store: Store,
    connection: str,
    stream: str,
    parse: ParseAll,
    *,
    parser: int,
    now: datetime,
    dry_run: bool,
    keys: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Reparse:
    """Read every record of a stream anew; a dry run tells how many fact rows would come and go, and writes nothing.

    With `keys` only the records under these are read: records of one key are decided among themselves.

    What to write is worked out beside those who write; the lock is held only while it is written, unless something
    arrived meanwhile: then it is worked out again under the lock.

    Raises:
        RequestError: there is no such stream.
    """
    with store.log.read() as conn:
        source = _source(conn, connection, stream)
        mark = _mark(conn, source)
        plan = _plan(conn, source, parse, progress, keys)
        if dry_run:
            return _report(plan, _effect(store, conn, source, plan))
    with store.log.write() as conn:
        if _mark(conn, source) != mark:
            plan = _plan(conn, source, parse, progress, keys)
        _apply(conn, source, plan, parser=parser, at=to_micros(now), whole=keys is None)
    return _report(plan, None)


def _mark(conn: sa.Connection, source: int) -> tuple[object, ...]:
    """Give what changes whenever a stream's records, their outcomes or its statements do."""
    s, e, b = t.source.c, t.event.c, t.batch.c
    tally = conn.execute(
        sa.select(s.accepted, s.duplicates, s.conflicts, s.dead_letters, s.restated).where(s.id == source)
    ).one()
    newest = conn.execute(sa.select(sa.func.max(e.id)).where(e.source == source)).scalar()
    withdrawn = conn.execute(sa.select(sa.func.count()).where(b.status == "withdrawn")).scalar()
    return (*tally, newest, withdrawn)


def _report(plan: _Plan, tables: dict[str, tuple[int, int]] | None) -> Reparse:
    moved = {pair: number for pair, number in sorted(plan.outcomes.items()) if pair[0] != pair[1]}
    return Reparse(records=plan.records, changed=plan.changed, outcomes=moved, tables=tables)


def _source(conn: sa.Connection, connection: str, stream: str) -> int:
    s = t.source.c
    found = conn.execute(sa.select(s.id).where(s.connection == connection, s.stream == stream)).scalar()
    if found is None:
        raise RequestError(f"there is no stream {stream!r} of {connection!r}")
    return int(found)


def keys_concerned(conn: sa.Connection, connection: str, codes: Collection[str]) -> dict[str, set[str]]:
    """Name the records of a connection that hold one of these codes anywhere, by stream, as the keys they lie under.

    A record may hold the code by chance; reading it anew then changes nothing.
    """
    needles = [written.encode() for code in codes for written in _spellings(code)]
    found: dict[str, set[str]] = {}
    for record in stored(conn, t.source.c.connection == connection):
        if any(needle in record.body for needle in needles):
            found.setdefault(record.stream, set()).add(record.key)
    return found


def _spellings(code: str) -> set[str]:
    """Write a code as it may stand in a record: plain, or as JSON escapes it."""
    return {code, json.dumps(code)[1:-1], json.dumps(code, ensure_ascii=False)[1:-1]}


def _plan(
    conn: sa.Connection,
    source: int,
    parse: ParseAll,
    progress: Progress | None,
    keys: Collection[str] | None = None,
) -> _Plan:
    """Decide every record again, in the order of arrival; those of a withdrawn batch among themselves."""
    old = _old_events(conn, source)
    withdrawn = set(conn.execute(sa.select(t.batch.c.id).where(t.batch.c.status == "withdrawn")).scalars())
    worlds: dict[int | None, dict[str, list[Known]]] = {None: _statements(conn, source, withdrawn)}
    plan = _Plan()
    fresh: dict[int, tuple[Stored, Prepared]] = {}
    stamps: dict[int, Stamp] = {}
    records = _counted(conn, source, progress, keys)
    for record, item in parse(records):
        [prepared] = prepare([item])
        world = worlds.setdefault(record.batch if record.batch in withdrawn else None, {})
        decision = take(prepared, record.id, world.setdefault(prepared.item.key, []), stamps)
        plan.records += 1
        plan.outcomes[record.outcome, decision.outcome] += 1
        counts = decision.outcome in ("accepted", "conflict") and bool(prepared.bodies)
        before = old.get(record.id)
        same = counts and before is not None and (before.key, before.digest) == (prepared.item.key, prepared.digest)
        if not same:
            if before is not None:
                plan.remove.add(record.id)
            if counts:
                fresh[record.id] = (record, prepared)
        _rewrite(plan, record, prepared, decision, events_change=not same and (before is not None or counts))
        if same and before is not None:
            stamps.setdefault(record.id, (prepared.item.key, prepared.item.version, prepared.item.observed_at))
    for number, (record, prepared) in fresh.items():
        own = (prepared.item.key, prepared.item.version, prepared.item.observed_at)
        plan.add.append((record, prepared, stamps.pop(number, own)))
    plan.stamps = {n: stamp for n, stamp in stamps.items() if n in old and stamp != old[n][:3] and n not in plan.remove}
    return plan


def _counted(
    conn: sa.Connection, source: int, progress: Progress | None, keys: Collection[str] | None
) -> Iterator[Stored]:
    """Give every record of a stream in the order of arrival, telling how far it is; of some keys, key by key."""
    if keys is not None:
        for part in chunks(sorted(keys), LOOKUP):
            yield from stored(conn, t.record.c.source == source, t.record.c.key.in_(part))
        return
    s, done = t.source.c, 0
    received = s.accepted + s.duplicates + s.conflicts + s.dead_letters
    total = int(conn.execute(sa.select(received).where(s.id == source)).scalar_one())
    for done, record in enumerate(stored(conn, t.record.c.source == source), 1):
        yield record
        if progress and done % TOLD == 0:
            progress("read anew", done, total)
    if progress and done % TOLD:
        progress("read anew", done, total)


def _rewrite(plan: _Plan, record: Stored, prepared: Prepared, decision: Decision, *, events_change: bool) -> None:
    """Note how the record's own row changes; its bytes are kept with it wherever it points elsewhere from now on."""
    item, error = prepared.item, prepared.item.error
    same_as = decision.same.record if decision.same else None
    change = {
        "of": record.id, "k": item.key, "v": item.version, "o": item.observed_at, "u": decision.outcome, "s": same_as,
        "c": error.error_class if error else None, "e": str(error) if error else None, "b": record.body,
    }  # fmt: skip
    before = (
        record.key,
        record.version,
        record.observed_at,
        record.outcome,
        record.same_as,
        record.error_class,
        record.error,
    )
    if before != (item.key, item.version, item.observed_at, decision.outcome, same_as, change["c"], change["e"]):
        plan.rewrite.append(change)
    plan.changed += events_change or record.outcome != decision.outcome


def _old_events(conn: sa.Connection, source: int) -> dict[int, _Old]:
    e = t.event.c
    query = sa.select(e.record, e.key, e.version, e.observed_at, e.digest).where(
        e.source == source, e.record.is_not(None)
    )
    return {r[0]: _Old(r[1], r[2], r[3], bytes(r[4])) for r in conn.execute(query)}


def _statements(conn: sa.Connection, source: int, withdrawn: set[int]) -> dict[str, list[Known]]:
    """Give what no record stands for, such as tombstones, as known from the start."""
    e = t.event.c
    query = sa.select(e.key, e.version, e.observed_at, e.digest, e.batch).where(e.source == source, e.record.is_(None))
    known: dict[str, list[Known]] = {}
    for key, version, observed_at, digest, batch in conn.execute(query):
        if batch is None or batch not in withdrawn:
            known.setdefault(key, []).append(Known(version, observed_at, bytes(digest), None))
    return known


def _apply(conn: sa.Connection, source: int, plan: _Plan, *, parser: int, at: int, whole: bool) -> None:
    removed = _entities_of_records(conn, source, plan.remove | plan.stamps.keys())
    # Received at 0: looking back, too, the facts of these entities are made anew.
    marker = Statement(key="#reparse", event=Reparsed(parser=parser), version=at, concerns=tuple(sorted(removed)))
    append_statements(conn, source, [marker], at=0, parser=parser)
    e, r = t.event.c, t.record.c
    for part in chunks(sorted(plan.remove), LOOKUP):
        gone = sa.select(e.id).where(e.source == source, e.record.in_(part))
        numbers = conn.execute(gone).scalars().all()
        for some in chunks(numbers, LOOKUP):
            conn.execute(sa.delete(t.event_entity).where(t.event_entity.c.event.in_(some)))
            conn.execute(sa.delete(t.event).where(e.id.in_(some)))
    concerned = set(removed)
    for record, prepared, stamp in plan.add:
        append_events(
            conn, source, prepared, record.id, received_at=record.received_at, parser=parser, batch=record.batch,
            stamp=stamp,
        )  # fmt: skip
        concerned.update(entity for event in prepared.item.events for entity in entities(event))
    restamp(conn, source, plan.stamps)
    if plan.rewrite:
        change = sa.update(t.record).where(r.id == sa.bindparam("of"))
        conn.execute(
            change.values(
                key=sa.bindparam("k"), version=sa.bindparam("v"), observed_at=sa.bindparam("o"),
                outcome=sa.bindparam("u"), same_as=sa.bindparam("s"), error_class=sa.bindparam("c"),
                error=sa.bindparam("e"), body=sa.func.coalesce(r.body, sa.bindparam("b", type_=sa.LargeBinary)),
            ),
            plan.rewrite,
        )  # fmt: skip
    if whole:
        conn.execute(sa.update(t.event).where(e.source == source, e.record.is_not(None)).values(parser=parser))
    tally = Tally()
    for (before, after), number in plan.outcomes.items():
        for _ in range(number if before != after else 0):
            tally = tally + ONE[after] - ONE[before]
    count(conn, source, tally)
    entomb(conn, source, sorted(concerned), at=at, parser=parser)


def _entities_of_records(conn: sa.Connection, source: int, records: Iterable[int]) -> set[Entity]:
    e, ee = t.event.c, t.event_entity.c
    found: set[Entity] = set()
    for part in chunks(sorted(records), LOOKUP):
        query = (
            sa.select(ee.kind, ee.entity)
            .join_from(t.event_entity, t.event, e.id == ee.event)
            .where(e.source == source, e.record.in_(part))
            .distinct()
        )
        found.update((kind, entity) for kind, entity in conn.execute(query))
    return found


def _effect(store: Store, conn: sa.Connection, source: int, plan: _Plan) -> dict[str, tuple[int, int]]:
    """Fold what is concerned as it is and as it would be, and count the rows that differ."""
    concerned = _entities_of_records(conn, source, plan.remove | plan.stamps.keys())
    concerned |= {entity for _, prepared, _ in plan.add for event in prepared.item.events for entity in entities(event)}
    replaced = _replacement(conn, source, concerned, plan)
    if skus := {entity for kind, entity in concerned if kind == "item"}:
        last = latest_publication(conn)
        concerned |= {("order", order) for order in (orders_with(facts_of(store, last), skus) if last else ())}
    before, after = fold_entities(conn, concerned), fold_entities(conn, concerned, replaced)
    effect = {}
    for name, table in TABLES.items():
        if name in before:
            weights = difference(before[name], after[name], table)[WEIGHT].cast(pl.Int64)
            added, removed = weights.filter(weights > 0).sum(), -weights.filter(weights < 0).sum()
            if added or removed:
                effect[name] = (int(added), int(removed))
    return effect


def _replacement(
    conn: sa.Connection, source: int, concerned: Iterable[Entity], plan: _Plan
) -> Mapping[Entity, list[Stated]]:
    """Give the events of some entities as they would be."""
    e, s, ee = t.event.c, t.source.c, t.event_entity.c
    stated: dict[Entity, list[Stated]] = {entity: [] for entity in concerned}
    by_kind: dict[str, list[str]] = {}
    for kind, entity in sorted(stated):
        by_kind.setdefault(kind, []).append(entity)
    for kind, names in by_kind.items():
        for part in chunks(names, LOOKUP):
            query = (
                sa.select(ee.entity, s.connection, s.stream, e.key, e.version, e.observed_at, e.digest, e.batch,
                          e.body, e.record, e.source)
                .select_from(t.event_entity.join(t.event, e.id == ee.event).join(t.source, s.id == e.source))
                .where(ee.kind == kind, ee.entity.in_(part))
            )  # fmt: skip
            for row in conn.execute(query):
                mine = row.source == source
                if mine and row.record in plan.remove:
                    continue
                key, version, observed_at = row.key, row.version, row.observed_at
                if mine and row.record in plan.stamps:
                    key, version, observed_at = plan.stamps[row.record]
                stated[kind, row.entity].append(
                    Stated(row.connection, row.stream, key, version, observed_at, bytes(row.digest), row.batch,
                           decode(row.body))
                )  # fmt: skip
    for record, prepared, (key, version, observed_at) in plan.add:
        for body in prepared.bodies:
            event = decode(body)
            new = Stated(
                record.connection, record.stream, key, version, observed_at, prepared.digest, record.batch, event
            )
            for concern in dict.fromkeys(entities(event)):
                stated[concern].append(new)
    return stated
