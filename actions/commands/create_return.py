"""Announce a return of what an order shipped; it can be called off until something was received."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.commands.push_fulfilment import look as look_at_order
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, ReturnStated


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look for the returns of the case's order; the new one does not exist yet."""
    return Look(connection=look_at_order(case, view).connection, stream="returns", key=None)


def plan(ask: Ask) -> Draft:
    """Announce all units that left and did not come back, or those of one line and so many that a person chose."""
    order = str(ask.case["order_id"])
    lines = ask.view.facts.frame("order_line").filter((pl.col("entity") == order) & (pl.col("kind") == "product"))
    out = lines.with_columns((pl.col("shipped_units") - pl.col("returned_units")).alias("out")).filter(
        pl.col("out") > 0
    )
    units: dict[str, int] = dict(out.sort("line_id").select("line_id", "out").iter_rows())
    if "line" in ask.choice:
        line = str(ask.choice["line"])
        units = {line: int(ask.choice.get("units", units.get(line, 0)))} if line in units else {}
    if not units:
        raise RequestError(f"nothing of order {number_of(order)} is out that could come back")
    level = _level(ask, out["sku"].to_list())
    known = ask.view.facts.frame("return_line").filter(pl.col("entity") == order)["return_id"].unique().sort().to_list()
    number, total = number_of(order), sum(units.values())
    return Draft(
        target=f"return/{order}",
        words=f"{ask.look.connection}: announce a return of {total} units of order {number} to {level['location']}",
        direction="expansive",
        request=ask.verbs.create_return(number, units, level=level["level"], reference=ask.reference),
        changes=(Change(system=ask.look.connection, thing=order, field="announced returns", before=len(known),
                        after=len(known) + 1),),
        why=(f"{total} units of it are out",),
        side_effects=("the channel may write to the customer",),
        reversible="until something of it was received, by calling it off",
        expected={"order": order, "units": units, "known": known, "status": "requested"},
        value_minor=int(out["net_minor"].sum()),
        currency=str(lines["currency"][0]),
    )  # fmt: skip


def finds(intent: Intent, event: Event) -> bool:
    """Recognise a return of the order that was not there before."""
    return (
        isinstance(event, ReturnStated)
        and event.order == intent.expected["order"]
        and event.return_ not in intent.expected["known"]
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The channel states the return with these units; for an undo, that it is called off."""
    if not isinstance(event, ReturnStated):
        return Verdict(state="absent", words="the channel states no such return")
    units = {u.line: u.units for u in event.lines}
    seen: dict[str, object] = {"return": event.return_, "status": event.status, "units": units}
    if intent.expected["status"] == "cancelled":
        gone = event.status == "cancelled"
        return Verdict(state="verified" if gone else "absent", words=f"it is {event.status}", seen=seen)
    if units != intent.expected["units"] or event.status == "cancelled":
        return Verdict(state="mismatch", words=f"it is {event.status} with other units: {units}", seen=seen)
    return Verdict(state="verified", words=f"return {event.return_} is {event.status}", seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Call it off, as long as nothing of it was received."""
    if not isinstance(event, ReturnStated):
        raise RequestError("the channel states no such return; there is nothing to call off")
    return Draft(
        target=f"return/{event.order}",
        words=f"{intent.connection}: call return {event.return_} off",
        direction="protective",
        request=intent.verbs.cancel_return(event.return_),
        changes=(Change(system=intent.connection, thing=event.return_, field="status", before=event.status,
                        after="cancelled"),),
        why=("takes back an earlier action", f"reference {reference}"),
        reversible="by announcing it again",
        expected={**intent.expected, "status": "cancelled"},
        blocked=None if event.status == "requested" else f"it is {event.status} already",
    )  # fmt: skip


def _level(ask: Ask, skus: list[str]) -> dict[str, Any]:
    """Choose where it goes: the place that a person named, else the first that keeps a level of what comes back."""
    levels = ask.view.facts.frame("level").filter(
        (pl.col("connection") == ask.look.connection) & pl.col("sku").is_in(skus)
    )
    if "location" in ask.choice:
        levels = levels.filter(pl.col("location") == str(ask.choice["location"]))
    if levels.is_empty():
        raise RequestError("no place of the channel keeps what would come back; give another with --set location=CODE")
    return levels.sort("location", "sku").to_dicts()[0]


ACTION: ActionType[None] = ActionType(
    id="create_return",
    title="Announce return",
    inputs=("orders", "returns"),
    choices={"line": str, "units": int, "location": str},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    document="return",
    finds=finds,
    idempotent=False,
)
