"""How many cases open and close each day: whether the desk gains on what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from actions import tables as t
from actions.desk import Desk
from data.clock import from_micros, to_micros

OPENED = ("opened", "regressed", "reopened")
CLEARED = ("resolved", "dismissed")


@dataclass(frozen=True)
class Flow:
    """One day's cases: opened, and closed with proof or by a person."""

    day: date
    opened: int
    cleared: int


def flow(desk: Desk, *, now: datetime, days: int) -> list[Flow]:
    """Count by day, the oldest first; a day on which nothing happened is a true zero."""
    first = now.date() - timedelta(days=days - 1)
    start = datetime.combine(first, datetime.min.time(), now.tzinfo)
    e = t.case_event.c
    day = (e.at - to_micros(start)) // 86_400_000_000
    query = (
        sa.select(day, e.what, sa.func.count())
        .where(e.at >= to_micros(start), e.what.in_((*OPENED, *CLEARED)))
        .group_by(day, e.what)
    )
    opened, cleared = [0] * days, [0] * days
    with desk.read() as conn:
        for index, what, number in conn.execute(query):
            if 0 <= index < days:
                (opened if what in OPENED else cleared)[int(index)] += number
    return [Flow(first + timedelta(days=i), opened[i], cleared[i]) for i in range(days)]


@dataclass(frozen=True)
class Step:
    """A case that was opened or closed."""

    at: datetime
    case: int
    detector: str
    title: str
    what: str
    by: str

    @property
    def opens(self) -> bool:
        """Tell whether the case was opened, not cleared."""
        return self.what in OPENED


def steps(desk: Desk, day: date) -> list[Step]:
    """Give what one day of the flow counts, in the order in which it happened."""
    start = datetime.combine(day, datetime.min.time(), UTC)
    e, c = t.case_event.c, t.case.c
    query = (
        sa.select(e.at, e.case_id, c.detector, c.title, e.what, e.by)
        .join_from(t.case_event, t.case, c.id == e.case_id)
        .where(e.at >= to_micros(start), e.at < to_micros(start + timedelta(days=1)))
        .where(e.what.in_((*OPENED, *CLEARED)))
        .order_by(e.at, e.id)
    )
    with desk.read() as conn:
        return [Step(from_micros(at), *rest) for at, *rest in conn.execute(query)]
