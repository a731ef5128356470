"""Take a product out of one sales channel, with all of its variants; taking it back lists it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, ListingStated
from ingest.verbs import Verbs


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the case's listing, else at the first that offers its item."""
    listings = view.facts.frame("listing").sort("entity")
    mine = listings.filter(pl.col("entity") == case["object_id"])
    offered = mine if mine.height else listings.filter(pl.col("sku") == case["sku"])
    if offered.is_empty():
        raise RequestError(f"case {case['id']} names nothing that a channel offers")
    return Look(connection=offered["connection"][0], stream="listings", key=offered["entity"][0])


def plan(ask: Ask) -> Draft:
    """Take it out, or put it back where a person chose `listed=1`."""
    listed = bool(int(ask.choice.get("listed", 0)))
    known = ask.view.facts.frame("listing").filter(pl.col("entity") == ask.look.key).to_dicts()[0]
    is_there = isinstance(ask.remote, ListingStated)
    return _draft(
        str(ask.look.key),
        known["channel"],
        known["sku"],
        ask.look.connection,
        ask.verbs,
        listed=listed,
        is_there=is_there,
    )


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The listing is gone from the channel, or there."""
    wanted, there = bool(intent.expected["listed"]), isinstance(event, ListingStated)
    words = "the channel lists it" if there else "the channel does not list it"
    return Verdict(state="verified" if there == wanted else "absent", words=words, seen={"listed": there})


def undo(intent: Intent, event: Event | None, _reference: str) -> Draft:
    """Do the opposite."""
    seen = intent.expected
    return _draft(
        str(intent.key), seen["channel"], seen["sku"], intent.connection, intent.verbs,
        listed=not seen["listed"], is_there=isinstance(event, ListingStated),
    )  # fmt: skip


def _draft(
    listing: str, channel: str, sku: str, connection: str, verbs: Verbs, *, listed: bool, is_there: bool
) -> Draft:
    return Draft(
        target=f"listing/{listing}",
        words=f"{channel}: {'list' if listed else 'delist'} the product of {sku}",
        direction="expansive" if listed else "protective",
        request=verbs.list_product(listing, listed=listed),
        changes=(Change(system=connection, thing=listing, field="listed", before=is_there, after=listed),),
        why=("it may be bought again",) if listed else ("nothing of it can be bought there while it is out",),
        side_effects=("all variants of the product come or go with it",),
        reversible="at any time, by the opposite",
        expected={"listed": listed, "channel": channel, "sku": sku},
        blocked="it is so already" if is_there == listed else None,
    )


ACTION: ActionType[None] = ActionType(
    id="delist_product", title="Delist product", inputs=("listings",), choices={"listed": int}, look=look, plan=plan,
    verify=verify, undo=undo, idempotent=False,
)  # fmt: skip
