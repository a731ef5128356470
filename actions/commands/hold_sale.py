"""Hold the ERP's document of an order so that no warehouse works on it, or let it go on with `release=1`.

Held is what is a draft: one that was not processed goes back to draft itself; of one that was, the shipments of which
nothing is picked do. A draft takes no stock, and no warehouse sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, SaleStated, WorkStated
from ingest.verbs import Verbs

#: Of what stands so, nothing is taken off a shelf yet; `placed` is a draft.
NOT_PICKED = ("placed", "released", "backordered")
OVER = ("done", "cancelled")


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at what the warehouse works on of the order's document, and at the document where nothing is sent yet."""
    sale = _sale(case, view)
    work = view.facts.frame("open_work").filter(
        (pl.col("entity") == case["order_id"])
        & (pl.col("connection") == sale["connection"])
        & pl.col("status").is_in(NOT_PICKED)
    )
    if work.is_empty():
        return Look(connection=sale["connection"], stream="sales", key=sale["sale"])
    return Look(connection=sale["connection"], stream="shipments", key=work.sort("work")["work"][0])


def plan(ask: Ask) -> Draft:
    """Hold it for a reason, or release it."""
    release = bool(int(ask.choice.get("release", 0)))
    sale = _sale(ask.case, ask.view)
    reason = "" if release else str(ask.choice.get("reason", "review"))
    draft = _draft(ask.remote, ask.look, str(sale["sale"]), str(ask.case["order_id"]), ask.verbs, reason)
    return replace(draft, value_minor=int(sale["total_minor"]), currency=str(sale["currency"]))


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """What was looked at is a draft, or is none any more."""
    if not isinstance(event, WorkStated | SaleStated):
        return Verdict(state="mismatch", words="what was to be held is gone")
    held, wanted = _is_held(event), bool(intent.expected["held"])
    words = f"it is {event.status}: {'held' if held else 'not held'}"
    return Verdict(state="verified" if held == wanted else "absent", words=words, seen={"status": event.status})


def undo(intent: Intent, event: Event | None, _reference: str) -> Draft:
    """Do the opposite."""
    before = intent.expected
    look_at = Look(connection=intent.connection, stream=intent.stream, key=intent.key)
    reason = "" if before["held"] else "review"
    draft = _draft(event, look_at, str(before["sale"]), str(before["order"]), intent.verbs, reason)
    if reason and isinstance(event, SaleStated):
        return replace(draft, blocked="it is processed and no draft any more; hold what the warehouse works on of it")
    return draft


def _draft(remote: Event | None, look_at: Look, sale: str, order: str, verbs: Verbs, reason: str) -> Draft:
    if not isinstance(remote, WorkStated | SaleStated):
        raise RequestError(f"{look_at.connection} has no {look_at.stream} {look_at.key}; nothing can be held")
    what = f"sale {sale} of order {number_of(order)}"
    return Draft(
        target=f"sale/{sale}",
        words=f"{look_at.connection}: {f'hold {what}: {reason}' if reason else f'let {what} go on'}",
        direction="protective" if reason else "expansive",
        request=verbs.hold_sale(sale, reason=reason) if reason else verbs.release_sale(sale),
        changes=(Change(system=look_at.connection, thing=f"{look_at.stream} {look_at.key}", field="held",
                        before=_is_held(remote), after=bool(reason)),),
        why=("what is a draft there takes no stock, and no warehouse sees it",) if reason else
            ("the warehouse sees it again, and it takes its stock as far as that is there",),
        side_effects=("what is picked of it already goes on", "its ship-by does not move") if reason else
            ("where it was not processed yet, it is now: it cannot go back to a draft then",),
        reversible="until something of it is picked, by the opposite",
        expected={"sale": sale, "order": order, "held": bool(reason)},
        blocked=_blocked(remote, reason),
    )  # fmt: skip


def _is_held(event: WorkStated | SaleStated) -> bool:
    return event.status == ("placed" if isinstance(event, WorkStated) else "draft")


def _blocked(remote: WorkStated | SaleStated, reason: str) -> str | None:
    if _is_held(remote) == bool(reason):
        return "it is a draft already: nobody works on it" if reason else "it is not held"
    if remote.status not in (*NOT_PICKED, "draft", "open"):
        return f"it is {remote.status} already; the warehouse must be asked"
    return None


def _sale(case: Mapping[str, Any], view: View) -> dict[str, Any]:
    """Give the order's oldest document that lives."""
    sales = view.facts.frame("sale").filter((pl.col("entity") == case["order_id"]) & ~pl.col("status").is_in(OVER))
    if case["order_id"] is None or sales.is_empty():
        raise RequestError(f"case {case['id']} names no order of which an ERP has a document that could be held")
    return sales.sort("created_at", "sale").to_dicts()[0]


ACTION: ActionType[None] = ActionType(
    id="hold_sale",
    title="Hold or release sale in the ERP",
    inputs=("sales", "shipments"),
    choices={"release": int, "reason": str},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    idempotent=False,
)
