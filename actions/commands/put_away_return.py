"""Put a return away that the owner of the stock received and left lying: good units to stock, damaged ones out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.commands.take_back_return import CONDITION, condition_of, owner_of
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, InspectionStated


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at what the owner of the stock calls the case's return."""
    owner = owner_of(case, view)
    known = (
        view.facts.frame("return_line")
        .filter((pl.col("return_id") == case["object_id"]) & (pl.col("entity") == case["order_id"]))["inspection"]
        .drop_nulls()
    )
    if known.is_empty():
        raise RequestError(f"{owner} has no return {case['object_id']} that lies unopened; take it in instead")
    return Look(connection=owner, stream="returns", key=known[0])


def plan(ask: Ask) -> Draft:
    """Put it away as good, or as damaged as far as a person says so."""
    back = ask.remote
    if not isinstance(back, InspectionStated):
        raise RequestError(f"{ask.look.connection} has no return {ask.look.key}; nothing can be put away")
    units: dict[str, int] = {}
    for line in back.lines:
        units[line.sku] = units.get(line.sku, 0) + line.units
    good, damaged = condition_of(units, ask.choice)
    words = f"{sum(good.values())} good and {sum(damaged.values())} damaged units"
    return Draft(
        target=f"return/{back.return_}",
        words=f"{ask.look.connection}: put {words} of order {number_of(back.order)} away",
        direction="expansive",
        request=ask.verbs.put_away(back.inspection, damaged=damaged),
        changes=(
            Change(system=ask.look.connection, thing=back.inspection, field="put away", before=False, after=True),
        ),
        why=(f"it was received at {back.location}, {back.received_at:%Y-%m-%d}, and lies there since",),
        side_effects=(
            *((f"{sum(good.values())} units can be sold again",) if good else ()),
            *((f"{sum(damaged.values())} units are written off",) if damaged else ()),
        ),
        reversible="no: what was put away is moved or counted",
        expected={"inspection": back.inspection, "damaged": sum(damaged.values())},
        currency=ask.case["currency"],
        blocked=None if back.inspected_at is None else "it is put away already",
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The owner says that it is put away, and that as many units were disposed of."""
    if not isinstance(event, InspectionStated):
        return Verdict(state="mismatch", words="the return is gone")
    gone = sum(u.units for u, what in zip(event.lines, event.dispositions, strict=True) if what == "dispose")
    seen: dict[str, object] = {"inspected_at": event.inspected_at, "disposed": gone}
    if event.inspected_at is None:
        return Verdict(state="absent", words="it is received there and not put away", seen=seen)
    words = f"put away at {event.location}, {gone} units of it as damaged"
    right = gone == int(intent.expected["damaged"])
    return Verdict(state="verified" if right else "mismatch", words=words, seen=seen)


ACTION: ActionType[None] = ActionType(
    id="put_away_return",
    title="Put return away",
    inputs=("returns",),
    choices=CONDITION,
    look=look,
    plan=plan,
    verify=verify,
    idempotent=False,
)
