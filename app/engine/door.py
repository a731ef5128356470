"""The engine's door: an HTTP server on loopback that takes webhooks and says that it is well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.connect import Connected
from data.clock import Clock, system_clock
from data.errors import SourceError
from data.store import Store
from ingest.connections import subscribe
from ingest.webhooks import routes

log = structlog.get_logger()


@contextmanager
def listening(
    port: int, store: Store, connected: Connected, clock: Clock, *, arrived: Callable[[], None]
) -> Iterator[None]:
    """Take webhooks in a thread for the length of a block, and ask every system that signs them to push."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"ok": True})

    hooks = routes(
        store,
        connected.adapters,
        lambda name: connected.secrets.get(name, ()),
        clock=clock,
        real_clock=system_clock,
        arrived=lambda _name: arrived(),
    )
    door = Starlette(routes=[Route("/healthz", healthz), *hooks])
    server = uvicorn.Server(uvicorn.Config(door, host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, name="webhooks", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        _subscribe(port, connected)
        yield
    finally:
        server.should_exit = True
        thread.join(5.0)


def _subscribe(port: int, connected: Connected) -> None:
    """Ask every system that signs its webhooks to push; one that refuses is polled all the same."""
    for name, secrets in connected.secrets.items():
        if not secrets:
            continue
        try:
            subscribe(connected.adapters[name], f"http://127.0.0.1:{port}/hooks/{name}", secrets[0])
        except SourceError as error:
            log.warning("no webhooks", connection=name, error=str(error))
