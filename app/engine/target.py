"""A system as an action sees it: written to once, read back through the log."""

from __future__ import annotations

from dataclasses import dataclass

from data.clock import Clock
from data.events import Event
from data.store import Store
from ingest.adapter import Adapter, WriteRequest, WriteResult
from ingest.sync import pull, read_back


@dataclass(frozen=True)
class AdapterTarget:
    """One connection's adapter, with the log that its read-backs go to."""

    store: Store
    adapter: Adapter
    clock: Clock

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Send a write once, under an idempotency key."""
        return self.adapter.send(request, key=key)

    def read_back(self, stream: str, key: str) -> Event | None:
        """Read one item now, through the log; None where the remote has none.

        Raises:
            SourceError: it could not be read, or what came back cannot be understood.
        """
        received = read_back(self.store, self.adapter, stream, key, clock=self.clock)
        if received is None:
            return None
        if received.error is not None:
            raise received.error
        return received.events[0]

    def refresh(self, stream: str) -> int:
        """Read what changed in a stream, with its overlap; returns how many records were received.

        Raises:
            SourceError: it could not be read.
        """
        return pull(self.store, self.adapter, stream, clock=self.clock).received
