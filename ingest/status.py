"""How every connection is doing, one row a connection: what came of its records, how late they are, what went wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa

from data.clock import to_micros
from data.log import tables as t
from data.log.status import StreamStatus, statuses
from data.store import Store
from ingest.shapes import Item

#: Newest accepted records of a connection from which its lag is taken.
SAMPLE = 500

_head = msgspec.json.Decoder(Item)


def status_rows(store: Store) -> list[dict[str, object]]:
    """Give one row a connection. received = accepted + duplicates + conflicts + dead_letters."""
    with store.log.read() as conn:
        streams = statuses(conn)
        names = sorted({s.connection for s in streams})
        return [_row(conn, name, [s for s in streams if s.connection == name]) for name in names]


def lags(conn: sa.Connection, connection: str) -> list[float]:
    """Give the seconds from change to receipt of the newest records that changed after the connection began."""
    sources = sa.select(t.source.c.id).where(t.source.c.connection == connection)
    r = t.record.c
    began = conn.execute(sa.select(sa.func.min(r.received_at)).where(r.source.in_(sources))).scalar()
    newest = (
        sa.select(r.body, r.received_at)
        .where(r.source.in_(sources), r.outcome == "accepted", r.body.is_not(None))
        .order_by(r.id.desc())
        .limit(SAMPLE)
    )
    found = []
    for body, received_at in conn.execute(newest):
        changed = _changed_at(bytes(body))
        if changed is not None and began is not None and changed >= began:
            found.append((received_at - changed) / 1e6)
    return sorted(found)


def quantile(ordered: list[float], share: float) -> float | None:
    """Give the smallest value that at least `share` of them do not exceed; None where there are none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _row(conn: sa.Connection, connection: str, streams: list[StreamStatus]) -> dict[str, object]:
    late = lags(conn, connection)
    return {
        "connection": connection,
        "received": sum(s.received for s in streams),
        "accepted": sum(s.accepted for s in streams),
        "duplicates": sum(s.duplicates for s in streams),
        "conflicts": sum(s.conflicts for s in streams),
        "dead_letters": sum(s.dead_letters for s in streams),
        "restated": sum(s.restated for s in streams),
        "refused": sum(s.refused for s in streams),
        "last_event": _iso(_newest(s.last_event_at for s in streams)),
        "last_success": _iso(_newest(s.succeeded_at for s in streams)),
        "lag_p50_seconds": quantile(late, 0.5),
        "lag_p95_seconds": quantile(late, 0.95),
        "errors": _errors(conn, connection, streams),
        "streams": [_stream(s) for s in streams],
    }


def _stream(s: StreamStatus) -> dict[str, object]:
    return {
        "stream": s.stream, "received": s.received, "accepted": s.accepted, "duplicates": s.duplicates,
        "conflicts": s.conflicts, "dead_letters": s.dead_letters, "restated": s.restated, "refused": s.refused,
        "last_event": _iso(s.last_event_at), "as_of": _iso(s.as_of), "last_success": _iso(s.succeeded_at),
        "failures": s.failures, "error_class": s.error_class, "error": s.error,
    }  # fmt: skip


def _errors(conn: sa.Connection, connection: str, streams: list[StreamStatus]) -> dict[str, int]:
    """Count dead letters by their class, and streams that fail now by theirs."""
    query = (
        sa.select(t.record.c.error_class, sa.func.count())
        .where(
            t.record.c.source.in_(sa.select(t.source.c.id).where(t.source.c.connection == connection)),
            t.record.c.outcome == "dead_letter",
        )
        .group_by(t.record.c.error_class)
    )
    found: dict[str, int] = {}
    if any(s.dead_letters for s in streams):
        found = {kind or "unknown": number for kind, number in conn.execute(query)}
    for s in streams:
        if s.error_class is not None:
            found[s.error_class] = found.get(s.error_class, 0) + 1
    return dict(sorted(found.items()))


def _changed_at(body: bytes) -> int | None:
    try:
        return to_micros(_head.decode(body).updated_at.astimezone(UTC))
    except (msgspec.MsgspecError, UnicodeError, ArithmeticError, RecursionError):
        return None


def _newest(times: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
