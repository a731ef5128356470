"""Records of the log, parsed anew as their system's adapter would parse them on arrival: for replay and reparse."""

from __future__ import annotations

from collections.abc import Mapping

from data.errors import RequestError
from data.log.append import Received
from data.log.records import Parse, Stored
from ingest.adapter import Adapter, RawItem
from ingest.personal import received
from ingest.rest import RestAdapter, raw_item


def adapter_item(adapter: Adapter, record: Stored) -> RawItem:
    """Give a stored record as its adapter read it.

    Where the record itself tells its key and version, a correction may have changed them; elsewhere they stay.
    """
    if isinstance(adapter, RestAdapter):
        return raw_item(record.body, record.observed_at, place=record.place)
    return RawItem(record.key, record.body, record.version, record.observed_at, place=record.place)


def parse_stored(adapters: Mapping[str, Adapter], *, secret: bytes) -> Parse:
    """Give a parser of stored records; key, version and time are read from the bytes, which may have been corrected.

    What is personal in a correction leaves it as it leaves what arrives.

    The parser raises RequestError for a record whose connection or stream is not among the adapters.
    """

    def parse(record: Stored) -> Received:
        adapter = adapters.get(record.connection)
        if adapter is None or record.stream not in adapter.streams:
            raise RequestError(
                f"record {record.id} came from {record.connection}/{record.stream}, which is not connected; "
                "connect it again to parse it"
            )
        item = adapter_item(adapter, record)
        return received(adapter, record.stream, item, secret=secret)

    return parse
