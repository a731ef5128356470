"""The remote side of an action: one system that can be written to and read back.

A read-back is an ordinary record on the ordinary path: what it finds is in the log like anything else that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
import sqlalchemy as sa

from data.clock import Clock
from data.errors import RequestError, SourceRejected
from data.events import Event, decode
from data.log import tables as t
from data.publish import publish
from data.store import Store
from ingest.adapter import Adapter, WriteRequest, WriteResult
from ingest.identity import MapCode, map_code
from ingest.sync import pull, read_back

#: The connection under which our own books are written to: mappings of codes.
OWN = "fillwell"

Readers = Callable[[], Mapping[str, Adapter]]  #: what reads stored records again, by what is mapped now


class Target(Protocol):
    """One remote system."""

    @property
    def system(self) -> str:
        """Name the kind of system: it decides which verbs there are."""

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Send a write once, under an idempotency key."""

    def read_back(self, stream: str, key: str) -> Event | None:
        """Read one item now, through the log; None where the remote has none.

        Raises:
            SourceError: it could not be read.
        """

    def refresh(self, stream: str) -> int:
        """Read what changed in a stream, with its overlap; returns how many records were received.

        Raises:
            SourceError: it could not be read.
        """


Targets = Mapping[str, Target]  #: by connection


@dataclass(frozen=True)
class AdapterTarget:
    """A system through its adapter; what is read goes into the log first."""

    store: Store
    adapter: Adapter
    clock: Clock

    @property
    def system(self) -> str:
        """Name the kind of system."""
        return self.adapter.system

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Send a write once, under an idempotency key."""
        return self.adapter.send(request, key=key)

    def read_back(self, stream: str, key: str) -> Event | None:
        """Read one item now, through the log.

        Raises:
            SourceUnavailable: it could not be read.
            SourceRejected: it refuses, or what it says cannot be understood.
        """
        received = read_back(self.store, self.adapter, stream, key, clock=self.clock)
        if received is None:
            return None
        if received.error is not None or not received.events:
            raise SourceRejected(f"{self.adapter.connection}/{stream}/{key} cannot be understood: {received.error}")
        return received.events[0]

    def refresh(self, stream: str) -> int:
        """Read what changed in a stream.

        Raises:
            SourceError: it could not be read.
        """
        return pull(self.store, self.adapter, stream, clock=self.clock).received


@dataclass(frozen=True)
class OwnTarget:
    """Our own books: what is written here is a mapping, and what waited for it is read again at once."""

    store: Store
    clock: Clock
    readers: Readers

    @property
    def system(self) -> str:
        """Name ourselves."""
        return OWN

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Map a code or take its mapping back; the same twice changes nothing."""
        body = msgspec.convert(request.body, MapCode)
        try:
            said = map_code(self.store, self.readers, body, by=body.by or key, now=self.clock())
        except RequestError as error:
            return WriteResult(outcome="rejected", request=request, response=str(error))
        publish(self.store, now=self.clock())
        return WriteResult(outcome="applied", request=request, response=said.words, remote_id=None)

    def read_back(self, stream: str, key: str) -> Event | None:
        """Give nothing: what was mapped shows in the facts."""
        del stream, key
        return None

    def refresh(self, stream: str) -> int:
        """Do nothing: there is no remote."""
        del stream
        return 0


def targets_of(store: Store, adapters: Iterable[Adapter], clock: Clock, readers: Readers | None = None) -> Targets:
    """Make every connected system writable, by the name of its connection, and our own books beside them."""
    found: dict[str, Target] = {a.connection: AdapterTarget(store, a, clock) for a in adapters}
    return found if readers is None else {**found, OWN: OwnTarget(store, clock, readers)}


def target_of(targets: Targets, connection: str) -> Target:
    """Find the system of a connection.

    Raises:
        RequestError: it is not connected for writing.
    """
    if connection not in targets:
        raise RequestError(not_connected(targets, connection))
    return targets[connection]


def not_connected(targets: Targets, connection: str) -> str:
    """Say that a system cannot be written to, and which can."""
    there = ", ".join(sorted(targets)) or "none"
    return f"{connection!r} is not connected for writing; connected are: {there}"


@dataclass(frozen=True)
class Document:
    """What a stream says of a document, and the key by which it is read again."""

    connection: str
    stream: str
    key: str
    event: Event


def find_document(store: Store, kind: str, since: int, matches: Callable[[Event], bool]) -> Document | None:
    """Find the newest event of a kind received since a moment that fits: a document by our reference."""
    query = (
        sa.select(t.source.c.connection, t.source.c.stream, t.event.c.key, t.event.c.body)
        .join(t.source, t.source.c.id == t.event.c.source)
        .where(t.event.c.kind == kind, t.event.c.received_at >= since)
        .order_by(t.event.c.id.desc())
    )
    with store.log.read() as conn:
        for connection, stream, key, body in conn.execute(query):
            if matches(event := decode(bytes(body))):
                return Document(connection, stream, key, event)
    return None
