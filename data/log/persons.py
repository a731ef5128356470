"""Personal data stands apart from the record, under a key: erasing it deletes one row, and every hash still holds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from data.errors import StoreError
from data.log import tables as t

PLACEHOLDER = "$person"
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


def find_persons(conn: sa.Connection, value: str) -> list[str]:
    """Give the keys under which a value such as an e-mail address is stored, for a request to erase it."""
    p = t.person.c
    query = sa.select(p.key, p.fields).order_by(p.key).execution_options(yield_per=2_000)
    return [key for key, fields in conn.execute(query) if value in set(_values(msgspec.json.decode(fields)))]


def erase_person(conn: sa.Connection, key: str, *, at: int) -> bool:
    """Delete what is stored under a key, for good: what arrives again is not stored. False where nothing was."""
    gone = conn.execute(sa.delete(t.person).where(t.person.c.key == key)).rowcount
    if conn.execute(sa.select(t.erased.c.key).where(t.erased.c.key == key)).first() is None:
        conn.execute(sa.insert(t.erased).values(key=key, erased_at=at))
    return gone > 0


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
        key = blake2b(connection.encode() + b"\0" + fields, key=secret, digest_size=16).hexdigest()
        persons[key] = fields
        kept[PLACEHOLDER] = key
    return kept


def _values(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for field in value.values():
            yield from _values(field)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item)
    elif value is not None:
        yield str(value)
