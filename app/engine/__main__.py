"""`python -m app.engine`: the process that reads, detects and acts; the desk is another one."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.desk import open_desk
from app.demo import shop
from app.engine.clock import BusinessClock, follow
from app.engine.loop import run
from app.engine.work import Engine
from app.processes import stoppable
from app.progress import Progress, write_progress
from data.clock import system_clock
from data.errors import ConfigError, FillwellError, SourceError
from data.settings import Settings, read_settings
from data.store import Store, open_store
from ingest.adapter import Adapter
from ingest.connections import Connection, open_adapter, read_connections, subscribe, webhook_secrets
from ingest.webhooks import routes

log = structlog.get_logger()

SANDBOX_SECONDS = 180.0  #: how long a sandbox may take to simulate its year
FOLLOW_SECONDS = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the engine of a workspace until asked to stop."""
    parser = argparse.ArgumentParser(prog="fillwell-engine")
    parser.add_argument("--workspace", required=True)
    workspace = parser.parse_args(argv).workspace
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request would bury what matters
    try:
        with stoppable() as stopping:
            _serve(read_settings(os.environ), workspace, stopping)
    except FillwellError as error:
        sys.stderr.write(f"fillwell: {error}\n")
        return 1
    return 0


def _serve(settings: Settings, workspace: str, stopping: Callable[[], bool]) -> None:
    store = open_store(settings, workspace)
    folder = settings.home / "workspaces" / workspace
    clock = BusinessClock()
    sandbox = f"http://127.0.0.1:{os.environ['FILLWELL_SANDBOX_PORT']}" if workspace == "demo" else None
    if sandbox is None:
        found, env = read_connections(folder / "connections.toml"), dict(os.environ)
    else:
        _await_sandbox(
            sandbox, stopping, lambda: write_progress(folder, Progress("the demo shop opens", 0, 0, ready=False))
        )
        found, env = shop.connections(sandbox), dict(shop.secrets())
        follow(clock, sandbox, folder)
    adapters = {c.name: open_adapter(c, env) for c in found}
    detection = {"shadow": None, "budget": None} if sandbox else {}
    desk = open_desk(store, clock=clock)
    engine = Engine(store, desk, adapters, clock, folder, detection)
    wake = threading.Event()
    with _door(settings.engine_port, store, adapters, found, env, clock, wake):
        _subscribe(settings.engine_port, adapters, found, env)
        run(engine, wake=wake, stopping=stopping, each=_each(clock, sandbox, engine))
    store.close()


def _each(clock: BusinessClock, sandbox: str | None, engine: Engine) -> Callable[[], None]:
    last = [time.monotonic()]

    def each() -> None:
        if sandbox is not None and time.monotonic() - last[0] > FOLLOW_SECONDS:
            last[0] = time.monotonic()
            follow(clock, sandbox, engine.folder)

    return each


def _await_sandbox(url: str, stopping: Callable[[], bool], waiting: Callable[[], None]) -> None:
    deadline = time.monotonic() + SANDBOX_SECONDS
    while not stopping():
        try:
            httpx.get(f"{url}/healthz", timeout=2.0).raise_for_status()
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise ConfigError(f"the demo's sandbox at {url} does not answer; see its log") from error
            waiting()
            time.sleep(0.3)
        else:
            return


@contextmanager
def _door(
    port: int,
    store: Store,
    adapters: Mapping[str, Adapter],
    found: Sequence[Connection],
    env: Mapping[str, str],
    clock: BusinessClock,
    wake: threading.Event,
) -> Iterator[None]:
    """Listen for webhooks on loopback in a thread, for the length of a block."""
    secrets = {c.name: webhook_secrets(c, env) for c in found}

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"ok": True})

    hooks = routes(
        store,
        adapters,
        lambda name: secrets.get(name, ()),
        clock=clock,
        real_clock=system_clock,
        arrived=lambda _name: wake.set(),
    )
    application = Starlette(routes=[Route("/healthz", healthz), *hooks])
    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, name="webhooks", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join(5.0)


def _subscribe(port: int, adapters: Mapping[str, Adapter], found: Sequence[Connection], env: Mapping[str, str]) -> None:
    """Ask every system that signs its webhooks to push; one that refuses is polled all the same."""
    for connection in found:
        if not (known := webhook_secrets(connection, env)):
            continue
        try:
            subscribe(adapters[connection.name], f"http://127.0.0.1:{port}/hooks/{connection.name}", known[0])
        except SourceError as error:
            log.warning("no webhooks", connection=connection.name, error=str(error))


if __name__ == "__main__":
    sys.exit(main())
