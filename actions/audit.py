"""The audit log: only ever added to, chained in log order by one sealer, provable to anybody who kept a head.

A row's hash covers the hash before it and everything the row says. Rows that the sealer has not reached are shown as
unsealed. A cut tail or an older copy is proved by a head kept elsewhere (the daily digest prints it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from actions import tables as t
from actions.desk import Desk, as_json

FIRST = b"\0" * 32
PAGE = 5_000
#: What must never be written down, by the name under which it comes.
SECRET = ("authorization", "token", "secret", "password", "api_key", "apikey")


@dataclass(frozen=True)
class Head:
    """The newest sealed row and the hash that stands for everything up to it."""

    audit_id: int
    hash: str


@dataclass(frozen=True)
class Proof:
    """Whether the log is whole; `broken_at` is the first row that does not fit."""

    whole: bool
    sealed: int
    unsealed: int
    broken_at: int | None
    words: str


def note(conn: sa.Connection, at: int, by: str, entry: str, what: str, subject: str, detail: dict[str, object]) -> int:
    """Add a row in the transaction of what it tells of; secrets are left out."""
    number = int(conn.execute(sa.select(sa.func.coalesce(sa.func.max(t.audit.c.id), 0) + 1)).scalar_one())
    conn.execute(
        sa.insert(t.audit).values(
            id=number, at=at, by=by, entry=entry, what=what, subject=subject, detail=as_json(_clean(detail))
        )
    )
    return number


def seal(desk: Desk) -> int:
    """Chain what is not sealed yet, in log order; returns how many rows."""
    sealed = 0
    while _waiting(desk):
        with desk.write() as conn:
            last, chain = _last(conn)
            query = sa.select(t.audit).where(t.audit.c.id > last).order_by(t.audit.c.id).limit(PAGE)
            rows = conn.execute(query).all()
            seals = []
            for row in rows:
                chain = _hash(chain, row)
                seals.append({"audit_id": row.id, "hash": chain})
            if seals:
                conn.execute(sa.insert(t.seal), seals)
        sealed += len(rows)
    return sealed


def head(desk: Desk) -> Head | None:
    """Give what to keep elsewhere; None where nothing is sealed."""
    with desk.read() as conn:
        last, chain = _last(conn)
    return Head(last, chain.hex()) if last else None


def verify(desk: Desk, *, anchor: Head | None = None) -> Proof:
    """Recompute the chain over every row; an anchor kept elsewhere also proves that the tail was not cut."""
    with desk.read() as conn:
        chain, expected, anchored = FIRST, 1, anchor is None
        unsealed = 0
        for row in _joined(conn):
            if row.id is None or row.id != expected:
                return _broken(expected, "a row is missing or out of its place")
            if row.hash is None:
                unsealed += 1
            elif unsealed:
                return _broken(expected - unsealed, "a row before a sealed one has lost its seal")
            else:
                chain = _hash(chain, row)
                if chain != row.hash:
                    return _broken(row.id, "what the row says is not what was sealed")
                if anchor is not None and row.id == anchor.audit_id:
                    anchored = chain.hex() == anchor.hash
            expected += 1
    if not anchored and anchor is not None:
        return _broken(anchor.audit_id, "the head that was kept elsewhere is not in this log: cut or replaced")
    sealed = expected - 1 - unsealed
    return Proof(True, sealed, unsealed, None, f"{sealed} rows fit their chain, {unsealed} are not sealed yet")


def entries(desk: Desk, *, limit: int = 500, subject: str | None = None) -> list[dict[str, object]]:
    """List the newest rows first, each saying whether it is sealed."""
    query = (
        sa.select(t.audit, t.seal.c.hash.is_not(None).label("sealed"))
        .select_from(t.audit.outerjoin(t.seal, t.seal.c.audit_id == t.audit.c.id))
        .order_by(t.audit.c.id.desc())
        .limit(limit)
    )
    if subject is not None:
        query = query.where(t.audit.c.subject == subject)
    with desk.read() as conn:
        return [dict(row) for row in conn.execute(query).mappings()]


def _joined(conn: sa.Connection) -> Iterator[sa.Row[tuple[object, ...]]]:
    both = t.audit.outerjoin(t.seal, t.seal.c.audit_id == t.audit.c.id)
    query = sa.select(t.audit, t.seal.c.hash).select_from(both).order_by(t.audit.c.id)
    yield from conn.execution_options(yield_per=PAGE).execute(query)
    lost = sa.select(t.seal.c.audit_id.label("sealed"), sa.null().label("id")).where(
        t.seal.c.audit_id > sa.select(sa.func.coalesce(sa.func.max(t.audit.c.id), 0)).scalar_subquery()
    )
    yield from conn.execute(lost)


def _waiting(desk: Desk) -> bool:
    """Tell whether a row is not sealed yet, without taking the write lock."""
    newest, sealed = sa.func.max(t.audit.c.id), sa.select(sa.func.max(t.seal.c.audit_id)).scalar_subquery()
    with desk.read() as conn:
        row = conn.execute(sa.select(newest, sealed)).one()
    return (row[0] or 0) > (row[1] or 0)


def _last(conn: sa.Connection) -> tuple[int, bytes]:
    row = conn.execute(sa.select(t.seal).order_by(t.seal.c.audit_id.desc()).limit(1)).first()
    return (0, FIRST) if row is None else (row.audit_id, bytes(row.hash))


def _hash(chain: bytes, row: sa.Row[tuple[object, ...]]) -> bytes:
    said = [row.id, row.at, row.by, row.entry, row.what, row.subject, row.detail]
    return sha256(chain + as_json(said).encode()).digest()


def _broken(at: int, why: str) -> Proof:
    return Proof(False, max(at - 1, 0), 0, at, f"row {at}: {why}")


def _clean(detail: object) -> object:
    if isinstance(detail, dict):
        return {k: "(not kept)" if str(k).lower() in SECRET else _clean(v) for k, v in detail.items()}
    return [_clean(v) for v in detail] if isinstance(detail, list | tuple) else detail
