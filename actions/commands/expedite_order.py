"""Expedite an order: its work takes the first place in the warehouse's pick wave; taking it back gives that up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from actions.desk import moment
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import OPEN_STAGES, View, number_of
from data.errors import RequestError
from data.events import Event, PriorityChange, WorkStated
from data.money import written
from ingest.adapter import WriteRequest
from ingest.verbs import Verbs

#: What is done next with work that stands in a status.
NEXT = {"released": "pick", "picking": "pick", "picked": "pack", "packed": "hand over"}
URGENT = 9  #: the highest priority that a warehouse knows


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the order's work that has stood still for longest, at the warehouse that does it."""
    order = case["order_id"]
    if order is None:
        raise RequestError(f"case {case['id']} is about a {case['kind']}; only an order can be picked first")
    work = (
        view.facts.frame("open_work")
        .filter((pl.col("entity") == order) & pl.col("status").is_in(OPEN_STAGES))
        .sort("priority", "status_since", "work")
    )
    if work.is_empty():
        raise RequestError(f"no warehouse has work on order {number_of(order)} that it could do sooner")
    return Look(connection=work["connection"][0], stream="work", key=work["work"][0])


def plan(ask: Ask) -> Draft:
    """Give the work the highest priority, against the version that was read."""
    work = _work(ask.remote, ask.look.key)
    wanted = int(ask.choice.get("priority", URGENT))
    if not 0 <= wanted <= URGENT:
        raise RequestError(f"a priority is 0 to {URGENT}, not {wanted}")
    case = ask.case
    return Draft(
        target=f"work/{work.work}",
        words=f"{work.location}: {NEXT.get(work.status, 'pick')} order {number_of(work.order)} first",
        direction="protective",
        request=_request(ask.verbs, work, wanted, ask.reference),
        changes=_changes(ask.look.connection, work, wanted),
        why=(
            _stake(case),
            _standing(work),
            *_promised(moment(case["deadline"]), ask.view.now),
        ),
        side_effects=("other orders at the same place go one place later; no customer is written to",),
        reversible="until it has left, by giving up its place",
        expected=_expected(work, wanted),
        value_minor=case["exposed_minor"],
        currency=case["currency"],
        blocked=_blocked(work, wanted),
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """Judge by the warehouse's own change record: it has our change, and nobody has taken it back."""
    if not isinstance(event, WorkStated):
        return Verdict(state="mismatch", words="the work is gone")
    wanted = int(intent.expected["priority"])
    seen: dict[str, object] = {
        "priority": event.priority,
        "status": event.status,
        "changes": [[c.at, c.before, c.after, c.reference] for c in event.changes],
    }
    mine = [c for c in event.changes if c.reference == intent.reference]
    if mine:
        return _by_record(event, wanted, mine[-1], seen)
    if event.priority == wanted:
        return Verdict(state="verified", words=f"its priority is {wanted}", seen=seen)
    words = f"its priority is {event.priority}, {wanted} was intended"
    is_untouched = event.priority == intent.expected["before"]
    return Verdict(state="absent" if is_untouched else "mismatch", words=words, seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Give the work its old priority back, unless somebody has changed it since or it has left."""
    work = _work(event, intent.key)
    wanted, before = int(intent.expected["priority"]), int(intent.expected["before"])
    moved = f"its priority has changed since: {wanted} was set, it is {work.priority}"
    return Draft(
        target=f"work/{work.work}",
        words=f"{work.location}: give order {number_of(work.order)} its old place in the pick wave",
        direction="protective",
        request=_request(intent.verbs, work, before, reference),
        changes=_changes(intent.connection, work, before),
        why=("takes back an earlier action", _standing(work)),
        side_effects=("what was picked meanwhile stays picked",),
        reversible="until it has left, by setting it again",
        expected=_expected(work, before),
        blocked=moved if work.priority != wanted else _blocked(work, before),
    )


def _by_record(event: WorkStated, wanted: int, mine: PriorityChange, seen: Mapping[str, object]) -> Verdict:
    if mine.after != wanted:
        return Verdict(state="mismatch", words=f"its record says {mine.after}, {wanted} was intended", seen=seen)
    if event.priority != wanted:
        later = event.changes[-1]
        who = later.reference or "somebody without a reference"
        words = f"set to {wanted}, then to {event.priority} by {who}"
        return Verdict(state="mismatch", words=words, seen=seen)
    words = f"its own record says priority {mine.before} → {mine.after} by us; it is {event.status}"
    return Verdict(state="verified", words=words, seen=seen)


def _work(event: Event | None, key: str | None) -> WorkStated:
    if not isinstance(event, WorkStated):
        raise RequestError(f"the warehouse has no work {key}; nothing can be picked first")
    return event


def _request(verbs: Verbs, work: WorkStated, priority: int, reference: str) -> WriteRequest | None:
    if work.version is None:
        return None
    return verbs.set_priority(work.work, priority, expected_version=work.version, reference=reference)


def _changes(connection: str, work: WorkStated, priority: int) -> tuple[Change, ...]:
    return (Change(system=connection, thing=work.work, field="priority", before=work.priority, after=priority),)


def _expected(work: WorkStated, priority: int) -> dict[str, object]:
    return {"priority": priority, "before": work.priority, "work": work.work, "location": work.location}


def _blocked(work: WorkStated, priority: int) -> str | None:
    if work.status not in OPEN_STAGES:
        return f"it is {work.status} already"
    if work.version is None:
        return "the warehouse states no version of it; read its work again"
    if work.priority == priority:
        return f"its priority is {priority} already; ask {work.location} what holds it up"
    return None


def _standing(work: WorkStated) -> str:
    since = "" if work.status_since is None else f" since {work.status_since:%-d %b %H:%M} UTC"
    return f"{work.status} at {work.location}{since}"


def _promised(deadline: datetime | None, now: datetime) -> tuple[str, ...]:
    if deadline is None:
        return ()
    late = " (past)" if deadline < now else ""
    return (f"promised to leave by {deadline:%-d %b %H:%M} UTC{late}",)


def _stake(case: Mapping[str, Any]) -> str:
    risk, value = (written(case[name], case["currency"]) for name in ("expected_loss_minor", "exposed_minor"))
    return f"{risk} at risk of {value} not shipped"


ACTION: ActionType[None] = ActionType(
    id="expedite_order",
    title="Expedite order",
    inputs=("orders", "work"),
    choices={"priority": int},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    shows_after=timedelta(hours=30),  # picked in the next wave, it leaves at the next cut-off
)
