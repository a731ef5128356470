"""X46 Feed late: a stream has said nothing new for longer than its schedule and its grace allow.

Freshness is the source's own word (`as_of`) where it gives one, so that an endpoint that answers with old data is
found too. Where every stream of a system is late, that is one case. What depends on a late stream is counted under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.findings import Detector, Finding, frame
from actions.view import View, lateness


@dataclass(frozen=True)
class Parameters:
    """Nothing to tune: each stream brings its own schedule."""


def find(view: View, _p: Parameters) -> pl.DataFrame:
    """Find late streams; a system whose streams are all late is named by itself."""
    late = lateness(view)
    found: list[Finding] = []
    for connection in sorted({schedule.connection for schedule in view.schedules}):
        expected = {s.stream for s in view.schedules if s.connection == connection}
        silent = {stream: length for (name, stream), length in late.items() if name == connection}
        if not silent:
            continue
        if len(silent) == len(expected) > 1:
            found.append(_finding(connection, connection, silent, view))
        else:
            found.extend(_finding(connection, f"{connection}/{s}", {s: silent[s]}, view) for s in sorted(silent))
    return frame(found)


def _finding(connection: str, subject: str, silent: Mapping[str, timedelta], view: View) -> Finding:
    shortest = min(silent.values())
    health: dict[str, Any] = {s.stream: s for s in view.statuses if s.connection == connection and s.stream in silent}
    errors = sorted({s.error for s in health.values() if s.failures and s.error})
    return Finding(
        subject=subject,
        title=f"{subject} is silent{'' if shortest == timedelta.max else f' for {_words(shortest)}'}",
        kind="feed",
        object_id=subject,
        ours={
            s.stream: f"every {_words(s.expected)}, {_words(s.grace)} grace"
            for s in view.schedules
            if s.connection == connection and s.stream in silent
        },
        remote={name: s.as_of or s.succeeded_at for name, s in health.items()},
        evidence={
            "connection": connection,
            "streams": sorted(silent),
            "errors": errors,
            "says": "since the last message what depends on it is unknown, not late",
        },
        money=[],
        currency="",
        suggested="replay_feed",
    )


def _words(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


DETECTOR = Detector(
    id="X46",
    title="Feed late",
    owner="integrations",
    needs=("schedules",),
    streams=(),
    version=1,
    parameters=Parameters(),
    find=find,
)
