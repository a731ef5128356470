"""What the log already holds of a stream, as the readers need it: by key, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from data.log import tables as t
from data.log.append import LOOKUP


@dataclass(frozen=True, slots=True)
class Held:
    """The newest statement that the log holds under a key."""

    version: int
    observed_at: int  #: microseconds
    digest: bytes
    gone: bool  #: it is a tombstone


def newest_records(conn: sa.Connection, source: int, keys: Iterable[str]) -> dict[str, tuple[int, bytes]]:
    """Give version and content hash of the record received last under each key."""
    r, unique = t.record.c, sorted(set(keys))
    found: dict[str, tuple[int, bytes]] = {}
    for start in range(0, len(unique), LOOKUP):
        query = (
            sa.select(r.key, r.version, r.hash)
            .where(r.source == source, r.key.in_(unique[start : start + LOOKUP]))
            .order_by(r.id)
        )
        found.update({key: (version, bytes(digest)) for key, version, digest in conn.execute(query)})
    return found


def held(conn: sa.Connection, source: int) -> dict[str, Held]:
    """Give what holds now under every key of a stream."""
    e = t.event.c
    query = sa.select(e.key, e.version, e.observed_at, e.digest, e.kind).where(e.source == source)
    newest: dict[str, Held] = {}
    for key, version, observed_at, digest, kind in conn.execute(query):
        mine = Held(version, observed_at, bytes(digest), kind == "gone")
        before = newest.get(key)
        if before is None or _stamp(before) < _stamp(mine):
            newest[key] = mine
    return newest


def entities_of(conn: sa.Connection, source: int, key: str) -> tuple[tuple[str, str], ...]:
    """Name the entities that events under a key concern."""
    e, x = t.event.c, t.event_entity.c
    query = (
        sa.select(x.kind, x.entity)
        .join_from(t.event_entity, t.event, x.event == e.id)
        .where(e.source == source, e.key == key)
        .distinct()
    )
    return tuple(sorted((kind, entity) for kind, entity in conn.execute(query)))


def _stamp(held: Held) -> tuple[int, int, bytes]:
    return (held.version, held.observed_at, held.digest)
