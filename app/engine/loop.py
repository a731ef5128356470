"""The engine's loop: paces reading, projecting, detecting and acting; what arrives is published beside it at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from app.engine import work
from app.engine.publisher import STORE_SECONDS, publishing
from app.engine.work import Engine
from app.progress import Progress, write_progress
from data.errors import SourceError, StoreError
from data.keep import keep_house
from data.publish import compact
from ingest.sync import pull_or_error

log = structlog.get_logger()

BEAT_SECONDS = 1.0  #: how long the loop rests between two rounds
DETECT_SECONDS = 20.0
PROJECT_SECONDS = 300.0
COMPACT_SECONDS = 120.0
RECONCILE_SECONDS = 900.0
RECONCILED = timedelta(hours=1)  #: how far back keys and versions are compared with the source
SWEEP_SECONDS = 6 * 3600.0
HOUSE_SECONDS = 3600.0


@dataclass
class Pace:
    """When each recurring step is next due, in this process's monotonic seconds."""

    due: dict[str, float] = field(default_factory=dict)

    def take(self, step: str, every: float) -> bool:
        """Tell whether a step is due, and if so set when it is due again."""
        now = time.monotonic()
        if now < self.due.get(step, 0.0):
            return False
        self.due[step] = now + every
        return True

    def hurry(self, step: str) -> None:
        """Make a step due now."""
        self.due[step] = 0.0


def run(engine: Engine, *, arrived: threading.Event, stopping: Callable[[], bool], each: Callable[[], None]) -> None:
    """Bring the workspace up to date, then keep it so until asked to stop; `each` runs once a beat."""
    _first_read(engine)
    pace = Pace()
    for later, seconds in (("reconcile", RECONCILE_SECONDS), ("sweep", SWEEP_SECONDS), ("project", PROJECT_SECONDS)):
        pace.take(later, seconds)  # all three were just done by the first read
    with publishing(engine, arrived) as publisher:
        while not stopping():
            publisher.raise_failure()
            rest = BEAT_SECONDS
            try:
                each()
                _beat(engine, pace)
            except StoreError as error:  # a full disk or a locked store: nothing acknowledged is lost, so wait
                log.warning("the store is in the way", error=str(error))
                rest = STORE_SECONDS
            time.sleep(rest)


def _first_read(engine: Engine) -> None:
    """Read everything once, tell how far it is, and publish the first figures."""

    def tell(what: str, done: int, total: int) -> None:
        write_progress(engine.folder, Progress(what, done, total, ready=False))

    for pulled in work.read_all(engine, lambda what, done, total: tell(f"reading {what}", done, total)):
        if pulled.error is not None:
            log.warning("read failed", connection=pulled.connection, stream=pulled.stream, error=str(pulled.error))
    work.publish_news(engine, lambda _what, done, total: tell("folding", done, total))
    tell("projecting stock", 0, 0)
    work.project_stock(engine)
    work.detect_cases(engine)
    write_progress(engine.folder, Progress("ready", 1, 1, ready=True))


def _beat(engine: Engine, pace: Pace) -> None:
    _read_what_is_due(engine, pace)
    if pace.take("project", PROJECT_SECONDS):
        work.project_stock(engine)
    if _act(engine):
        pace.hurry("detect")
    if pace.take("detect", DETECT_SECONDS):
        report = work.detect_cases(engine)
        if report is not None and (report.opened or report.resolved or report.regressed):
            log.info("detected", opened=report.opened, resolved=report.resolved, regressed=report.regressed)
    if pace.take("reconcile", RECONCILE_SECONDS):
        work.reconcile_all(engine, since=engine.clock() - RECONCILED)
    if pace.take("sweep", SWEEP_SECONDS):
        work.sweep_all(engine)
    if pace.take("compact", COMPACT_SECONDS):
        compact(engine.store, now=engine.clock())
    if pace.take("house", HOUSE_SECONDS):
        keep_house(engine.store, now=engine.clock())


def _read_what_is_due(engine: Engine, pace: Pace) -> None:
    work.follow_connections(engine)
    work.follow_mappings(engine)
    for name, adapter in engine.adapters.items():
        for stream in adapter.streams.values():
            if pace.take(f"{name}/{stream.name}", stream.interval.total_seconds()):
                pulled = pull_or_error(engine.store, adapter, stream.name, clock=engine.clock)
                if pulled.error is not None:
                    log.warning("read failed", connection=name, stream=stream.name, error=str(pulled.error))
    work.publish_news(engine)


def _act(engine: Engine) -> bool:
    """Send and read back what is due; what it brought into the log is published for the next detection."""
    try:
        moved = work.act(engine)
    except SourceError as error:
        log.warning("action waits", error=str(error))
        return False
    if moved:
        work.publish_news(engine)
    return moved > 0
