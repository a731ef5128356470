"""How fresh the data is: per stream, per source, and for the badge on every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.services import words
from app.services.schedules import Due
from data.log.status import StreamStatus, statuses
from data.store import Store

#: A stream without a schedule of its own is late after this; any is silent after so many times its tolerance.
LATE, SILENT = timedelta(minutes=15), 8
_EVER = datetime.min.replace(tzinfo=UTC)  #: since when a stream is unknown that never said anything
ON_TIME: Due = {}  #: no schedule is known: the default tolerance holds


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How fresh one source, or everything, is; `state` is one of `_GRAVITY`."""

    name: str
    as_of: datetime | None
    state: str
    sentence: str


def known_until(status: StreamStatus) -> datetime | None:
    """Tell until when a stream's picture is complete: the source's own word before our last read of it."""
    return status.as_of or status.succeeded_at


def is_scheduled(status: StreamStatus) -> bool:
    """Tell whether the stream is read all the time; a file is brought in when somebody brings it."""
    return status.succeeded_at is not None or status.failed_at is not None


def state_of(status: StreamStatus, now: datetime, due: Due = ON_TIME) -> str:
    """Judge one stream at this moment, by its own schedule."""
    until = known_until(status)
    tolerance = max(due.get((status.connection, status.stream), LATE), LATE)
    if not is_scheduled(status):
        if (status.connection, status.stream) in due:
            return "reading"
        return "at rest" if status.received else "empty"
    if until is None or now - until > SILENT * tolerance:
        return "silent"
    if status.failures:
        return "failing"
    return "late" if now - until > tolerance else "fresh"


_GRAVITY = ("silent", "failing", "late", "reading", "empty", "at rest", "fresh")


def sources(streams: Sequence[StreamStatus], now: datetime, due: Due = ON_TIME) -> list[Freshness]:
    """Judge every source by its worst stream: gravest first, and of equally grave ones what is longest unknown."""
    by_source: dict[str, list[StreamStatus]] = {}
    for status in streams:
        by_source.setdefault(status.connection, []).append(status)
    judged = [_source(name, held, now, due) for name, held in by_source.items()]
    return sorted(judged, key=lambda f: (_GRAVITY.index(f.state), f.as_of or _EVER, f.name))


def _source(name: str, streams: Sequence[StreamStatus], now: datetime, due: Due) -> Freshness:
    worst = min(streams, key=lambda s: (_GRAVITY.index(state_of(s, now, due)), _heard_until(s) or _EVER, s.stream))
    state, until = state_of(worst, now, due), _heard_until(worst)
    silent = f"{worst.stream} silent for {words.span(now - until)}" if until else f"{worst.stream} never answered"
    said = {
        "silent": f"{silent}: {worst.error}" if worst.error else silent,
        "failing": f"{worst.stream} fails: {worst.error or worst.error_class or 'unknown cause'}",
        "late": f"{worst.stream} is {words.span(now - until)} behind" if until else "late",
        "reading": "first read not finished yet",
        "empty": "nothing received yet",
        "at rest": "brought in by file",
        "fresh": f"complete to {words.ago(until, now)}",
    }[state]
    return Freshness(name=name, as_of=until, state=state, sentence=said)


def _heard_until(status: StreamStatus) -> datetime | None:
    return known_until(status) or status.last_event_at


def overall(streams: Sequence[StreamStatus], now: datetime, due: Due = ON_TIME) -> Freshness:
    """Judge everything for the badge on every page: as of when, and which source is worst."""
    judged = sources(streams, now, due)
    if not judged:
        return Freshness(name="", as_of=None, state="empty", sentence="nothing was brought in yet")
    worst = judged[0]
    if worst.state == "fresh":
        return Freshness(name=worst.name, as_of=worst.as_of, state="fresh", sentence="all sources fresh")
    if worst.state in ("at rest", "empty"):
        newest = max((s.last_event_at for s in streams if s.last_event_at), default=None)
        return Freshness(name=worst.name, as_of=newest, state="at rest", sentence=f"newest record {words.day(newest)}")
    return Freshness(name=worst.name, as_of=worst.as_of, state=worst.state, sentence=f"{worst.name}: {worst.sentence}")


def figures_at(streams: Sequence[StreamStatus], now: datetime) -> datetime:
    """Tell the moment that figures are about: now, or the newest record where everything came by file."""
    if any(is_scheduled(s) for s in streams):
        return now
    newest = max((s.last_event_at for s in streams if s.last_event_at), default=now)
    return min(now, newest + timedelta(minutes=1))


def read_streams(store: Store) -> list[StreamStatus]:
    """Read every stream's status."""
    with store.log.read() as conn:
        return statuses(conn)
