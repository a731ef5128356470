"""What makes a figure doubtful although it can be computed: silent sources, a window that is not over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.log.status import StreamStatus
from metrics.figure import State
from metrics.metric import Metric
from metrics.needs import Need
from metrics.sources import LATE_AFTER, Given, LateAfter, known_until
from metrics.window import Window, zone_of

FILE_LATE_AFTER = timedelta(days=1)  #: a file has no schedule: a day after its newest record it is old


@dataclass(frozen=True)
class Doubt:
    """A state that is graver than a plain value, and why."""

    state: State
    reason: str


def doubts(metric: Metric, given: Given, window: Window | None) -> list[Doubt]:
    """Tell what is doubtful about every figure of a metric, whatever its group."""
    span = window if metric.time else None
    found = [doubt for need in metric.needs for doubt in _silences(need, given, span)]
    if span is not None:
        final = span.end + metric.matures_after
        if span.end > given.now:
            found.append(Doubt("provisional", f"the window ends on {_moment(span.end, given)}"))
        elif final > given.now:
            found.append(Doubt("provisional", f"it can still change until {_moment(final, given)}"))
    return list(dict.fromkeys(found))


def _silences(need: Need, given: Given, window: Window | None) -> Iterator[Doubt]:
    """Name the streams that have not told about all of the window; where none told of any of it, nobody knows."""
    streams = [status for status in given.statuses if status.stream in need.streams]
    upto = given.now if window is None else min(window.end, given.now)
    silent = [s for s in streams if _is_silent(s, upto, given)]
    begins = given.now if window is None else window.start
    unseen = [s for s in silent if (until := known_until(s)) is None or (window is not None and until <= begins)]
    state: State = "unknown" if streams and len(unseen) == len(streams) else "stale"
    for status in silent:
        yield Doubt(state, f"{status.connection}/{status.stream} {_last_word(status, given)}")


def _is_silent(status: StreamStatus, upto: datetime, given: Given) -> bool:
    until = known_until(status)
    if until is None:
        return status.failed_at is not None
    return until < upto and given.now - until > _patience(status, given.late_after)


def _patience(status: StreamStatus, late_after: LateAfter) -> timedelta:
    if is_file(status):
        return FILE_LATE_AFTER
    if isinstance(late_after, timedelta):
        return late_after
    name = f"{status.connection}/{status.stream}"
    return late_after.get(name, late_after.get(status.connection, LATE_AFTER))


def is_file(status: StreamStatus) -> bool:
    """Tell whether nobody reads the stream by schedule."""
    return status.as_of is None and status.succeeded_at is None and status.failed_at is None


def _last_word(status: StreamStatus, given: Given) -> str:
    until = known_until(status)
    if until is None:
        return f"never answered: {status.error or status.error_class or 'unknown cause'}"
    told = "was brought in by file and ends on" if is_file(status) else "has told nothing since"
    return f"{told} {_moment(until, given)}"


def _moment(at: datetime, given: Given) -> str:
    return at.astimezone(zone_of(given.zone)).strftime("%Y-%m-%d %H:%M %Z")
