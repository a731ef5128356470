"""Personal data stands apart from the record, under a key: erasing it deletes one row, and every hash still holds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from data.errors import StoreError
from data.log import tables as t
from data.store import Database

PLACEHOLDER = "$person"
#: What stands where a text was blotted out.
BLOT = b"(erased)"
#: Progress is told after so many records.
TOLD = 10_000
_SECRET = "person.key"  # noqa: S105 -- the name of the file, not what is in it

Persons = tuple[tuple[str, bytes], ...]


def store_secret(folder: Path) -> bytes:
    """Give the store's own secret, made on first use and readable by its owner only.

    Without it nobody can tell from a key whose it is.

    Raises:
        StoreError: it cannot be read or written.
    """
    file = folder / _SECRET
    try:
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return file.read_bytes()
        with os.fdopen(handle, "wb") as made:
            made.write(os.urandom(32))
        return file.read_bytes()
    except OSError as error:
        raise StoreError(f"the key of personal data {file} cannot be used: {error.strerror}") from error


def take_out(
    raw: dict[str, Any], paths: Sequence[str], *, connection: str, secret: bytes
) -> tuple[dict[str, Any], Persons]:
    """Take personal fields out of a raw item; what stays holds `{"$person": key}` in their place.

    A path names a field by dots; lists on the way are walked. Fields of one object go under one key, so that the
    same person in many orders is one row. The item handed in is not changed.
    """
    wanted = _tree(paths)
    persons: dict[str, bytes] = {}
    kept = _without(raw, wanted, persons, connection, secret)
    return kept, tuple(persons.items())


def person_fields(conn: sa.Connection, key: str) -> dict[str, Any] | None:
    """Give the fields under a key; None where they were erased or never were."""
    fields = conn.execute(sa.select(t.person.c.fields).where(t.person.c.key == key)).scalar()
    return None if fields is None else msgspec.json.decode(fields, type=dict[str, Any])


def find_persons(conn: sa.Connection, value: str, *, connection: str, secret: bytes) -> dict[str, dict[str, Any]]:
    """Find what a connection stored about a person by a value such as an e-mail address: key -> fields.

    Upper and lower case are the same. A key itself is a value, too.
    """
    p = t.person.c
    wanted = value.strip().casefold()
    query = sa.select(p.key, p.fields).order_by(p.key).execution_options(yield_per=2_000)
    found: dict[str, dict[str, Any]] = {}
    for key, stored in conn.execute(query):
        fields = msgspec.json.decode(stored, type=dict[str, Any])
        said = {key, *(text.strip().casefold() for text in values(fields))}
        if wanted in said and _key(connection, bytes(stored), secret) == key:
            found[key] = fields
    return found


def erase_person(conn: sa.Connection, key: str, *, at: int) -> bool:
    """Delete what is stored under a key, for good: what arrives again is not stored. False where nothing was."""
    gone = conn.execute(sa.delete(t.person).where(t.person.c.key == key)).rowcount
    if conn.execute(sa.select(t.erased.c.key).where(t.erased.c.key == key)).first() is None:
        conn.execute(sa.insert(t.erased).values(key=key, erased_at=at))
    return gone > 0


def find_in_clear(
    conn: sa.Connection,
    connection: str,
    texts: Sequence[str],
    *,
    dead_only: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> list[int]:
    """Find records of a connection in which a text stands in the clear; `dead_only` is sought in dead letters only.

    A record that could not be read keeps the bytes as they came, and these may hold what an adapter would have taken
    out. Other records are searched as well: a field that nobody declared as personal may name a person.
    """
    r, s = t.record.c, t.source.c
    anywhere, in_dead = pattern_of(texts), pattern_of([*texts, *dead_only])
    received = sa.func.sum(s.accepted + s.duplicates + s.conflicts + s.dead_letters)
    total = conn.execute(sa.select(received).where(s.connection == connection)).scalar()
    query = (
        sa.select(r.id, r.outcome, r.body, r.edited, r.error)
        .join_from(t.record, t.source, s.id == r.source)
        .where(s.connection == connection)
        .order_by(r.id)
    )
    found = []
    for done, row in enumerate(conn.execute(query.execution_options(yield_per=2_000)), 1):
        pattern = in_dead if row.outcome == "dead_letter" else anywhere
        held = (bytes(row.body or b""), bytes(row.edited or b""), (row.error or "").encode())
        if pattern is not None and any(pattern.search(text) for text in held):
            found.append(row.id)
        if progress and done % TOLD == 0:
            progress("searched", done, int(total or 0))
    return found


def blot_out(conn: sa.Connection, records: Iterable[int], texts: Sequence[str]) -> int:
    """Replace texts in the bytes and the reasons of records; their hashes stay those of what was received."""
    pattern = pattern_of(texts)
    if pattern is None:
        return 0
    r, done = t.record.c, 0
    for number in records:
        row = conn.execute(sa.select(r.body, r.edited, r.error).where(r.id == number)).one()
        values = {
            "body": None if row.body is None else pattern.sub(BLOT, bytes(row.body)),
            "edited": sa.null() if row.edited is None else pattern.sub(BLOT, bytes(row.edited)),
            "error": None if row.error is None else pattern.sub(BLOT, row.error.encode()).decode(),
        }
        done += conn.execute(sa.update(t.record).where(r.id == number).values(values)).rowcount
    return done


@contextmanager
def erasing(database: Database) -> Iterator[sa.Connection]:
    """Open the write transaction of an erasure; afterwards nothing of it is left in the database's own files.

    SQLite overwrites what is deleted and empties its journal; PostgreSQL does so by its own vacuum.
    """
    with database.write() as conn:
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql("PRAGMA secure_delete = ON")
        yield conn
    if database.writer.dialect.name == "sqlite":
        raw = database.writer.raw_connection()  # outside of a transaction: in one there is no checkpoint
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            raw.close()


def pattern_of(texts: Sequence[str]) -> re.Pattern[bytes] | None:
    """Make what finds texts as whole words in bytes, as they are or as JSON escapes them; None of no text."""
    cases = {form for text in texts if text.strip() for form in _cases(text.strip())}
    if not cases:
        return None
    written = cases | {json.dumps(form)[1:-1] for form in cases}
    longest_first = sorted(written, key=lambda form: (-len(form), form))
    words = b"|".join(re.escape(form.encode()) for form in longest_first)
    return re.compile(rb"(?<![\w@.])(?:" + words + rb")(?![\w@])", re.IGNORECASE)


def _cases(text: str) -> tuple[str, ...]:
    """Give a text in the cases in which people write it: bytes know the cases of ASCII only."""
    return (text, text.lower(), text.upper(), text.title())


def values(fields: object) -> Iterator[str]:
    """Give every text that stands in JSON of any shape."""
    if isinstance(fields, dict):
        for field in fields.values():
            yield from values(field)
    elif isinstance(fields, list):
        for item in fields:
            yield from values(item)
    elif fields is not None:
        yield str(fields)


def _key(connection: str, fields: bytes, secret: bytes) -> str:
    """Name what is stored: without the secret nobody can tell whose it is."""
    return blake2b(connection.encode() + b"\0" + fields, key=secret, digest_size=16).hexdigest()


def _tree(paths: Iterable[str]) -> dict[str, Any]:
    """Put paths together: a field's name leads to the fields under it, or to nothing where it is personal itself."""
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        *parents, last = path.split(".")
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = None
    return tree


def _without(
    value: object, wanted: Mapping[str, Any], persons: dict[str, bytes], connection: str, secret: bytes
) -> Any:  # noqa: ANN401 -- JSON of any shape
    if isinstance(value, list):
        return [_without(item, wanted, persons, connection, secret) for item in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for name, field in value.items():
        if name not in wanted or field is None:
            kept[name] = field
        elif wanted[name] is None:
            personal[name] = field
        else:
            kept[name] = _without(field, wanted[name], persons, connection, secret)
    if personal:
        fields = msgspec.json.encode(personal, order="deterministic")
        key = _key(connection, fields, secret)
        persons[key] = fields
        kept[PLACEHOLDER] = key
    return kept
