"""Movements stated in two ways: a person decides which holds; until then the smaller digest does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from data.clock import from_micros, to_micros
from data.errors import RequestError
from data.events import Entity, Event, MovementDecided, PaymentMoved, decode
from data.log import tables as t
from data.log.append import append_statement

_MOVEMENTS = (str(PaymentMoved.__struct_config__.tag),)
_DECIDED = str(MovementDecided.__struct_config__.tag)


@dataclass(frozen=True, kw_only=True)
class Content:
    """One of the things that were said of a movement."""

    digest: str  #: hex; names it in a decision
    event: Event
    received_at: datetime
    holds: bool  #: the facts follow this one


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A movement's id with more than one content."""

    connection: str
    stream: str
    key: str
    contents: tuple[Content, ...]
    decided_by: str | None  #: None: a fixed rule holds


def list_conflicts(conn: sa.Connection, *, undecided: bool = True, limit: int = 200) -> list[Conflict]:
    """Give the movements that were stated in several ways, by default those that nobody decided."""
    return list(islice((c for c in _conflicts(conn) if not (undecided and c.decided_by)), limit))


def find_conflict(conn: sa.Connection, connection: str, stream: str, key: str) -> Conflict | None:
    """Give what was said of one movement; None where it was not stated in several ways."""
    source = _source(conn, connection, stream)
    return None if source is None else _conflict(conn, source, key)


def count_undecided(conn: sa.Connection) -> dict[tuple[str, str], int]:
    """Count the movements that nobody decided, by (connection, stream)."""
    found = Counter((c.connection, c.stream) for c in _conflicts(conn) if c.decided_by is None)
    return dict(found)


def decide_conflict(
    conn: sa.Connection, connection: str, stream: str, key: str, *, holds: str, by: str, now: datetime
) -> bool:
    """State which content of a movement holds; the newest decision counts. False where somebody decided so already.

    Raises:
        RequestError: there is no such conflict, or the digest names none of its contents.
    """
    source = _source(conn, connection, stream)
    conflict = None if source is None else _conflict(conn, source, key)
    if source is None or conflict is None:
        raise RequestError(f"{connection} {stream} {key} was not stated in two ways; there is nothing to decide")
    content = next((content for content in conflict.contents if content.digest == holds), None)
    if content is None:
        known = ", ".join(content.digest for content in conflict.contents)
        raise RequestError(f"{key} has no content {holds}; it has {known}")
    if content.holds and conflict.decided_by is not None:
        return False
    event = MovementDecided(entities=_entities(conn, source, key), holds=holds, by=by)
    append_statement(conn, source, key, event, version=to_micros(now), at=to_micros(now), parser=0)
    return True


def _source(conn: sa.Connection, connection: str, stream: str) -> int | None:
    s = t.source.c
    return conn.execute(sa.select(s.id).where(s.connection == connection, s.stream == stream)).scalar()


def _conflicts(conn: sa.Connection) -> Iterator[Conflict]:
    r = t.record.c
    query = sa.select(r.source, r.key).where(t.is_conflict).distinct().order_by(r.source, r.key)
    for source, key in conn.execute(query).all():
        conflict = _conflict(conn, source, key)
        if conflict is not None:
            yield conflict


def _conflict(conn: sa.Connection, source: int, key: str) -> Conflict | None:
    e, s = t.event.c, t.source.c
    withdrawn = sa.select(t.batch.c.id).where(t.batch.c.status == "withdrawn")
    query = (
        sa.select(s.connection, s.stream, e.id, e.kind, e.digest, e.version, e.received_at, e.body)
        .join_from(t.event, t.source, s.id == e.source)
        .where(e.source == source, e.key == key, e.kind.in_((*_MOVEMENTS, _DECIDED)))
        .where(sa.or_(e.batch.is_(None), e.batch.not_in(withdrawn)))
        .order_by(e.id)
    )
    rows = conn.execute(query).all()
    moved = {bytes(row.digest): row for row in reversed(rows) if row.kind != _DECIDED}
    if len(moved) < 2:
        return None
    decision = _newest([(row.version, row.id, decode(row.body)) for row in rows if row.kind == _DECIDED], moved)
    holds = min(moved) if decision is None else bytes.fromhex(decision.holds)
    return Conflict(
        connection=rows[0].connection, stream=rows[0].stream, key=key, decided_by=decision.by if decision else None,
        contents=tuple(
            Content(
                digest=digest.hex(), event=decode(row.body), received_at=from_micros(row.received_at),
                holds=digest == holds,
            )
            for digest, row in sorted(moved.items())
        ),
    )  # fmt: skip


def _newest(decisions: Sequence[tuple[int, int, Event]], moved: dict[bytes, sa.Row]) -> MovementDecided | None:  # type: ignore[type-arg]
    valid = [
        (version, bytes.fromhex(event.holds), event)
        for version, _, event in decisions
        if isinstance(event, MovementDecided) and bytes.fromhex(event.holds) in moved
    ]
    return max(valid, key=lambda decision: decision[:2])[2] if valid else None


def _entities(conn: sa.Connection, source: int, key: str) -> tuple[Entity, ...]:
    e, ee = t.event.c, t.event_entity.c
    query = (
        sa.select(ee.kind, ee.entity)
        .join_from(t.event_entity, t.event, e.id == ee.event)
        .where(e.source == source, e.key == key)
        .distinct()
    )
    return tuple(sorted((kind, entity) for kind, entity in conn.execute(query)))
