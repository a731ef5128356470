"""A store on each database that the product runs on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data.settings import read_settings
from data.store import Store, open_store

MakeStore = Callable[[], Store]

_numbers = itertools.count(1)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[MakeStore]:
    """Make empty stores on SQLite."""
    yield from _maker(tmp_path, {})


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Make empty stores, on SQLite and on PostgreSQL."""
    env = {}
    if request.param == "postgresql":
        env["FILLWELL_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    yield from _maker(tmp_path, env)


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """Give one empty store."""
    return make_store()


def _maker(folder: Path, env: dict[str, str]) -> Iterator[MakeStore]:
    opened: list[Store] = []

    def make() -> Store:
        settings = read_settings({"FILLWELL_HOME": str(folder), **env})
        opened.append(open_store(settings, f"w{next(_numbers)}"))
        return opened[-1]

    yield make
    for store in opened:
        store.close()
