"""The outbox: an intent is planned, approved, claimed, sent, recorded and read back; it is done when that shows it.

planned → approved → claimed → sent → confirmed | unknown → verified | mismatch | failed | cancelled
(a type in shadow only notes what it would have done)

Each step is one conditional update, so twenty hands on one case make one effect. What became of a call that was cut
off is *unknown*: nothing is sent again before a read-back has decided. The same intent sent again bears the same key;
planning anew makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b, sha256
from typing import Any

import msgspec
import sqlalchemy as sa

from actions import audit, cases
from actions import tables as t
from actions.cases import Step
from actions.desk import Desk, as_json, moment, plain
from actions.people import ENGINE, Person, require
from actions.plans import ActionType, Ask, Card, Draft, Intent, Look, Moved, Verdict, moved_since
from actions.policy import Policy, count_verified, count_wrong, policy_of, standstill
from actions.registry import action_type
from actions.targets import Target, Targets, find_event, last_known, target_of
from actions.view import View, lateness
from data.clock import from_micros
from data.errors import RequestError, SourceError
from data.events import Event, encode
from data.publish import open_facts
from ingest.adapter import WriteRequest, WriteResult

#: How long a sender may take before what it claimed is looked at again; transport time.
LEASE = timedelta(seconds=90)
ATTEMPTS = 5
#: A system that fails so often in a row is left alone, longer each time.
BREAKER_AFTER, BREAKER_LONGEST = 5, timedelta(minutes=5)
#: When a verified action is read a second time: a change that was put back later is found then.
RECHECK = timedelta(minutes=5)
WAVES = (1, 10)  #: a bulk run tries one, then ten, then the rest

DONE = ("verified", "mismatch", "failed", "cancelled", "shadow")
_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A card, and the action that it became; None where it is blocked or needs no action."""

    card: Card | None
    action: int | None
    created: bool
    words: str


# ---------------------------------------------------------------- plan


def plan(
    desk: Desk,
    view: View,
    case_id: int,
    *,
    by: Person,
    targets: Targets,
    type: str | None = None,  # noqa: A002 -- the word that the command line and the desk use
    choice: Mapping[str, int | str] | None = None,
) -> Planned:
    """Plan a correction of a case from what the remote says now. Nothing is changed anywhere.

    Raises:
        RequestError: no such case or action, not allowed, or the same intent with other parameters.
        SourceError: the remote could not be read.
    """
    require(desk, by, "plan", f"case/{case_id}")
    with desk.read() as conn:
        case, halted = cases.load(conn, case_id), standstill(conn)
        chosen = type or case["suggested"]
        if chosen is None:
            raise RequestError(f"case {case_id} has no action of its own; choose one with --type")
        kind, policy = action_type(chosen), policy_of(conn, chosen)
    if case["status"] not in cases.WAITING:
        return Planned(
            card=None, action=None, created=False, words=f"case {case_id} is {case['status']}: already taken care of"
        )
    if policy.ladder == "off":
        raise RequestError(
            f"{chosen} is off; an admin turns it on: `fillwell actions policy {chosen} --ladder approve`"
        )
    look = kind.look(case, view)
    remote = _look(desk, look, targets, halted=halted)
    key = _key(f"case-{case_id}", chosen, remote, _revision(desk, case_id, chosen))
    reference = f"fillwell/case-{case_id}/{key[-10:]}"
    draft = kind.plan(Ask(case=case, view=view, look=look, remote=remote, reference=reference, choice=choice or {}))
    card = _card(desk, view, kind, draft, policy, reference)
    if card.blocked is not None:
        return Planned(card=card, action=None, created=False, words=f"blocked: {card.blocked}")
    return _store(desk, case_id, kind, look, draft, card, policy, key=key, by=by)


def _look(desk: Desk, look: Look, targets: Targets, *, halted: str | None) -> Event | None:
    """Read the thing now; while nothing may be called, take what the log last heard of it."""
    if look.key is None:
        return None
    if halted is not None:
        return None if look.entity is None else last_known(desk.store, look.entity, look.connection)
    return target_of(targets, look.connection).read_back(look.stream, look.key)


def _key(origin: str, kind: str, remote: Event | None, revision: int) -> str:
    """Derive the idempotency key from the case, the action and the state of the target that it was planned against."""
    state = b"" if remote is None else encode(remote)
    digest = blake2b(b"|".join((origin.encode(), kind.encode(), state, str(revision).encode())), digest_size=12)
    return f"fw-{origin}-{digest.hexdigest()}"


