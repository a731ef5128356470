"""Let an order's shipment take its stock, as far as it is there; nothing is forced. Taking it back gives that up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, WorkStated

WAITING = ("released", "backordered")
TAKEN = ("picking", "picked", "packed", "shipped")


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the order's work that has waited longest for its stock."""
    order = case["order_id"]
    work = view.facts.frame("open_work").filter((pl.col("entity") == order) & pl.col("status").is_in(WAITING))
    waiting = work.filter(~pl.col("allocated").fill_null(value=False))
    if order is None or work.is_empty():
        raise RequestError(f"case {case['id']} names no order whose work waits for stock")
    first = (waiting if waiting.height else work).sort("status_since", "work").to_dicts()[0]
    return Look(connection=first["connection"], stream="shipments", key=first["work"])


def plan(ask: Ask) -> Draft:
    """Ask the warehouse to assign it."""
    work = _work(ask.remote, ask.look.key)
    units = ", ".join(f"{u.units} of {u.sku}" for u in work.lines)
    return Draft(
        target=f"work/{work.work}",
        words=f"{ask.look.connection}: assign stock at {work.location} to order {number_of(work.order)}",
        direction="expansive",
        request=ask.verbs.assign_shipment(work.work, reference=ask.reference),
        changes=(_change(ask.look.connection, work, after=True),),
        why=(f"it wants {units}", "what is not there stays open; nothing is forced"),
        side_effects=("other orders can no longer take these units",),
        reversible="until it is picked, by giving the stock back",
        expected={"work": work.work, "before": work.status, "allocated": True},
        value_minor=ask.case["exposed_minor"],
        currency=ask.case["currency"],
        blocked=_blocked(work),
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The work has its stock, or is further on; for an undo, it waits without any."""
    if not isinstance(event, WorkStated):
        return Verdict(state="mismatch", words="the shipment is gone")
    seen: dict[str, object] = {"status": event.status, "allocated": event.allocated}
    has = "has its stock" if event.allocated else "has not all of its stock"
    words = f"it is {event.status} and {has}"
    if not intent.expected["allocated"]:
        given_back = event.status == "released" and not event.allocated
        return Verdict(state="verified" if given_back else "absent", words=words, seen=seen)
    in_part = event.status == "backordered" and intent.expected["before"] == "released"
    if event.allocated or event.status in TAKEN or in_part:
        return Verdict(state="verified", words=f"{words}: the rest waits" if in_part else words, seen=seen)
    return Verdict(state="absent", words=words, seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Give the stock back, as long as nothing of it is picked."""
    work = _work(event, intent.key)
    return Draft(
        target=f"work/{work.work}",
        words=f"{intent.connection}: give the stock of order {number_of(work.order)} at {work.location} back",
        direction="protective",
        request=intent.verbs.unassign_shipment(work.work),
        changes=(_change(intent.connection, work, after=False),),
        why=("takes back an earlier action", f"reference {reference}"),
        side_effects=("other orders can take these units",),
        reversible="by assigning it again, as far as the stock is there then",
        expected={"work": work.work, "before": work.status, "allocated": False},
        blocked=None if work.status in WAITING else f"it is {work.status} already; put it back by hand",
    )


def _work(event: Event | None, key: str | None) -> WorkStated:
    if not isinstance(event, WorkStated):
        raise RequestError(f"the warehouse has no shipment {key}; nothing can be assigned")
    return event


def _change(connection: str, work: WorkStated, *, after: bool) -> Change:
    return Change(system=connection, thing=work.work, field="has its stock", before=bool(work.allocated), after=after)


def _blocked(work: WorkStated) -> str | None:
    if work.status not in WAITING:
        return f"it is {work.status} already"
    return "it has its stock already" if work.allocated else None


ACTION: ActionType[None] = ActionType(
    id="assign_shipment",
    title="Assign stock",
    inputs=("stock", "shipments"),
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    idempotent=False,
)
