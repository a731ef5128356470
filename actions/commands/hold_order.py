"""Hold an order so that nobody ships it, or release it with `release=1`; each takes the other back."""

from __future__ import annotations

from dataclasses import replace

from actions.commands.cancel_order import the_order
from actions.commands.push_fulfilment import look
from actions.plans import ActionType, Ask, Change, Draft, Intent, Meanwhile, Verdict
from actions.view import number_of
from data.events import Event, OrderStated
from ingest.verbs import Verbs


def plan(ask: Ask) -> Draft:
    """Hold it for a reason, or release it."""
    order = the_order(ask.remote, ask.look.key)
    reason = "" if int(ask.choice.get("release", 0)) else str(ask.choice.get("reason", "review"))
    return _draft(order, ask.look.connection, ask.verbs, reason)


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The order itself says whether it is held, and why."""
    if not isinstance(event, OrderStated):
        return Verdict(state="mismatch", words="the order is gone")
    wanted, said = intent.expected["hold"] or None, event.hold or None
    words = f"it is held: {said}" if said else "it is not held"
    if said == wanted:
        return Verdict(state="verified", words=words, seen={"hold": said})
    untouched = said == (intent.expected["before"] or None)
    return Verdict(state="absent" if untouched else "mismatch", words=words, seen={"hold": said})


def undo(intent: Intent, event: Event | None, _reference: str) -> Draft:
    """Put it back as it was."""
    order = the_order(event, intent.key)
    draft = _draft(order, intent.connection, intent.verbs, str(intent.expected["before"] or ""))
    if (order.hold or "") != intent.expected["hold"]:
        return replace(draft, blocked=f"its hold has changed since: it is {order.hold or 'gone'}")
    return draft


def _draft(order: OrderStated, connection: str, verbs: Verbs, reason: str) -> Draft:
    number, before = number_of(order.order), order.hold or ""
    return Draft(
        target=f"order/{order.order}",
        words=f"{connection}: {f'hold order {number}: {reason}' if reason else f'release order {number}'}",
        direction="protective" if reason else "expansive",
        request=verbs.hold_order(number, reason=reason, expected=before),
        changes=(
            Change(system=connection, thing=order.order, field="hold", before=before or None, after=reason or None),
        ),
        why=("people and Fillwell respect the mark; whoever ships by another list does not",),
        side_effects=("its ship-by does not move",) if reason else (),
        reversible="at any time, by the opposite",
        expected={"hold": reason, "before": before, "order": order.order},
        currency=order.currency,
        blocked="it is so already" if before == reason else None,
    )


ACTION: ActionType[None] = ActionType(
    id="hold_order",
    title="Hold or release order",
    inputs=("orders",),
    choices={"release": int, "reason": str},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    idempotent=False,
)
