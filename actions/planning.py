"""From a case to an intent: the card is planned from what the remote says now, approved by a person, or taken back.

The same intent bears the same idempotency key; planning anew after one came to its end makes a new key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import msgspec
import sqlalchemy as sa

from actions import audit, cases
from actions import tables as t
from actions.cases import Step
from actions.desk import Desk, kept_schedules
from actions.people import ENGINE, Person, require
from actions.plans import ActionType, Ask, Card, Draft, Drafted, Intent, Look
from actions.policy import Policy, policy_of, standstill
from actions.readback import document_of
from actions.registry import action_type
from actions.rows import DONE, intent_of, load, move_on
from actions.targets import Targets, target_of
from actions.under_way import drafted, overtaken
from actions.view import View, lateness
from data.errors import RequestError, SourceError
from data.events import Event, encode
from data.log.lookup import last_heard
from ingest import verbs
from ingest.adapter import Promise
from ingest.verbs import VerbMissing

_DAY = 86_400_000_000
TRIES_AGAIN = timedelta(minutes=15)  #: until the program tries a case again that it could not plan
_NOT_PLANNED = "not_planned"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A card, and the action that it became; None where it is blocked or needs no action."""

    card: Card | None
    action: int | None
    created: bool
    words: str


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
        RequestError: no such case or action, not allowed, no such choice, or the same intent with other parameters.
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
    choices = kind.chosen(choice or {})
    look = kind.look(case, view)
    remote = _look(desk, look, targets, halted=halted)
    with desk.read() as conn:
        earlier = drafted(conn, case["sku"]) if kind.brings_units else ()
    key = _key(f"case-{case_id}", chosen, remote, _revision(desk, case_id, chosen), earlier)
    reference = f"fillwell/case-{case_id}/{key[-10:]}"
    system = _system(targets, look.connection)
    ask = Ask(
        case=case, view=view, look=look, remote=remote, reference=reference, system=system, choice=choices,
        drafted=earlier,
    )  # fmt: skip
    try:
        draft = kind.plan(ask)
    except VerbMissing as missing:
        return Planned(card=None, action=None, created=False, words=f"blocked: {missing}")
    card = _card(desk, view, kind, draft, policy, reference, system)
    if kind.brings_units:
        card = msgspec.structs.replace(card, beside=_numbers(earlier))
    if card.blocked is not None:
        return Planned(card=card, action=None, created=False, words=f"blocked: {card.blocked}")
    return _store(desk, case, kind, look, draft, card, policy, key=key, by=by, system=system)


def plan_due(desk: Desk, view: View, targets: Targets, *, most: int = 20) -> int:
    """Plan what the program may plan by itself: cases whose suggested action is on `auto` (or only noted, in shadow).

    A case whose action failed or did not match waits for a person; one that could not be planned says why, and lets
    others come first for a while. Returns how many actions were made.
    """
    c, a, p = t.case.c, t.action.c, t.policy.c
    told = t.case_event.c
    tried = sa.exists().where(a.case_id == c.id, a.type == c.suggested, a.planned_at >= c.opened_at)
    rests = sa.exists().where(
        told.case_id == c.id, told.what == _NOT_PLANNED, told.at > desk.now - TRIES_AGAIN // timedelta(microseconds=1)
    )
    query = (
        sa.select(c.id)
        .join(t.policy, p.type == c.suggested)
        .where(p.ladder.in_(("auto", "shadow")), c.status.in_(("open", "regressed")), c.parent.is_(None))
        .where(c.shadow.is_(False), c.below_line.is_(False), ~tried, ~rests)
        .order_by(c.expected_loss_minor.desc(), c.id)
        .limit(most)
    )
    with desk.read() as conn:
        due = list(conn.execute(query).scalars())
    made = 0
    for case_id in due:
        try:
            planned = plan(desk, view, case_id, by=ENGINE, targets=targets)
        except (RequestError, SourceError) as error:
            planned = Planned(card=None, action=None, created=False, words=str(error))
        made += planned.created
        if planned.action is None:
            with desk.write() as conn:
                cases.tell(conn, case_id, at=desk.now, by=ENGINE.name, what=_NOT_PLANNED, detail={"why": planned.words})
    return made


