"""Sending: claim, send once, write down what was answered. What becomes of a cut-off call is unknown, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from actions import audit, cases
from actions import tables as t
from actions.cases import Step
from actions.desk import Desk
from actions.people import ENGINE, Person, require
from actions.plans import Intent
from actions.policy import policy_of, standstill
from actions.registry import action_type
from actions.rows import DONE, ids, intent_of, load, move_on
from actions.targets import Target, Targets, not_connected
from data.errors import SourceError
from ingest.adapter import WriteRequest, WriteResult

#: How long a sender may take before what it claimed is looked at again; transport time.
LEASE = timedelta(seconds=90)
ATTEMPTS = 5
#: A system that fails so often in a row is left alone, longer each time.
BREAKER_AFTER, BREAKER_LONGEST = 5, timedelta(minutes=5)


def send(desk: Desk, action_id: int, *, by: Person, targets: Targets) -> Step:
    """Claim an approved action and send it once; not done means that it is under way, done or held back."""
    require(desk, by, "send", f"action/{action_id}")
    with desk.read() as conn:
        row = load(conn, action_id)
    target = targets.get(row["system"])
    if target is None:
        return Step(action_id, row["status"], False, not_connected(targets, row["system"]))
    claimed = _claim(desk, action_id, by)
    if isinstance(claimed, Step):
        return claimed
    intent = intent_of(claimed)
    try:
        result = _call(target, intent, claimed["key"])
    except SourceError as error:
        request = intent.request or WriteRequest("GET", f"/{intent.connection}", {})
        outcome: Literal["unknown", "rejected"] = "rejected" if action_type(intent.type).internal else "unknown"
        result = WriteResult(outcome=outcome, request=request, response=str(error))
    return _record(desk, action_id, result, by)


def send_due(desk: Desk, targets: Targets, *, by: Person = ENGINE) -> int:
    """Look after what senders left behind, then send everything approved; returns how many actions moved."""
    moved = len(recover(desk))
    for action_id in ids(desk, t.action.c.status == "approved"):
        moved += send(desk, action_id, by=by, targets=targets).done
    return moved


def recover(desk: Desk) -> list[Step]:
    """Look after what a sender left behind: claimed but not sent goes back, sent without an answer is unknown."""
    a = t.action.c
    steps: list[Step] = []
    with desk.write() as conn:
        query = sa.select(t.action).where(a.status.in_(("claimed", "sent")), a.lease_until < desk.real_now)
        for row in conn.execute(query).mappings().all():
            status = "approved" if row["status"] == "claimed" else "unknown"
            words = (
                "its sender stopped before sending"
                if status == "approved"
                else "its sender stopped; a read-back decides"
            )
            move_on(conn, dict(row), status, outcome=words, lease_until=None)
            audit.note(conn, desk.now, ENGINE.name, ENGINE.entry, f"recovered_{status}", f"action/{row['id']}", {})
            steps.append(Step(row["id"], status, True, words))
    return steps


def _call(target: Target, intent: Intent, key: str) -> WriteResult:
    if intent.request is not None:
        return target.send(intent.request, key=key)
    streams = [str(stream) for stream in intent.expected["streams"]]
    received = sum(target.refresh(stream) for stream in streams)
    request = WriteRequest("GET", f"/{intent.connection}/{','.join(streams)}", {})
    return WriteResult(outcome="applied", request=request, response=f"{received} records received")


def _claim(desk: Desk, action_id: int, by: Person) -> Mapping[str, Any] | Step:
    """Claim it and mark it sent, each in its own commit: only what is marked may have reached the remote."""
    a = t.action.c
    other = t.action.alias("other")
    busy = sa.exists().where(
        other.c.system == a.system,
        other.c.target == a.target,
        other.c.id != a.id,
        sa.or_(
            other.c.status.in_(t.IN_FLIGHT),
            sa.and_(other.c.status == "approved", other.c.id < a.id),
        ),
    )
    real = desk.real_now
    lease = real + LEASE // timedelta(microseconds=1)
    with desk.write() as conn:
        row = load(conn, action_id)
        if row["status"] != "approved":
            return Step(action_id, row["status"], False, _already(row["status"]))
        held = standstill(conn) or _left_alone(conn, row["system"], real) or _ladder_forbids(conn, row)
        if held is not None:
            return Step(action_id, row["status"], False, held)
        free = sa.or_(a.not_before.is_(None), a.not_before <= real)
        took = conn.execute(
            sa.update(t.action)
            .where(a.id == action_id, a.version == row["version"], free, ~busy)
            .values(status="claimed", claimed_by=by.name, lease_until=lease, version=a.version + 1)
        )
        if took.rowcount == 0:
            return Step(
                action_id,
                row["status"],
                False,
                "it waits: another action on the same thing is first, or it was asked to wait",
            )
    with desk.write() as conn:
        row = load(conn, action_id)
        held = standstill(conn)
        if held is not None:
            move_on(conn, row, "approved", lease_until=None)
            return Step(action_id, "approved", False, held)
        now = desk.now
        move_on(conn, row, "sent", attempts=row["attempts"] + 1, sent_at=row["sent_at"] or now)
        cases.move(
            conn, row["case_id"], to="executing", when=t.case.c.status.in_(cases.WAITING), at=now, by=by.name,
            what="executing", detail={"action": action_id},
        )  # fmt: skip
        detail: dict[str, object] = {
            "attempt": row["attempts"] + 1,
            "key": row["key"],
            "request": intent_of(row).request and msgspec.to_builtins(intent_of(row).request),
        }
        audit.note(conn, now, by.name, by.entry, "sent", f"action/{action_id}", detail)
        return load(conn, action_id)


def _record(desk: Desk, action_id: int, result: WriteResult, by: Person) -> Step:
    """Write down what the remote answered; what came after its lease ran out is left to the read-back."""
    with desk.write() as conn:
        row = load(conn, action_id)
        if row["status"] != "sent":
            return Step(action_id, row["status"], False, "its lease ran out; a read-back decides")
        status, words, values = _judged(desk, row, result)
        if status == "confirmed":
            values["remote_id"] = result.remote_id
        move_on(conn, row, status, outcome=words, lease_until=None, **values)
        _breaker(
            conn, row["system"], desk.real_now, failed=result.outcome == "unknown" or result.retry_after is not None
        )
        now = desk.now
        detail: dict[str, object] = {
            "outcome": result.outcome, "http": result.status, "response": result.response[:500],
            "response_hash": sha256(result.response.encode()).hexdigest(), "status": status,
        }  # fmt: skip
        audit.note(conn, now, by.name, by.entry, "answered", f"action/{action_id}", detail)
        to = {"confirmed": "verifying", "failed": "open"}.get(status)
        if to is not None:
            cases.move(
                conn, row["case_id"], to=to, when=t.case.c.status == "executing", at=now, by=by.name, what=status,
                detail={"action": action_id, "answer": words},
            )  # fmt: skip
    return Step(action_id, status, status == "confirmed", words)


def _judged(desk: Desk, row: Mapping[str, Any], result: WriteResult) -> tuple[str, str, dict[str, Any]]:
    excerpt = result.response[:200]
    if result.retry_after is not None:
        if row["attempts"] >= ATTEMPTS:
            return "failed", f"given up after {row['attempts']} attempts: {excerpt}", {}
        wait = desk.real_now + int(result.retry_after * 1_000_000)
        return "approved", f"not done yet, to be tried again: {excerpt}", {"not_before": wait, "sent_at": None}
    match result.outcome:
        case "applied":
            return "confirmed", f"accepted: {excerpt}", {}
        case "stale":
            return "failed", f"the remote changed since it was read; plan anew: {excerpt}", {}
        case "rejected":
            return "failed", f"refused: {excerpt}", {}
        case _:
            return "unknown", f"nobody knows whether it was done; a read-back decides: {excerpt}", {}


def _already(status: str) -> str:
    if status == "planned":
        return "it is not approved yet"
    return f"already done: it is {status}" if status in (*DONE, "confirmed") else f"somebody was faster: it is {status}"


def _ladder_forbids(conn: sa.Connection, row: Mapping[str, Any]) -> str | None:
    step = policy_of(conn, row["type"]).ladder
    return None if step in ("approve", "auto") else f"{row['type']} stands on {step}: nothing is sent"


def _left_alone(conn: sa.Connection, system: str, real: int) -> str | None:
    until = conn.execute(sa.select(t.breaker.c.closed_until).where(t.breaker.c.system == system)).scalar()
    if until is None or until <= real:
        return None
    return f"{system} failed repeatedly and is left alone for {(until - real) // 1_000_000 + 1} s; the intent is kept"


def _breaker(conn: sa.Connection, system: str, real: int, *, failed: bool) -> None:
    b = t.breaker.c
    known = conn.execute(sa.select(b.failures).where(b.system == system)).scalar()
    failures = (known or 0) + 1 if failed else 0
    pause = 0
    if failures >= BREAKER_AFTER:
        seconds = min(2 ** (failures - BREAKER_AFTER), int(BREAKER_LONGEST.total_seconds()))
        pause = real + seconds * 1_000_000
    values = {"failures": failures, "closed_until": pause}
    if known is None:
        conn.execute(sa.insert(t.breaker).values(system=system, **values))
    else:
        conn.execute(sa.update(t.breaker).where(b.system == system).values(**values))
