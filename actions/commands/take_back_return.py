"""Take a return that a channel received into the stock of the system that owns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, InspectionStated


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the returns of whoever owns the stock of the channel that took the order."""
    lines = view.facts.frame("order_line").filter(pl.col("entity") == case["order_id"])
    account = None if lines.is_empty() else view.accounts.get(str(lines["connection"][0]))
    if case["kind"] != "return" or account is None:
        raise RequestError(f"case {case['id']} names no return of an order whose channel is connected")
    return Look(connection=account.stock_from, stream="returns", key=None)


def plan(ask: Ask) -> Draft:
    """Take in what the channel received, as good, or as damaged where a person says so."""
    back, order = str(ask.case["object_id"]), str(ask.case["order_id"])
    lines = ask.view.facts.frame("return_line").filter((pl.col("return_id") == back) & (pl.col("entity") == order))
    units: dict[str, int] = dict(lines.group_by("sku").agg(pl.col("units").sum()).sort("sku").iter_rows())
    damaged = bool(int(ask.choice.get("damaged", 0)))
    known = lines["received_at"].drop_nulls()
    total, condition = sum(units.values()), "damaged" if damaged else "good"
    return Draft(
        target=f"return/{back}",
        words=f"{ask.look.connection}: take in {total} {condition} units of order {number_of(order)}",
        direction="expansive",
        request=ask.verbs.take_back(
            number_of(order), back, good={} if damaged else units, damaged=units if damaged else {},
            reference=ask.reference,
        ),
        changes=(Change(system=ask.look.connection, thing=back, field="received", before=0, after=total),),
        why=("the channel received it, and the owner of the stock says nothing of it",),
        side_effects=("none of it can be sold" if damaged else "its units can be sold again",),
        reversible="no: what was put away is moved or counted",
        expected={"return": back, "order": order},
        currency=ask.case["currency"],
        blocked="the owner received it already" if known.len() else None,
    )  # fmt: skip


def finds(intent: Intent, event: Event) -> bool:
    """Recognise what the owner says of this return."""
    return isinstance(event, InspectionStated) and event.return_ == intent.expected["return"]


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The owner states that it received the return, and has put it away."""
    if not isinstance(event, InspectionStated):
        return Verdict(state="absent", words=f"{intent.connection} says nothing of return {intent.expected['return']}")
    seen: dict[str, object] = {"received_at": event.received_at, "inspected_at": event.inspected_at}
    if event.inspected_at is None:
        return Verdict(state="absent", words="it is received there and not put away", seen=seen)
    words = f"put away at {event.location}, {event.inspected_at:%Y-%m-%d %H:%M} UTC"
    return Verdict(state="verified", words=words, seen=seen)


ACTION: ActionType[None] = ActionType(
    id="take_back_return",
    title="Take return into stock",
    inputs=("returns",),
    look=look,
    plan=plan,
    verify=verify,
    document="inspection",
    finds=finds,
    idempotent=False,
)
