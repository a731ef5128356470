"""Give money of a capture back. Refunds are never automatic by default, and nobody can take one back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, PaymentMoved
from data.money import is_same_currency, written

RACE = "the answer to a refund proves nothing: whether it was booked, and only once, is read from the payment itself"


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the payments of the case's order, in the account that took it."""
    order = case["order_id"]
    lines = view.facts.frame("order_line").filter(pl.col("entity") == order)
    if order is None or lines.is_empty():
        raise RequestError(f"case {case['id']} names no order that a channel took; nothing can be refunded")
    return Look(connection=lines["connection"][0], stream="payments", key=None)


def plan(ask: Ask) -> Draft:
    """Give back what is missing, of the capture that has most left; never more than is left of it."""
    order = str(ask.case["order_id"])
    moved = ask.view.facts.frame("payment").filter(pl.col("entity") == order)
    captures = moved.filter(pl.col("kind") == "capture").sort("amount_minor", "payment", descending=[True, False])
    if captures.is_empty():
        raise RequestError(f"nothing was captured for order {number_of(order)}; there is nothing to give back")
    capture = captures.to_dicts()[0]
    if not is_same_currency(str(capture["currency"]), ask.case["currency"]):
        raise RequestError(
            f"order {number_of(order)} was paid in {capture['currency']}, and the case counts in "
            f"{ask.case['currency']}: nothing is converted, so refund it where it was paid"
        )
    refunds = moved.filter(pl.col("kind") == "refund")
    elsewhere = moved.filter(
        pl.col("kind").is_in(("capture", "refund")), pl.col("currency") != "", pl.col("currency") != capture["currency"]
    )
    returned = int(refunds["amount_minor"].sum())
    left = int(captures["amount_minor"].sum()) - returned
    amount = int(ask.choice.get("amount_minor", _missing(ask.case)))
    if amount <= 0:
        raise RequestError("give the amount that is to be refunded: amount_minor, in minor units")
    payment, currency = str(capture["payment"]), str(capture["currency"])
    paid = _of_payment(refunds, payment)
    return Draft(
        target=f"payment/{payment}",
        words=f"{ask.look.connection}: refund {written(amount, currency)} of order {number_of(order)}",
        direction="expansive",
        request=ask.verbs.refund(
            payment, amount, currency=currency, refunds_before=paid.height, reference=ask.reference
        ),
        changes=(
            Change(
                system=ask.look.connection, thing=order, field="refunded", before=written(returned, currency),
                after=written(returned + amount, currency),
            ),
        ),
        why=(f"{written(left, currency)} of what was captured are left", RACE),
        side_effects=("the customer gets the money back, and the channel may write so",),
        reversible="no: money that was given back can only be asked for",
        expected={"order": order, "amount_minor": amount, "known": sorted(refunds["payment"])},
        value_minor=amount,
        currency=currency,
        blocked=_blocked(elsewhere, amount, left, currency),
    )  # fmt: skip


def _blocked(elsewhere: pl.DataFrame, amount: int, left: int, currency: str) -> str | None:
    if elsewhere.height:
        told = ", ".join(f"{kind} of {written(minor, code)}" for kind, minor, code in
                         elsewhere.select("kind", "amount_minor", "currency").iter_rows())  # fmt: skip
        return f"money of it moved in another currency ({told}): nothing is converted, so nobody can say what is left"
    return f"only {written(left, currency)} are left of what was captured" if amount > left else None


def finds(intent: Intent, event: Event) -> bool:
    """Recognise a refund of the order that was not there before."""
    return (
        isinstance(event, PaymentMoved)
        and event.kind == "refund"
        and event.order == intent.expected["order"]
        and event.payment not in intent.expected["known"]
        and event.amount_minor == intent.expected["amount_minor"]
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The payments state one more refund of the order, of that amount."""
    if not isinstance(event, PaymentMoved):
        return Verdict(state="absent", words="the payments state no such refund")
    seen: dict[str, object] = {"payment": event.payment, "amount_minor": event.amount_minor, "at": event.at}
    if event.kind != "refund" or event.amount_minor != intent.expected["amount_minor"]:
        return Verdict(state="mismatch", words=f"a {event.kind} of {event.amount_minor} is stated instead", seen=seen)
    words = f"refunded at {event.at:%Y-%m-%d %H:%M} UTC: {written(event.amount_minor, event.currency)}"
    return Verdict(state="verified", words=words, seen=seen)


def _missing(case: Mapping[str, Any]) -> int:
    evidence: dict[str, Any] = json.loads(case["evidence"])
    return int(evidence.get("missing_minor", 0))


def _of_payment(refunds: pl.DataFrame, capture: str) -> pl.DataFrame:
    """Give the refunds of the capture's own payment, where their names tell; else all of the order."""
    root, at, _ = capture.partition("@")
    return refunds.filter(pl.col("payment").str.starts_with(root + at)) if at else refunds


ACTION: ActionType[None] = ActionType(
    id="refund",
    title="Refund",
    inputs=("payments", "orders"),
    choices={"amount_minor": int},
    look=look,
    plan=plan,
    verify=verify,
    document="payment",
    finds=finds,
    idempotent=False,
)
