"""One Medusa account: its lists, its parser and its verbs."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from data.clock import Clock, to_micros
from data.log.append import Received
from ingest.adapter import Page, RawItem, Stream, WriteRequest, WriteResult
from ingest.http import Http, Rejected
from ingest.medusa import read
from ingest.medusa.parse import parsers
from ingest.medusa.probe import probe
from ingest.medusa.procedures.run import run
from ingest.parsing import parsed
from ingest.probe import Probe
from ingest.shapes import Context, Parser


@dataclass(frozen=True, kw_only=True)
class Medusa:
    """One account of a Medusa shop, by a secret key of its Admin API: such a key may do everything or nothing."""

    connection: str
    http: Http
    parsers: Mapping[str, Parser]
    streams: Mapping[str, Stream] = field(default_factory=lambda: read.STREAMS)
    system: str = "medusa"
    page_size: int = read.PAGE_SIZE
    _writing: Lock = field(default_factory=Lock, repr=False)

    def changes(self, stream: str, cursor: str | None, *, clock: Clock) -> Iterator[Page]:
        """Read what changed since the cursor, page by page.

        Raises:
            Unavailable, Rejected: the shop failed or refused; pages given before stay good.
        """
        return read.changes(self._read(clock), stream, read.stand(cursor))

    def cursor_at(self, at: datetime) -> str:
        """Give a cursor from which changes since a moment are read; lists without stamps are read whole."""
        return read.cursor(read.Place(since=to_micros(at)))

    def get(self, stream: str, key: str, *, clock: Clock) -> RawItem | None:
        """Read one record now; None where the shop has none."""
        return read.one(self._read(clock), stream, key)

    def keys(self, stream: str) -> list[str]:
        """List the keys of all records that exist now."""
        return read.keys(read.Read(self.http, self.page_size, 0), stream)

    def parse(self, stream: str, item: RawItem) -> Received:
        """Translate one record into events; a bad one comes back with its error."""
        return parsed(self.parsers[stream], item)

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Do one verb once; the same key again goes on from where it stands. One at a time: Medusa has no locks."""
        with self._writing:
            return run(self.http, request, key=key)

    def subscribe(self, url: str, secret: str, streams: Sequence[str]) -> str:  # noqa: ARG002 -- the shop keeps both
        """Medusa pushes only through a subscriber that the shop itself installs.

        Raises:
            Rejected: always; the sentence says what to set there.
        """
        raise Rejected(
            f"{self.connection}: Medusa cannot be asked to push; its subscriber posts to {url} where the shop sets "
            "OUT_WEBHOOK_URL and OUT_WEBHOOK_SECRET",
            error_class="request", status=0,
        )  # fmt: skip

    def probe(self) -> Probe:
        """Find out what this key may do.

        Raises:
            Unavailable, Rejected: the shop does not answer, refuses the key, or is no Medusa 2.
        """
        return probe(self.http, self.streams)

    def close(self) -> None:
        """Give back the network connections."""
        self.http.close()

    def _read(self, clock: Clock) -> read.Read:
        return read.read_of(self.http, self.page_size, clock)


def open_medusa(http: Http, context: Context) -> Medusa:
    """Make the adapter of one Medusa account; its secret key goes as the name of a basic authorization."""
    http.authorization = "Basic " + base64.b64encode(f"{http.token}:".encode()).decode()
    return Medusa(connection=context.connection, http=http, parsers=parsers(context))
