"""Which of an entity's events hold: the newest snapshot of each aspect, every movement once, nothing withdrawn.

The answer does not depend on the order of arrival, on repetition or on batching: it is a maximum over a set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from data.events import BatchWithdrawn, Event, Gone, MovementDecided, Reparsed, is_movement


@dataclass(frozen=True, slots=True)
class Stated:
    """An event with who stated it and the stamp that orders it among others of its key."""

    connection: str
    stream: str
    key: str
    version: int
    observed_at: int
    digest: bytes
    batch: int | None
    event: Event


E_ = TypeVar("E_")


def settle(stated: Iterable[Stated]) -> list[Stated]:
    """Keep what holds, in a canonical order.

    A snapshot's newest (version, observed_at) wins, its digest breaks a tie. Of a movement stated in two ways the
    smaller digest holds until a person decides. A tombstone that wins removes the aspect.
    """
    everything = list(stated)
    withdrawn = {s.event.batch for s in everything if isinstance(s.event, BatchWithdrawn)}
    aspects: dict[tuple[str, str, str], list[Stated]] = {}
    for s in everything:
        if isinstance(s.event, BatchWithdrawn | Reparsed) or (s.batch is not None and s.batch in withdrawn):
            continue
        aspects.setdefault((s.connection, s.stream, s.key), []).append(s)
    held: list[Stated] = []
    for name in sorted(aspects):
        held.extend(_winner(aspects[name]))
    return held


def _winner(aspect: list[Stated]) -> list[Stated]:
    if len(aspect) == 1:
        return [] if isinstance(aspect[0].event, Gone | MovementDecided) else aspect
    if any(is_movement(s.event) for s in aspect):
        return _movement(aspect)
    best = max((s.version, s.observed_at, s.digest) for s in aspect)
    same = [s for s in aspect if (s.version, s.observed_at, s.digest) == best and not isinstance(s.event, Gone)]
    return _one_record(same)


def _movement(aspect: list[Stated]) -> list[Stated]:
    """Take the content that a person chose last, else the smaller digest: never the first to arrive."""
    moved = [s for s in aspect if is_movement(s.event)]
    known = {s.digest for s in moved}
    decided = [
        (s.version, s.observed_at, digest)
        for s in aspect
        if isinstance(s.event, MovementDecided) and (digest := bytes.fromhex(s.event.holds)) in known
    ]
    digest = max(decided)[2] if decided else min(known)
    return _one_record([s for s in moved if s.digest == digest])


def _one_record(same: list[Stated]) -> list[Stated]:
    """Take each event of a record once, though the log may hold equal ones."""
    unique: list[Stated] = []
    for s in same:
        if all(s.event != other.event for other in unique):
            unique.append(s)
    return unique


def of_type(held: Iterable[Stated], kind: type[E_]) -> list[E_]:
    """Give the events of one type."""
    return [s.event for s in held if isinstance(s.event, kind)]


def chosen(held: Iterable[Stated], kind: type[E_]) -> E_ | None:
    """Choose whose word counts where several connections state one entity: the first by name.

    The newest would not do: it changes hands with every poll, though nobody says anything new.
    """
    return next((s.event for s in held if isinstance(s.event, kind)), None)
