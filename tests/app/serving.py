"""A desk in a process of its own, over a workspace that a test filled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.processes import free_port
from app.services.workspace import DEMO, WORKSPACE_VARIABLE
from data.settings import read_settings
from data.store import open_store
from tests.app.browser import module, running, wait_for
from tests.app.factories import a_dead_letter, a_shop, found

SCREENS = ("/", "/orders", "/margin", "/stock", "/queue", "/log", "/health", "/rows", "/orders?id=storefront/1000")
HEAD, ROW, MARKER = 34, 32, 15  #: of a grid: height of its head and a row, middle of the column of markers


@contextmanager
def served(home: Path, workspace: str = DEMO) -> Iterator[str]:
    """Serve a workspace of a home and give the desk's address."""
    port, log = free_port(), home / "desk.log"
    env = {"FILLWELL_HOME": str(home), WORKSPACE_VARIABLE: workspace, "PORT": str(port)}
    with running(module("app.desk.serve", "--workspace", workspace), env, log) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/_stcore/health", process, log)
        yield url


@contextmanager
def troubled_desk(home: Path) -> Iterator[str]:
    """Serve a small shop with exceptions and a dead letter."""
    store = open_store(read_settings({"FILLWELL_HOME": str(home)}), DEMO)
    a_shop(store)
    found(store)
    a_dead_letter(store)
    store.close()
    with served(home) as url:
        yield url
