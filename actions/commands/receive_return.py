"""Take in what came back, in the channel that announced it: good units become stock there, damaged ones do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.commands.push_fulfilment import look as look_at_order
from actions.commands.take_back_return import CONDITION, condition_of
from actions.detectors.x07_level_mismatch import ARRIVED
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, ReturnStated


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the case's return, else at the one return of its order that is on the way."""
    connection = look_at_order(case, view).connection
    if case["kind"] == "return":
        return Look(connection=connection, stream="returns", key=case["object_id"])
    returns = view.facts.frame("return_line").filter(
        (pl.col("entity") == case["order_id"]) & ~pl.col("status").is_in([*ARRIVED, "cancelled"])
    )
    names = returns["return_id"].unique().sort().to_list()
    if len(names) != 1:
        raise RequestError(f"case {case['id']} has {len(names)} returns on the way; open the case of one of them")
    return Look(connection=connection, stream="returns", key=names[0])


def plan(ask: Ask) -> Draft:
    """Take it in as good, or as damaged as far as a person says so: `damaged=1`, or `damaged_units=N`."""
    back = ask.remote
    if not isinstance(back, ReturnStated):
        raise RequestError(f"{ask.look.connection} has no return {ask.look.key}; nothing can be taken in")
    units = {u.line: u.units for u in back.lines}
    good, damaged = condition_of(units, ask.choice)
    total = sum(units.values())
    condition = ", ".join(f"{sum(of.values())} {what}" for what, of in (("good", good), ("damaged", damaged)) if of)
    return Draft(
        target=f"return/{back.return_}",
        words=f"{ask.look.connection}: take in {condition} units of return {back.return_}",
        direction="expansive",
        request=ask.verbs.receive_return(back.return_, good=good, damaged=damaged, received_before=0),
        changes=(
            Change(
                system=ask.look.connection, thing=back.return_, field="status", before=back.status, after="received"
            ),
        ),
        why=(f"it is {back.status} since {back.requested_at:%Y-%m-%d} with {total} units",),
        side_effects=(f"{sum(good.values())} of its units become stock of the channel at once",),
        reversible="no: count the stock again to set it right",
        expected={"return": back.return_, "units": units},
        currency=back.currency,
        blocked=f"the channel says that it is {back.status} already" if back.status != "requested" else None,
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The channel says that it was received."""
    if not isinstance(event, ReturnStated):
        return Verdict(state="mismatch", words="the return is gone")
    done, words = event.status in ARRIVED, f"return {intent.expected['return']} is {event.status}"
    return Verdict(state="verified" if done else "absent", words=words, seen={"status": event.status})


ACTION: ActionType[None] = ActionType(
    id="receive_return",
    title="Receive return",
    inputs=("returns",),
    choices=CONDITION,
    look=look,
    plan=plan,
    verify=verify,
    idempotent=False,
)
