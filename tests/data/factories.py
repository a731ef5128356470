"""Short ways to put records into a log and to read facts, for tests of the ground floor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data.clock import to_micros
from data.log import tables as t
from data.log.append import Received, Tally, append, prepare, source_id
from data.log.status import StreamStatus, statuses
from data.publish import facts_hash, open_facts, publish, rebuild
from data.store import Store
from tests.factories import NOON


def ingest(
    store: Store,
    items: Iterable[Received],
    *,
    connection: str = "shop",
    stream: str = "orders",
    at: datetime = NOON,
    batch: int | None = None,
) -> Tally:
    """Append records in one transaction."""
    with store.log.write() as conn:
        source = source_id(conn, connection, stream)
        return append(conn, source, prepare(items), received_at=to_micros(at), parser=1, batch=batch)


def status(store: Store, connection: str = "shop", stream: str = "orders") -> StreamStatus:
    """Give one stream's status."""
    with store.log.read() as conn:
        return next(s for s in statuses(conn) if (s.connection, s.stream) == (connection, stream))


def rows(store: Store, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Publish and give some columns of a fact table, sorted."""
    publish(store, now=NOON)
    return sorted(open_facts(store).frame(table).select(columns).rows())


def hash_now(store: Store) -> str:
    """Publish and hash all facts."""
    publish(store, now=NOON)
    return facts_hash(open_facts(store))


def hash_rebuilt(store: Store) -> str:
    """Make all facts anew and hash them."""
    rebuild(store, now=NOON)
    return facts_hash(open_facts(store))


def counted(store: Store) -> dict[str, int]:
    """Count the records of a log by outcome."""
    with store.log.read() as conn:
        query = sa.select(t.record.c.outcome, sa.func.count()).group_by(t.record.c.outcome)
        return {row[0]: row[1] for row in conn.execute(query)}


def tallies_are_exact(store: Store) -> bool:
    """Tell whether every stream's tally equals a count over its records."""
    names = {"accepted": "accepted", "duplicate": "duplicates", "conflict": "conflicts", "dead_letter": "dead_letters"}
    r = t.record.c
    with store.log.read() as conn:
        told = {
            (row.id, outcome): getattr(row, name)
            for row in conn.execute(sa.select(t.source))
            for outcome, name in names.items()
            if getattr(row, name)
        }
        query = sa.select(r.source, r.outcome, sa.func.count()).group_by(r.source, r.outcome)
        return told == {(source, outcome): number for source, outcome, number in conn.execute(query)}


def positions(store: Store) -> Sequence[int]:
    """Give the log positions of all publications."""
    with store.log.read() as conn:
        return conn.execute(sa.select(t.publication.c.position).order_by(t.publication.c.id)).scalars().all()
