"""Reading back: an action is done when the remote itself shows it, and is looked at a second time a while later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from actions import audit, cases
from actions import tables as t
from actions.cases import Step
from actions.desk import Desk, as_json, moment
from actions.people import ENGINE, Person, require
from actions.plans import ActionType, Intent, Meanwhile, Verdict, sold_since
from actions.policy import count_verified, count_wrong, standstill
from actions.registry import action_type, action_types
from actions.rows import ids, intent_of, load, move_on
from actions.sending import ATTEMPTS
from actions.targets import OWN, Document, Target, Targets, find_document, not_connected
from actions.write_back import close_case, open_case
from data.clock import from_micros
from data.errors import RequestError, SourceError
from data.events import Event
from data.log.status import statuses
from data.publish import open_facts

#: When a verified action is read a second time: a change that was put back later is found then.
RECHECK = timedelta(minutes=5)


def verify(desk: Desk, action_id: int, *, by: Person, targets: Targets) -> Step:
    """Read the remote back and judge. Done means that the read-back decided something."""
    require(desk, by, "verify", f"action/{action_id}")
    with desk.read() as conn:
        row, halted = load(conn, action_id), standstill(conn)
        later = _later(conn, row)
    if row["status"] not in ("confirmed", "unknown", "verified"):
        return Step(action_id, row["status"], False, f"there is nothing to verify: it is {row['status']}")
    if later is not None:
        return _yield_to(desk, row, later, by)
    target = targets.get(row["system"])
    if halted is not None or target is None:
        return Step(action_id, row["status"], False, halted or not_connected(targets, row["system"]))
    intent, kind = intent_of(row), action_type(row["type"])
    try:
        verdict, fresh = _judge(desk, intent, kind, row, target)
        if verdict.state != "verified" and not fresh and not kind.internal:
            target.refresh(intent.stream)
            verdict, fresh = _judge(desk, intent, kind, row, target)
    except SourceError as error:
        return Step(action_id, row["status"], False, f"it could not be read back: {error}")
    if verdict.state != "verified" and not fresh and not kind.internal:
        words = f"{intent.connection}/{intent.stream} still serves data from before the write: {verdict.words}"
        return Step(action_id, row["status"], False, words)
    return _conclude(desk, row, kind, verdict, by)


def _judge(
    desk: Desk, intent: Intent, kind: ActionType[Any], row: Mapping[str, Any], target: Target
) -> tuple[Verdict, bool]:
    """Read back and judge; false where the stream's own word for its freshness is older than the write."""
    event = _read_back(desk, intent, kind, row, target)
    meanwhile = _meanwhile(desk, intent, row)
    as_of = meanwhile.as_of.get((intent.connection, intent.stream))
    return kind.verify(intent, event, meanwhile), as_of is None or as_of >= meanwhile.sent_at


def verify_due(desk: Desk, targets: Targets, *, by: Person = ENGINE) -> int:
    """Read back what is open, and a second time what was verified a while ago; returns how many were decided."""
    a = t.action.c
    again = sa.and_(a.status == "verified", a.recheck_at.is_not(None), a.recheck_at <= desk.now)
    due = ids(desk, sa.or_(a.status.in_(("confirmed", "unknown")), again))
    return sum(verify(desk, action_id, by=by, targets=targets).done for action_id in due)


def _comes_after(next_one: sa.FromClause) -> sa.ColumnElement[bool]:
    """Match what takes an action back, or was sent after it was verified and set the same thing anew.

    Before an action is verified nothing else on its thing is sent, so only what takes it back can come after it.
    """
    a, n = t.action.c, next_one.c
    setters = [kind.id for kind in action_types().values() if kind.sets_its_target]
    both_set_it = sa.and_(n.system == a.system, n.target == a.target, a.type.in_(setters), n.type.in_(setters))
    later = sa.or_(n.sent_at > a.verified_at, sa.and_(n.sent_at == a.verified_at, n.id > a.id))
    return sa.or_(n.undoes == a.id, sa.and_(both_set_it, later))


