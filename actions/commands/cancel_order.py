"""Cancel an order in the channel that took it. What was captured goes back, and nobody can take that back."""

from __future__ import annotations

import polars as pl

from actions.commands.push_fulfilment import look
from actions.plans import ActionType, Ask, Change, Draft, Intent, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, OrderStated
from data.money import is_same_currency, written

CAUSES = ("customer", "supply", "fraud", "payment")


def plan(ask: Ask) -> Draft:
    """Cancel it, with the cause that a person names."""
    order, cause = the_order(ask.remote, ask.look.key), str(ask.choice.get("cause", "supply"))
    if cause not in CAUSES:
        raise RequestError(f"an order is cancelled because of {', '.join(CAUSES)}, not of {cause!r}")
    number, captured = number_of(order.order), _captured(order, ask.view)
    return Draft(
        target=f"order/{order.order}",
        words=f"{ask.look.connection}: cancel order {number} ({cause})",
        direction="protective",
        request=ask.verbs.cancel_order(number, cause=cause, reference=ask.reference),
        changes=(
            Change(system=ask.look.connection, thing=order.order, field="status", before="open", after="cancelled"),
        ),
        why=(
            f"{sum(line.units - line.cancelled_units for line in order.lines)} units of it are ordered",
            "the channel refuses it while a fulfilment lives",
        ),
        side_effects=(
            f"the channel gives {_back(captured, order.currency)} back and may write to the customer",
            "what was reserved for it can be sold again; the ERP's document is cancelled by itself, not by this",
        ),
        reversible="no: the customer orders anew",
        expected={"order": order.order, "cancelled": True},
        value_minor=captured,
        currency=order.currency,
        blocked=_blocked(order),
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The channel itself says since when it is cancelled."""
    if not isinstance(event, OrderStated):
        return Verdict(state="mismatch", words="the order is gone")
    if event.cancelled_at is None:
        return Verdict(state="absent", words="the order is not cancelled", seen={"cancelled_at": None})
    words = f"order {number_of(intent.expected['order'])} is cancelled since {event.cancelled_at:%Y-%m-%d %H:%M} UTC"
    return Verdict(state="verified", words=words, seen={"cancelled_at": event.cancelled_at})


def the_order(event: Event | None, key: str | None) -> OrderStated:
    """Take the order that was read.

    Raises:
        RequestError: the channel has none of that number.
    """
    if not isinstance(event, OrderStated):
        raise RequestError(f"the channel has no order {key}; nothing can be done with it")
    return event


def _blocked(order: OrderStated) -> str | None:
    if order.cancelled_at is not None:
        return "it is cancelled already"
    if order.fulfilments:
        return "the channel was told that part of it left; take it back as a return instead"
    if order.packed:
        return "part of it is packed at the channel; cancel its fulfilment there first, then nothing stands in the way"
    return None


def _back(captured: int | None, currency: str) -> str:
    return "all that was paid (in several currencies)" if captured is None else written(captured, currency)


def _captured(order: OrderStated, view: View) -> int | None:
    """Give what is held of the order's payments; None where some moved in another currency: nothing is converted."""
    mine = view.facts.frame("payment").filter(pl.col("entity") == order.order, pl.col("kind") != "fee")
    if not all(is_same_currency(order.currency, currency) for currency in mine["currency"]):
        return None
    sign = pl.when(pl.col("kind") == "capture").then(1).when(pl.col("kind") == "refund").then(-1).otherwise(0)
    return int(mine.select((pl.col("amount_minor") * sign).sum()).item() or 0)


ACTION: ActionType[None] = ActionType(
    id="cancel_order",
    title="Cancel order",
    inputs=("orders", "payments"),
    choices={"cause": str},
    look=look,
    plan=plan,
    verify=verify,
    idempotent=False,
)
