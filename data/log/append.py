"""Append what was received: each record gets exactly one outcome, in the transaction that moves its cursor.

received = accepted + duplicates + conflicts + dead letters, per stream, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from data.errors import RecordInvalid
from data.events import Event, encode, entities, is_movement
from data.log import tables as t

#: Keys looked up by one statement; SQLite takes 32,766 variables.
LOOKUP = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One thing received and what the parser made of it; personal data is already taken out of `raw`."""

    key: str  #: id of the aspect at the source: an order, a parcel, a file row's identity
    raw: bytes
    version: int = 0  #: the source's own version, rising; 0 where it has none
    observed_at: int  #: microseconds: the start of the read
    changed_at: int | None = None  #: microseconds: when the source says it changed
    events: tuple[Event, ...] = ()
    error: RecordInvalid | None = None
    place: str | None = None  #: where it stood: a file row, a webhook's id
    persons: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the records of one append, by outcome; `restated` are accepted ones too."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dead_letters: int = 0
    restated: int = 0

    @property
    def received(self) -> int:
        """Count everything received."""
        return self.accepted + self.duplicates + self.conflicts + self.dead_letters

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.dead_letters + other.dead_letters,
            self.restated + other.restated,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record encoded and hashed before the write lock is taken."""

    item: Received
    bodies: tuple[bytes, ...]
    digest: bytes
    movement: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """An event that the log has under the key: its stamp orders it, its digest tells its content."""

    version: int
    observed_at: int
    digest: bytes
    record: int

    @property
    def stamp(self) -> tuple[int, int, bytes]:
        return (self.version, self.observed_at, self.digest)


@dataclass(slots=True)
class _Rows:
    records: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    bumps: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("accepted", "duplicate", "conflict", "dead_letter", "restated"), 0))  # fmt: skip


def prepare(items: Iterable[Received]) -> list[Prepared]:
    """Encode and hash records; no database is touched."""
    prepared = []
    for item in items:
        bodies = tuple(encode(event) for event in item.events)
        digest = _digest(bodies) if bodies else _digest((item.raw,))
        prepared.append(Prepared(item, bodies, digest, bool(item.events) and is_movement(item.events[0])))
    return prepared


def source_id(conn: sa.Connection, connection: str, stream: str) -> int:
    """Find the number of a stream, or give it one."""
    row = sa.select(t.source.c.id).where(t.source.c.connection == connection, t.source.c.stream == stream)
    found = conn.execute(row).scalar()
    if found is None:
        found = conn.execute(
            sa.insert(t.source).values(connection=connection, stream=stream)
        ).inserted_primary_key[0]  # type: ignore[index]
    return int(found)


def append(
    conn: sa.Connection,
    source: int,
    items: Sequence[Prepared],
    *,
    received_at: int,
    parser: int,
    batch: int | None = None,
    cursor: str | None = None,
) -> Tally:
    """Store records, their outcomes, their events and the cursor that they move, in the caller's transaction."""
    known = _known(conn, source, [p.item.key for p in items])
    next_record, next_event = _next(conn, t.record), _next(conn, t.event)
    rows = _Rows()
    latest: int | None = None
    for offset, prepared in enumerate(items):
        record = next_record + offset
        before = known.setdefault(prepared.item.key, [])
        outcome, same, restated = _outcome(prepared, before)
        rows.counts[outcome] += 1
        rows.counts["restated"] += restated
        if outcome == "duplicate" and same is not None:
            _confirm(prepared, before, same, rows)
        if outcome in ("accepted", "conflict"):
            before.append(_Known(prepared.item.version, prepared.item.observed_at, prepared.digest, record))
            _add_events(
                rows, prepared, next_event + len(rows.events), record, source, received_at, parser, batch
            )
            changed = prepared.item.changed_at
            if changed is not None and (latest is None or changed > latest):
                latest = changed
        rows.records.append(
            {
                "id": record, "source": source, "key": prepared.item.key, "version": prepared.item.version,
                "observed_at": prepared.item.observed_at, "received_at": received_at, "hash": prepared.digest,
                "outcome": outcome, "batch": batch, "place": prepared.item.place, "body": prepared.item.raw,
                "same_as": same, "error_class": prepared.item.error.error_class if prepared.item.error else None,
                "error": str(prepared.item.error) if prepared.item.error else None,
            }
        )  # fmt: skip
    _write(conn, rows, items, received_at)
    tally = Tally(*(rows.counts[k] for k in ("accepted", "duplicate", "conflict", "dead_letter", "restated")))
    count(conn, source, tally, last_event_at=latest)
    if cursor is not None:
        move_cursor(conn, source, cursor, moved_at=received_at)
    return tally


def append_statement(
    conn: sa.Connection,
    source: int,
    key: str,
    event: Event,
    *,
    version: int,
    at: int,
    parser: int,
    batch: int | None = None,
) -> None:
    """Store an event that no record stands for: a closing's tombstone."""
    body = encode(event)
    item = Received(key=key, raw=b"", version=version, observed_at=at, events=(event,))
    rows = _Rows()
    _add_events(
        rows,
        Prepared(item, (body,), _digest((body,)), movement=False),
        _next(conn, t.event),
        None,
        source,
        at,
        parser,
        batch,
    )
    _write(conn, rows, (), at)


