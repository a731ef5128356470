"""Append what was received: each record gets exactly one outcome, in the transaction that moves its cursor.

received = accepted + duplicates + conflicts + dead letters, per stream, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from data.check import check
from data.errors import RecordInvalid, RequestError
from data.events import Entity, Event, encode, entities, is_movement
from data.log import tables as t
from data.log.outcome import Decision, Known, decide
from data.log.rows import chunks, insert, next_id

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
    edited: bytes | None = None  #: what a person made of `raw`, where it came and was corrected before
    dismissed: str | None = None  #: who set it aside, and why, where it came before


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

    def __sub__(self, other: Tally) -> Tally:
        return Tally(
            self.accepted - other.accepted,
            self.duplicates - other.duplicates,
            self.conflicts - other.conflicts,
            self.dead_letters - other.dead_letters,
            self.restated - other.restated,
        )


Stamp = tuple[str, int, int]  #: (key, version, observed_at)

#: One record by its outcome, to be added to a tally or taken from it.
ONE = {
    "accepted": Tally(accepted=1),
    "duplicate": Tally(duplicates=1),
    "conflict": Tally(conflicts=1),
    "dead_letter": Tally(dead_letters=1),
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record encoded and hashed before the write lock is taken."""

    item: Received
    bodies: tuple[bytes, ...]
    digest: bytes  #: of the content
    movement: bool
    hash: bytes  #: of the bytes as received


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An event that no record stands for: a tombstone, a decision, a withdrawal."""

    key: str
    event: Event
    version: int
    batch: int | None = None
    concerns: tuple[Entity, ...] | None = None  #: where the event itself does not say


@dataclass(slots=True)
class _Rows:
    """What one append writes, as rows in the order of the tables' columns."""

    source: int
    received_at: int
    parser: int
    batch: int | None
    records: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    entities: list[tuple[Any, ...]] = field(default_factory=list)
    stamps: dict[int, Stamp] = field(default_factory=dict)  #: record -> its events' later stamp
    hashes: dict[int, bytes] = field(default_factory=dict)  #: record -> hash of its bytes, where it is kept whole


def prepare(items: Iterable[Received]) -> list[Prepared]:
    """Check, encode and hash records; no database is touched. What cannot be folded becomes a dead letter."""
    return [_prepare(item) for item in items]


def source_id(conn: sa.Connection, connection: str, stream: str) -> int:
    """Find the number of a stream, or give it one."""
    row = sa.select(t.source.c.id).where(t.source.c.connection == connection, t.source.c.stream == stream)
    found = conn.execute(row).scalar()
    if found is None:
        made = conn.execute(sa.insert(t.source).values(connection=connection, stream=stream).returning(t.source.c.id))
        found = made.scalar_one()
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
    """Store records, their outcomes, their events and the cursor that they move, in the caller's transaction.

    Raises:
        RequestError: the batch is closed or withdrawn.
    """
    if batch is not None:
        _require_open(conn, batch)
    known = known_under(conn, source, [p.item.key for p in items if p.bodies])
    waiting = _waiting(conn, source, [p.item.key for p in items if not p.bodies and p.item.error is None])
    first_record, next_event = next_id(conn, t.record), next_id(conn, t.event)
    rows = _Rows(source, received_at, parser, batch)
    decisions: list[Decision] = []
    counts = dict.fromkeys((*ONE, "restated"), 0)
    latest: int | None = None
    for record, prepared in enumerate(items, first_record):
        before = (known if prepared.bodies else waiting).setdefault(prepared.item.key, [])
        decision = take(prepared, record, before, rows.stamps)
        decisions.append(decision)
        counts[decision.outcome] += 1
        counts["restated"] += decision.restated
        if decision.outcome in ("accepted", "conflict"):
            rows.hashes[record] = prepared.hash
            next_event = _add_events(rows, prepared, next_event, record)
            if (changed := prepared.item.changed_at) is not None and (latest is None or changed > latest):
                latest = changed
    _add_records(conn, rows, items, decisions, first_record)
    _write(conn, rows)
    _keep_persons(conn, items, received_at)
    tally = Tally(
        counts["accepted"], counts["duplicate"], counts["conflict"], counts["dead_letter"], counts["restated"]
    )
    count(conn, source, tally, last_event_at=latest)
    if cursor is not None:
        move_cursor(conn, source, cursor, moved_at=received_at)
    return tally


