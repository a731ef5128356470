"""The open workspace: its store and its newest facts, opened once for a process and shared by its sessions."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock

from data.errors import RequestError
from data.lake import Facts
from data.publish import facts_of, latest_publication
from data.settings import Settings, read_settings
from data.store import Store, open_store

WORKSPACE_VARIABLE = "FILLWELL_WORKSPACE"
DEMO = "demo"  #: the workspace that the simulated merchant fills

#: A live shop publishes every few seconds; all screens stay on one publication for so long, so that answers are shared.
HOLD_SECONDS = 15.0


def workspace_name(env: Mapping[str, str]) -> str:
    """Name the workspace that this process shows."""
    return env.get(WORKSPACE_VARIABLE, DEMO)


def this_store() -> Store:
    """Open the store that the environment names."""
    return _store(read_settings(os.environ), workspace_name(os.environ))


@lru_cache(maxsize=4)
def _store(settings: Settings, workspace: str) -> Store:
    return open_store(settings, workspace)


def facts(store: Store) -> Facts:
    """Open the publication that the screens show now.

    Raises:
        RequestError: nothing was published yet.
    """
    found = newest(store)
    if found is None:
        raise RequestError("there are no figures yet: nothing was brought in; ingest files or start the demo")
    return found


def newest(store: Store) -> Facts | None:
    """Open the newest publication, or stay on the one opened a moment ago; None where nothing was published yet."""
    return _held(str(store.facts)).facts(store)


def look_again(store: Store) -> None:
    """Let the next screen open the newest publication: somebody waits to see what they mended."""
    _held(str(store.facts)).at = 0.0


@dataclass
class _Held:
    """The publication on which all sessions of a workspace stand."""

    opened: Facts | None = None
    at: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def facts(self, store: Store) -> Facts | None:
        with self.lock:
            if self.opened is not None and time.monotonic() - self.at < HOLD_SECONDS:
                return self.opened
            with store.log.read() as conn:
                latest = latest_publication(conn)
            if latest is not None and (self.opened is None or latest.id != self.opened.id):
                self.opened = facts_of(store, latest)
            self.at = time.monotonic()
            return self.opened


@lru_cache(maxsize=8)
def _held(_folder: str) -> _Held:
    return _Held()
