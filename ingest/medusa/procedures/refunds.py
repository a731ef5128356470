"""Refunds: given once, whatever is answered."""

from __future__ import annotations

from data.money import to_major
from ingest.adapter import WriteResult
from ingest.medusa import write
from ingest.medusa.hands import Hands, RefusedError
from ingest.medusa.procedures.looks import Payment, payment_of
from ingest.medusa.records import AT


def refund(hands: Hands, verb: write.Refund) -> WriteResult:
    """Give money back once; whatever is answered, the payment itself tells what was booked."""
    name = verb.payment.partition(AT)[0]
    before = payment_of(hands, name)
    if before is None:
        return hands.rejected(f"there is no payment {name}", 404)
    if (told := _booked(hands, before)) is not None:
        return told
    if len(before.refunds) != verb.refunds_before:
        return hands.stale(f"it has {len(before.refunds)} refunds, {verb.refunds_before} were expected")
    amount = float(to_major(verb.amount_minor, verb.currency))
    note = f"{verb.reference} {_mark(hands)}"
    answered = "it was accepted"
    try:
        hands.post(f"/admin/payments/{name}/refund", {"amount": amount, "note": note})
    except RefusedError as refused:
        answered = f"it was refused ({refused})"
    after = payment_of(hands, name)
    told = None if after is None else _booked(hands, after)
    return told or hands.unknown(f"{answered}, and the payment does not show it")


def _mark(hands: Hands) -> str:
    return f"[{hands.key}]"


def _booked(hands: Hands, payment: Payment) -> WriteResult | None:
    mine = [r for r in payment.refunds if _mark(hands) in (r.note or "")]
    if not mine:
        return None
    if len(mine) > 1:
        return hands.unknown(f"it was booked {len(mine)} times: {', '.join(r.id for r in mine)}")
    return hands.applied("booked once", f"{payment.id}{AT}{mine[0].id}")
