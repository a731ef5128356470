"""Records that could not be understood: listed, shown, corrected and replayed, or set aside.

A replayed one moves to accepted, duplicate or conflict; `received` does not change, because nothing was received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from data.errors import RequestError
from data.log import tables as t
from data.log.append import ONE, append_events, count, known_under, prepare, restamp, take
from data.log.append import Stamp as _Stamp
from data.log.cards import mask_cards
from data.log.outcome import Outcome
from data.log.records import Parse, Stored, one_stored, stored


def list_dead_letters(
    conn: sa.Connection,
    *,
    connection: str | None = None,
    stream: str | None = None,
    error_class: str | None = None,
    batch: int | None = None,
    dismissed: bool = False,
    limit: int = 200,
) -> Sequence[Stored]:
    """Give dead letters in the order of their arrival; those set aside only where `dismissed`."""
    r, s = t.record.c, t.source.c
    where = [r.outcome == "dead_letter", r.dismissed.is_not(None) if dismissed else r.dismissed.is_(None)]
    where += [
        column == wanted
        for column, wanted in (
            (s.connection, connection), (s.stream, stream), (r.error_class, error_class), (r.batch, batch)
        )
        if wanted is not None
    ]  # fmt: skip
    return list(stored(conn, *where, limit=limit))


def show_dead_letter(conn: sa.Connection, record: int) -> Stored:
    """Give one dead letter, or what became of it.

    Raises:
        RequestError: there is no such record.
    """
    return one_stored(conn, record)


def replay(
    conn: sa.Connection, record: int, parse: Parse, *, at: int, parser: int, edited: bytes | None = None
) -> Outcome:
    """Parse a dead letter again, as it is or as a person corrected it, and tell what became of it.

    One that is no dead letter any more is left alone: a second replay changes nothing. One that still cannot be
    understood stays, with the new reason, and keeps the bytes that it came with.

    Raises:
        RequestError: there is no such record, or its batch was withdrawn.
    """
    old = one_stored(conn, record)
    if old.outcome != "dead_letter":
        return old.outcome
    _require_batch(conn, old)
    body = old.body if edited is None else mask_cards(edited)
    [prepared] = prepare([parse(replace(old, body=body))])
    item = prepared.item
    mine = sa.update(t.record).where(t.record.c.id == record)
    if item.error is not None:
        conn.execute(mine.values(error_class=item.error.error_class, error=str(item.error)))
        return "dead_letter"
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
    return decision.outcome


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