def take(prepared: Prepared, record: int, before: list[Known], stamps: dict[int, Stamp]) -> Decision:
    """Decide one record and let `before` know of it; later stamps of repeated statements go into `stamps`."""
    item = prepared.item
    if item.error is not None:
        return Decision("dead_letter")
    stated = Known(item.version, item.observed_at, prepared.digest, record)
    decision = decide(stated, before, movement=prepared.movement)
    if decision.confirms and decision.same is not None and decision.same.record is not None:
        before[before.index(decision.same)] = decision.same._replace(version=item.version, observed_at=item.observed_at)
        stamps[decision.same.record] = (item.key, item.version, item.observed_at)
    elif decision.outcome != "duplicate":
        before.append(stated)
    return decision


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
    """Store an event that no record stands for: a closing's tombstone, a person's decision."""
    append_statements(
        conn, source, [Statement(key=key, event=event, version=version, batch=batch)], at=at, parser=parser
    )


def append_statements(
    conn: sa.Connection,
    source: int,
    statements: Iterable[Statement],
    *,
    at: int,
    parser: int,
    observed_at: int | None = None,
) -> None:
    """Store events that no record stands for; `observed_at` orders them among equal versions, by default `at`."""
    rows = _Rows(source, at, parser, None)
    number = next_id(conn, t.event)
    for s in statements:
        item = Received(key=s.key, raw=b"", version=s.version, observed_at=at if observed_at is None else observed_at)
        body = encode(s.event)
        rows.batch = s.batch
        concerned = entities(s.event) if s.concerns is None else s.concerns
        _add_event(rows, item, number, None, _digest((body,)), body, s.event, concerned)
        number += 1
    _write(conn, rows)


def append_events(
    conn: sa.Connection,
    source: int,
    prepared: Prepared,
    record: int,
    *,
    received_at: int,
    parser: int,
    batch: int | None,
    stamp: Stamp | None = None,
) -> None:
    """Store the events of a record that is in the log already and now counts, under its own stamp or a later one."""
    rows = _Rows(source, received_at, parser, batch)
    _add_events(rows, prepared, next_id(conn, t.event), record)
    if stamp is not None:
        rows.stamps[record] = stamp
    _write(conn, rows)
    _keep_persons(conn, [prepared], received_at)


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
        values["last_event_at"] = sa.case((c.last_event_at > last_event_at, c.last_event_at), else_=last_event_at)
    conn.execute(sa.update(t.source).where(c.id == source).values(values))


def move_cursor(conn: sa.Connection, source: int, value: str, *, moved_at: int) -> None:
    """Set where the reader of a stream stands."""
    moved = conn.execute(sa.update(t.cursor).where(t.cursor.c.source == source).values(value=value, moved_at=moved_at))
    if moved.rowcount == 0:
        conn.execute(sa.insert(t.cursor).values(source=source, value=value, moved_at=moved_at))


def known_under(conn: sa.Connection, source: int, keys: Iterable[str]) -> dict[str, list[Known]]:
    """Find what the log has under these keys; events of withdrawn batches do not count."""
    e = t.event.c
    withdrawn = conn.execute(sa.select(t.batch.c.id).where(t.batch.c.status == "withdrawn")).scalars().all()
    found: dict[str, dict[Known, None]] = {}
    for part in chunks(sorted(set(keys)), LOOKUP):
        query = sa.select(e.key, e.version, e.observed_at, e.digest, e.record, e.batch).where(
            e.source == source, e.key.in_(part)
        )
        for key, version, observed_at, digest, record, batch in conn.execute(query):
            if batch is None or batch not in withdrawn:
                found.setdefault(key, {})[Known(version, observed_at, bytes(digest), record)] = None
    return {key: list(statements) for key, statements in found.items()}


def restamp(conn: sa.Connection, source: int, stamps: Mapping[int, Stamp]) -> None:
    """Give the events of records another stamp."""
    if stamps:
        e = t.event.c
        mine = (e.source == source, e.key == sa.bindparam("k"), e.record == sa.bindparam("of"))
        conn.execute(
            sa.update(t.event).where(*mine).values(version=sa.bindparam("v"), observed_at=sa.bindparam("o")),
            [{"of": record, "k": key, "v": v, "o": o} for record, (key, v, o) in stamps.items()],
        )


def _waiting(conn: sa.Connection, source: int, keys: Iterable[str]) -> dict[str, list[Known]]:
    """Find accepted records without events, such as those that wait for a mapping; their bytes are their content."""
    r = t.record.c
    found: dict[str, list[Known]] = {}
    for part in chunks(sorted(set(keys)), LOOKUP):
        query = sa.select(r.key, r.version, r.observed_at, r.hash, r.id).where(
            r.source == source, r.key.in_(part), r.outcome == "accepted"
        )
        for key, version, observed_at, hashed, record in conn.execute(query):
            found.setdefault(key, []).append(Known(version, observed_at, bytes(hashed), record))
    return found


