"""Rows of the outbox: reading one, moving one on, showing one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from actions import tables as t
from actions.desk import Desk, plain
from actions.plans import Intent
from data.errors import RequestError

#: An action in one of these has come to its end.
DONE = ("verified", "mismatch", "failed", "cancelled", "shadow")
#: Every status that an action can have, in the order of its life.
STATUSES = ("planned", "approved", *t.IN_FLIGHT, *DONE)

_TIMES = ("planned_at", "approved_at", "lease_until", "not_before", "sent_at", "verified_at", "recheck_at")
_DOCUMENTS = ("command", "plan", "read_back")


def load(conn: sa.Connection, action_id: int) -> dict[str, Any]:
    """Read an action's row.

    Raises:
        RequestError: there is no such action.
    """
    row = conn.execute(sa.select(t.action).where(t.action.c.id == action_id)).mappings().first()
    if row is None:
        raise RequestError(f"there is no action {action_id}; `fillwell actions list` shows those there are")
    return dict(row)


def actions(
    desk: Desk, *, status: str | None = None, case: int | None = None, limit: int = 500
) -> list[dict[str, Any]]:
    """List actions, the newest first."""
    a = t.action.c
    query = sa.select(t.action).order_by(a.id.desc()).limit(limit)
    if status is not None:
        query = query.where(a.status == status)
    if case is not None:
        query = query.where(a.case_id == case)
    with desk.read() as conn:
        return [shown(dict(row)) for row in conn.execute(query).mappings()]


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a stored action into values that a person or a program can read."""
    found = plain(row, times=_TIMES, documents=_DOCUMENTS)
    # The column holds a number for every action; the card says whether anybody knows it.
    return found | ({"value_minor": found["plan"]["value_minor"]} if found.get("plan") else {})


def intent_of(row: Mapping[str, Any]) -> Intent:
    """Read the command as it is stored."""
    return msgspec.json.decode(row["command"], type=Intent)


def move_on(conn: sa.Connection, row: Mapping[str, Any], status: str, **values: Any) -> None:  # noqa: ANN401 -- columns
    """Give an action its next status; the caller read the row in this same transaction."""
    conn.execute(
        sa.update(t.action)
        .where(t.action.c.id == row["id"])
        .values(status=status, version=t.action.c.version + 1, **values)
    )


def ids(desk: Desk, when: sa.ColumnElement[bool]) -> list[int]:
    """List the ids of some actions, the oldest first."""
    with desk.read() as conn:
        return list(conn.execute(sa.select(t.action.c.id).where(when).order_by(t.action.c.id)).scalars())