def _later(conn: sa.Connection, row: Mapping[str, Any]) -> sa.Row[Any, Any] | None:
    """Find the action that has changed the same thing since: what a read-back shows is that one's work."""
    n = t.action.alias("next_one")
    query = (
        sa.select(n.c.id, n.c.status)
        .select_from(t.action.join(n, _comes_after(n)))
        .where(t.action.c.id == row["id"], n.c.status.in_((*t.IN_FLIGHT, "verified")))
        .order_by(n.c.id)
    )
    return conn.execute(query).first()


def _yield_to(desk: Desk, row: Mapping[str, Any], later: sa.Row[Any, Any], by: Person) -> Step:
    """Judge no more what a later action has changed; what was taken back before it was ever seen ends as that."""
    words = f"action {later.id} came after it: what stands there now is that one's"
    if row["status"] == "verified" or later.status != "verified":
        return Step(row["id"], row["status"], False, words)
    with desk.write() as conn:
        if load(conn, row["id"])["version"] != row["version"]:
            return Step(row["id"], row["status"], False, "somebody was faster")
        words = f"taken back by action {later.id} before it was read back"
        move_on(conn, row, "cancelled", outcome=words)
        audit.note(conn, desk.now, by.name, by.entry, "taken_back", f"action/{row['id']}", {"by": later.id})
    return Step(row["id"], "cancelled", True, words)


def _read_back(
    desk: Desk, intent: Intent, kind: ActionType[Any], row: Mapping[str, Any], target: Target
) -> Event | None:
    if kind.internal:
        return None
    key = intent.key or row["remote_id"]
    if key is not None:
        return target.read_back(intent.stream, key)
    target.refresh(intent.stream)
    found = document_of(desk, intent, kind, row)
    return None if found is None else found.event


def document_of(desk: Desk, intent: Intent, kind: ActionType[Any], row: Mapping[str, Any]) -> Document | None:
    """Find in the log what an action made: our reference is its own; what is known otherwise came after it was sent."""
    if kind.document is None:
        return None
    finds = kind.finds or _bears_our_reference
    since = row["sent_at"] if kind.finds else row["planned_at"]
    return find_document(desk.store, kind.document, since or 0, lambda event: finds(intent, event))


def _bears_our_reference(intent: Intent, event: Event) -> bool:
    return getattr(event, "reference", None) == intent.reference


def _meanwhile(desk: Desk, intent: Intent, row: Mapping[str, Any]) -> Meanwhile:
    """Look up how fresh the streams are, and what was sold since where the quantity is one that sales move."""
    with desk.store.log.read() as conn:
        as_of = {(s.connection, s.stream): at for s in statuses(conn) if (at := s.as_of or s.succeeded_at) is not None}
    now, expected = desk.clock(), intent.expected
    sent_at = from_micros(row["sent_at"] or desk.now)
    told = Meanwhile(now=now, sent_at=sent_at, verified_before=row["verified_at"] is not None, as_of=as_of)
    own = intent.connection == OWN
    if "quantity" not in expected and not own:
        return told
    try:
        facts = open_facts(desk.store)
    except RequestError:  # nothing was published yet, so no sale is known either
        return told
    if own:
        return replace(told, facts=facts)
    sold, returned, orders = sold_since(facts, expected["channel"], expected["sku"], sent_at)
    return replace(told, sold=sold, returned=returned, orders=orders)


