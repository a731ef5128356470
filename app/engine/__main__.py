"""`python -m app.engine`: the process that reads, detects and acts; the desk is another one."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence

import httpx
import structlog

from actions.desk import open_desk
from app.connect import connect, sandbox_of
from app.demo.judge import judge_at
from app.demo.stage import later_troubles, set_the_stage, staff
from app.engine.clock import BusinessClock, follow
from app.engine.door import listening
from app.engine.loop import run
from app.engine.work import Engine
from app.processes import stoppable
from app.progress import Progress, write_progress
from data.clock import system_clock
from data.errors import ConfigError, FillwellError, SourceError
from data.settings import Settings, read_settings
from data.store import open_store

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
    sandbox = sandbox_of(folder)
    if sandbox is not None:
        opening = Progress("the demo shop opens", 0, 0, ready=False)
        _await_sandbox(sandbox, stopping, lambda: write_progress(folder, opening))
        set_the_stage(judge_at(sandbox), system_clock())
        follow(clock, sandbox, folder)
    connected = connect(store, os.environ)
    # The demo is judged at once: a first week in shadow and a daily budget are for a shop that is new to its desk.
    detection = {"shadow": None, "budget": None} if sandbox else {}
    desk = open_desk(store, clock=clock)
    if sandbox is not None:
        staff(desk)
    engine = Engine(store, desk, connected, clock, folder, detection)
    arrived = threading.Event()
    with listening(settings.engine_port, store, connected, clock, arrived=arrived.set):
        run(engine, arrived=arrived, stopping=stopping, each=_each(clock, sandbox, engine))
    store.close()


def _each(clock: BusinessClock, sandbox: str | None, engine: Engine) -> Callable[[], None]:
    """Give what the demo does beside the loop: follow its clock and, now and then, let something go wrong."""
    if sandbox is None:
        return lambda: None
    last = [time.monotonic()]
    troubles = later_troubles(judge_at(sandbox), clock())

    def each() -> None:
        if time.monotonic() - last[0] > FOLLOW_SECONDS:
            last[0] = time.monotonic()
            follow(clock, sandbox, engine.folder)
            try:
                next(troubles)
            except SourceError as error:
                log.warning("the sandbox is silent", error=str(error))

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


if __name__ == "__main__":
    sys.exit(main())