def _revision(desk: Desk, case_id: int, kind: str) -> int:
    """Count the intents of this kind that came to an end: planning anew after one makes a new key."""
    a = t.action.c
    query = sa.select(sa.func.count()).where(a.case_id == case_id, a.type == kind, a.status.in_(DONE))
    with desk.read() as conn:
        return int(conn.execute(query).scalar_one())


def _card(desk: Desk, view: View, kind: ActionType[Any], draft: Draft, policy: Policy, reference: str) -> Card:
    late = sorted(f"{c}/{s}" for c, s in lateness(view) if s in kind.inputs)
    inputs = view.as_of(*kind.inputs) if kind.inputs else None
    hit, blocked = _limits(desk, policy, draft.value_minor)
    if late and draft.direction == "expansive":
        blocked = f"it would offer or order more on stale inputs ({', '.join(late)}); wait for them or act protectively"
    if draft.request is None and not kind.document and draft.blocked is None and kind.id != "replay_feed":
        blocked = "it has nothing to send"
    return Card(
        type=kind.id, words=draft.words, request=draft.request, changes=draft.changes, why=draft.why,
        inputs_as_of=inputs, input_age_seconds=None if inputs is None else int((view.now - inputs).total_seconds()),
        stale=tuple(late), direction=draft.direction, side_effects=draft.side_effects, reversible=draft.reversible,
        limits=tuple(hit), value_minor=draft.value_minor, currency=draft.currency, reference=reference,
        blocked=draft.blocked or blocked,
    )  # fmt: skip


def _limits(desk: Desk, policy: Policy, value_minor: int) -> tuple[list[str], str | None]:
    """Say which limits the action touches, and which of them forbids it."""
    hit: list[str] = []
    blocked = None
    if policy.second_above_minor is not None and value_minor > policy.second_above_minor:
        hit.append(f"worth {value_minor} minor units, above {policy.second_above_minor}: a second person must approve")
    if policy.most_minor is not None and value_minor > policy.most_minor:
        blocked = f"worth {value_minor} minor units; {policy.type} may move {policy.most_minor} at most"
    if policy.most_a_day is not None:
        a = t.action.c
        counted = sa.select(sa.func.count()).where(
            a.type == policy.type, a.planned_at > desk.now - _DAY, a.status.not_in(("cancelled", "shadow"))
        )
        with desk.read() as conn:
            today = int(conn.execute(counted).scalar_one())
        if today >= policy.most_a_day:
            blocked = f"{today} of {policy.type} in the last 24 hours; {policy.most_a_day} are allowed"
    return hit + ([blocked] if blocked else []), blocked


def _store(
    desk: Desk,
    case_id: int,
    kind: ActionType[Any],
    look: Look,
    draft: Draft,
    card: Card,
    policy: Policy,
    *,
    key: str,
    by: Person,
    undoes: int | None = None,
) -> Planned:
    intent = Intent(
        type=kind.id, connection=look.connection, stream=look.stream, key=look.key, request=draft.request,
        expected=dict(draft.expected), reference=card.reference,
    )  # fmt: skip
    command = msgspec.json.encode(intent, order="sorted").decode()
    second = policy.second_above_minor is not None and draft.value_minor > policy.second_above_minor
    status = "shadow" if policy.ladder == "shadow" else "planned"
    if policy.ladder == "auto" and not card.stale and not second:
        status = "approved"
    a = t.action.c
    with desk.write() as conn:
        now = desk.now
        same = conn.execute(sa.select(a.id, a.command, a.status).where(a.key == key)).first()
        if same is not None:
            if same.command != command:
                raise RequestError(
                    f"action {same.id} already stands for this case and this state of {draft.target} with other "
                    f"parameters; cancel it first (`fillwell actions cancel {same.id}`)"
                )
            return Planned(
                card=card, action=same.id, created=False, words=f"action {same.id} is {same.status}: already planned"
            )
        other = conn.execute(
            sa.select(a.id, a.status).where(a.case_id == case_id, a.target == draft.target, a.status.not_in(DONE))
        ).first()
        if other is not None and other.status != "planned":
            return Planned(
                card=card,
                action=other.id,
                created=False,
                words=f"action {other.id} is {other.status}: already under way",
            )
        if other is not None:
            conn.execute(
                sa.update(t.action)
                .where(a.id == other.id)
                .values(status="cancelled", outcome="replaced by a newer plan")
            )
            audit.note(conn, now, by.name, by.entry, "replaced", f"action/{other.id}", {"case": case_id})
        made = conn.execute(
            sa.insert(t.action).values(
                key=key, case_id=case_id, type=kind.id, system=look.connection, target=draft.target, command=command,
                plan=msgspec.json.encode(card).decode(), status=status, direction=draft.direction,
                value_minor=draft.value_minor, undoes=undoes, needs_second=second, planned_at=now, planned_by=by.name,
                approved_at=now if status == "approved" else None,
            )
        )  # fmt: skip
        number = int(made.inserted_primary_key[0])  # type: ignore[index]
        detail: dict[str, object] = {
            "case": case_id,
            "type": kind.id,
            "words": draft.words,
            "status": status,
            "key": key,
        }
        audit.note(conn, now, by.name, by.entry, "planned", f"action/{number}", detail)
        cases.tell(conn, case_id, at=now, by=by.name, what="planned", detail={"action": number, "words": draft.words})
    return Planned(card=card, action=number, created=True, words=f"action {number}: {draft.words}")


