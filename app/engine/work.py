"""What the engine does, step by step: read, publish, project, detect, act. Each step stands alone and can be repeated.

The loop in `app.engine.loop` paces these steps by the clock; the check of the whole loop calls them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from actions import audit, outbox, waves
from actions.desk import Desk
from actions.detect import DetectReport, detect
from actions.targets import Targets
from actions.view import Schedule, View
from app.connect import Connected
from data.clock import Clock
from data.errors import ConfigError, SourceRejected, SourceUnavailable
from data.log.status import StreamStatus, statuses
from data.publish import Publication, facts_of, latest_publication, publish
from data.store import Store
from forecasting.keep import Projection, load_projection, save_projection
from ingest.adapter import Adapter
from ingest.identity import read_again
from ingest.sync import Drift, StreamPull, pull_all, reconcile, sweep

log = structlog.get_logger()

Progress = Callable[[str, int, int], None]


@dataclass
class Engine:
    """A workspace's store and desk with the systems that it is connected to."""

    store: Store
    desk: Desk
    connected: Connected
    clock: Clock
    folder: Path
    detection: Mapping[str, object] = field(default_factory=dict)  #: keyword arguments of `detect`

    @property
    def adapters(self) -> Mapping[str, Adapter]:
        """Give the adapters of all connections."""
        return self.connected.adapters

    @property
    def targets(self) -> Targets:
        """Give every connection as actions see it."""
        return self.connected.targets(self.store, self.clock)

    @property
    def schedules(self) -> list[Schedule]:
        """Say how often every stream is expected to speak."""
        return [
            Schedule(connection=name, stream=stream.name, expected=stream.interval, grace=stream.grace)
            for name, adapter in self.adapters.items()
            for stream in adapter.streams.values()
        ]


def read_all(engine: Engine, progress: Progress | None = None) -> list[StreamPull]:
    """Read every stream of every connection; one that fails does not keep the others from being read."""
    return pull_all(engine.store, engine.adapters.values(), clock=engine.clock, progress=progress)


def reconcile_all(engine: Engine, *, since: datetime) -> int:
    """Compare what every stream changed since a moment with the log, and read what is missing; returns how much was.

    This is how lost webhooks and late changes are found though no cursor would meet them again.
    """
    found = 0

    def report(drift: Drift) -> None:
        nonlocal found
        found += len(drift.missing) + len(drift.outdated)
        if drift:
            log.info("drift", connection=drift.connection, stream=drift.stream, missing=len(drift.missing),
                     outdated=len(drift.outdated))  # fmt: skip

    for adapter, stream in _streams(engine):
        try:
            reconcile(engine.store, adapter, stream, clock=engine.clock, report=report, since=since)
        except (SourceUnavailable, SourceRejected) as error:
            log.warning("not compared", connection=adapter.connection, stream=stream, error=str(error))
    return found


def sweep_all(engine: Engine) -> int:
    """Mark as gone what the sources no longer have; returns how many items were."""
    gone = 0
    for adapter, stream in _streams(engine):
        try:
            gone += len(sweep(engine.store, adapter, stream, clock=engine.clock).gone)
        except (SourceUnavailable, SourceRejected) as error:
            log.warning("not swept", connection=adapter.connection, stream=stream, error=str(error))
    return gone


def _streams(engine: Engine) -> list[tuple[Adapter, str]]:
    return [(adapter, stream) for adapter in engine.adapters.values() for stream in adapter.streams]


def follow_connections(engine: Engine) -> None:
    """Read what was connected meanwhile; what cannot be used is said, and everything else goes on."""
    try:
        if engine.connected.reread(engine.store):
            log.info("connections were read anew", connections=sorted(engine.adapters))
    except ConfigError as error:
        log.warning("the connections cannot be used as they are written", error=str(error))


def follow_mappings(engine: Engine) -> int:
    """Read by the mappings that hold now, and again what came in meanwhile under older ones; returns how many records.

    Whoever maps a code replays its records at once; only what this process read since by the older map is left.
    """
    changes = engine.connected.follow(engine.store)
    changed = 0
    for name in dict.fromkeys(change.connection for change in changes):
        if name in engine.adapters:
            codes = {change.external for change in changes if change.connection == name}
            changed += read_again(engine.store, engine.adapters[name], codes, now=engine.clock()).changed
    return changed


def publish_news(engine: Engine, progress: Progress | None = None) -> Publication | None:
    """Fold and publish what the log gained; None where nothing is new."""
    return publish(engine.store, now=engine.clock(), progress=progress)


def project_stock(engine: Engine) -> None:
    """Project what will run out from the newest publication and keep the answer beside the store."""
    from forecasting.projection import project

    with engine.store.log.read() as conn:
        publication = latest_publication(conn)
    if publication is not None:
        now = engine.clock()
        frame = project(facts_of(engine.store, publication), now=now)
        save_projection(engine.folder, Projection(frame, publication.id, publication.published_at, now))


def look(engine: Engine) -> View | None:
    """Open what detectors see: the newest facts, the newest projection, every stream's health."""
    with engine.store.log.read() as conn:
        publication = latest_publication(conn)
        health: list[StreamStatus] = statuses(conn)
    if publication is None:
        return None
    kept = load_projection(engine.folder)
    return View(
        facts=facts_of(engine.store, publication),
        now=engine.clock(),
        projection=None if kept is None else kept.frame,
        projected_from=None if kept is None else kept.published_at,
        statuses=health,
        schedules=engine.schedules,
        accounts=engine.connected.accounts,
    )


def detect_cases(engine: Engine) -> DetectReport | None:
    """Run every detector once and plan what may be planned without asking; None where nothing was published yet."""
    view = look(engine)
    if view is None:
        return None
    report = detect(engine.desk, view, **engine.detection)  # type: ignore[arg-type]
    outbox.plan_due(engine.desk, view, engine.targets)
    return report


def act(engine: Engine) -> int:
    """Send what is approved and due, read back what was sent, seal what was logged; returns how many actions moved."""
    targets = engine.targets
    moved = outbox.send_due(engine.desk, targets) + outbox.verify_due(engine.desk, targets)
    moved += waves.advance_due(engine.desk)
    audit.seal(engine.desk)
    return moved
