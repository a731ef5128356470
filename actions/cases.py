"""Cases: opened by what detectors find twice, kept up to date, closed with proof, worked by people.

A change of status is one conditional update and a history row; *somebody was faster* is a return value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from actions import audit
from actions import tables as t
from actions.desk import Desk, as_json, plain
from actions.people import Person, require
from data.clock import to_micros
from data.errors import RequestError

#: A case in one of these is somebody's work, and in these it is nobody's any more.
LIVE = ("open", "claimed", "snoozed", "executing", "verifying", "regressed")
ENDED = ("resolved", "dismissed")
#: From these a person may take it, put it off or dismiss it.
WAITING = ("open", "claimed", "snoozed", "regressed")
#: A case that returns within this time is the old one, regressed; what was dismissed stays quiet as long.
REGRESSION = timedelta(days=14)
#: Business hours until the queue's default shift ends, where nobody says otherwise.
SHIFT = timedelta(hours=8)

_TIMES = ("deadline", "opened_at", "seen_at", "status_at", "snoozed_until")
_DOCUMENTS = ("ours", "remote", "evidence", "members", "proof")


@dataclass(frozen=True)
class Step:
    """What became of a request; `done` is false where somebody else was faster or something forbids it."""

    id: int
    status: str
    done: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What to show of the queue; None shows all."""

    detector: str | None = None
    status: str | None = None
    channel: str | None = None
    location: str | None = None
    sku: str | None = None
    owner: str | None = None
    assignee: str | None = None
    shadow: bool = False  #: also cases of detectors in their first week
    below_line: bool = False  #: also cases beyond the daily budget
    children: bool = False  #: also cases counted under another
    closed: bool = False  #: resolved and dismissed ones instead of live ones


@dataclass(frozen=True)
class Headline:
    """Money at risk, each order line counted once, at its largest case."""

    currency: str
    exposed_minor: int
    expected_loss_minor: int
    cases: int


def queue(desk: Desk, filters: Filters | None = None, *, shift_end: datetime | None = None) -> list[dict[str, Any]]:
    """List cases: what costs most until the shift ends first, then by deadline."""
    chosen = filters or Filters()
    now = desk.clock()
    hours = max((shift_end or now + SHIFT) - now, timedelta()) / timedelta(hours=1)
    with desk.read() as conn:
        found = [_shown(dict(row)) for row in conn.execute(_filtered(chosen, to_micros(now))).mappings()]
    for row in found:
        row["lost_by_shift_end_minor"] = min(round(row["cost_of_delay_minor"] * hours), row["expected_loss_minor"])
    far = datetime.max.replace(tzinfo=UTC)
    return sorted(
        found,
        key=lambda r: (
            -r["lost_by_shift_end_minor"],
            r["deadline"] or far,
            -r["exposed_minor"],
            r["id"],
        ),
    )


def there_are(desk: Desk, what: str) -> list[str]:
    """Name every channel, location or sku that a case, live or ended, is about."""
    named = t.case.c[what]
    with desk.read() as conn:
        return list(conn.execute(sa.select(named).where(named.is_not(None)).distinct().order_by(named)).scalars())


def show(desk: Desk, case_id: int) -> dict[str, Any]:
    """Give one case with its history, its lines and its actions.

    Raises:
        RequestError: there is no such case.
    """
    with desk.read() as conn:
        row = load(conn, case_id)
        history = conn.execute(
            sa.select(t.case_event).where(t.case_event.c.case_id == case_id).order_by(t.case_event.c.id)
        ).mappings()
        events = [plain(dict(e), times=("at",), documents=("detail",)) for e in history]
        lines = conn.execute(
            sa.select(t.exposure).where(t.exposure.c.case_id == case_id).order_by(t.exposure.c.line)
        ).mappings()
        acts = conn.execute(
            sa.select(t.action.c.id, t.action.c.type, t.action.c.status, t.action.c.target, t.action.c.outcome)
            .where(t.action.c.case_id == case_id)
            .order_by(t.action.c.id)
        ).mappings()
        return {
            **_shown(row),
            "history": events,
            "lines": [dict(line) for line in lines],
            "actions": [dict(act) for act in acts],
        }


def headline(desk: Desk) -> list[Headline]:
    """Sum the money at risk by currency; the same line in two cases counts in its largest one only."""
    c, x = t.case.c, t.exposure.c
    rank = sa.func.row_number().over(
        partition_by=(c.currency, x.line),
        order_by=(x.expected_loss_minor.desc(), x.exposed_minor.desc(), x.case_id),
    )
    live = sa.and_(c.status.in_(LIVE), c.shadow.is_(False))
    ranked = (
        sa.select(c.currency, x.exposed_minor, x.expected_loss_minor, rank.label("rank"))
        .join(t.case, c.id == x.case_id)
        .where(live)
        .subquery()
    )
    sums = (
        sa.select(
            ranked.c.currency,
            sa.func.sum(ranked.c.exposed_minor),
            sa.func.sum(ranked.c.expected_loss_minor),
        )
        .where(ranked.c.rank == 1)
        .group_by(ranked.c.currency)
    )
    with desk.read() as conn:
        tally = sa.select(c.currency, sa.func.count()).where(live, c.parent.is_(None)).group_by(c.currency)
        counted: dict[str, int] = {currency: number for currency, number in conn.execute(tally)}  # noqa: C416 -- typed
        money = {currency: (int(exposed), int(loss)) for currency, exposed, loss in conn.execute(sums)}
    return [
        Headline(currency, *money.get(currency, (0, 0)), counted.get(currency, 0))
        for currency in sorted(counted.keys() | money.keys())
    ]