# ---------------------------------------------------------------- decide


def approve(desk: Desk, action_id: int, *, by: Person) -> Step:
    """Approve an action; above the four-eyes value a person who did not plan it must, or two where a program did."""
    require(desk, by, "approve", f"action/{action_id}")
    with desk.write() as conn:
        row = load(conn, action_id)
        policy = policy_of(conn, row["type"])
        if row["status"] != "planned":
            return Step(action_id, row["status"], False, f"it is already {row['status']}")
        if policy.ladder in ("off", "shadow", "draft"):
            words = f"{row['type']} stands on {policy.ladder}: cards are made, nothing is approved or sent"
            return Step(action_id, row["status"], False, words)
        now = desk.now
        before = set(conn.execute(sa.select(t.approval.c.by).where(t.approval.c.action_id == action_id)).scalars())
        if by.name not in before:
            conn.execute(sa.insert(t.approval).values(action_id=action_id, by=by.name, at=now))
            audit.note(conn, now, by.name, by.entry, "approved", f"action/{action_id}", {"case": row["case_id"]})
        others = (before | {by.name}) - {row["planned_by"]}
        needed = (2 if row["planned_by"] == ENGINE.name else 1) if row["needs_second"] else 0
        if len(others) < needed:
            return Step(
                action_id, "planned", False, "above the limit for one person: somebody else must approve it too"
            )
        _set(conn, row, "approved", approved_at=now)
        cases.tell(conn, row["case_id"], at=now, by=by.name, what="approved", detail={"action": action_id})
    return Step(action_id, "approved", True, f"action {action_id} is approved")


def cancel(desk: Desk, action_id: int, *, by: Person, reason: str = "") -> Step:
    """Take back an intent that was not sent yet."""
    require(desk, by, "plan", f"action/{action_id}")
    with desk.write() as conn:
        row = load(conn, action_id)
        if row["status"] not in ("planned", "approved"):
            return Step(action_id, row["status"], False, f"too late: it is {row['status']}")
        _set(conn, row, "cancelled", outcome=reason or "cancelled")
        audit.note(conn, desk.now, by.name, by.entry, "cancelled", f"action/{action_id}", {"reason": reason})
    return Step(action_id, "cancelled", True, f"action {action_id} is cancelled")


# ---------------------------------------------------------------- send


def send(desk: Desk, action_id: int, *, by: Person, targets: Targets) -> Step:
    """Claim an approved action and send it once; not done means that it is under way, done or held back."""
    require(desk, by, "send", f"action/{action_id}")
    with desk.read() as conn:
        target = target_of(targets, load(conn, action_id)["system"])
    claimed = _claim(desk, action_id, by)
    if isinstance(claimed, Step):
        return claimed
    intent = _intent(claimed)
    try:
        result = _call(target, intent, claimed["key"])
    except SourceError as error:
        request = intent.request or WriteRequest("", "", {})
        result = WriteResult(outcome="unknown", request=request, response=str(error))
    return _record(desk, action_id, intent, result, by)