def undo(desk: Desk, view: View, action_id: int, *, by: Person, targets: Targets) -> Planned:
    """Plan the command that takes an action back; it goes through the same gates.

    Raises:
        RequestError: the action cannot be taken back, or has not been done.
        SourceError: the remote could not be read.
    """
    require(desk, by, "undo", f"action/{action_id}")
    with desk.read() as conn:
        row, halted = load(conn, action_id), standstill(conn)
        case, policy = cases.load(conn, row["case_id"]), policy_of(conn, row["type"])
    kind, intent = action_type(row["type"]), intent_of(row)
    intent = msgspec.structs.replace(intent, system=intent.system or _system(targets, intent.connection))
    if kind.undo is None:
        raise RequestError(f"{kind.title.lower()} cannot be taken back: {kind.id} has no compensating command")
    if row["status"] not in ("verified", "confirmed", "mismatch"):
        raise RequestError(f"action {action_id} is {row['status']}: there is nothing to take back")
    known = intent.key or row["remote_id"] or _made(desk, intent, kind, row)
    look = Look(connection=intent.connection, stream=intent.stream, key=known)
    remote = _look(desk, look, targets, halted=halted)
    key = _key(f"undo-{action_id}", kind.id, remote, _revision(desk, row["case_id"], kind.id))
    reference = f"fillwell/undo-{action_id}/{key[-10:]}"
    draft = kind.undo(intent, remote, reference)
    card = _card(desk, view, kind, draft, policy, reference, intent.system)
    if draft.blocked is not None:
        return Planned(card=card, action=None, created=False, words=f"it cannot be taken back: {draft.blocked}")
    card = msgspec.structs.replace(card, blocked=None)
    return _store(desk, case, kind, look, draft, card, policy, key=key, by=by, undoes=action_id, system=intent.system)


def _made(desk: Desk, intent: Intent, kind: ActionType[Any], row: Mapping[str, Any]) -> str | None:
    """Name what an action made though its answer was lost."""
    found = document_of(desk, intent, kind, row)
    there = found is not None and (found.connection, found.stream) == (intent.connection, intent.stream)
    return found.key if found is not None and there else None


def approve(desk: Desk, action_id: int, *, by: Person) -> Step:
    """Approve an action; above the four-eyes value a person who did not plan it must, or two where a program did."""
    require(desk, by, "approve", f"action/{action_id}")
    with desk.write() as conn:
        return approve_in(conn, action_id, by, desk.now)


def approve_in(conn: sa.Connection, action_id: int, by: Person, now: int) -> Step:
    """Approve an action within a transaction; whoever calls it has made sure that the person may."""
    row = load(conn, action_id)
    held = _forbidden(conn, row)
    if held is not None:
        return Step(action_id, row["status"], False, held)
    before = _approvals(conn, action_id)
    if by.name not in before:
        conn.execute(sa.insert(t.approval).values(action_id=action_id, by=by.name, at=now))
        audit.note(conn, now, by.name, by.entry, "approved", f"action/{action_id}", {"case": row["case_id"]})
    if not _are_enough(row, before | {by.name}):
        return Step(action_id, "planned", False, _NEEDS_ANOTHER)
    move_on(conn, row, "approved", approved_at=now)
    cases.tell(conn, row["case_id"], at=now, by=by.name, what="approved", detail={"action": action_id})
    return Step(action_id, "approved", True, f"action {action_id} is approved")


def would_refuse(conn: sa.Connection, action_id: int, by: Person) -> str | None:
    """Say why this person's approval would not let a planned action be sent; None where it would."""
    row = load(conn, action_id)
    enough = _are_enough(row, _approvals(conn, action_id) | {by.name})
    return _forbidden(conn, row) or (None if enough else _NEEDS_ANOTHER)


