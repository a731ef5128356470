"""What may be done without asking: the ladder of each action type, its limits, the kill switch and dry-run mode.

off → shadow → draft → approve → auto. The last step takes 20 verified actions and none wrong; any mismatch drops a
type one step. In dry-run mode and while paused no remote is called at all, and every intent is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from actions import audit
from actions import tables as t
from actions.desk import Desk, read_setting, write_setting
from actions.people import Person, require
from actions.registry import action_type, action_types
from data.errors import RequestError

LADDER = ("off", "shadow", "draft", "approve", "auto")
FIRST_STEP = "draft"  #: plan cards are made from the start; nothing is sent until an admin lets it
TRUSTED_AFTER = 20  #: verified actions, none wrong, before a type may act by itself

PAUSED, DRY_RUN = "paused", "dry_run"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One action type's freedom; None is no limit."""

    type: str
    ladder: str = FIRST_STEP
    most_minor: int | None = None
    most_a_day: int | None = None
    second_above_minor: int | None = None
    verified: int = 0
    wrong: int = 0


def policies(desk: Desk) -> list[Policy]:
    """Give the policy of every action type there is."""
    with desk.read() as conn:
        return [policy_of(conn, name) for name in action_types()]


def policy_of(conn: sa.Connection, name: str) -> Policy:
    """Give the policy of one action type, the first step where nobody chose."""
    row = conn.execute(sa.select(t.policy).where(t.policy.c.type == name)).mappings().first()
    return Policy(type=name) if row is None else Policy(**row)


def set_policy(desk: Desk, name: str, *, by: Person, **values: Any) -> Policy:  # noqa: ANN401 -- a Policy's fields
    """Change an action type's ladder or limits.

    Raises:
        RequestError: no such type or step, not allowed, or `auto` before it is trusted.
    """
    require(desk, by, "administer", f"policy/{name}")
    action_type(name)
    ladder = values.get("ladder")
    if ladder is not None and ladder not in LADDER:
        raise RequestError(f"there is no step {ladder!r}; the ladder is {' → '.join(LADDER)}")
    with desk.write() as conn:
        before = policy_of(conn, name)
        if ladder == "auto" and (before.verified < TRUSTED_AFTER or before.wrong):
            raise RequestError(
                f"{name} cannot act by itself yet: {before.verified} verified and {before.wrong} wrong since its last "
                f"step; {TRUSTED_AFTER} and 0 are needed"
            )
        if ladder not in (None, before.ladder, "auto"):
            values = {**values, "verified": 0, "wrong": 0}
        _write(conn, name, values)
        audit.note(conn, desk.now, by.name, by.entry, "policy_set", f"policy/{name}", dict(values))
        return policy_of(conn, name)


def count_verified(conn: sa.Connection, name: str) -> None:
    """Count an action that was verified."""
    _write(conn, name, {"verified": policy_of(conn, name).verified + 1})


def count_wrong(conn: sa.Connection, name: str) -> str:
    """Count a mismatch: the type drops a step and begins again; gives the step it is on now."""
    before = policy_of(conn, name)
    step = LADDER[max(LADDER.index(before.ladder) - 1, min(LADDER.index(before.ladder), LADDER.index("draft")))]
    _write(conn, name, {"verified": 0, "wrong": before.wrong + 1, "ladder": step})
    return step


def pause(desk: Desk, *, by: Person, reason: str = "") -> None:
    """Stop every remote call at once; intents are kept."""
    require(desk, by, "pause", "outbox")
    _switch(desk, PAUSED, value=True, by=by, what="paused", reason=reason)


def resume(desk: Desk, *, by: Person) -> None:
    """Let remote calls happen again."""
    require(desk, by, "resume", "outbox")
    _switch(desk, PAUSED, value=False, by=by, what="resumed", reason="")


def set_dry_run(desk: Desk, *, on: bool, by: Person) -> None:
    """Turn dry-run mode on or off: cards as usual, no remote call."""
    require(desk, by, "administer", "outbox")
    _switch(desk, DRY_RUN, value=on, by=by, what="dry_run", reason="")


def standstill(conn: sa.Connection) -> str | None:
    """Say why no remote may be called now; None where it may."""
    if read_setting(conn, PAUSED):
        return "paused by the kill switch: nothing is sent or read until it is resumed; intents are kept"
    if read_setting(conn, DRY_RUN):
        return "dry-run mode: nothing is sent or read; the card shows what would be"
    return None


def _switch(desk: Desk, name: str, *, value: bool, by: Person, what: str, reason: str) -> None:
    with desk.write() as conn:
        write_setting(conn, name, value)
        audit.note(conn, desk.now, by.name, by.entry, what, "outbox", {"on": value, "reason": reason})


def _write(conn: sa.Connection, name: str, values: dict[str, Any]) -> None:
    if not values:
        return
    if conn.execute(sa.update(t.policy).where(t.policy.c.type == name).values(**values)).rowcount == 0:
        conn.execute(sa.insert(t.policy).values(**{"type": name, "ladder": FIRST_STEP, **values}))
