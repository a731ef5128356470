"""Let an order's shipment take its stock, as far as it is there; nothing is forced."""

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
    """Look at the order's work that waits for its stock."""
    order = case["order_id"]
    work = view.facts.frame("open_work").filter((pl.col("entity") == order) & pl.col("status").is_in(WAITING))
    if order is None or work.is_empty():
        raise RequestError(f"case {case['id']} names no order whose work waits for stock")
    first = work.sort("status_since", "work").to_dicts()[0]
    return Look(connection=first["connection"], stream="shipments", key=first["work"])


def plan(ask: Ask) -> Draft:
    """Ask the warehouse to assign it."""
    work = ask.remote
    if not isinstance(work, WorkStated):
        raise RequestError(f"{ask.look.connection} has no shipment {ask.look.key}; nothing can be assigned")
    units = ", ".join(f"{u.units} of {u.sku}" for u in work.lines)
    return Draft(
        target=f"work/{work.work}",
        words=f"{ask.look.connection}: assign stock at {work.location} to order {number_of(work.order)}",
        direction="expansive",
        request=ask.verbs.assign_shipment(work.work, reference=ask.reference),
        changes=(
            Change(system=ask.look.connection, thing=work.work, field="status", before=work.status, after="assigned"),
        ),
        why=(f"it wants {units}", "what is not there stays open; nothing is forced"),
        side_effects=("other orders can no longer take these units",),
        reversible="until it is picked, in the warehouse",
        expected={"work": work.work, "before": work.status},
        value_minor=ask.case["exposed_minor"],
        currency=ask.case["currency"],
        blocked=f"it is {work.status} already" if work.status not in WAITING else None,
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The work has its stock: it can be picked, or is further on."""
    if not isinstance(event, WorkStated):
        return Verdict(state="mismatch", words="the shipment is gone")
    words = f"it is {event.status}"
    if event.status in TAKEN or (intent.expected["before"] == "backordered" and event.status == "released"):
        return Verdict(state="verified", words=words, seen={"status": event.status})
    return Verdict(state="absent", words=f"{words}: its stock is not all there", seen={"status": event.status})


ACTION: ActionType[None] = ActionType(
    id="assign_shipment",
    title="Assign stock",
    inputs=("stock", "shipments"),
    look=look,
    plan=plan,
    verify=verify,
)
