"""The mapping by which a stream was last brought in, kept with the store: rows can be read again without their file."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from data.errors import RequestError
from data.store import Store
from ingest.files.mapping import Mapping, parse_mapping


class Kept(msgspec.Struct, frozen=True):
    """A mapping's text and the formats that were found out for columns without declared ones."""

    text: str
    formats: dict[str, str]

    def mapping(self, place: str) -> Mapping:
        """Read the mapping."""
        return parse_mapping(self.text, place)


def keep_mapping(store: Store, mapping: Mapping, formats: dict[str, str]) -> None:
    """Keep a mapping; whoever reads meanwhile sees the old one or the new one."""
    file = _file(store, mapping.connection, mapping.stream)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_bytes(msgspec.json.encode(Kept(mapping.text, formats)))
    draft.replace(file)


def is_kept(store: Store, connection: str, stream: str) -> bool:
    """Tell whether a stream was brought in from files."""
    return _file(store, connection, stream).exists()


def kept(store: Store, connection: str, stream: str) -> Kept:
    """Give the mapping by which a stream was last brought in.

    Raises:
        RequestError: none was.
    """
    file = _file(store, connection, stream)
    if not file.exists():
        raise RequestError(f"no mapping is kept for {connection} {stream}: it was not brought in from files")
    return msgspec.json.decode(file.read_bytes(), type=Kept)


def _file(store: Store, connection: str, stream: str) -> Path:
    return store.facts.parent / "mappings" / f"{connection}.{stream}.json"
