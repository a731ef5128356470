"""Records that could not be understood: listed, shown, corrected and replayed, or set aside.

A replayed one moves to accepted, duplicate or conflict; `received` does not change, because nothing was received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from data.clock import from_micros
from data.errors import RequestError
from data.log import tables as t
from data.log.append import ONE, append_events, count, known_under, prepare, restamp, take
from data.log.append import Stamp as _Stamp
from data.log.cards import mask_cards
from data.log.outcome import Outcome
from data.log.records import Parse, Stored, one_stored, stored
from data.log.rows import chunks

#: Records looked up by one statement.
LOOKUP = 4_000


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which dead letters; None is any."""

    connection: str | None = None
    stream: str | None = None
    error_class: str | None = None
    batch: int | None = None
    dismissed: bool = False  #: those that were set aside, instead of those that wait


@dataclass(frozen=True, kw_only=True)
class Class:
    """Dead letters of one stream that failed in the same way."""

    connection: str
    stream: str
    error_class: str
    letters: int
    first_at: datetime  #: received
    last_at: datetime
    example: int  #: the record of the newest
    place: str  #: where the newest stood; empty where it is not known
    error: str  #: of the newest


@dataclass(frozen=True)
class Replayed:
    """What became of a dead letter; `moved` is false where it was none any more."""

    outcome: Outcome
    error: str | None = None  #: why it still cannot be understood
    moved: bool = True


def classes(conn: sa.Connection) -> list[Class]:
    """Group the dead letters that wait by stream and error class, the most numerous first."""
    r, s = t.record.c, t.source.c
    query = (
        sa.select(
            s.connection, s.stream, r.error_class, sa.func.count().label("letters"),
            sa.func.min(r.received_at).label("first"), sa.func.max(r.received_at).label("last"),
            sa.func.max(r.id).label("example"),
        )
        .select_from(t.record.join(t.source, s.id == r.source))
        .where(t.is_dead, r.dismissed.is_(None))
        .group_by(s.connection, s.stream, r.error_class)
    )  # fmt: skip
    found = conn.execute(query).all()
    told: dict[int, sa.Row[tuple[int, str | None, str | None]]] = {}
    for part in chunks([row.example for row in found], LOOKUP):
        told.update({row.id: row for row in conn.execute(sa.select(r.id, r.place, r.error).where(r.id.in_(part)))})
    grouped = [
        Class(
            connection=row.connection, stream=row.stream, error_class=row.error_class or "", letters=row.letters,
            first_at=from_micros(row.first), last_at=from_micros(row.last), example=row.example,
            place=told[row.example].place or "", error=told[row.example].error or "",
        )
        for row in found
    ]  # fmt: skip
    return sorted(grouped, key=lambda c: (-c.letters, c.connection, c.stream, c.error_class))


def dead_letter_ids(conn: sa.Connection, wanted: Wanted) -> list[int]:
    """Give the numbers of dead letters in the order of their arrival."""
    r = t.record.c
    query = sa.select(r.id).join_from(t.record, t.source, t.source.c.id == r.source)
    return list(conn.execute(query.where(*_where(wanted)).order_by(r.id)).scalars())


def list_dead_letters(conn: sa.Connection, wanted: Wanted | None = None, *, limit: int = 200) -> Sequence[Stored]:
    """Give dead letters in the order of their arrival, by default those that nobody set aside."""
    return list(stored(conn, *_where(wanted or Wanted()), limit=limit))


def _where(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    r, s = t.record.c, t.source.c
    columns = (
        (s.connection, wanted.connection), (s.stream, wanted.stream), (r.error_class, wanted.error_class),
        (r.batch, wanted.batch),
    )  # fmt: skip
    aside = r.dismissed.is_not(None) if wanted.dismissed else r.dismissed.is_(None)
    return [t.is_dead, aside, *(column == value for column, value in columns if value is not None)]


def show_dead_letter(conn: sa.Connection, record: int) -> Stored:
    """Give one dead letter, or what became of it.

    Raises:
        RequestError: there is no such record.
    """
    return one_stored(conn, record)


def replay(
    conn: sa.Connection, record: int, parse: Parse, *, at: int, parser: int, edited: bytes | None = None
) -> Replayed:
    """Parse a dead letter again, as it is or as a person corrected it, and tell what became of it.

    One that is no dead letter any more is left alone: a second replay changes nothing. One that still cannot be
    understood stays and keeps the bytes that it came with; its reason is the newest that was given for these bytes.

    Raises:
        RequestError: there is no such record, or its batch was withdrawn.
    """
    old = one_stored(conn, record)
    if old.outcome != "dead_letter":
        return Replayed(old.outcome, moved=False)
    _require_batch(conn, old)
    body = old.body if edited is None else mask_cards(edited)
    [prepared] = prepare([parse(replace(old, body=body))])
    item = prepared.item
    mine = sa.update(t.record).where(t.record.c.id == record)
    if item.error is not None:
        if body == old.body:
            conn.execute(mine.values(error_class=item.error.error_class, error=str(item.error)))
        return Replayed("dead_letter", str(item.error))
    before = known_under(conn, old.source, [item.key]).get(item.key, [])
    stamps: dict[int, _Stamp] = {}
    decision = take(prepared, record, before, stamps)
    restamp(conn, old.source, stamps)
    if decision.outcome in ("accepted", "conflict"):
        append_events(conn, old.source, prepared, record, received_at=at, parser=parser, batch=old.batch)
    conn.execute(
        mine.values(
            key=item.key, version=item.version, observed_at=item.observed_at, outcome=decision.outcome,
            same_as=decision.same.record if decision.same else None, error_class=None, error=None, dismissed=None,
            edited=sa.null() if body == old.body else item.raw,
        )
    )  # fmt: skip
    count(conn, old.source, ONE[decision.outcome] - ONE["dead_letter"], last_event_at=item.changed_at)
    return Replayed(decision.outcome)


def dismiss(conn: sa.Connection, record: int, *, by: str, why: str) -> None:
    """Set a dead letter aside: it still counts as received, but nobody is asked about it again.

    Raises:
        RequestError: it is no dead letter.
    """
    if one_stored(conn, record).outcome != "dead_letter":
        raise RequestError(f"record {record} is no dead letter; there is nothing to set aside")
    conn.execute(sa.update(t.record).where(t.record.c.id == record).values(dismissed=f"{by}: {why}"))


def _require_batch(conn: sa.Connection, old: Stored) -> None:
    status = conn.execute(sa.select(t.batch.c.status).where(t.batch.c.id == old.batch)).scalar()
    if status == "withdrawn":
        raise RequestError(f"record {old.id} belongs to batch {old.batch}, which was withdrawn")
