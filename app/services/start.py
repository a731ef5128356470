"""What the start screen asks for: what is answerable now, and what one more file would unlock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.services.freshness import read_streams
from app.services.projection import projection
from app.services.workspace import newest
from data.store import Store
from metrics.judge import armed_by
from metrics.registry import METRICS
from metrics.sources import Given


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What the workspace can answer."""

    answerable: Sequence[tuple[str, str]]  #: (metric, label)
    unlocks: Mapping[tuple[str, str], Sequence[str]]  #: (what is needed, what brings it) -> figures it helps to unlock
    records: int
    brought: Sequence[tuple[str, str, int]]  #: (connection, stream, records)


def ready(store: Store, now: datetime) -> Ready:
    """Ask every metric whether it is armed, and group what is missing by what would bring it."""
    statuses = read_streams(store)
    brought = [(s.connection, s.stream, s.received) for s in statuses]
    facts = newest(store)
    answerable: list[tuple[str, str]] = []
    unlocks: dict[tuple[str, str], list[str]] = {}
    if facts is not None:
        made = projection(store, now)
        demand = made.select("sku", "location", units_per_day="demand_per_day") if made.height else None
        given = Given(facts=facts, now=now, statuses=statuses, demand=demand)
        for name, metric in METRICS.items():
            if name.endswith("_cohort"):
                continue
            unmet = armed_by(metric, given)
            if not unmet:
                answerable.append((name, metric.label))
            for need in unmet:
                what, _, brings = need.removeprefix("needs ").partition(": ")
                unlocks.setdefault((what, brings), []).append(metric.label)
    return Ready(
        answerable=answerable,
        unlocks=dict(sorted(unlocks.items(), key=lambda pair: -len(pair[1]))),
        records=sum(records for *_, records in brought),
        brought=brought,
    )
