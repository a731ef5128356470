"""A sandbox merchant in its own process, for tests that meet it as Fillwell does: over the network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ingest.adapter import Adapter
from ingest.connections import open_adapter, sandbox_connections, sandbox_env
from tests.history import SEED, shared_cache


@dataclass(frozen=True)
class Merchant:
    """A running sandbox, and what was opened on it."""

    url: str
    client: httpx.Client
    opened: ExitStack

    def ask(self, method: str, path: str, body: object = None, *, who: str = "judge") -> dict[Any, Any]:
        """Speak to the sandbox beside Fillwell."""
        headers = {"Authorization": f"Bearer {who}-token"}
        answer = self.client.request(method, path, json=body, headers=headers)
        answer.raise_for_status()
        found: dict[Any, Any] = answer.json()
        return found

    def now(self) -> datetime:
        """Tell the sandbox's time."""
        return datetime.fromisoformat(self.ask("GET", "/clock")["now"]).astimezone(UTC)

    def advance(self, **by: float) -> None:
        """Let its time pass."""
        self.ask("POST", "/clock/advance", {"seconds": timedelta(**by).total_seconds()})

    def adapter(self, system: str) -> Adapter:
        """Connect to one of its systems."""
        [connection] = [c for c in sandbox_connections(self.url) if c.system == system]
        adapter = open_adapter(connection, sandbox_env())
        self.opened.callback(adapter.close)
        return adapter


@contextmanager
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Merchant]:
    """Run one whose time stands still; all tests share the history that it begins with."""
    cache = str(shared_cache(tmp_path_factory))
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--seed", str(SEED), "--frozen", "--cache", cache]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with ExitStack() as opened, httpx.Client(base_url=url, timeout=60) as client:
            yield Merchant(url, client, opened)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
