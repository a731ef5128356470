"""Looking into the log: any id, the events of entities with when they were received, heartbeats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data.clock import from_micros, to_micros
from data.events import Entity, Event, decode
from data.fold.settle import Stated
from data.log import tables as t


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, when it was received and by which record."""

    stated: Stated
    received_at: datetime
    record: int | None


def find(conn: sa.Connection, text: str, *, limit: int = 20) -> list[Entity]:
    """Find entities by any id: the entity's own, its number at a source, or a record's key there."""
    ee = t.event_entity.c
    kinds = conn.execute(sa.select(ee.kind).distinct()).scalars().all()
    connections = conn.execute(sa.select(t.source.c.connection).distinct()).scalars().all()
    names = [text, *(f"{connection}/{text}" for connection in connections)]
    own = sa.select(ee.kind, ee.entity).where(ee.kind.in_(kinds), ee.entity.in_(names)).distinct()
    found: dict[Entity, None] = dict.fromkeys(conn.execute(own.limit(limit)))
    sources = conn.execute(sa.select(t.source.c.id)).scalars().all()
    keyed = (
        sa.select(ee.kind, ee.entity)
        .select_from(t.event.join(t.event_entity, ee.event == t.event.c.id))
        .where(t.event.c.source.in_(sources), t.event.c.key.in_(names))
        .distinct()
    )
    found.update(dict.fromkeys(conn.execute(keyed.limit(limit))))
    return list(found)[:limit]


def heard(conn: sa.Connection, entities: Iterable[Entity]) -> list[Heard]:
    """Give every event of some entities once, in the order of their arrival."""
    ee, e, s = t.event_entity.c, t.event.c, t.source.c
    query = (
        sa.select(
            e.id, s.connection, s.stream, e.key, e.version, e.observed_at, e.digest, e.batch, e.body,
            e.received_at, e.record,
        )
        .select_from(t.event_entity.join(t.event, e.id == ee.event).join(t.source, s.id == e.source))
        .where(sa.or_(*(sa.and_(ee.kind == kind, ee.entity == entity) for kind, entity in entities)))
        .order_by(e.id)
    )  # fmt: skip
    rows = {r.id: r for r in conn.execute(query)}
    return [
        Heard(
            Stated(
                r.connection,
                r.stream,
                r.key,
                r.version,
                r.observed_at,
                bytes(r.digest),
                r.batch,
                decode(r.body),
            ),
            from_micros(r.received_at),
            r.record,
        )
        for r in rows.values()
    ]


def heartbeat(conn: sa.Connection, *, now: datetime, bins: int, minutes: int) -> dict[str, list[int]]:
    """Count what each connection sent in each of the last `bins` spans of so many minutes, oldest first."""
    width = minutes * 60_000_000
    start = to_micros(now) - bins * width
    e, s = t.event.c, t.source.c
    spot = (e.received_at - start) // width
    query = (
        sa.select(s.connection, spot, sa.func.count())
        .select_from(t.event.join(t.source, s.id == e.source))
        .where(e.received_at > start, e.received_at <= to_micros(now))
        .group_by(s.connection, spot)
    )
    beats: dict[str, list[int]] = {}
    for connection, index, number in conn.execute(query):
        beats.setdefault(connection, [0] * bins)[min(int(index), bins - 1)] += number
    return beats


def last_heard(conn: sa.Connection, connection: str, stream: str, key: str) -> Event | None:
    """Give what a connection last said under one key of a stream; None where it never did."""
    e, s = t.event.c, t.source.c
    query = (
        sa.select(e.body)
        .select_from(t.event.join(t.source, s.id == e.source))
        .where(s.connection == connection, s.stream == stream, e.key == key)
        .order_by(e.version.desc(), e.observed_at.desc(), e.digest.desc())
        .limit(1)
    )
    body = conn.execute(query).scalar()
    return None if body is None else decode(bytes(body))
