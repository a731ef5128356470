"""Draft a transfer from a location that has stock to spare to one that is short. A person in the warehouse sends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from actions.commands.create_purchase_draft import projected, short_units
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, TransferStated
from ingest.warehouse import write


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the warehouse that counts the item; the document does not exist yet."""
    stock = view.facts.frame("stock_position").filter(pl.col("sku") == case["sku"])
    if case["sku"] is None or case["location"] is None or stock.is_empty():
        raise RequestError(f"case {case['id']} names no item with known stock; a transfer needs one")
    return Look(connection=stock["connection"][0], stream="transfers", key=None)


def plan(ask: Ask) -> Draft:
    """Move what is short, from where the projection says or where most is free, never more than is free there."""
    case = ask.case
    origin, spare = _origin(case, ask)
    row = projected(case, ask.view)
    suggested = row["suggested_units"] if row is not None and row["suggestion"] == "transfer" else None
    wanted = int(ask.choice.get("units", suggested or short_units(case, ask.view)))
    units = min(wanted, spare)
    if wanted <= 0:
        raise RequestError(f"nothing is short of {case['sku']} at {case['location']} now; give the units to move")
    return Draft(
        target=f"transfer/{case['sku']}@{case['location']}",
        words=f"draft a transfer of {units} {case['sku']} from {origin} to {case['location']}",
        direction="expansive",
        request=write.create_transfer_draft(
            origin, case["location"], {case["sku"]: units}, reference=ask.reference
        ),
        changes=(
            Change(
                system=ask.look.connection, thing=f"{case['sku']}@{case['location']}", field="drafted units", before=0,
                after=units,
            ),
        ),
        why=(f"{wanted} are wanted at {case['location']}", f"{origin} has {spare} free to promise"),
        side_effects=("none: a draft moves nothing until a person sends it",),
        reversible="until it is sent, by cancelling the draft",
        expected={
            "origin": origin,
            "destination": case["location"],
            "sku": case["sku"],
            "units": units,
            "status": "draft",
        },
        value_minor=units * _unit_cost(case, ask.view),
        currency=case["currency"],
        blocked=None if units > 0 else f"{origin} has nothing free",
    )  # fmt: skip


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The warehouse has one document with our reference, our item and our units; a cancelled one for an undo."""
    if not isinstance(event, TransferStated):
        return Verdict(state="absent", words="the warehouse has no transfer with our reference")
    units = {line.sku: line.units for line in event.lines}
    seen = {"transfer": event.transfer, "status": event.status, "units": units, "reference": event.reference}
    e = intent.expected
    if e["status"] == "cancelled":
        gone = event.status == "cancelled"
        return Verdict(
            state="verified" if gone else "absent", words=f"transfer {event.transfer} is {event.status}", seen=seen
        )
    right = units == {e["sku"]: e["units"]} and (event.origin, event.destination) == (e["origin"], e["destination"])
    if not right or event.reference != intent.reference:
        return Verdict(state="mismatch", words=f"transfer {event.transfer} says something else: {units}", seen=seen)
    return Verdict(state="verified", words=f"transfer {event.transfer} is a {event.status} of {units}", seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Cancel the draft; what was sent has left."""
    if not isinstance(event, TransferStated):
        raise RequestError("the warehouse has no transfer with our reference; there is nothing to cancel")
    return Draft(
        target=f"transfer/{event.transfer}",
        words=f"cancel the draft {event.transfer}",
        direction="protective",
        request=write.cancel_transfer_draft(event.transfer),
        changes=(
            Change(
                system=intent.connection, thing=event.transfer, field="status", before=event.status, after="cancelled"
            ),
        ),
        why=("takes back an earlier action", f"reference {reference}"),
        reversible="by drafting it again",
        expected={**intent.expected, "status": "cancelled"},
        blocked=None if event.status == "draft" else f"it is {event.status} already, no longer a draft",
    )


def _origin(case: Mapping[str, Any], ask: Ask) -> tuple[str, int]:
    """Choose where it comes from: a person's choice, the projection's, else where most is free."""
    free = ask.view.atp().filter((pl.col("sku") == case["sku"]) & (pl.col("location") != case["location"]))
    row = projected(case, ask.view) or {}
    chosen = ask.choice.get("from") or (row.get("suggested_from") if row.get("suggestion") == "transfer" else None)
    if chosen is not None:
        free = free.filter(pl.col("location") == str(chosen))
    if free.is_empty():
        raise RequestError(f"no other location counts {case['sku']}; order it instead")
    best = free.sort("atp", "location", descending=[True, False]).to_dicts()[0]
    return best["location"], max(int(best["atp"]), 0)


def _unit_cost(case: Mapping[str, Any], view: View) -> int:
    item = view.facts.frame("item").filter(pl.col("entity") == case["sku"])
    return int(item["unit_cost_minor"][0] or 0) if item.height else 0


ACTION: ActionType[None] = ActionType(
    id="create_transfer_draft",
    title="Draft transfer",
    inputs=("stock", "orders"),
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    document="transfer",
    shows_after=timedelta(days=3),
)
