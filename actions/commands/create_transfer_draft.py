"""Draft a transfer from a location that has stock to spare to one that is short. A person in the warehouse sends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.drafts import (
    BRINGING,
    SHOWS_AFTER,
    Document,
    Wanted,
    cancelling,
    drafting,
    found,
    judged,
    leaving,
    projected,
    short_units,
    still_wanted,
)
from actions.plans import ActionType, Ask, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, TransferStated


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
    wanted, location = _wanted(ask), case["location"]
    units = min(wanted.units, spare)
    return drafting(
        ask,
        "transfer",
        ask.verbs.create_transfer_draft(origin, location, {case["sku"]: units}, reference=ask.reference),
        units=units,
        parties={"origin": origin, "destination": location},
        words=f"draft a transfer of {units:,} × {case['sku']} from {origin} to {location}",
        why=(*wanted.why, f"{wanted.units:,} are wanted at {location}", f"{origin} has {spare:,} free to promise"),
        harmless="none: a draft moves nothing until a person sends it",
        unit_cost_minor=ask.view.minor_of(case["sku"], "unit_cost_minor", case["currency"]),
        free_units=spare,
        blocked=wanted.blocked or (None if units > 0 else f"{origin} has nothing free"),
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The warehouse has one document with our reference, our item and our units; a cancelled one for an undo."""
    return judged(intent, _document(event), "transfer")


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Cancel the draft; what was sent has left."""
    document = found(intent, _document(event), "transfer")
    return cancelling(intent, document, "transfer", intent.verbs.cancel_transfer_draft(document.number), reference)


def _document(event: Event | None) -> Document | None:
    if not isinstance(event, TransferStated):
        return None
    return Document(
        number=event.transfer, status=event.status, reference=event.reference,
        units={line.sku: line.units for line in event.lines},
        parties={"origin": event.origin, "destination": event.destination},
    )  # fmt: skip


def _wanted(ask: Ask) -> Wanted:
    """Take a person's number as it is; else what the projection suggests or what is short, less what is on its way.

    What is owed now is moved even where a purchase is on its way: a transfer is there sooner.
    """
    case = ask.case
    if "units" in ask.choice:
        wanted = Wanted(units=int(ask.choice["units"]), why=())
    else:
        owed = still_wanted(ask, short_units(case, ask.view), nouns=("transfer",), projected=False)
        row = projected(case, ask.view) or {}
        suggested = row["suggested_units"] if row.get("suggestion") == "transfer" else None
        planned = still_wanted(ask, suggested, nouns=BRINGING, projected=True) if suggested else owed
        wanted = max(planned, owed, key=lambda one: one.units)
    if wanted.units <= 0 and wanted.blocked is None:
        raise RequestError(f"nothing is short of {case['sku']} at {case['location']} now; give the units to move")
    return wanted


def _origin(case: Mapping[str, Any], ask: Ask) -> tuple[str, int]:
    """Choose where it comes from: a person's choice, the projection's, else where most is free."""
    free = ask.view.atp().filter((pl.col("sku") == case["sku"]) & (pl.col("location") != case["location"]))
    row = projected(case, ask.view) or {}
    chosen = ask.choice.get("from") or (row.get("suggested_from") if row.get("suggestion") == "transfer" else None)
    if chosen is not None:
        free = free.filter(pl.col("location") == str(chosen))
    if free.is_empty():
        raise RequestError(f"no other location counts {case['sku']}; order it instead")
    spare = {row["location"]: row["atp"] - leaving(ask, row["location"]) for row in free.to_dicts()}
    best = min(spare, key=lambda location: (-spare[location], location))
    return best, max(int(spare[best]), 0)


ACTION: ActionType[None] = ActionType(
    id="create_transfer_draft",
    title="Draft transfer",
    inputs=("stock", "orders"),
    choices={"units": int, "from": str},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    document="transfer",
    brings_units=True,
    shows_after=SHOWS_AFTER,
)