def _call(target: Target, intent: Intent, key: str) -> WriteResult:
    if intent.request is not None:
        return target.send(intent.request, key=key)
    received = target.refresh(intent.stream)
    request = WriteRequest("GET", f"/{intent.connection}/{intent.stream}", {})
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
            _set(conn, row, "approved", lease_until=None)
            return Step(action_id, "approved", False, held)
        now = desk.now
        _set(conn, row, "sent", attempts=row["attempts"] + 1, sent_at=row["sent_at"] or now)
        cases.move(
            conn, row["case_id"], to="executing", when=t.case.c.status.in_(cases.WAITING), at=now, by=by.name,
            what="executing", detail={"action": action_id},
        )  # fmt: skip
        detail: dict[str, object] = {
            "attempt": row["attempts"] + 1,
            "key": row["key"],
            "request": _intent(row).request and msgspec.to_builtins(_intent(row).request),
        }
        audit.note(conn, now, by.name, by.entry, "sent", f"action/{action_id}", detail)
        return load(conn, action_id)


def _record(desk: Desk, action_id: int, intent: Intent, result: WriteResult, by: Person) -> Step:
    """Write down what the remote answered; what came after its lease ran out is left to the read-back."""
    with desk.write() as conn:
        row = load(conn, action_id)
        if row["status"] != "sent":
            return Step(action_id, row["status"], False, "its lease ran out; a read-back decides")
        status, words, values = _judged(desk, row, result)
        if status == "confirmed" and result.remote_id is not None:
            stored = msgspec.structs.replace(intent, remote_id=result.remote_id)
            values["command"] = msgspec.json.encode(stored, order="sorted").decode()
        _set(conn, row, status, outcome=words, lease_until=None, **values)
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
        return "approved", f"not done yet, to be tried again: {excerpt}", {"not_before": wait}
    match result.outcome:
        case "applied":
            return "confirmed", f"accepted: {excerpt}", {}
        case "stale":
            return "failed", f"the remote changed since it was read; plan anew: {excerpt}", {}
        case "rejected":
            return "failed", f"refused: {excerpt}", {}
        case _:
            return "unknown", f"nobody knows whether it was done; a read-back decides: {excerpt}", {}


# ---------------------------------------------------------------- verify


def verify(desk: Desk, action_id: int, *, by: Person, targets: Targets) -> Step:
    """Read the remote back and judge. Done means that the read-back decided something."""
    require(desk, by, "verify", f"action/{action_id}")
    with desk.read() as conn:
        row, halted = load(conn, action_id), standstill(conn)
    if row["status"] not in ("confirmed", "unknown", "verified"):
        return Step(action_id, row["status"], False, f"there is nothing to verify: it is {row['status']}")
    if halted is not None:
        return Step(action_id, row["status"], False, halted)
    intent, kind = _intent(row), action_type(row["type"])
    try:
        event = _read_back(desk, intent, kind, row, target_of(targets, row["system"]))
    except SourceError as error:
        return Step(action_id, row["status"], False, f"it could not be read back: {error}")
    verdict = kind.verify(intent, event, _moved(desk, intent, row))
    return _conclude(desk, row, kind, verdict, by)


def _read_back(
    desk: Desk, intent: Intent, kind: ActionType[Any], row: Mapping[str, Any], target: Target
) -> Event | None:
    key = intent.key or intent.remote_id
    if key is not None:
        return target.read_back(intent.stream, key)
    target.refresh(intent.stream)
    if kind.document is None:
        return None
    return find_event(
        desk.store, kind.document, row["sent_at"] or 0, lambda e: getattr(e, "reference", None) == intent.reference
    )


def _moved(desk: Desk, intent: Intent, row: Mapping[str, Any]) -> Moved:
    """Look up what was sold since, where the quantity is one that sales move."""
    if row["type"] != "set_listing_quantity" or row["sent_at"] is None:
        return Moved()
    try:
        facts = open_facts(desk.store)
    except RequestError:
        return Moved()
    expected = intent.expected
    return moved_since(facts, expected["channel"], expected["sku"], from_micros(row["sent_at"]))


def _conclude(desk: Desk, row: Mapping[str, Any], kind: ActionType[Any], verdict: Verdict, by: Person) -> Step:
    """Turn a verdict into the action's next status."""
    with desk.write() as conn:
        now = desk.now
        if load(conn, row["id"])["version"] != row["version"]:
            current = load(conn, row["id"])["status"]
            return Step(row["id"], current, False, f"somebody was faster: it is {current}")
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
        _set(conn, row, status, **values)
        audit.note(
            conn, now, by.name, by.entry, f"read_back_{status}", f"action/{row['id']}",
            {"verdict": verdict.state, "words": verdict.words, "seen": dict(verdict.seen)},
        )  # fmt: skip
        _after(conn, row, status, verdict, now, by, again=row["status"] == "verified")
    return Step(row["id"], status, status in ("verified", "mismatch"), words)


