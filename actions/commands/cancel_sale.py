"""Cancel a document of the ERP that is one too many. What is worked on stays, else the oldest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, SaleStated
from data.money import written
from ingest.verbs import Verbs


def look(case: Mapping[str, Any], _view: View) -> Look:
    """Look at the youngest document that is one too many."""
    evidence: dict[str, Any] = json.loads(case["evidence"])
    extra = evidence.get("extra") or []
    if not extra:
        raise RequestError(f"case {case['id']} names no document that is one too many")
    return Look(connection=str(evidence["erp"]), stream="sales", key=str(extra[-1]))


def plan(ask: Ask) -> Draft:
    """Cancel it, as long as it is a draft."""
    sale = _sale(ask.remote, ask.look.key)
    return _draft(sale, ask.look.connection, ask.verbs, ask.reference, ("the older document of the order stays",))


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The ERP says that it is cancelled, or has it no more."""
    if not isinstance(event, SaleStated):
        return Verdict(state="verified", words="the document is gone")
    done, words = event.status == "cancelled", f"sale {intent.expected['sale']} is {event.status}"
    return Verdict(state="verified" if done else "absent", words=words, seen={"status": event.status})


def cancelling(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Make the card that cancels a document which an action made."""
    draft = _draft(
        _sale(event, intent.key), intent.connection, intent.verbs, reference, ("takes back an earlier action",)
    )
    return Draft(**{**vars(draft), "expected": {**intent.expected, "status": "cancelled"}})


def _draft(sale: SaleStated, connection: str, verbs: Verbs, reference: str, why: tuple[str, ...]) -> Draft:
    return Draft(
        target=f"sale/{sale.sale}",
        words=f"{connection}: cancel sale {sale.sale} of order {number_of(sale.order)}",
        direction="protective",
        request=verbs.cancel_sale(sale.sale, reference=reference),
        changes=(Change(system=connection, thing=sale.sale, field="status", before=sale.status, after="cancelled"),),
        why=(f"it is {sale.status}, {written(sale.total_minor, sale.currency)}", *why),
        side_effects=("what it had reserved is free again",),
        reversible="by making it again from the order",
        expected={"sale": sale.sale, "order": sale.order},
        value_minor=sale.total_minor,
        currency=sale.currency,
        blocked=_blocked(sale),
    )


def _blocked(sale: SaleStated) -> str | None:
    if sale.status == "open":
        return "the warehouse works on it: hold it, and settle its shipments in the ERP, which then lets it go"
    return None if sale.status == "draft" else f"it is {sale.status} already"


def _sale(event: Event | None, key: str | None) -> SaleStated:
    if not isinstance(event, SaleStated):
        raise RequestError(f"the ERP has no sale {key}; nothing can be cancelled")
    return event


ACTION: ActionType[None] = ActionType(
    id="cancel_sale",
    title="Cancel sale in the ERP",
    inputs=("sales",),
    look=look,
    plan=plan,
    verify=verify,
    idempotent=False,
)
