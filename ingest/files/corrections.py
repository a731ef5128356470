"""What a person made of a bad row holds for the same row when its file comes again: nobody is asked twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sqlalchemy as sa

from data.log import tables as t
from data.log.append import Prepared, prepare
from data.log.records import Parse, one_stored

#: Records that a person corrected or set aside, by where they stood and the hash of the bytes that they came with.
Corrections = Mapping[tuple[str | None, bytes], int]


def corrections(conn: sa.Connection, source: int) -> Corrections:
    """Find those of a stream, of each row the newest; this reads all records of the stream."""
    r = t.record.c
    by_a_person = sa.or_(r.edited.is_not(None), r.dismissed.is_not(None))
    query = sa.select(r.place, r.hash, r.id).where(r.source == source, by_a_person).order_by(r.id)
    return {(place, bytes(hashed)): record for place, hashed, record in conn.execute(query)}


def as_before(conn: sa.Connection, items: Iterable[Prepared], known: Corrections, parse: Parse) -> list[Prepared]:
    """Give rows with what a person made of the bad ones when they came before."""
    return [item if item.item.error is None else _as_before(conn, item, known, parse) for item in items]


def _as_before(conn: sa.Connection, prepared: Prepared, known: Corrections, parse: Parse) -> Prepared:
    item, record = prepared.item, known.get((prepared.item.place, prepared.hash))
    if record is None:
        return prepared
    before = one_stored(conn, record)
    if before.dismissed is not None:
        return replace(prepared, item=replace(item, dismissed=before.dismissed))
    right = parse(replace(before, version=item.version, observed_at=item.observed_at))
    if right.error is not None:  # another mapping reads it now
        return prepared
    [made] = prepare([replace(right, raw=item.raw, edited=right.raw)])
    return made
