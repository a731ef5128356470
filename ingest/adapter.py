"""What an adapter is: one configured account of one system, that can be read, parsed and written to.

`changes`, `get` and `keys` touch the network; `parse` is pure and never raises; `send` sends once and says what
became of it. Everything else (cursors, appends, retries, sweeps) is the same for every system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from data.clock import Clock
from data.log.append import Received
from ingest.probe import Probe


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item as it came over the wire; its key, version and time of change are read from its head."""

    key: str
    raw: bytes
    version: int
    observed_at: int  #: microseconds: the start of the read
    changed_at: int | None = None  #: microseconds: when the source says it changed
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes of a stream and the cursor from which the next read goes on."""

    items: tuple[RawItem, ...]
    cursor: str
    as_of: int | None  #: microseconds: how fresh the source says its data is
    reread_until: int | None = None  #: microseconds: changes up to here were asked for a second time on purpose
    restarted: bool = False  #: the source refused the cursor, so the list was begun again


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One kind of item that a system lists."""

    name: str
    interval: timedelta  #: how often it is expected to be read
    grace: timedelta  #: how much later than that it may be before it counts as late
    parser: int = 1  #: raised with every change of what `parse` makes of the same bytes
    personal: tuple[str, ...] = ()  #: fields that are kept apart from the record, as dotted paths


class WriteRequest(msgspec.Struct, frozen=True):
    """A write exactly as it will be sent; it holds no secret, so that it can be shown and stored."""

    method: str
    path: str
    body: dict[str, object]


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What a system makes of a write that it is sent, in words for the person who decides."""

    repeat: str  #: why the same write twice has one effect
    race: str = ""  #: what another hand may do between our look and our write; empty: the system refuses a stale write


class WriteResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a write. `unknown`: it may or may not have happened; read back before anything else."""

    outcome: Literal["applied", "stale", "rejected", "unknown"]
    request: WriteRequest
    status: int | None = None  #: HTTP status, where there was an answer
    response: str = ""  #: the beginning of the answer, or what went wrong
    retry_after: float | None = None  #: set: nothing was done, the same write may be sent again after these seconds
    remote_id: str | None = None  #: the id of what was made or changed, where the answer names it


class Adapter(Protocol):
    """One configured account of one system."""

    @property
    def connection(self) -> str:
        """Name the account; two accounts of one system never merge."""

    @property
    def system(self) -> str:
        """Name the kind of system."""

    @property
    def streams(self) -> Mapping[str, Stream]:
        """List what can be read, in the order in which a first read should go."""

    def changes(self, stream: str, cursor: str | None, *, clock: Clock) -> Iterator[Page]:
        """Read what changed since the cursor, page by page, until nothing is left."""

    def cursor_at(self, at: datetime) -> str:
        """Give a cursor from which changes since a moment are read."""

    def get(self, stream: str, key: str, *, clock: Clock) -> RawItem | None:
        """Read one item now; None where the source has none."""

    def keys(self, stream: str) -> list[str]:
        """List the keys of all items that exist now."""

    def parse(self, stream: str, item: RawItem) -> Received:
        """Translate one item into events; a bad one comes back with its error."""

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Send a write once, under an idempotency key."""

    def subscribe(self, url: str, secret: str, streams: Sequence[str]) -> str:
        """Ask for webhooks of these streams and give the subscription's id."""

    def probe(self) -> Probe:
        """Find out what this account may do; changes nothing."""

    def close(self) -> None:
        """Give back the network connections."""
