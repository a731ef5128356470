"""Take a return that a channel received into the stock of the system that owns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, InspectionStated

#: What a person may say of what came back: all of it is damaged, or so many of one name.
CONDITION: Mapping[str, type[int | str]] = {"damaged": int, "damaged_units": int, "damaged_of": str}


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the returns of whoever owns the stock of the channel that took the order."""
    return Look(connection=owner_of(case, view), stream="returns", key=None)


def owner_of(case: Mapping[str, Any], view: View) -> str:
    """Name who owns the stock to which the case's return comes back.

    Raises:
        RequestError: the case is about no return of an order whose channel is connected.
    """
    lines = view.facts.frame("order_line").filter(pl.col("entity") == case["order_id"])
    account = None if lines.is_empty() else view.accounts.get(str(lines["connection"][0]))
    if case["kind"] != "return" or account is None:
        raise RequestError(f"case {case['id']} names no return of an order whose channel is connected")
    return account.stock_from


def condition_of(units: Mapping[str, int], choice: Mapping[str, int | str]) -> tuple[dict[str, int], dict[str, int]]:
    """Give what is good and what is damaged: all of it where a person chose `damaged=1`, or so many of one name.

    Raises:
        RequestError: more is said to be damaged than came back, or of which of several is not said.
    """
    if int(choice.get("damaged", 0)):
        return {}, dict(units)
    broken = int(choice.get("damaged_units", 0))
    if not broken:
        return dict(units), {}
    name = str(choice.get("damaged_of", next(iter(units)) if len(units) == 1 else ""))
    if name not in units:
        raise RequestError(f"say of which the damaged ones are: --set damaged_of={'|'.join(units)}")
    if not 0 < broken <= units[name]:
        raise RequestError(f"{units[name]} of {name} came back, so {broken} cannot be damaged")
    good = {of: n - broken * (of == name) for of, n in units.items()}
    return {of: n for of, n in good.items() if n}, {name: broken}


def plan(ask: Ask) -> Draft:
    """Take in what the channel received, as good, or as damaged where a person says so."""
    back, order = str(ask.case["object_id"]), str(ask.case["order_id"])
    lines = ask.view.facts.frame("return_line").filter((pl.col("return_id") == back) & (pl.col("entity") == order))
    units: dict[str, int] = dict(lines.group_by("sku").agg(pl.col("units").sum()).sort("sku").iter_rows())
    good, damaged = condition_of(units, ask.choice)
    known = lines["received_at"].drop_nulls()
    total = sum(units.values())
    condition = ", ".join(f"{sum(of.values())} {what}" for what, of in (("good", good), ("damaged", damaged)) if of)
    return Draft(
        target=f"return/{back}",
        words=f"{ask.look.connection}: take in {condition} units of order {number_of(order)}",
        direction="expansive",
        request=ask.verbs.take_back(
            number_of(order), back, good=good, damaged=damaged, reference=ask.reference,
        ),
        changes=(Change(system=ask.look.connection, thing=back, field="received", before=0, after=total),),
        why=("the channel received it, and the owner of the stock says nothing of it",),
        side_effects=(f"{sum(good.values())} of its units can be sold again",),
        reversible="no: what was put away is moved or counted",
        expected={"return": back, "order": order, "damaged": sum(damaged.values())},
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
    gone = sum(u.units for u, what in zip(event.lines, event.dispositions, strict=True) if what == "dispose")
    words = f"put away at {event.location}, {event.inspected_at:%Y-%m-%d %H:%M} UTC, {gone} units of it as damaged"
    right = gone == int(intent.expected["damaged"])
    return Verdict(state="verified" if right else "mismatch", words=words, seen={**seen, "disposed": gone})


ACTION: ActionType[None] = ActionType(
    id="take_back_return",
    title="Take return into stock",
    inputs=("returns",),
    choices=CONDITION,
    look=look,
    plan=plan,
    verify=verify,
    document="inspection",
    finds=finds,
    idempotent=False,
)
