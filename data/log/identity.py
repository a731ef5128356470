"""Whose name means what: a connection's own codes of items and places, mapped to ours, with who said so and when.

Equal codes mean the same thing without any entry; an entry is only needed where they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data.clock import from_micros, to_micros
from data.errors import RequestError
from data.log import tables as t

KINDS = ("sku", "location")

Map = Mapping[tuple[str, str], str]  #: (kind, their code) -> ours


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """One of their codes and what we call it."""

    connection: str
    kind: str
    external: str
    ours: str
    by: str
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a map: what they call so was called `before` here and is `after` from then on; None: unmapped."""

    number: int
    connection: str
    kind: str
    external: str
    before: str | None
    after: str | None
    by: str
    at: datetime


def identity_of(conn: sa.Connection, connection: str) -> Map:
    """Give everything that is mapped of one connection."""
    i = t.identity.c
    query = sa.select(i.kind, i.external, i.ours).where(i.connection == connection)
    return {(kind, external): ours for kind, external, ours in conn.execute(query)}


def mappings(conn: sa.Connection, connection: str | None = None) -> list[Mapped]:
    """List what is mapped, of one connection or of all, by code."""
    i = t.identity.c
    query = sa.select(t.identity).order_by(i.connection, i.kind, i.external)
    if connection is not None:
        query = query.where(i.connection == connection)
    return [
        Mapped(
            connection=row.connection, kind=row.kind, external=row.external, ours=row.ours, by=row.set_by,
            at=from_micros(row.set_at) if row.set_at else None,
        )
        for row in conn.execute(query)
    ]  # fmt: skip


def set_identity(
    conn: sa.Connection, connection: str, kind: str, external: str, ours: str, *, by: str, now: datetime
) -> bool:
    """Say what we call one of their codes; false where that was said already.

    Raises:
        RequestError: no such kind of thing, an empty code, or a mapping of a code to itself.
    """
    if kind not in KINDS:
        raise RequestError(f"a {kind!r} cannot be mapped; there are {' and '.join(KINDS)}")
    if not external.strip() or not ours.strip():
        raise RequestError("give both codes: theirs and ours")
    if external == ours:
        raise RequestError(f"{external!r} is called the same here; equal codes need no mapping")
    before = _ours(conn, connection, kind, external)
    if before == ours:
        return False
    i = t.identity.c
    conn.execute(sa.delete(t.identity).where(i.connection == connection, i.kind == kind, i.external == external))
    conn.execute(
        sa.insert(t.identity).values(
            connection=connection, kind=kind, external=external, ours=ours, set_by=by, set_at=to_micros(now)
        )
    )
    _note(conn, connection, kind, external, before, ours, by=by, now=now)
    return True


def unset_identity(conn: sa.Connection, connection: str, kind: str, external: str, *, by: str, now: datetime) -> bool:
    """Take a mapping back; false where there was none."""
    before = _ours(conn, connection, kind, external)
    if before is None:
        return False
    i = t.identity.c
    conn.execute(sa.delete(t.identity).where(i.connection == connection, i.kind == kind, i.external == external))
    _note(conn, connection, kind, external, before, None, by=by, now=now)
    return True


def changes_since(conn: sa.Connection, number: int) -> list[Change]:
    """Give what was changed after the change of that number, in order; those before are known already."""
    c = t.identity_change.c
    return [
        Change(
            number=row.id, connection=row.connection, kind=row.kind, external=row.external, before=row.before,
            after=row.after, by=row.by, at=from_micros(row.at),
        )
        for row in conn.execute(sa.select(t.identity_change).where(c.id > number).order_by(c.id))
    ]  # fmt: skip


def last_change(conn: sa.Connection) -> int:
    """Give the number of the newest change; 0 before the first."""
    return int(conn.execute(sa.select(sa.func.coalesce(sa.func.max(t.identity_change.c.id), 0))).scalar_one())


def _ours(conn: sa.Connection, connection: str, kind: str, external: str) -> str | None:
    i = t.identity.c
    query = sa.select(i.ours).where(i.connection == connection, i.kind == kind, i.external == external)
    return conn.execute(query).scalar()


def _note(
    conn: sa.Connection,
    connection: str,
    kind: str,
    external: str,
    before: str | None,
    after: str | None,
    *,
    by: str,
    now: datetime,
) -> None:
    conn.execute(
        sa.insert(t.identity_change).values(
            connection=connection, kind=kind, external=external, before=before, after=after, by=by, at=to_micros(now)
        )
    )