_NEEDS_ANOTHER = "above the limit for one person: somebody else must approve it too"


def _forbidden(conn: sa.Connection, row: Mapping[str, Any]) -> str | None:
    if row["status"] != "planned":
        return f"it is already {row['status']}"
    ladder = policy_of(conn, row["type"]).ladder
    if ladder in ("off", "shadow", "draft"):
        return f"{row['type']} stands on {ladder}: cards are made, nothing is approved or sent"
    return overtaken(conn, row)


def _approvals(conn: sa.Connection, action_id: int) -> set[str]:
    return set(conn.execute(sa.select(t.approval.c.by).where(t.approval.c.action_id == action_id)).scalars())


def _are_enough(row: Mapping[str, Any], approvers: set[str]) -> bool:
    """Four eyes: above the limit it takes somebody who did not plan it, or two people where a program did."""
    needed = (2 if row["planned_by"] == ENGINE.name else 1) if row["needs_second"] else 0
    return len(approvers - {row["planned_by"]}) >= needed


def cancel(desk: Desk, action_id: int, *, by: Person, reason: str = "") -> Step:
    """Take back an intent that was not sent yet."""
    require(desk, by, "plan", f"action/{action_id}")
    with desk.write() as conn:
        row = load(conn, action_id)
        if row["status"] not in ("planned", "approved"):
            return Step(action_id, row["status"], False, f"too late: it is {row['status']}")
        move_on(conn, row, "cancelled", outcome=reason or "cancelled")
        audit.note(conn, desk.now, by.name, by.entry, "cancelled", f"action/{action_id}", {"reason": reason})
        if row["attempts"]:  # it was sent before and not done: nothing else ends its case's waiting for it
            cases.move(
                conn, row["case_id"], to="open", when=t.case.c.status == "executing", at=desk.now, by=by.name,
                what="cancelled", detail={"action": action_id},
            )  # fmt: skip
    return Step(action_id, "cancelled", True, f"action {action_id} is cancelled")


def _look(desk: Desk, look: Look, targets: Targets, *, halted: str | None) -> Event | None:
    """Read the thing now; while nothing may be called, take what the log last heard of it."""
    if look.key is None:
        return None
    if halted is not None:
        with desk.store.log.read() as conn:
            return last_heard(conn, look.connection, look.stream, look.key)
    return target_of(targets, look.connection).read_back(look.stream, look.key)


def _system(targets: Targets, connection: str) -> str:
    """Tell what kind of system a connection is; nothing where it is not connected."""
    return targets[connection].system if connection in targets else ""


def _key(origin: str, kind: str, remote: Event | None, revision: int, earlier: tuple[Drafted, ...] = ()) -> str:
    """Derive the idempotency key from the case, the action and the state that it was planned against.

    That state is the target's own and, for what brings units, which earlier drafts there are.
    """
    state = b"" if remote is None else encode(remote)
    beside = ",".join(map(str, _numbers(earlier)))
    parts = (origin.encode(), kind.encode(), state, str(revision).encode(), beside.encode())
    digest = blake2b(b"|".join(parts), digest_size=12)
    return f"fw-{origin}-{digest.hexdigest()}"


def _revision(desk: Desk, case_id: int, kind: str) -> int:
    """Count the intents of this kind that came to an end: planning anew after one makes a new key."""
    a = t.action.c
    query = sa.select(sa.func.count()).where(a.case_id == case_id, a.type == kind, a.status.in_(DONE))
    with desk.read() as conn:
        return int(conn.execute(query).scalar_one())


def promise_of(kind: ActionType[Any], draft: Draft, system: str) -> Promise:
    """Say why a repeat is harmless, and what of a race is left: the command's own word, else the system's."""
    if draft.repeat or draft.request is None or kind.internal:
        return Promise(repeat=draft.repeat)
    return verbs.promise(system, draft.request)


