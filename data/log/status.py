"""How every stream is doing: what came of its records, how fresh it is, what went wrong last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data.clock import from_micros
from data.log import tables as t


@dataclass(frozen=True, kw_only=True)
class StreamStatus:
    """One stream of one connection. received = accepted + duplicates + conflicts + dead_letters."""

    connection: str
    stream: str
    accepted: int
    duplicates: int
    conflicts: int
    dead_letters: int
    restated: int
    refused: int  #: turned away at the door: bad signature, too large; not received
    last_event_at: datetime | None  #: when the newest change stored happened at the source
    as_of: datetime | None  #: how fresh the source itself says its data is
    succeeded_at: datetime | None
    failed_at: datetime | None
    failures: int  #: since the last success
    error_class: str | None
    error: str | None

    @property
    def received(self) -> int:
        """Count everything received."""
        return self.accepted + self.duplicates + self.conflicts + self.dead_letters


def statuses(conn: sa.Connection) -> list[StreamStatus]:
    """Give every stream's status, by connection and stream."""
    s, h = t.source.c, t.health.c
    query = (
        sa.select(t.source, h.as_of, h.succeeded_at, h.failed_at, h.failures, h.error_class, h.error, h.refused)
        .select_from(t.source.outerjoin(t.health, h.source == s.id))
        .order_by(s.connection, s.stream)
    )
    return [
        StreamStatus(
            connection=r.connection, stream=r.stream, accepted=r.accepted, duplicates=r.duplicates,
            conflicts=r.conflicts, dead_letters=r.dead_letters, restated=r.restated, refused=r.refused or 0,
            last_event_at=_at(r.last_event_at), as_of=_at(r.as_of), succeeded_at=_at(r.succeeded_at),
            failed_at=_at(r.failed_at), failures=r.failures or 0, error_class=r.error_class, error=r.error,
        )
        for r in conn.execute(query)
    ]  # fmt: skip


def note_success(conn: sa.Connection, source: int, *, at: int, as_of: int | None) -> None:
    """Record that a read of the stream succeeded, and how fresh the source said its data is."""
    _upsert(conn, source, {"succeeded_at": at, "as_of": as_of, "failures": 0, "error_class": None, "error": None})


def note_failure(conn: sa.Connection, source: int, *, at: int, error_class: str, error: str) -> None:
    """Record that a read of the stream failed."""
    _upsert(
        conn,
        source,
        {"failed_at": at, "failures": t.health.c.failures + 1, "error_class": error_class, "error": error},
    )


def note_refusal(conn: sa.Connection, source: int) -> None:
    """Count something turned away at the door."""
    _upsert(conn, source, {"refused": t.health.c.refused + 1})


def _upsert(conn: sa.Connection, source: int, values: dict[str, object]) -> None:
    if conn.execute(sa.select(t.health.c.source).where(t.health.c.source == source)).first() is None:
        conn.execute(sa.insert(t.health).values(source=source))
    conn.execute(sa.update(t.health).where(t.health.c.source == source).values(**values))


def _at(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
