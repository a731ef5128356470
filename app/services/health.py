"""What the health screen asks for: sources, streams, heartbeats, dead letters, and what is not known right now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.services import words
from app.services.freshness import known_until, read_streams, state_of
from app.services.margin import PARTS
from app.services.schedules import Due, due
from app.services.workspace import newest
from data.log.lookup import heartbeat
from data.log.status import StreamStatus
from data.store import Store
from ingest.status import lags
from metrics.answer import many
from metrics.figure import Figure
from metrics.sources import Given
from metrics.window import Window

BINS, MINUTES = 96, 15  #: the strip: 24 hours in quarters


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One line of the table of streams."""

    connection: str
    stream: str
    state: str
    as_of: datetime | None
    last_event_at: datetime | None
    received: int
    accepted: int
    duplicates: int
    conflicts: int
    dead_letters: int
    restated: int
    refused: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Health:
    """Everything the screen shows of the sources."""

    streams: Sequence[Stream]
    beats: dict[str, list[int]]
    unknowns: Sequence[tuple[str, str]]  #: (what, what it means)
    lags: dict[str, tuple[float, float]]  #: connection -> seconds from change to receipt, p50 and p95
    balanced: bool  #: received = accepted + duplicates + conflicts + dead letters, in every stream


def health(store: Store, now: datetime, undecided: Mapping[tuple[str, str], int]) -> Health:
    """Read how every source is doing at this moment; `undecided` counts movements that nobody decided, by stream."""
    statuses = read_streams(store)
    with store.log.read() as conn:
        beats = heartbeat(conn, now=now, bins=BINS, minutes=MINUTES)
        measured = {name: sorted(lags(conn, name)) for name in {s.connection for s in statuses}}
    tolerances = due(store)
    streams = [_stream(s, now, tolerances) for s in statuses]
    return Health(
        streams=streams,
        beats=beats,
        unknowns=[*unknown_sources(statuses, now, tolerances, undecided), *unknown_figures(store, now, statuses)],
        lags={name: (_quantile(found, 0.5), _quantile(found, 0.95)) for name, found in measured.items() if found},
        balanced=all(s.received == s.accepted + s.duplicates + s.conflicts + s.dead_letters for s in streams),
    )


def _stream(s: StreamStatus, now: datetime, tolerances: Due) -> Stream:
    return Stream(
        connection=s.connection,
        stream=s.stream,
        state=state_of(s, now, tolerances),
        as_of=known_until(s),
        last_event_at=s.last_event_at,
        received=s.received,
        accepted=s.accepted,
        duplicates=s.duplicates,
        conflicts=s.conflicts,
        dead_letters=s.dead_letters,
        restated=s.restated,
        refused=s.refused,
        error=s.error or "",
    )


#: What a stream tells; without it this is unknown since its last word.
_TELLS = {
    "orders": "new orders, changes and cancellations",
    "listings": "what the channels offer",
    "payments": "captures, refunds and fees",
    "returns": "returns asked for",
    "stock": "stock on hand",
    "work": "how far the warehouse is with each order",
    "shipments": "what was shipped",
    "parcels": "where parcels are",
    "purchases": "what suppliers will deliver and when",
    "inspections": "what became of returned goods",
    "sales": "whether orders reached the ERP",
    "items": "costs and names of items",
    "levels": "what the channel itself keeps at each location",
    "transfers": "what is on its way between locations",
    "lots": "which lots there are and when they expire",
    "order_points": "the levels at which the ERP orders by itself",
    "suppliers": "suppliers and their lead times",
    "terms": "what suppliers ask for",
    "locations": "which locations there are",
    "channels": "which channels there are",
}


def unknown_sources(
    statuses: Sequence[StreamStatus], now: datetime, tolerances: Due, undecided: Mapping[tuple[str, str], int]
) -> list[tuple[str, str]]:
    """Say what cannot be known because a stream does not speak, or because records were not understood."""
    found = []
    for s in statuses:
        state = state_of(s, now, tolerances)
        if state in ("silent", "failing"):
            since = known_until(s)
            tells = _TELLS.get(s.stream, s.stream)
            told = f"since {words.instant(since)} UTC ({words.span(now - since)})" if since else "ever"
            why = s.error or "the stream gives no news"
            found.append((f"{tells.capitalize()} from {s.connection}", f"not known {told}: {why}"))
        if s.dead_letters:
            found.append(
                (
                    f"{words.plural(s.dead_letters, 'record')} of {s.connection}/{s.stream}",
                    "could not be understood; what they say is in no figure until they are replayed",
                )
            )
        if waiting := undecided.get((s.connection, s.stream), 0):
            found.append(
                (
                    f"{words.plural(waiting, 'movement')} of {s.connection}/{s.stream}",
                    "stated in two ways that contradict each other; a fixed rule chose until a person does",
                )
            )
    return found


#: Shares of what cannot be answered: (metric, what it is a share of, what it means).
_SHARES = (
    ("uncosted_pct", "of sales have no known cost", "they are in no margin"),
    ("no_promise_pct", "of order lines have no promise", "they are in no on-time rate"),
    ("unlinked_returns_pct", "of returns name no order", "they reverse no sale and no cost"),
)
SHARE_DAYS = 90


def unknown_figures(store: Store, now: datetime, statuses: Sequence[StreamStatus]) -> list[tuple[str, str]]:
    """Say what no figure can say: shares without a cost, a promise or an order, and components that are not armed."""
    facts = newest(store)
    if facts is None:
        return []
    window = Window.last_days(SHARE_DAYS, now)
    names = [name for name, *_ in _SHARES] + [name for name, *_ in PARTS]
    answers = many(Given(facts=facts, now=now, statuses=statuses), names, window=window)
    found = [
        (f"{words.percent(f.value)} {share}{_apart(f, answers[name])}", f"{meaning}; last {SHARE_DAYS} days")
        for name, share, meaning in _SHARES
        for f in answers[name]
        if f.value
    ]
    for name, label, _ in PARTS:
        if answers[name][0].state == "not_armed":
            found.append((f"{label} in the margin", "; ".join(answers[name][0].reasons)))
    return found


def _apart(figure: Figure, among: Sequence[Figure]) -> str:
    """Name a figure's currency where there are others beside it."""
    return f" in {figure.currency or 'an unknown currency'}" if len(among) > 1 else ""


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