def _next(row: Mapping[str, Any], kind: ActionType[Any], verdict: Verdict, *, settled: bool) -> tuple[str, str]:
    if verdict.state == "verified":
        return "verified", f"verified: {verdict.words}"
    if not settled:
        return row["status"], f"not visible yet ({verdict.words}); it has {kind.settle} to show"
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
            _close_write_back(conn, row, now)
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
        _open_write_back(conn, row, verdict, now)
    elif status == "failed":
        cases.move(
            conn, case_id, to="open", when=t.case.c.status == "executing", at=now, by=by.name, what="failed",
            detail={"action": row["id"], "why": verdict.words},
        )  # fmt: skip


WRITE_BACK = "X50"  #: the remote did not do what it said


def _open_write_back(conn: sa.Connection, row: Mapping[str, Any], verdict: Verdict, now: int) -> None:
    c = t.case.c
    subject = f"{row['system']}/{row['target']}"
    live = conn.execute(
        sa.select(c.id).where(c.detector == WRITE_BACK, c.subject == subject, c.status.in_(cases.LIVE))
    ).scalar()
    about = conn.execute(sa.select(t.case).where(c.id == row["case_id"])).mappings().one()
    evidence = as_json({"action": row["id"], "case": row["case_id"], "read_back": verdict.words, "seen": verdict.seen})
    if live is not None:
        conn.execute(sa.update(t.case).where(c.id == live).values(evidence=evidence, seen_at=now))
        cases.tell(conn, live, at=now, by="outbox", what="again", detail={"action": row["id"]})
        return
    newest = sa.select(sa.func.coalesce(sa.func.max(c.generation), 0)).where(
        c.detector == WRITE_BACK, c.subject == subject
    )
    copied = ("channel", "location", "sku", "order_id", "currency", "probability", "cost_of_delay_minor", "shadow")
    made = conn.execute(
        sa.insert(t.case).values(
            **{name: about[name] for name in copied}, detector=WRITE_BACK, subject=subject, status="open",
            generation=int(conn.execute(newest).scalar_one()) + 1, owner="integrations",
            title=f"{row['system']} said yes and did not do it: {verdict.words}", kind=about["kind"],
            object_id=about["object_id"], ours=row["command"], remote=as_json(verdict.seen), evidence=evidence,
            members="[]",
            exposed_minor=about["exposed_minor"], expected_loss_minor=about["expected_loss_minor"], suppressed=0,
            below_line=False, publication=about["publication"], opened_at=now, seen_at=now, status_at=now,
        )
    )  # fmt: skip
    number = int(made.inserted_primary_key[0])  # type: ignore[index]
    x = t.exposure.c
    lines = conn.execute(sa.select(x.line, x.exposed_minor, x.expected_loss_minor).where(x.case_id == row["case_id"]))
    cases.write_exposures(conn, number, [(line, exposed, loss) for line, exposed, loss in lines])
    cases.tell(conn, number, at=now, by="outbox", what="opened", detail={"action": row["id"]})


def _close_write_back(conn: sa.Connection, row: Mapping[str, Any], now: int) -> None:
    """A later write to the same thing that was verified proves that the remote does what it says again."""
    c = t.case.c
    subject = f"{row['system']}/{row['target']}"
    live = sa.select(c.id).where(c.detector == WRITE_BACK, c.subject == subject, c.status.in_(cases.LIVE))
    for number in conn.execute(live).scalars().all():
        proof = {"why": "a later write was verified", "action": row["id"], "at": moment(now)}
        cases.move(
            conn, number, to="resolved", when=c.status.in_(cases.LIVE), at=now, by="outbox", what="resolved",
            detail=proof, proof=as_json(proof),
        )  # fmt: skip


# ---------------------------------------------------------------- undo


