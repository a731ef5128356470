"""Set a channel's counter of reserved units right that differs from its reservations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.commands.set_stock_level import level_of, stated
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, LevelStated

LIMITS = (
    "it uses the shop's own defect that made the difference: for a moment another location shows it",
    "a shop without that defect is left as it is; its own script repairs the counter without this",
)


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the level that the case is about."""
    level = level_of(case, view)
    return Look(connection=level["connection"], stream="levels", key=level["level"])


def plan(ask: Ask) -> Draft:
    """Make the counter say what the reservations hold, by way of another level of the item."""
    level = stated(ask.remote, ask.look.key)
    if level.held is None:
        raise RequestError(f"{ask.look.connection} does not say what its reservations hold; nothing can be repaired")
    others = ask.view.facts.frame("level").filter(
        (pl.col("connection") == ask.look.connection)
        & (pl.col("sku") == level.sku)
        & (pl.col("location") != level.location)
    )
    through = str(others.sort("location")["level"][0]) if others.height else ""
    hidden = level.reserved - level.held
    return Draft(
        target=f"level/{level.level}",
        words=f"{ask.look.connection}: reserve {level.held} of {level.sku} at {level.location}, not {level.reserved}",
        direction="expansive" if hidden > 0 else "protective",
        request=ask.verbs.repair_reserved(
            level.level, reserved=level.reserved, held=level.held, through=through, accepted=True
        ),
        changes=(
            Change(
                system=ask.look.connection, thing=f"{level.sku}@{level.location}", field="reserved",
                before=level.reserved, after=level.held,
            ),
        ),
        why=(f"its reservations hold {level.held}, its counter says {level.reserved}", *LIMITS),
        side_effects=(f"{abs(hidden)} units can be sold again" if hidden > 0 else "fewer units are offered",),
        reversible="nothing to take back: the counter says what is so",
        expected={"reserved": level.held, "before": level.reserved, "sku": level.sku, "location": level.location},
        value_minor=ask.case["exposed_minor"],
        currency=ask.case["currency"],
        blocked=_blocked(level, through),
    )  # fmt: skip


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """Counter and reservations say the same, whatever was reserved meanwhile."""
    if not isinstance(event, LevelStated):
        return Verdict(state="mismatch", words="the level is gone")
    seen: dict[str, object] = {"reserved": event.reserved, "held": event.held}
    if event.reserved == event.held:
        return Verdict(state="verified", words=f"{event.reserved} are reserved, and as many are held", seen=seen)
    words = f"{event.reserved} are reserved, {event.held} are held"
    untouched = event.reserved == intent.expected["before"]
    return Verdict(state="absent" if untouched else "mismatch", words=words, seen=seen)


def _blocked(level: LevelStated, through: str) -> str | None:
    if level.reserved == level.held:
        return "the counter is right already"
    if not through:
        return f"{level.sku} lies at no other location of the shop, and the repair goes by way of one"
    return None


ACTION: ActionType[None] = ActionType(
    id="repair_reserved",
    title="Repair reserved counter",
    inputs=("levels",),
    look=look,
    plan=plan,
    verify=verify,
    idempotent=False,
)
