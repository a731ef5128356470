"""Personal fields leave an item at the door: the record keeps a key, the fields stand in a table of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from data.log.append import Received
from data.log.persons import Persons, take_out
from ingest.adapter import Adapter, RawItem

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def received(adapter: Adapter, stream: str, item: RawItem, *, secret: bytes) -> Received:
    """Take what is personal out of an item and parse the rest; a bad item comes back with its error."""
    paths = adapter.streams[stream].personal
    raw, persons = without_persons(item.raw, paths, connection=adapter.connection, secret=secret)
    if not persons:
        return adapter.parse(stream, item)
    return replace(adapter.parse(stream, replace(item, raw=raw)), persons=persons)


def without_persons(raw: bytes, paths: Sequence[str], *, connection: str, secret: bytes) -> tuple[bytes, Persons]:
    """Take the fields named by dotted paths out of an item; what cannot be read comes back as it is.

    Only the top-level fields on the paths are decoded and written anew: an order's many lines stay as they are.
    """
    if not paths:
        return raw, ()
    roots = {path.partition(".")[0] for path in paths}
    try:
        fields = _fields.decode(raw)
        concerned = {root: msgspec.json.decode(fields[root]) for root in roots & fields.keys()}
        kept, persons = take_out(concerned, paths, connection=connection, secret=secret)
        anew = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in kept.items()}
        return (msgspec.json.encode({**fields, **anew}), persons) if persons else (raw, ())
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError):
        return raw, ()