def claim(desk: Desk, case_id: int, *, by: Person) -> Step:
    """Take a case; not done means somebody else has it."""
    require(desk, by, "work", f"case/{case_id}")
    free = sa.or_(
        t.case.c.status.in_(("open", "regressed", "snoozed")),
        sa.and_(t.case.c.status == "claimed", t.case.c.assignee == by.name),
    )
    return _change(desk, case_id, by, "claimed", free, {"assignee": by.name}, {"assignee": by.name})


def snooze(desk: Desk, case_id: int, *, by: Person, until: datetime, reason: str) -> Step:
    """Put a case off until a time, for a reason; it is kept up to date meanwhile.

    Raises:
        RequestError: no reason, or a time that has passed.
    """
    require(desk, by, "work", f"case/{case_id}")
    _given(reason, "snooze")
    if to_micros(until) <= desk.now:
        raise RequestError(f"cannot snooze until {until.isoformat()}: that time has passed")
    values = {"snoozed_until": to_micros(until), "reason": reason}
    return _change(
        desk, case_id, by, "snoozed", t.case.c.status.in_(WAITING), values, {"until": until, "reason": reason}
    )


def dismiss(desk: Desk, case_id: int, *, by: Person, reason: str) -> Step:
    """Say that it is not a problem, and why; it stays quiet while it lasts.

    Raises:
        RequestError: no reason.
    """
    require(desk, by, "work", f"case/{case_id}")
    _given(reason, "dismiss")
    return _change(desk, case_id, by, "dismissed", t.case.c.status.in_(WAITING), {"reason": reason}, {"reason": reason})


def load(conn: sa.Connection, case_id: int) -> Mapping[str, Any]:
    """Read a case's row.

    Raises:
        RequestError: there is no such case.
    """
    row = conn.execute(sa.select(t.case).where(t.case.c.id == case_id)).mappings().first()
    if row is None:
        raise RequestError(f"there is no case {case_id}; `fillwell cases list` shows those there are")
    return dict(row)


def move(
    conn: sa.Connection,
    case_id: int,
    *,
    to: str,
    when: sa.ColumnElement[bool],
    at: int,
    by: str,
    what: str,
    detail: Mapping[str, object],
    **values: object,
) -> bool:
    """Change a case's status if it is still as expected, with a history row; False means it was not."""
    changed = conn.execute(
        sa.update(t.case)
        .where(t.case.c.id == case_id, when)
        .values(status=to, status_at=at, version=t.case.c.version + 1, **values)
    )
    if changed.rowcount == 0:
        return False
    tell(conn, case_id, at=at, by=by, what=what, detail=detail)
    return True


def tell(conn: sa.Connection, case_id: int, *, at: int, by: str, what: str, detail: Mapping[str, object]) -> None:
    """Add a row to a case's history."""
    conn.execute(sa.insert(t.case_event).values(case_id=case_id, at=at, by=by, what=what, detail=as_json(detail)))


def _change(
    desk: Desk,
    case_id: int,
    by: Person,
    to: str,
    when: sa.ColumnElement[bool],
    values: Mapping[str, object],
    detail: Mapping[str, object],
) -> Step:
    with desk.write() as conn:
        now = desk.now
        done = move(conn, case_id, to=to, when=when, at=now, by=by.name, what=to, detail=detail, **values)
        row = load(conn, case_id)
        if done:
            audit.note(conn, now, by.name, by.entry, f"case_{to}", f"case/{case_id}", dict(detail))
    holder = f" by {row['assignee']}" if row["assignee"] else ""
    words = f"case {case_id} is {to}" if done else f"somebody was faster: it is {row['status']}{holder}"
    return Step(case_id, row["status"], done, words)


def _given(reason: str, verb: str) -> None:
    if not reason.strip():
        raise RequestError(f"to {verb} a case, give a reason: it tunes the detector and is read by the next one")


def _filtered(chosen: Filters, now: int) -> sa.Select[Any]:
    c = t.case.c
    query = sa.select(t.case)
    for name in ("detector", "status", "channel", "location", "sku", "owner", "assignee"):
        if (value := getattr(chosen, name)) is not None:
            query = query.where(c[name] == value)
    if chosen.status is None:
        query = query.where(c.status.in_(ENDED if chosen.closed else LIVE))
        if not chosen.closed:
            query = query.where(sa.or_(c.status != "snoozed", c.snoozed_until <= now))
    if not chosen.shadow:
        query = query.where(c.shadow.is_(False))
    if not chosen.below_line:
        query = query.where(c.below_line.is_(False))
    if not chosen.children:
        query = query.where(c.parent.is_(None))
    return query


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = plain(row, times=_TIMES, documents=_DOCUMENTS)
    shown["probability_basis"] = None if shown["probability"] is None else "assumed"
    shown["subjects"] = shown["members"] or [shown["subject"]]
    return shown


def exposures(lines: str) -> list[tuple[str, int, int]]:
    """Read a finding's lines: (key, exposed, expected loss), each key once."""
    found: dict[str, tuple[int, int]] = {}
    for key, exposed, loss in json.loads(lines):
        before = found.get(key, (0, 0))
        found[key] = (before[0] + exposed, before[1] + loss)
    return [(key, *money) for key, money in found.items()]


def write_exposures(conn: sa.Connection, case_id: int, lines: Sequence[tuple[str, int, int]]) -> None:
    """Replace what a case puts at risk."""
    conn.execute(sa.delete(t.exposure).where(t.exposure.c.case_id == case_id))
    if lines:
        conn.execute(
            sa.insert(t.exposure),
            [
                {"case_id": case_id, "line": key, "exposed_minor": exposed, "expected_loss_minor": loss}
                for key, exposed, loss in lines
            ],
        )