def undo(desk: Desk, view: View, action_id: int, *, by: Person, targets: Targets) -> Planned:
    """Plan the command that takes an action back; it goes through the same gates.

    Raises:
        RequestError: the action cannot be taken back, or has not been done.
        SourceError: the remote could not be read.
    """
    require(desk, by, "undo", f"action/{action_id}")
    with desk.read() as conn:
        row, halted = load(conn, action_id), standstill(conn)
        policy = policy_of(conn, row["type"])
    kind, intent = action_type(row["type"]), _intent(row)
    if kind.undo is None:
        raise RequestError(f"{kind.title.lower()} cannot be taken back: {kind.id} has no compensating command")
    if row["status"] not in ("verified", "confirmed", "mismatch"):
        raise RequestError(f"action {action_id} is {row['status']}: there is nothing to take back")
    look = Look(connection=intent.connection, stream=intent.stream, key=intent.key or intent.remote_id)
    remote = _look(desk, look, targets, halted=halted)
    key = _key(f"undo-{action_id}", kind.id, remote, _revision(desk, row["case_id"], kind.id))
    reference = f"fillwell/undo-{action_id}/{key[-10:]}"
    draft = kind.undo(intent, remote, reference)
    card = _card(desk, view, kind, draft, policy, reference)
    if draft.blocked is not None:
        return Planned(card=card, action=None, created=False, words=f"it cannot be taken back: {draft.blocked}")
    card = msgspec.structs.replace(card, blocked=None)
    return _store(desk, row["case_id"], kind, look, draft, card, policy, key=key, by=by, undoes=action_id)


# ---------------------------------------------------------------- the worker


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
            _set(conn, dict(row), status, outcome=words, lease_until=None)
            audit.note(conn, desk.now, ENGINE.name, ENGINE.entry, f"recovered_{status}", f"action/{row['id']}", {})
            steps.append(Step(row["id"], status, True, words))
    return steps


def work(desk: Desk, *, targets: Targets, by: Person = ENGINE) -> list[Step]:
    """Do what is due: recover, read back what is open, look twice at what was verified, send what is approved."""
    steps = recover(desk)
    a = t.action.c
    due = sa.and_(a.status == "verified", a.recheck_at.is_not(None), a.recheck_at <= desk.now)
    for action_id in _ids(desk, sa.or_(a.status.in_(("confirmed", "unknown")), due)):
        steps.append(verify(desk, action_id, by=by, targets=targets))
    for action_id in _ids(desk, a.status == "approved"):
        steps.append(send(desk, action_id, by=by, targets=targets))
    return steps


def bulk(desk: Desk, action_ids: Sequence[int], *, by: Person, targets: Targets) -> list[Step]:
    """Approve, send and verify many: one, then ten, then the rest; it stops at the first mismatch.

    Run it again to go on after a stop: what is done says so and is not done twice.
    """
    results: list[Step] = []
    start = 0
    for size in (*WAVES, len(action_ids)):
        for action_id in action_ids[start : start + size]:
            step = _through(desk, action_id, by, targets)
            results.append(step)
            if step.status == "mismatch" and step.done:
                rest = action_ids[len(results) :]
                return results + [Step(i, "held", False, f"held back: action {action_id} did not match") for i in rest]
        start += size
    return results


def _through(desk: Desk, action_id: int, by: Person, targets: Targets) -> Step:
    with desk.read() as conn:
        status = load(conn, action_id)["status"]
    if status in DONE:
        return Step(action_id, status, False, f"it is already {status}")
    if status == "planned":
        approved = approve(desk, action_id, by=by)
        if not approved.done:
            return approved
    sent = send(desk, action_id, by=by, targets=targets)
    if sent.status not in ("confirmed", "unknown"):
        return sent
    return verify(desk, action_id, by=by, targets=targets)


# ---------------------------------------------------------------- look


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
    times = ("planned_at", "approved_at", "lease_until", "not_before", "sent_at", "verified_at", "recheck_at")
    return plain(row, times=times, documents=("command", "plan", "read_back"))


def load(conn: sa.Connection, action_id: int) -> Mapping[str, Any]:
    """Read an action's row.

    Raises:
        RequestError: there is no such action.
    """
    row = conn.execute(sa.select(t.action).where(t.action.c.id == action_id)).mappings().first()
    if row is None:
        raise RequestError(f"there is no action {action_id}; `fillwell actions list` shows those there are")
    return dict(row)


def _ids(desk: Desk, when: sa.ColumnElement[bool]) -> list[int]:
    with desk.read() as conn:
        return list(conn.execute(sa.select(t.action.c.id).where(when).order_by(t.action.c.id)).scalars())


def _intent(row: Mapping[str, Any]) -> Intent:
    return msgspec.json.decode(row["command"], type=Intent)


def _set(conn: sa.Connection, row: Mapping[str, Any], status: str, **values: Any) -> None:  # noqa: ANN401 -- columns
    """Move an action on; the caller read the row in this same transaction."""
    conn.execute(
        sa.update(t.action)
        .where(t.action.c.id == row["id"])
        .values(status=status, version=t.action.c.version + 1, **values)
    )


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
