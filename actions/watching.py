"""What is watched for, and whose cases people see: a detector's first week is only noted, until somebody lets it speak.

What a new detector would have put into the queue is its preview: a person looks at it and enables the detector, or
waits until its first week is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from actions import audit
from actions import tables as t
from actions.cases import LIVE
from actions.desk import Desk, read_setting, write_setting
from actions.people import Person, require
from actions.registry import detectors
from data.clock import from_micros
from data.errors import RequestError

ENABLED = "enabled_detectors"
FIRST_WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A detector that only notes what it finds, and how many live cases it has noted."""

    id: str
    title: str
    cases: int
    until: datetime  #: when its first week is over and its cases come into the queue by themselves


def noted(desk: Desk) -> list[Noted]:
    """Give the detectors whose live cases nobody sees yet, the most cases first."""
    c, d = t.case.c, t.detector.c
    query = (
        sa.select(c.detector, sa.func.count().label("cases"), sa.func.min(d.since).label("since"))
        .select_from(t.case.outerjoin(t.detector, d.id == c.detector))
        .where(c.shadow.is_(True), c.status.in_(LIVE), c.parent.is_(None), c.below_line.is_(False))
        .group_by(c.detector)
    )
    with desk.read() as conn:
        rows = conn.execute(query).all()
    return sorted(
        (
            Noted(
                id=row.detector,
                title=detectors()[row.detector].title if row.detector in detectors() else row.detector,
                cases=row.cases,
                until=from_micros(desk.now if row.since is None else row.since) + FIRST_WEEK,
            )
            for row in rows
        ),
        key=lambda one: (-one.cases, one.id),
    )


def enabled(conn: sa.Connection) -> frozenset[str]:
    """Give the detectors that somebody let speak before their first week was over."""
    return frozenset(read_setting(conn, ENABLED) or ())


def enable(desk: Desk, names: Sequence[str], *, by: Person) -> int:
    """Bring what these detectors found, and find from now on, into the queue; returns how many cases came.

    Raises:
        RequestError: no such detector, or not allowed.
    """
    for name in names:
        if name not in detectors():
            raise RequestError(f"there is no detector {name!r}; there are: {', '.join(detectors())}")
        require(desk, by, "administer", f"detector/{name}")
    c, came = t.case.c, 0
    with desk.write() as conn:
        before = enabled(conn)
        write_setting(conn, ENABLED, sorted({*before, *names}))
        for name in names:
            shown = conn.execute(
                sa.update(t.case)
                .where(c.detector == name, c.shadow.is_(True), c.status.in_(LIVE))
                .values(shadow=False, version=c.version + 1)
            ).rowcount
            came += shown
            if shown or name not in before:
                audit.note(conn, desk.now, by.name, by.entry, "enabled", f"detector/{name}", {"cases": shown})
    return came
