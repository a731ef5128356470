"""What commands that draft a document share: how much is short, the card, proof by our reference, and cancelling.

A document is drafted for one item at one location. A person at the remote sends it; until then it can be cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.plans import Ask, Change, Draft, Intent, Verdict
from actions.view import View
from data.errors import RequestError
from ingest.adapter import WriteRequest

SHOWS_AFTER = timedelta(days=3)  #: until the goods of a draft should be there


@dataclass(frozen=True, kw_only=True)
class Document:
    """A purchase or a transfer as the remote states it."""

    number: str
    status: str
    reference: str | None
    units: Mapping[str, int]  #: by sku
    parties: Mapping[str, str]  #: who sends to where, under the names that the intent has for them


def projected(case: Mapping[str, Any], view: View) -> dict[str, Any] | None:
    """Give the projection's row of the case's item and location."""
    if view.projection is None:
        return None
    found = view.projection.filter((pl.col("sku") == case["sku"]) & (pl.col("location") == case["location"]))
    return found.to_dicts()[0] if found.height else None


def short_units(case: Mapping[str, Any], view: View) -> int:
    """Give the units by which the case's item is short at its location now: open demand beyond the sellable stock."""
    here = (pl.col("sku") == case["sku"]) & (pl.col("location") == case["location"])
    stock = view.atp().filter(here)
    demand = int(view.facts.frame("order_line").filter(here)["open_units"].sum())
    return max(demand - (int(stock["sellable"][0]) if stock.height else 0), 0)


def drafting(
    ask: Ask,
    noun: str,
    request: WriteRequest,
    *,
    units: int,
    parties: Mapping[str, str],
    words: str,
    why: tuple[str, ...],
    harmless: str,
    unit_cost_minor: int,
    blocked: str | None = None,
) -> Draft:
    """Make the card of a new document of `units` of the case's item; `parties` is what else the read-back must show."""
    case = ask.case
    place = f"{case['sku']}@{case['location']}"
    return Draft(
        target=f"{noun}/{place}",
        words=words,
        direction="expansive",
        request=request,
        changes=(Change(system=ask.look.connection, thing=place, field="drafted units", before=0, after=units),),
        why=why,
        side_effects=(harmless,),
        reversible="until it is sent, by cancelling the draft",
        expected={**parties, "sku": case["sku"], "units": units, "status": "draft"},
        value_minor=units * unit_cost_minor,
        currency=case["currency"],
        blocked=blocked,
    )


def judged(intent: Intent, document: Document | None, noun: str) -> Verdict:
    """Tell whether there is one document with our reference, our item and our units; a cancelled one for an undo."""
    if document is None:
        return Verdict(state="absent", words=f"{intent.connection} has no {noun} with our reference")
    units, expected = dict(document.units), intent.expected
    seen: dict[str, object] = {
        noun: document.number, "status": document.status, "units": units, "reference": document.reference,
    }  # fmt: skip
    if expected["status"] == "cancelled":
        gone = document.status == "cancelled"
        words = f"{noun} {document.number} is {document.status}"
        return Verdict(state="verified" if gone else "absent", words=words, seen=seen)
    right = units == {expected["sku"]: expected["units"]} and document.reference == intent.reference
    if not right or any(expected.get(name, party) != party for name, party in document.parties.items()):
        return Verdict(state="mismatch", words=f"{noun} {document.number} says something else: {units}", seen=seen)
    return Verdict(state="verified", words=f"{noun} {document.number} is a {document.status} of {units}", seen=seen)


def found(intent: Intent, document: Document | None, noun: str) -> Document:
    """Take the document that is to be cancelled.

    Raises:
        RequestError: the remote has none with our reference.
    """
    if document is None:
        raise RequestError(f"{intent.connection} has no {noun} with our reference; there is nothing to cancel")
    return document


def cancelling(intent: Intent, document: Document, noun: str, request: WriteRequest, reference: str) -> Draft:
    """Make the card that cancels a draft; one that was sent is out of our hands."""
    change = Change(
        system=intent.connection, thing=document.number, field="status", before=document.status, after="cancelled"
    )
    return Draft(
        target=f"{noun}/{document.number}",
        words=f"cancel the draft {document.number}",
        direction="protective",
        request=request,
        changes=(change,),
        why=("takes back an earlier action", f"reference {reference}"),
        reversible="by drafting it again",
        expected={**intent.expected, "status": "cancelled"},
        blocked=None if document.status == "draft" else f"it is {document.status} already, no longer a draft",
    )
