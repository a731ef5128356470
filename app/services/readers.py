"""What reads stored records again: the mapping by which a stream was brought in, else its connection's adapter."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import sqlalchemy as sa

from app.connect import readers
from data.errors import RequestError
from data.log.append import Received
from data.log.persons import store_secret
from data.log.records import Parse, ParseAll, Stored, one_by_one
from data.store import Store
from ingest.adapter import Adapter
from ingest.files.events import PARSER
from ingest.files.kept import Kept, is_kept, kept
from ingest.files.mapping import Mapping
from ingest.files.replay import Ahead, parse_again, parse_imports, read_ahead
from ingest.replay import parse_stored


@dataclass(frozen=True)
class Readers:
    """The readers of a workspace, each opened once; a mapping given here is read by instead of the kept one."""

    store: Store
    mapping: Mapping | None = None
    _kept: dict[tuple[str, str], Kept | None] = field(default_factory=dict)
    _ahead: Ahead = field(default_factory=dict)

    def parse(self, conn: sa.Connection) -> Parse:
        """Give what reads any stored record, looking into the log where a row's place among equals counts."""
        made: dict[tuple[str, str], Parse] = {}

        def read(record: Stored) -> Received:
            stream = (record.connection, record.stream)
            if stream not in made:
                made[stream] = self._one(conn, *stream)
            return made[stream](record)

        return read

    def look_ahead(self, records: Sequence[Stored]) -> None:
        """Read rows of files together before their turn comes; a record whose bytes are others by then is read anew."""
        self._ahead.clear()
        streams: dict[tuple[str, str], list[Stored]] = {}
        for record in records:
            streams.setdefault((record.connection, record.stream), []).append(record)
        for stream, mine in streams.items():
            if (known := self._known(*stream)) is not None:
                mapping = self._mapping(known, *stream)
                self._ahead.update(read_ahead(mapping, known.formats, mine, key=self._secret))

    def parse_all(self, connection: str, stream: str) -> ParseAll:
        """Give what reads all records of a stream: those of an import together, as their file was read."""
        known = self._known(connection, stream)
        if known is None:
            self._require(connection, stream)
            return one_by_one(parse_stored(self._adapters, secret=self._secret))
        return parse_imports(self._mapping(known, connection, stream), known.formats, key=self._secret)

    def parser(self, connection: str, stream: str) -> int:
        """Tell the version of what reads a stream."""
        if self._known(connection, stream) is not None:
            return PARSER
        adapter = self._adapters.get(connection)
        return adapter.streams[stream].parser if adapter is not None and stream in adapter.streams else 0

    def formats(self, connection: str, stream: str) -> dict[str, str] | None:
        """Give the formats that were found out when files were read; None where the stream is no file's."""
        known = self._known(connection, stream)
        return None if known is None else known.formats

    def _one(self, conn: sa.Connection, connection: str, stream: str) -> Parse:
        known = self._known(connection, stream)
        if known is None:
            return parse_stored(self._adapters, secret=self._secret)
        mapping = self._mapping(known, connection, stream)
        return parse_again(conn, mapping, known.formats, key=self._secret, ahead=self._ahead)

    def _known(self, connection: str, stream: str) -> Kept | None:
        if (connection, stream) not in self._kept:
            found = kept(self.store, connection, stream) if is_kept(self.store, connection, stream) else None
            self._kept[connection, stream] = found
        return self._kept[connection, stream]

    def _mapping(self, known: Kept, connection: str, stream: str) -> Mapping:
        return self.mapping or known.mapping(f"the mapping kept for {connection} {stream}")

    def _require(self, connection: str, stream: str) -> None:
        adapter = self._adapters.get(connection)
        if adapter is None or stream not in adapter.streams:
            raise RequestError(f"{connection}/{stream} is not connected; connect it again to read it anew")

    @cached_property
    def _adapters(self) -> Table[str, Adapter]:
        return readers(self.store)

    @cached_property
    def _secret(self) -> bytes:
        return store_secret(self.store.facts.parent)
