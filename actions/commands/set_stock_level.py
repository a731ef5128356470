"""Set what a channel keeps of an item at a location to what the owner of the stock says, if nobody moved it since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.detectors.x07_level_mismatch import differences
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import Account, View
from data.errors import RequestError
from data.events import Event, LevelStated


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the level that the case is about, in the channel that keeps it."""
    level = level_of(case, view)
    return Look(connection=level["connection"], stream="levels", key=level["level"])


def plan(ask: Ask) -> Draft:
    """Keep what the owner says now, less a buffer that a person chose."""
    level, case = stated(ask.remote, ask.look.key), ask.case
    account = ask.view.accounts.get(ask.look.connection)
    row = None if account is None else _owned(ask.view, account, level)
    if row is None and "quantity" not in ask.choice:
        raise RequestError(
            f"nobody but {ask.look.connection} counts {level.sku} at {level.location}; give the quantity"
        )
    buffer = int(ask.choice.get("buffer", 0))
    quantity = max(int(ask.choice.get("quantity", (row or {}).get("expected", 0) - buffer)), 0)
    price = ask.view.minor_of(level.sku, "list_price_minor", case["currency"])
    return Draft(
        target=f"level/{level.level}",
        words=f"{ask.look.connection}: keep {quantity} of {level.sku} at {level.location} instead of {level.stocked}",
        direction="expansive" if quantity > level.stocked else "protective",
        request=ask.verbs.set_stock_level(
            level.level, quantity, expected=level.stocked, below_reserved=bool(int(ask.choice.get("oversell", 0)))
        ),
        changes=(_change(ask.look.connection, level, quantity),),
        why=(*_why(row), *((f"{buffer} are kept back",) if buffer else ())),
        side_effects=("none: no customer is written to",),
        reversible="until the level moves again, by setting it back",
        expected=_expected(level, quantity),
        value_minor=None if price is None else abs(quantity - level.stocked) * price,
        currency=case["currency"],
        blocked=_blocked(level, quantity, ask),
    )


def verify(intent: Intent, event: Event | None, meanwhile: Meanwhile) -> Verdict:
    """The level says what was set; what it lost since by what was sent is not held against it on the second look."""
    if not isinstance(event, LevelStated):
        return Verdict(state="mismatch", words="the level is gone")
    wanted, before = int(intent.expected["stocked"]), int(intent.expected["before"])
    seen: dict[str, object] = {"stocked": event.stocked, "reserved": event.reserved, "counted_at": event.counted_at}
    if event.stocked == wanted:
        return Verdict(state="verified", words=f"{wanted} are kept there", seen=seen)
    if meanwhile.verified_before and event.stocked != before:
        return Verdict(state="verified", words=f"it was {wanted} and has moved on to {event.stocked} since", seen=seen)
    words = f"{event.stocked} are kept there, {wanted} was intended"
    return Verdict(state="absent" if event.stocked == before else "mismatch", words=words, seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Set the level back, unless it has moved since."""
    level = stated(event, intent.key)
    wanted, before = int(intent.expected["stocked"]), int(intent.expected["before"])
    moved = f"it has moved since: {wanted} was set, {level.stocked} are kept" if level.stocked != wanted else None
    return Draft(
        target=f"level/{level.level}",
        words=f"{intent.connection}: keep {before} of {level.sku} at {level.location} again",
        direction="expansive" if before > level.stocked else "protective",
        request=intent.verbs.set_stock_level(level.level, before, expected=level.stocked, below_reserved=True),
        changes=(_change(intent.connection, level, before),),
        why=("takes back an earlier action", f"reference {reference}"),
        reversible="by setting it again",
        expected=_expected(level, before),
        blocked=moved,
    )


def level_of(case: Mapping[str, Any], view: View) -> dict[str, Any]:
    """Give the level that a case names.

    Raises:
        RequestError: it names none, or its channel keeps none.
    """
    levels = view.facts.frame("level").filter((pl.col("sku") == case["sku"]) & (pl.col("location") == case["location"]))
    if case["sku"] is None or case["location"] is None or levels.is_empty():
        raise RequestError(f"case {case['id']} names no item and location of which a channel keeps a level")
    return levels.to_dicts()[0]


def stated(event: Event | None, key: str | None) -> LevelStated:
    """Take the level that was read.

    Raises:
        RequestError: the channel has none of that name.
    """
    if not isinstance(event, LevelStated):
        raise RequestError(f"the channel has no level {key}; nothing can be set")
    return event


def _owned(view: View, account: Account, level: LevelStated) -> dict[str, Any] | None:
    here = (pl.col("sku") == level.sku) & (pl.col("location") == level.location)
    rows = differences(view, account).filter(here).to_dicts()
    return rows[0] if rows else None


def _why(row: Mapping[str, Any] | None) -> tuple[str, ...]:
    if row is None:
        return ("chosen by a person",)
    told = (
        (row["untold"], "left that the channel was not told of"),
        (row["ahead"], "that it packed or was told of have not left"),
    )
    return (f"its owner has {row['on_hand']} there", *(f"{units} {what}" for units, what in told if units))


def _blocked(level: LevelStated, quantity: int, ask: Ask) -> str | None:
    if quantity == level.stocked:
        return "it keeps that already"
    if quantity < level.reserved and not int(ask.choice.get("oversell", 0)):
        return f"{level.reserved} are reserved there: cancel or move orders first, or say oversell=1"
    return None


def _change(connection: str, level: LevelStated, quantity: int) -> Change:
    return Change(
        system=connection, thing=f"{level.sku}@{level.location}", field="stocked", before=level.stocked, after=quantity
    )


def _expected(level: LevelStated, quantity: int) -> dict[str, object]:
    return {"stocked": quantity, "before": level.stocked, "sku": level.sku, "location": level.location}


ACTION: ActionType[None] = ActionType(
    id="set_stock_level",
    title="Set stock level",
    inputs=("levels", "stock"),
    choices={"quantity": int, "buffer": int, "oversell": int},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    idempotent=False,
)
