"""Book a count of an item at a location in the books of the system that owns the stock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, StockStated
from ingest.verbs import Verbs


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at what the owner counts; a count has no record of its own there, so the stream is read again."""
    stock = view.facts.frame("stock_position").filter(pl.col("sku") == case["sku"])
    here = stock.filter(pl.col("location") == case["location"]) if case["location"] else stock
    if here.is_empty():
        raise RequestError(f"case {case['id']} names no item that somebody counts")
    return Look(connection=here.sort("connection")["connection"][0], stream="stock", key=None)


def plan(ask: Ask) -> Draft:
    """Book the units that a person counted."""
    sku = str(ask.case["sku"])
    claims = ask.view.facts.frame("stock_position").filter(
        (pl.col("sku") == sku) & (pl.col("connection") == ask.look.connection) & (pl.col("state") == "on_hand")
    )
    location = str(ask.choice.get("location", ask.case["location"] or claims.sort("location")["location"][0]))
    booked = claims.filter(pl.col("location") == location)
    if "units" not in ask.choice or booked.is_empty():
        raise RequestError(f"count {sku} at {location or 'its location'} and give what lies there: --set units=N")
    before, units = int(booked["units"][0]), int(ask.choice["units"])
    cost = ask.view.minor_of(sku, "unit_cost_minor", ask.case["currency"])
    return Draft(
        target=f"stock/{sku}@{location}",
        words=f"{ask.look.connection}: book {units} of {sku} at {location} instead of {before}",
        direction="expansive" if units > before else "protective",
        request=ask.verbs.count_stock(sku, location, units, expected=before, reference=ask.reference),
        changes=(_change(ask.look.connection, sku, location, before, units),),
        why=("a person counted it",),
        side_effects=("the difference is booked as gained or lost at cost",),
        reversible="by another count",
        expected={"sku": sku, "location": location, "on_hand": units, "before": before},
        value_minor=None if cost is None else abs(units - before) * cost,
        currency=ask.case["currency"],
        blocked="the books say that already" if units == before else None,
    )


def finds(intent: Intent, event: Event) -> bool:
    """Recognise what the owner says of the item there."""
    place = (intent.expected["sku"], intent.expected["location"])
    return isinstance(event, StockStated) and (event.sku, event.location) == place


def verify(intent: Intent, event: Event | None, meanwhile: Meanwhile) -> Verdict:
    """The books say what was counted; what was booked since is not held against it on the second look."""
    if not isinstance(event, StockStated):
        return Verdict(state="absent", words="the books say nothing new of it")
    wanted, before = int(intent.expected["on_hand"]), int(intent.expected["before"])
    seen: dict[str, object] = {"on_hand": event.on_hand, "counted_at": event.counted_at}
    if event.on_hand == wanted:
        return Verdict(state="verified", words=f"the books say {wanted}", seen=seen)
    if meanwhile.verified_before and event.on_hand != before:
        return Verdict(state="verified", words=f"it was {wanted}, and {event.on_hand} since", seen=seen)
    words = f"the books say {event.on_hand}, {wanted} were counted"
    return Verdict(state="absent" if event.on_hand == before else "mismatch", words=words, seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Count it back to what it was, unless it has moved since."""
    if not isinstance(event, StockStated):
        raise RequestError("the books say nothing of it since; count it anew instead")
    wanted, before = int(intent.expected["on_hand"]), int(intent.expected["before"])
    verbs: Verbs = intent.verbs
    return Draft(
        target=f"stock/{event.sku}@{event.location}",
        words=f"{intent.connection}: book {before} of {event.sku} at {event.location} again",
        direction="expansive" if before > event.on_hand else "protective",
        request=verbs.count_stock(event.sku, event.location, before, expected=event.on_hand, reference=reference),
        changes=(_change(intent.connection, event.sku, event.location, event.on_hand, before),),
        why=("takes back an earlier action",),
        reversible="by another count",
        expected={**intent.expected, "on_hand": before, "before": event.on_hand},
        blocked=f"it has moved since: {wanted} was booked, {event.on_hand} stand" if event.on_hand != wanted else None,
    )


def _change(connection: str, sku: str, location: str, before: int, after: int) -> Change:
    return Change(system=connection, thing=f"{sku}@{location}", field="on hand", before=before, after=after)


ACTION: ActionType[None] = ActionType(
    id="count_stock",
    title="Book a count",
    inputs=("stock",),
    choices={"location": str, "units": int},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    document="stock",
    finds=finds,
    idempotent=False,
)