def count(conn: sa.Connection, source: int, tally: Tally, *, last_event_at: int | None = None) -> None:
    """Add to a stream's tally; negative parts move records between outcomes."""
    c = t.source.c
    values: dict[str, Any] = {
        "accepted": c.accepted + tally.accepted,
        "duplicates": c.duplicates + tally.duplicates,
        "conflicts": c.conflicts + tally.conflicts,
        "dead_letters": c.dead_letters + tally.dead_letters,
        "restated": c.restated + tally.restated,
    }
    if last_event_at is not None:
        values["last_event_at"] = sa.case(
            (c.last_event_at > last_event_at, c.last_event_at), else_=last_event_at
        )
    conn.execute(sa.update(t.source).where(c.id == source).values(values))


def move_cursor(conn: sa.Connection, source: int, value: str, *, moved_at: int) -> None:
    """Set where the reader of a stream stands."""
    moved = conn.execute(
        sa.update(t.cursor).where(t.cursor.c.source == source).values(value=value, moved_at=moved_at)
    )
    if moved.rowcount == 0:
        conn.execute(sa.insert(t.cursor).values(source=source, value=value, moved_at=moved_at))


def _outcome(prepared: Prepared, before: list[_Known]) -> tuple[str, int | None, bool]:
    """Decide a record's outcome, the record it repeats, and whether it restates a version."""
    if prepared.item.error is not None:
        return "dead_letter", None, False
    if not before:
        return "accepted", None, False
    if prepared.movement:
        same = next((k for k in before if k.digest == prepared.digest), None)
        return ("duplicate", same.record, False) if same else ("conflict", None, False)
    newest = max(before, key=lambda k: k.stamp)
    if newest.digest == prepared.digest:
        return "duplicate", newest.record, False
    version = prepared.item.version
    for k in before:
        if (
            k.digest == prepared.digest
            and k.version == version
            and (version or k.observed_at >= prepared.item.observed_at)
        ):
            return "duplicate", k.record, False
    return "accepted", None, bool(version) and any(k.version == version for k in before)


def _confirm(prepared: Prepared, before: list[_Known], same: int, rows: _Rows) -> None:
    """Let a later statement of the same content carry its stamp, so that one arriving late in between cannot win."""
    item = prepared.item
    for index, k in enumerate(before):
        if (
            k.record == same
            and not prepared.movement
            and (item.version, item.observed_at) > (k.version, k.observed_at)
        ):
            before[index] = _Known(item.version, item.observed_at, k.digest, k.record)
            rows.bumps.append({"of": same, "v": item.version, "o": item.observed_at})


def _add_events(
    rows: _Rows,
    prepared: Prepared,
    first: int,
    record: int | None,
    source: int,
    received_at: int,
    parser: int,
    batch: int | None,
) -> None:
    item = prepared.item
    for offset, (event, body) in enumerate(zip(item.events, prepared.bodies, strict=True)):
        number = first + offset
        rows.events.append(
            {
                "id": number, "record": record, "source": source, "key": item.key, "version": item.version,
                "observed_at": item.observed_at, "received_at": received_at, "digest": prepared.digest,
                "kind": event.__struct_config__.tag, "parser": parser, "batch": batch, "body": body,
            }
        )  # fmt: skip
        rows.entities.extend(
            {"kind": kind, "entity": entity, "event": number} for kind, entity in set(entities(event))
        )


def _write(conn: sa.Connection, rows: _Rows, items: Sequence[Prepared], at: int) -> None:
    for table, values in ((t.record, rows.records), (t.event, rows.events), (t.event_entity, rows.entities)):
        if values:
            _insert(conn, table, values)
    if rows.bumps:
        stamp = sa.update(t.event).where(t.event.c.record == sa.bindparam("of"))
        conn.execute(stamp.values(version=sa.bindparam("v"), observed_at=sa.bindparam("o")), rows.bumps)
    persons = {key: fields for p in items for key, fields in p.item.persons}
    if persons:
        conn.execute(
            sa.delete(t.person).where(t.person.c.key == sa.bindparam("k")), [{"k": key} for key in persons]
        )
        conn.execute(
            sa.insert(t.person), [{"key": k, "fields": f, "stored_at": at} for k, f in persons.items()]
        )


def _insert(conn: sa.Connection, table: sa.Table, values: list[dict[str, Any]]) -> None:
    """Insert by the driver's own parameters: named ones, handled row by row, cost three times the insert itself."""
    statement = sa.insert(table).compile(dialect=conn.dialect, column_keys=list(values[0]))
    if statement.positiontup is None:
        conn.exec_driver_sql(str(statement), values)
    else:
        ordered = itemgetter(*statement.positiontup)
        conn.exec_driver_sql(str(statement), [ordered(row) for row in values])


def _known(conn: sa.Connection, source: int, keys: Sequence[str]) -> dict[str, list[_Known]]:
    """Find what the log has under these keys; events of withdrawn batches do not count."""
    e = t.event.c
    withdrawn = sa.select(t.batch.c.id).where(t.batch.c.status == "withdrawn")
    found: dict[str, list[_Known]] = {}
    unique = sorted(set(keys))
    for start in range(0, len(unique), LOOKUP):
        query = (
            sa.select(e.key, e.version, e.observed_at, e.digest, e.record)
            .where(e.source == source, e.key.in_(unique[start : start + LOOKUP]), e.record.is_not(None))
            .where(sa.or_(e.batch.is_(None), e.batch.not_in(withdrawn)))
            .distinct()
        )
        for key, version, observed_at, digest, record in conn.execute(query):
            found.setdefault(key, []).append(_Known(version, observed_at, bytes(digest), record))
    return found


def _next(conn: sa.Connection, table: sa.Table) -> int:
    return int(conn.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0) + 1)).scalar_one())


def _digest(parts: Sequence[bytes]) -> bytes:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()
