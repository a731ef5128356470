"""How often every stream of a workspace is expected to speak: what its adapters say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import lru_cache

from actions.view import Schedule
from app.connect import readers, written
from data.errors import FillwellError
from data.store import Store

Due = Mapping[tuple[str, str], timedelta]  #: (connection, stream) -> how long it may be silent


def schedules(store: Store) -> tuple[Schedule, ...]:
    """Give the schedule of every stream of every connection; none where the workspace has no connection."""
    try:
        return _read(store, written(store.facts.parent))
    except FillwellError:  # a demo that is not open, a file that is being edited: a default tolerance holds
        return ()


def due(store: Store) -> Due:
    """Tell how long each stream may be silent before it is late."""
    return {(s.connection, s.stream): s.expected + s.grace for s in schedules(store)}


@lru_cache(maxsize=4)
def _read(store: Store, _written: int) -> tuple[Schedule, ...]:
    """Ask the adapters as they are configured; read once for each writing of the file of the connections."""
    with ExitStack() as opened:
        adapters = {name: opened.enter_context(closing(adapter)) for name, adapter in readers(store).items()}
        return tuple(
            Schedule(connection=name, stream=stream.name, expected=stream.interval, grace=stream.grace)
            for name, adapter in adapters.items()
            for stream in adapter.streams.values()
        )
