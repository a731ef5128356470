"""The open workspace: its store and its newest facts, opened once for a process and shared by its sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

from data.errors import RequestError
from data.lake import Facts
from data.publish import facts_of, latest_publication
from data.settings import Settings, read_settings
from data.store import Store, open_store

WORKSPACE_VARIABLE = "FILLWELL_WORKSPACE"
DEMO = "demo"  #: the workspace that the simulated merchant fills


def workspace_name(env: Mapping[str, str]) -> str:
    """Name the workspace that this process shows."""
    return env.get(WORKSPACE_VARIABLE, DEMO)


def this_store() -> Store:
    """Open the store that the environment names."""
    return _store(read_settings(os.environ), workspace_name(os.environ))


@lru_cache(maxsize=4)
def _store(settings: Settings, workspace: str) -> Store:
    return open_store(settings, workspace)


def publication_id(store: Store) -> int:
    """Give the newest publication's id; 0 where nothing was published yet."""
    with store.log.read() as conn:
        newest = latest_publication(conn)
    return 0 if newest is None else newest.id


def facts(store: Store) -> Facts:
    """Open the newest publication; the same object for all sessions until a newer one is there.

    Raises:
        RequestError: nothing was published yet.
    """
    with store.log.read() as conn:
        newest = latest_publication(conn)
    if newest is None:
        raise RequestError("there are no figures yet: nothing was brought in")
    key = (str(store.facts), newest.id)
    if key not in _opened:
        while len(_opened) >= _KEPT:
            _opened.pop(next(iter(_opened)), None)
        _opened[key] = facts_of(store, newest)
    return _opened[key]


_KEPT = 2  #: publications kept open: the newest and the one that a slow screen still reads
_opened: dict[tuple[str, int], Facts] = {}
