"""What commands that draft a document share: how much is short, the card, proof by our reference, and cancelling.

A document is drafted for one item at one location. A person at the remote sends it; until then it can be cancelled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from actions.plans import Ask, Change, Draft, Drafted, Intent, Verdict
from actions.view import View
from data.errors import RequestError
from ingest.adapter import WriteRequest

SHOWS_AFTER = timedelta(days=3)  #: until the goods of a draft should be there
BRINGING = ("purchase", "transfer")  #: documents that bring units to a place
_ON_THE_WAY = ("draft", "sent", "confirmed")


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


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How much of a want is left, and what of it earlier drafts of ours bring already."""

    units: int
    why: tuple[str, ...]
    blocked: str | None = None


def still_wanted(ask: Ask, units: int, *, nouns: Iterable[str], projected: bool) -> Wanted:
    """Take what earlier drafts of ours bring to the case's place off a want.

    A want of the projection (`projected`) has those in it whose documents were read before its facts were published,
    and knows nothing of the others, whether they arrived since or not. A want by open demand and stock has in it what
    arrived, and nothing else.
    """
    since = ask.view.projected_from if projected else None
    here = [
        one
        for one in ask.drafted
        if one.destination == ask.case["location"]
        and one.noun in nouns
        and (since is None or one.read_at is None or one.read_at > since)
    ]
    statuses = (*_ON_THE_WAY, "received") if projected else _ON_THE_WAY
    coming = _what_each_brings(here, ask.view, statuses)
    if not coming:
        return Wanted(units=units, why=())
    by = ", ".join(f"action {number}" for number in coming)
    words = (
        f"{sum(coming.values()):,} of {ask.case['sku']} are drafted or on their way to {ask.case['location']} by {by}"
    )
    left = max(units - sum(coming.values()), 0)
    return Wanted(units=left, why=(words,), blocked=None if left else f"{words}; nothing more is wanted there")


def leaving(ask: Ask, origin: str) -> int:
    """Count the units that earlier transfers of ours are still to take from a place where they lie."""
    from_here = [one for one in ask.drafted if one.origin == origin]
    return sum(_what_each_brings(from_here, ask.view, ("draft",)).values())


def _what_each_brings(earlier: Iterable[Drafted], view: View, statuses: Collection[str]) -> dict[int, int]:
    """Give the units, above zero, by action, of documents in some statuses."""
    brought = {one.action: _on_the_way(one, view, statuses) for one in earlier}
    return {action: units for action, units in brought.items() if units > 0}


def _on_the_way(one: Drafted, view: View, statuses: Collection[str]) -> int:
    """Give what a document brings as the facts state it; all of it where they cannot know it yet, nothing once gone."""
    lines = view.facts.frame(f"{one.noun}_line").filter(pl.col("reference") == one.reference)
    if lines.is_empty():
        is_new = one.read_at is None or one.read_at >= view.facts.published_at
        return one.units if one.stands and is_new else 0
    units = pl.col("units") if one.noun == "transfer" else pl.col("ordered_units")
    if one.noun == "purchase" and "received" not in statuses:
        units = units - pl.col("received_units").fill_null(0)
    of_ours = (pl.col("sku") == one.sku) & pl.col("status").is_in(statuses)
    return int(lines.filter(of_ours).select(units.sum()).item())


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
    unit_cost_minor: int | None,
    free_units: int | None = None,
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
        value_minor=None if unit_cost_minor is None else units * unit_cost_minor,
        currency=case["currency"],
        free_units=free_units,
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
    other = [f"{name} {party}" for name, party in document.parties.items() if expected.get(name, party) != party]
    if document.reference != intent.reference or other or not _is_as_drafted(document, expected):
        lines = ", ".join(f"{number:,} × {sku}" for sku, number in units.items()) or "no line"
        told = ", ".join((f"it is {document.status}", f"with {lines}", *other))
        return Verdict(state="mismatch", words=f"{noun} {document.number} says something else: {told}", seen=seen)
    drafted, stands = expected["units"], units[expected["sku"]]
    changed = "" if stands == drafted else f", where {drafted:,} were drafted"
    words = f"{noun} {document.number} is {document.status}: {stands:,} × {expected['sku']}{changed}"
    return Verdict(state="verified", words=words, seen=seen)


def _is_as_drafted(document: Document, expected: Mapping[str, Any]) -> bool:
    """A draft must say what we wrote. Who sent it may have changed the units: that is their word, no lie about ours."""
    if document.status == "cancelled":
        return False
    if document.status == "draft":
        return dict(document.units) == {expected["sku"]: expected["units"]}
    return document.units.get(expected["sku"], 0) > 0


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
