"""Mapping a code of another system to ours, and reading again what that concerns: so what waited for it is replayed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from data.errors import RequestError
from data.log.identity import set_identity, unset_identity
from data.log.persons import store_secret
from data.log.records import one_by_one
from data.log.reparse import keys_concerned, reparse
from data.store import Store
from ingest.adapter import Adapter, WriteRequest
from ingest.replay import parse_stored


class MapCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection calls `external` is `ours`; None takes a mapping back."""

    connection: str
    kind: str  #: sku | location
    external: str
    ours: str | None
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class ReadAgain:
    """What reading a connection's records again brought."""

    records: int
    changed: int  #: records that mean something else now

    @property
    def words(self) -> str:
        """Say it."""
        return f"{self.records} records were read again, {self.changed} of them mean something else now"


def map_request(wanted: MapCode) -> WriteRequest:
    """Write a mapping as a request to our own books."""
    return WriteRequest("MAP" if wanted.ours else "UNMAP", "identity", msgspec.to_builtins(wanted))


def map_code(
    store: Store, readers: Callable[[], Mapping[str, Adapter]], wanted: MapCode, *, by: str, now: datetime
) -> ReadAgain:
    """Confirm, change or take back a mapping and read again what it concerns; the same twice changes nothing.

    Raises:
        RequestError: nothing reads the connection, or the mapping makes no sense.
    """
    connection, kind, external = wanted.connection, wanted.kind, wanted.external
    if connection not in (known := readers()):
        there = ", ".join(sorted(known)) or "none"
        raise RequestError(f"there is no connection {connection!r} whose codes could be mapped; there are: {there}")
    with store.log.write() as conn:
        if wanted.ours is None:
            unset_identity(conn, connection, kind, external, by=by, now=now)
        else:
            set_identity(conn, connection, kind, external, wanted.ours, by=by, now=now)
    return read_again(store, readers()[connection], [external], now=now)


def read_again(store: Store, adapter: Adapter, codes: Collection[str], *, now: datetime) -> ReadAgain:
    """Read the records of a connection again that hold one of these codes, by what is mapped now."""
    with store.log.read() as conn:
        concerned = keys_concerned(conn, adapter.connection, codes)
    parse = one_by_one(parse_stored({adapter.connection: adapter}, secret=store_secret(store.facts.parent)))
    records = changed = 0
    for stream, keys in sorted(concerned.items()):
        if stream in adapter.streams:
            done = reparse(
                store, adapter.connection, stream, parse, parser=adapter.streams[stream].parser, now=now,
                dry_run=False, keys=keys,
            )  # fmt: skip
            records, changed = records + done.records, changed + done.changed
    return ReadAgain(records=records, changed=changed)