def _prepare(item: Received) -> Prepared:
    error = item.error
    bodies: tuple[bytes, ...] = ()
    if error is None:
        try:
            bodies = tuple(encode(event) for event in item.events)
            for event in item.events:
                check(event)
        except RecordInvalid as invalid:
            error = invalid
    hashed = _digest((item.raw,))
    if error is not item.error or "\0" in item.key:
        item, bodies = _refused(item, error), ()
    movement = bool(bodies) and is_movement(item.events[0])
    return Prepared(item, bodies, _digest(bodies) if bodies else hashed, movement, hashed)


def _refused(item: Received, error: RecordInvalid | None) -> Received:
    key = item.key.replace("\0", "\N{SYMBOL FOR NULL}")
    return Received(
        key=key, raw=item.raw, version=item.version, observed_at=item.observed_at, changed_at=item.changed_at,
        error=error or RecordInvalid(f"the key {key!r} holds a NUL character"), place=item.place, persons=item.persons,
    )  # fmt: skip


def _require_open(conn: sa.Connection, batch: int) -> None:
    status = conn.execute(sa.select(t.batch.c.status).where(t.batch.c.id == batch)).scalar()
    if status != "open":
        raise RequestError(f"batch {batch} is {status or 'unknown'}; records can only be added to an open batch")


def _add_events(rows: _Rows, prepared: Prepared, number: int, record: int) -> int:
    for event, body in zip(prepared.item.events, prepared.bodies, strict=True):
        _add_event(rows, prepared.item, number, record, prepared.digest, body, event, entities(event))
        number += 1
    return number


def _add_event(
    rows: _Rows,
    item: Received,
    number: int,
    record: int | None,
    digest: bytes,
    body: bytes,
    event: Event,
    concerns: Sequence[Entity],
) -> None:
    rows.events.append(
        (number, record, rows.source, item.key, item.version, item.observed_at, rows.received_at, digest,
         event.__struct_config__.tag, rows.parser, rows.batch, body)
    )  # fmt: skip
    rows.entities.extend((kind, entity, number) for kind, entity in dict.fromkeys(concerns))


def _add_records(
    conn: sa.Connection, rows: _Rows, items: Sequence[Prepared], decisions: Sequence[Decision], first: int
) -> None:
    """Make the record rows; the bytes of one that repeats another byte for byte are not stored again."""
    originals = _hashes(conn, rows, decisions)
    for record, (prepared, decision) in enumerate(zip(items, decisions, strict=True), first):
        item = prepared.item
        same = decision.same.record if decision.same else None
        repeats = same is not None and originals.get(same) == prepared.hash and item.edited is None
        body = None if repeats else item.raw
        rows.records.append(
            (record, rows.source, item.key, item.version, item.observed_at, rows.received_at, prepared.hash,
             decision.outcome, rows.batch, item.place, body, same, item.error.error_class if item.error else None,
             str(item.error) if item.error else None, item.edited, item.dismissed)
        )  # fmt: skip


def _hashes(conn: sa.Connection, rows: _Rows, decisions: Sequence[Decision]) -> dict[int, bytes]:
    """Find the hashes of the repeated records' bytes."""
    found = dict(rows.hashes)
    wanted = sorted({d.same.record for d in decisions if d.same and d.same.record is not None} - found.keys())
    r = t.record.c
    for part in chunks(wanted, LOOKUP):
        query = sa.select(r.id, r.hash).where(r.id.in_(part), r.body.is_not(None))
        found.update((record, bytes(hashed)) for record, hashed in conn.execute(query))
    return found


def _write(conn: sa.Connection, rows: _Rows) -> None:
    insert(conn, t.record, rows.records)
    insert(conn, t.event, rows.events)
    insert(conn, t.event_entity, rows.entities)
    restamp(conn, rows.source, rows.stamps)


def _keep_persons(conn: sa.Connection, items: Iterable[Prepared], at: int) -> None:
    """Store personal fields under their keys, except those of erased persons."""
    persons = {key: fields for p in items for key, fields in p.item.persons}
    if not persons:
        return
    known: set[str] = set()
    for table in (t.person, t.erased):
        known.update(conn.execute(sa.select(table.c.key).where(table.c.key.in_(list(persons)))).scalars())
    insert(conn, t.person, [(key, fields, at) for key, fields in persons.items() if key not in known])


def _digest(parts: Sequence[bytes]) -> bytes:
    if len(parts) == 1:
        return blake2b(parts[0], digest_size=16).digest()
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()
