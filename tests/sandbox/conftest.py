"""One simulated history for all tests; a fresh world on it for each test that changes something."""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.cache import Bases, load
from sandbox.instants import parse
from sandbox.merchant import Merchant
from sandbox.routes import Routes
from sandbox.transport import Transport
from tests.history import shared_history

NOW = parse("2026-11-20T16:30:00+00:00")


Items = list[dict[str, Any]]
RUNNER = asyncio.Runner()


class Direct(httpx.BaseTransport):
    """Hands requests straight to the application, without a network."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - any ASGI application
        self.asgi = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Run the application until it has answered."""
        return RUNNER.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self.asgi.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


class Remote:
    """A client of the four systems that holds all tokens."""

    def __init__(self, merchant: Merchant) -> None:
        self.merchant = merchant
        self.http = httpx.Client(transport=Direct(Routes(merchant).app()), base_url="http://sandbox.test")
        self.keys = 0

    def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401 - JSON is of any shape
        """Get JSON that must be there."""
        response = self.ask("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def ask(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 - a response of the test client
        """Make a request with the system's token."""
        headers = {"Authorization": f"Bearer {path.split('/')[1]}-token", **more.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **more)

    def write(self, method: str, path: str, body: dict[str, Any], key: str | None = None) -> Any:  # noqa: ANN401
        """Write under an idempotency key."""
        self.keys += 1
        return self.ask(method, path, json=body, headers={"Idempotency-Key": key or f"key-{self.keys}"})

    def all(self, path: str, limit: int = 1000) -> Items:
        """Read a list to its end."""
        page = self.get(path, limit=limit)
        items: Items = page["items"]
        while page["next"] is not None:
            page = self.get(path, limit=limit, cursor=page["next"])
            items += page["items"]
        return items

    def advance(self, hours: float) -> None:
        """Let time pass."""
        response = self.http.post("/clock/advance", json={"seconds": hours * 3600})
        assert response.status_code == 200

    def inject(self, kind: str, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
        """Order a fault."""
        response = self.http.post("/faults", json={"kind": kind, **more})
        assert response.status_code == 200, response.text
        faults: list[dict[str, Any]] = response.json()
        return faults

    def truth(self, detector: str, *, injected: bool | None = None) -> dict[str, dict[str, Any]]:
        """Violations of one detector, by subject."""
        return {
            one["subject"]: one
            for one in self.http.get("/truth").json()["violations"]
            if one["detector"] == detector and injected in {None, one["injected"]}
        }

    def state(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """See the true state of an item."""
        return self.http.get(f"/state{path}", headers={"Authorization": "Bearer judge-token"}).json()


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cached year."""
    yield shared_history(tmp_path_factory)
    RUNNER.close()


@functools.cache
def bases_of(history: Path) -> Bases:
    """Share what no test changes."""
    world, saved = load(history, NOW)
    return Bases(history, saved, world.shift)


def open_remote(history: Path, rate: float = 1e6) -> Remote:
    """Serve a fresh world on the cached year, its clock standing still."""
    world, saved = load(history, NOW, bases_of(history))
    return Remote(Merchant(world, saved, Transport(rate), running=False))


@pytest.fixture(scope="session")
def orders(calm: Remote) -> Items:
    """All orders, read once."""
    items = calm.all("/storefront/orders")
    gc.freeze()
    return items


@pytest.fixture(scope="session")
def parcels(calm: Remote) -> Items:
    """All parcels, read once."""
    return calm.all("/warehouse/shipments")


@pytest.fixture
def remote(history: Path) -> Remote:
    """A fresh merchant for one test."""
    return open_remote(history)


@pytest.fixture(scope="session")
def calm(history: Path) -> Remote:
    """A merchant that tests only look at."""
    return open_remote(history)
