"""The remote side of an action: one system that can be written to and read back.

A read-back is an ordinary record on the ordinary path: what it finds is in the log like anything else that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from data.clock import Clock
from data.errors import RequestError, SourceRejected
from data.events import Event, decode
from data.log import tables as t
from data.store import Store
from ingest.adapter import Adapter, WriteRequest, WriteResult
from ingest.sync import pull, read_back


class Target(Protocol):
    """One remote system."""

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


def targets_of(store: Store, adapters: Iterable[Adapter], clock: Clock) -> Targets:
    """Make every connected system writable, by the name of its connection."""
    return {adapter.connection: AdapterTarget(store, adapter, clock) for adapter in adapters}


def target_of(targets: Targets, connection: str) -> Target:
    """Find the system of a connection.

    Raises:
        RequestError: it is not connected for writing.
    """
    if connection not in targets:
        there = ", ".join(sorted(targets)) or "none"
        raise RequestError(f"{connection!r} is not connected for writing; connected are: {there}")
    return targets[connection]


def find_event(store: Store, kind: str, since: int, matches: Callable[[Event], bool]) -> Event | None:
    """Find the newest event of a kind received since a moment that fits: a document by our reference."""
    query = (
        sa.select(t.event.c.body)
        .where(t.event.c.kind == kind, t.event.c.received_at >= since)
        .order_by(t.event.c.id.desc())
    )
    with store.log.read() as conn:
        return next((e for body in conn.execute(query).scalars() if matches(e := decode(bytes(body)))), None)