def _numbers(earlier: tuple[Drafted, ...]) -> tuple[int, ...]:
    return tuple(one.action for one in earlier)


def _card(
    desk: Desk, view: View, kind: ActionType[Any], draft: Draft, policy: Policy, reference: str, system: str
) -> Card:
    with desk.read() as conn:
        known = view if view.schedules else replace(view, schedules=kept_schedules(conn))
    late = sorted(f"{c}/{s}" for c, s in lateness(known) if s in kind.inputs)
    inputs = view.as_of(*kind.inputs) if kind.inputs else None
    age = None if inputs is None else max(0, int((view.now - inputs).total_seconds()))  # a source may know more by now
    hit, blocked = _limits(desk, policy, draft.value_minor)
    if late and draft.direction == "expansive":
        blocked = f"it would offer or order more on stale inputs ({', '.join(late)}); wait for them or act protectively"
    if draft.request is None and not kind.document and draft.blocked is None and not kind.internal:
        blocked = "it has nothing to send"
    promise = promise_of(kind, draft, system)
    return Card(
        type=kind.id, words=draft.words, request=draft.request, changes=draft.changes, why=draft.why,
        inputs_as_of=inputs, input_age_seconds=age, stale=tuple(late),
        direction=draft.direction, side_effects=draft.side_effects, reversible=draft.reversible, limits=tuple(hit),
        value_minor=draft.value_minor, currency=draft.currency, reference=reference,
        blocked=draft.blocked or blocked, repeat=promise.repeat, race=promise.race, free_units=draft.free_units,
    )  # fmt: skip


def _is_above(limit: int | None, value_minor: int | None) -> bool:
    """Tell whether a value may be above a limit: one that nobody knows may be."""
    return limit is not None and (value_minor is None or value_minor > limit)


def _limits(desk: Desk, policy: Policy, value_minor: int | None) -> tuple[list[str], str | None]:
    """Say which limits the action touches, and which of them forbids it."""
    hit: list[str] = []
    blocked = None
    worth = "what it is worth is not known" if value_minor is None else f"worth {value_minor} minor units"
    if _is_above(policy.second_above_minor, value_minor):
        above = "" if value_minor is None else f", above {policy.second_above_minor}"
        hit.append(f"{worth}{above}: a second person must approve")
    if _is_above(policy.most_minor, value_minor):
        blocked = f"{worth}; {policy.type} may move {policy.most_minor} at most"
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
    case: Mapping[str, Any],
    kind: ActionType[Any],
    look: Look,
    draft: Draft,
    card: Card,
    policy: Policy,
    *,
    key: str,
    by: Person,
    system: str,
    undoes: int | None = None,
) -> Planned:
    intent = Intent(
        type=kind.id, connection=look.connection, stream=look.stream, key=look.key, request=draft.request,
        expected=dict(draft.expected), reference=card.reference, system=system,
    )  # fmt: skip
    command = msgspec.json.encode(intent, order="sorted").decode()
    second = _is_above(policy.second_above_minor, draft.value_minor)
    status = "shadow" if policy.ladder == "shadow" else "planned"
    if policy.ladder == "auto" and not card.stale and not second:
        status = "approved"
    a, case_id = t.action.c, int(case["id"])
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
        if cases.load(conn, case_id)["version"] != case["version"]:
            words = f"somebody was faster: case {case_id} has changed since it was read"
            return Planned(card=card, action=None, created=False, words=words)
        if kind.brings_units and undoes is None and _numbers(drafted(conn, case["sku"])) != card.beside:
            words = f"somebody was faster: more of {case['sku']} was drafted meanwhile; plan it anew"
            return Planned(card=card, action=None, created=False, words=words)
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
                value_minor=draft.value_minor or 0, undoes=undoes, needs_second=second, planned_at=now,
                planned_by=by.name,
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
