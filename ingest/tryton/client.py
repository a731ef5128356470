"""The account of one Tryton database: what it lists, and its verbs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from threading import Lock

from data.clock import Clock, system_clock, to_micros
from data.errors import RequestError
from data.log.append import Received
from ingest.adapter import Page, RawItem, Stream, WriteRequest, WriteResult
from ingest.http import Http
from ingest.parsing import parsed
from ingest.probe import Probe
from ingest.shapes import Context, Parser
from ingest.tryton import make
from ingest.tryton.follow import Follower, Making, plain_items
from ingest.tryton.parse import parsers
from ingest.tryton.probe import probe
from ingest.tryton.procedures.run import run
from ingest.tryton.read import SOURCES, STREAMS
from ingest.tryton.rpc import Rpc

#: Longer than the slowest transaction: a supply run of half a minute was seen, a request may take two.
OVERLAP = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Tryton:
    """An ERP and warehouse that can be read and corrected."""

    connection: str
    http: Http
    rpc: Rpc
    parsers: Mapping[str, Parser]
    overlap: timedelta = OVERLAP
    page_size: int | None = None
    real: Clock = system_clock
    system: str = "tryton"
    streams: Mapping[str, Stream] = field(default_factory=lambda: STREAMS)
    codes: Mapping[tuple[str, str], str] = field(default_factory=dict)  #: (kind, ours) -> Tryton's, where they differ
    _writing: Lock = field(default_factory=Lock, repr=False)

    def changes(self, stream: str, cursor: str | None, *, clock: Clock) -> Iterator[Page]:
        """Read what changed since the cursor, page by page.

        Raises:
            Unavailable, Rejected: Tryton failed or refused; pages given before stay good.
        """
        yield from self._follower(stream).pages(cursor, clock)

    def cursor_at(self, at: datetime) -> str:
        """Give a cursor from which changes since a moment are read; every stream understands it."""
        return str(to_micros(at))

    def get(self, stream: str, key: str, *, clock: Clock) -> RawItem | None:
        """Read one item now; None where there is none."""
        observed = to_micros(clock())
        number = key.partition("@")[0] if stream == "stock" else key
        if not number.isascii() or not number.isdecimal():
            return None
        found = self._follower(stream).one(int(number), observed)
        return next((item for item in found if item.key == key), None)

    def keys(self, stream: str) -> list[str]:
        """List the keys of all items that exist now."""
        found = self._follower(stream).ids()
        if stream == "stock":
            return [f"{product}@{place.id}" for product in found for place in make.all_warehouses(self.rpc)]
        return [str(key) for key in found]

    def parse(self, stream: str, item: RawItem) -> Received:
        """Translate one item into events; a bad one comes back with its error."""
        return parsed(self.parsers[stream], item)

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Run one verb once, one at a time; what was done of it before is found and not done again."""
        with self._writing:
            return run(self.rpc, request, key=key, names=self._theirs)

    def subscribe(self, url: str, secret: str, streams: Sequence[str]) -> str:  # noqa: ARG002 -- as of every adapter
        """Refuse: Tryton sends no webhooks.

        Raises:
            RequestError: always.
        """
        raise RequestError(f"{self.connection}: Tryton sends no webhooks; its changes are read once a minute")

    def probe(self) -> Probe:
        """Find out what this user may do.

        Raises:
            Unavailable, Rejected: Tryton does not answer, refuses the user, or is of a series that cannot be read.
        """
        return probe(self.rpc, self.streams)

    def close(self) -> None:
        """Give back the network connections."""
        self.http.close()

    def _theirs(self, kind: str, ours: str) -> str:
        return self.codes.get((kind, ours), ours)

    def _follower(self, stream: str) -> Follower:
        source, domain = SOURCES[stream], make.domain_of(self.rpc, stream)
        return Follower(self.rpc, source, self._making(stream), self.overlap, domain, self.page_size, self.real)

    def _making(self, stream: str) -> Making:
        warehouses = cache(lambda: make.all_warehouses(self.rpc))
        match stream:
            case "sales":
                return make.Sales(self.rpc)
            case "suppliers":
                return make.Suppliers(self.rpc)
            case "returns":
                return make.Returns(self.rpc)
            case "lots":
                return make.Lots(self.rpc, warehouses)
            case "stock":
                return make.Levels(self.rpc, warehouses)
            case _:
                return plain_items


def open_tryton(http: Http, context: Context) -> Tryton:
    """Make the adapter of one Tryton database.

    Raises:
        ConfigError: the address names no database, or there is no user.
    """
    return Tryton(
        connection=context.connection, http=http, rpc=Rpc(http, context.user), parsers=parsers(context),
        overlap=OVERLAP if context.overlap is None else context.overlap,
        codes={(kind, ours): theirs for (kind, theirs), ours in context.identity.items()},
    )  # fmt: skip