def _conclude(desk: Desk, row: Mapping[str, Any], kind: ActionType[Any], verdict: Verdict, by: Person) -> Step:
    """Turn a verdict into the action's next status."""
    with desk.write() as conn:
        now = desk.now
        if load(conn, row["id"])["version"] != row["version"]:
            current = load(conn, row["id"])["status"]
            return Step(row["id"], current, False, f"somebody was faster: it is {current}")
        later = None if verdict.state == "verified" else _later(conn, row)
        if later is not None:
            return Step(row["id"], row["status"], False, f"action {later.id} came in between: look again")
        read = as_json({"state": verdict.state, "words": verdict.words, "seen": verdict.seen, "at": moment(now)})
        settled = now - (row["sent_at"] or now) >= kind.settle // timedelta(microseconds=1)
        status, words = _next(row, kind, verdict, settled=settled)
        if status == row["status"] and status != "verified":
            return Step(row["id"], status, False, words)
        values: dict[str, Any] = {"read_back": read}
        if status == "verified":
            again = row["status"] == "verified"
            values["recheck_at"] = None if again else now + RECHECK // timedelta(microseconds=1)
            values["verified_at"] = row["verified_at"] or now
        elif status == "approved":
            values["sent_at"] = None  # the next attempt has its own time to show
        move_on(conn, row, status, **values)
        audit.note(
            conn, now, by.name, by.entry, f"read_back_{status}", f"action/{row['id']}",
            {"verdict": verdict.state, "words": verdict.words, "seen": dict(verdict.seen)},
        )  # fmt: skip
        if status == "verified":
            _relieve(conn, row)
        _after(conn, row, status, verdict, now, by, again=row["status"] == "verified")
    return Step(row["id"], status, status in ("verified", "mismatch"), words)


def _relieve(conn: sa.Connection, row: Mapping[str, Any]) -> None:
    """End the second looks at what this action has taken back or set anew."""
    a, this_one = t.action.c, t.action.alias("this_one")
    after = sa.exists().where(this_one.c.id == row["id"], _comes_after(this_one))
    conn.execute(sa.update(t.action).where(a.status == "verified", after).values(recheck_at=None))


def _next(row: Mapping[str, Any], kind: ActionType[Any], verdict: Verdict, *, settled: bool) -> tuple[str, str]:
    if verdict.state == "verified":
        return "verified", f"verified: {verdict.words}"
    if not settled:
        return row["status"], f"not visible yet ({verdict.words}); it has {kind.settle} to show"
    if kind.internal:
        return "failed", verdict.words
    if row["status"] in ("confirmed", "verified"):
        return "mismatch", f"the remote said yes, but {verdict.words}"
    return _after_unknown(row, kind, verdict)


def _after_unknown(row: Mapping[str, Any], kind: ActionType[Any], verdict: Verdict) -> tuple[str, str]:
    """Decide what follows where nobody knew whether it was done and the read-back does not show it."""
    if verdict.state == "mismatch":
        return "mismatch", f"its outcome was unknown, and now {verdict.words}"
    if not kind.idempotent:
        return "failed", f"it was not done ({verdict.words}), and this remote keeps no keys: plan anew"
    if row["attempts"] >= ATTEMPTS:
        return "failed", f"given up after {row['attempts']} attempts: {verdict.words}"
    return "approved", f"it was not done ({verdict.words}); it may be sent again under the same key"


def _after(
    conn: sa.Connection, row: Mapping[str, Any], status: str, verdict: Verdict, now: int, by: Person, *, again: bool
) -> None:
    """Tell the case, the ladder and, where the remote did not do what it said, open a case about that."""
    case_id = row["case_id"]
    if status == "verified":
        if not again:
            count_verified(conn, row["type"])
            cases.move(
                conn, case_id, to="verifying", when=t.case.c.status.in_(("executing", "verifying")), at=now, by=by.name,
                what="fix_verified", detail={"action": row["id"], "read_back": verdict.words},
            )  # fmt: skip
            c = t.case.c
            seen = sa.select(c.detector, c.subject).where(c.id == case_id)
            for detector, subject in conn.execute(seen):
                conn.execute(
                    sa.delete(t.sighting).where(t.sighting.c.detector == detector, t.sighting.c.subject == subject)
                )
            close_case(conn, row, now)
        return
    if status == "mismatch":
        step = count_wrong(conn, row["type"])
        detail = {"action": row["id"], "why": verdict.words, "ladder": step}
        cases.move(
            conn,
            case_id,
            to="open",
            when=t.case.c.status.in_(cases.LIVE),
            at=now,
            by=by.name,
            what="mismatch",
            detail=detail,
        )
        open_case(conn, row, verdict, now)
    elif status == "failed":
        cases.move(
            conn, case_id, to="open", when=t.case.c.status == "executing", at=now, by=by.name, what="failed",
            detail={"action": row["id"], "why": verdict.words},
        )  # fmt: skip
