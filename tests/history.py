"""The sandbox's year, simulated once for all tests and all workers."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from sandbox.cache import build, version_key

SEED = 7


def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that every worker's sandbox takes its year from; the first who asks simulates it."""
    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if base.name.startswith("popen-") else base) / "sandbox-cache"
    cache.mkdir(exist_ok=True)
    home = cache / f"sandbox-{SEED}-{version_key(SEED)}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            build(SEED, home)
    return cache


def shared_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the year itself, which nobody writes to."""
    return shared_cache(tmp_path_factory) / f"sandbox-{SEED}-{version_key(SEED)}"
