"""Draft a purchase order for an item that runs out. A person in the ERP sends it: we never confirm one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
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
    projected,
    short_units,
    still_wanted,
)
from actions.plans import ActionType, Ask, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, PurchaseStated
from data.money import is_same_currency


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the ERP that knows the item's supplier; the document does not exist yet."""
    supplier = _supplier(case, view)
    return Look(connection=supplier["connection"], stream="purchases", key=None)


_NO_COST = "the unit cost is not known, so neither is the value"


def plan(ask: Ask) -> Draft:
    """Order what the projection suggests, or what is short, rounded up to the supplier's minimum and pack."""
    case, supplier = ask.case, _supplier(ask.case, ask.view)
    wanted = _wanted(case, ask)
    units, rounding = _rounded(wanted.units, supplier)
    if "units" in ask.choice:
        units, rounding = int(ask.choice["units"]), "chosen by a person"
    if units <= 0:
        raise RequestError(f"a purchase of {units} units makes no sense; give at least 1")
    name, location, cost = supplier["supplier"], case["location"], supplier["unit_cost_minor"]
    wanted_on = _wanted_on(ask)
    day = {} if wanted_on is None else {"wanted_on": wanted_on.isoformat()}
    by = "" if wanted_on is None else f", wanted on {wanted_on}"
    return drafting(
        ask,
        "purchase",
        ask.verbs.create_purchase_draft(
            name, location, {case["sku"]: units}, reference=ask.reference, wanted_on=wanted_on
        ),
        units=units,
        parties={"supplier": name, "location": location, **day},
        words=f"draft a purchase of {units:,} × {case['sku']} from {name} for {location}{by}",
        why=(*wanted.why, *filter(None, (rounding, None if cost is not None else _NO_COST))),
        harmless="none: a draft goes to nobody until a person sends it",
        unit_cost_minor=cost,
        blocked=wanted.blocked,
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The ERP has one document with our reference, our item and our units; a cancelled one for an undo."""
    return judged(intent, _document(event), "purchase")


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Cancel the draft; one that was sent is the supplier's business now."""
    document = found(intent, _document(event), "purchase")
    return cancelling(intent, document, "purchase", intent.verbs.cancel_purchase_draft(document.number), reference)


def _document(event: Event | None) -> Document | None:
    if not isinstance(event, PurchaseStated):
        return None
    days = {line.promised_at.date().isoformat() for line in event.lines if line.promised_at is not None}
    # The day of what was sent is the supplier's promise, no longer the wish that we wrote.
    day = {"wanted_on": days.pop()} if len(days) == 1 and event.status == "draft" else {}
    return Document(
        number=event.purchase, status=event.status, reference=event.reference,
        units={line.sku: line.ordered for line in event.lines},
        parties={"supplier": event.supplier, "location": event.location, **day},
    )  # fmt: skip


def _wanted_on(ask: Ask) -> date | None:
    """Take the day that a person chose; else the supplier's own lead time says it."""
    if "date" not in ask.choice:
        return None
    try:
        wanted = date.fromisoformat(str(ask.choice["date"]))
    except ValueError as error:
        raise RequestError(f"{ask.choice['date']!r} is no day; give it as YYYY-MM-DD") from error
    if wanted < ask.view.now.date():
        raise RequestError(f"{wanted} is past; nobody can deliver then")
    return wanted


def _supplier(case: Mapping[str, Any], view: View) -> dict[str, Any]:
    """Find the supplier that the projection names, else the item's own, with its terms."""
    sku = case["sku"]
    if sku is None or case["location"] is None:
        raise RequestError(f"case {case['id']} names no item and location; a purchase needs both")
    row = projected(case, view)
    items = view.facts.frame("item").filter(pl.col("entity") == sku)
    name = (row or {}).get("supplier") or (items["supplier"][0] if items.height else None)
    suppliers = view.facts.frame("supplier").filter(pl.col("entity") == name)
    if name is None or suppliers.is_empty():
        raise RequestError(f"no supplier of {sku} is known; bring in suppliers first")
    terms = view.facts.frame("terms").filter((pl.col("sku") == sku) & (pl.col("supplier") == name))
    term: dict[str, Any] = (
        terms.to_dicts()[0] if terms.height else {"moq": 1, "pack": 1, "unit_cost_minor": None, "currency": None}
    )
    asked = term["unit_cost_minor"] if is_same_currency(term["currency"], case["currency"]) else None
    return {
        "supplier": name,
        "connection": suppliers["connection"][0],
        "moq": term["moq"] or 1,
        "pack": term["pack"] or 1,
        "unit_cost_minor": asked or view.minor_of(sku, "unit_cost_minor", case["currency"]),
    }


def _wanted(case: Mapping[str, Any], ask: Ask) -> Wanted:
    """Take what the projection suggests, else what is short, less what earlier drafts of ours bring."""
    row = projected(case, ask.view)
    if row is not None and row["suggestion"] == "order" and (row["suggested_units"] or 0) > 0:
        units = int(row["suggested_units"])
        left = still_wanted(ask, units, nouns=BRINGING, projected=True)
        why = f"the projection suggests {units:,}, step by step in the case's proof"
    else:
        units = short_units(case, ask.view)
        if units == 0 and "units" not in ask.choice:
            raise RequestError(f"nothing is short of {case['sku']} at {case['location']} now; give the units to order")
        left = still_wanted(ask, units, nouns=BRINGING, projected=False)
        why = f"open demand is {units:,} beyond the stock"
    chosen = "units" in ask.choice
    return replace(left, why=(why, *left.why), blocked=None if chosen else left.blocked)


def _rounded(wanted: int, supplier: Mapping[str, Any]) -> tuple[int, str | None]:
    pack, moq = supplier["pack"], supplier["moq"]
    units = -(-max(wanted, moq) // pack) * pack
    return units, None if units == wanted else f"{wanted:,} rounded up to packs of {pack:,}, at least {moq:,}"


ACTION: ActionType[None] = ActionType(
    id="create_purchase_draft",
    title="Draft purchase order",
    inputs=("stock", "orders", "purchases"),
    choices={"units": int, "date": str},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    document="purchase",
    brings_units=True,
    shows_after=SHOWS_AFTER,
)
