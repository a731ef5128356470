"""Records as they lie in the log, with their bytes wherever those are kept, for those who parse them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data.clock import from_micros
from data.errors import RequestError
from data.log import tables as t
from data.log.append import Received
from data.log.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record of the log; times are microseconds, as in `Received`."""

    id: int
    source: int
    connection: str
    stream: str
    key: str
    version: int
    observed_at: int
    received_at: int
    outcome: Outcome
    batch: int | None
    place: str | None
    same_as: int | None
    body: bytes  #: as received, or as a person corrected it
    error_class: str | None
    error: str | None
    dismissed: str | None

    @property
    def arrived(self) -> datetime:
        """When it was received."""
        return from_micros(self.received_at)


#: Makes of a stored record what an adapter would have made of it on arrival; it never raises.
Parse = Callable[[Stored], Received]

#: The same of many records in the order of their arrival, for those that mean something together, as a file's rows do.
ParseAll = Callable[[Iterable[Stored]], Iterator[tuple[Stored, Received]]]


def one_by_one(parse: Parse) -> ParseAll:
    """Parse many records each by itself."""
    return lambda records: ((record, parse(record)) for record in records)


def stored(conn: sa.Connection, *where: sa.ColumnElement[bool], limit: int | None = None) -> Iterator[Stored]:
    """Give records in the order of their arrival; conditions are over `data.log.tables.record`."""
    r, s = t.record, t.source.c
    original = t.record.alias("original")
    body = sa.func.coalesce(r.c.edited, r.c.body, original.c.body).label("bytes")
    query = (
        sa.select(
            r.c.id, r.c.source, s.connection, s.stream, r.c.key, r.c.version, r.c.observed_at, r.c.received_at,
            r.c.outcome, r.c.batch, r.c.place, r.c.same_as, body, r.c.error_class, r.c.error, r.c.dismissed,
        )
        .select_from(r.join(t.source, s.id == r.c.source).outerjoin(original, original.c.id == r.c.same_as))
        .where(*where)
        .order_by(r.c.id)
        .limit(limit)
    )  # fmt: skip
    for row in conn.execute(query if limit else query.execution_options(yield_per=2_000)):
        yield Stored(
            id=row.id, source=row.source, connection=row.connection, stream=row.stream, key=row.key,
            version=row.version, observed_at=row.observed_at, received_at=row.received_at, outcome=row.outcome,
            batch=row.batch, place=row.place, same_as=row.same_as, body=bytes(row.bytes or b""),
            error_class=row.error_class, error=row.error, dismissed=row.dismissed,
        )  # fmt: skip


def some_stored(conn: sa.Connection, records: Sequence[int]) -> Iterator[Stored]:
    """Give those of some records that there are; a few thousand at once."""
    return stored(conn, t.record.c.id.in_(records))


def one_stored(conn: sa.Connection, record: int) -> Stored:
    """Give one record.

    Raises:
        RequestError: there is none of that number.
    """
    found = next(stored(conn, t.record.c.id == record, limit=1), None)
    if found is None:
        raise RequestError(f"there is no record {record}")
    return found
