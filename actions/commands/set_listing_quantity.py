"""Set what a channel offers of an item, by compare-and-set: what changed meanwhile is never overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, expected_listings
from data.errors import RequestError
from data.events import Event, ListingChange, ListingStated


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the case's listing, in the account that states it."""
    if case["kind"] != "listing":
        raise RequestError(f"case {case['id']} is about a {case['kind']}; a listing's quantity cannot correct it")
    listing = view.facts.frame("listing").filter(pl.col("entity") == case["object_id"])
    if listing.is_empty():
        raise RequestError(f"listing {case['object']} is not known; read the storefront again")
    return Look(
        connection=listing["connection"][0],
        stream="listings",
        key=case["object_id"],
    )


def plan(ask: Ask) -> Draft:
    """Offer what the stock supports now, from what the listing says now."""
    listing = listing_of(ask.remote, ask.look.key)
    supported = expected_listings(ask.view).filter(pl.col("entity") == listing.listing)
    if supported.is_empty() and "quantity" not in ask.choice:
        raise RequestError(f"the stock of {listing.sku} is not known, so nothing says what {listing.channel} may offer")
    expected = None if supported.is_empty() else int(supported["expected"][0])
    quantity = int(ask.choice.get("quantity", expected if expected is not None else 0))
    if quantity < 0:
        raise RequestError(f"a listing cannot offer {quantity} units; give 0 or more")
    pools = "" if supported.is_empty() else ", ".join(f"{p['location']} {p['atp']}" for p in supported["pools"][0])
    raised = quantity > listing.quantity
    return Draft(
        target=f"listing/{listing.listing}",
        words=f"{listing.channel}: offer {quantity} of {listing.sku} instead of {listing.quantity}",
        direction="expansive" if raised else "protective",
        request=ask.verbs.set_listing_quantity(
            listing.listing, quantity, expected=listing.quantity, reference=ask.reference
        ),
        changes=(
            Change(
                system=ask.look.connection,
                thing=listing.listing,
                field="quantity",
                before=listing.quantity,
                after=quantity,
            ),
        ),
        why=(
            f"available to promise: {pools or 'unknown'}",
            f"the channel's rule makes that {expected}" if expected is not None else "chosen by a person",
            *((f"a person chose {quantity}",) if quantity != expected else ()),
        ),
        side_effects=("none: no customer is written to",),
        reversible="until the quantity moves again, by setting it back",
        expected=_expected(listing, quantity),
        value_minor=abs(quantity - listing.quantity) * listing.price_minor,
        currency=listing.currency,
        blocked="the listing already offers that" if quantity == listing.quantity else None,
    )


def verify(intent: Intent, event: Event | None, meanwhile: Meanwhile) -> Verdict:
    """Judge by the channel's own change record; without one by intent - sold + returned since."""
    if not isinstance(event, ListingStated):
        return Verdict(state="mismatch", words="the listing is gone")
    wanted, before = int(intent.expected["quantity"]), int(intent.expected["before"])
    seen: dict[str, object] = {
        "quantity": event.quantity,
        "changes": [[c.at, c.before, c.after, c.reference] for c in event.changes],
    }
    mine = [c for c in event.changes if c.reference == intent.reference]
    if mine:
        return _by_record(event, wanted, before, mine[-1], seen)
    later = [c for c in event.changes if c.at >= meanwhile.sent_at]
    if event.quantity == wanted:
        return Verdict(state="verified", words=f"the listing offers {wanted}", seen=seen)
    if meanwhile.sold or meanwhile.returned:
        rest = max(wanted - meanwhile.sold + meanwhile.returned, 0)
        if event.quantity == rest:
            names = ", ".join(meanwhile.orders[:5])
            words = (
                f"{event.quantity} = {wanted} - {meanwhile.sold} sold + {meanwhile.returned} returned since ({names})"
            )
            return Verdict(state="verified", words=words, seen={**seen, "orders": list(meanwhile.orders)})
    if later and later == list(event.changes) and (meanwhile.verified_before or later[0].before == wanted):
        words = f"its record has moved on from {later[0].before} since, and nothing in it contradicts {wanted}"
        return Verdict(state="verified", words=words, seen=seen)
    state: Literal["absent", "mismatch"] = "absent" if event.quantity == before else "mismatch"
    return Verdict(state=state, words=f"the listing offers {event.quantity}, {wanted} was intended", seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Set the quantity back, unless it has moved since."""
    listing = listing_of(event, intent.key)
    wanted, before = int(intent.expected["quantity"]), int(intent.expected["before"])
    moved = listing.quantity != wanted
    return Draft(
        target=f"listing/{listing.listing}",
        words=f"{listing.channel}: offer {before} of {listing.sku} again instead of {listing.quantity}",
        direction="expansive" if before > listing.quantity else "protective",
        request=intent.verbs.set_listing_quantity(
            listing.listing, before, expected=listing.quantity, reference=reference
        ),
        changes=(
            Change(
                system=intent.connection,
                thing=listing.listing,
                field="quantity",
                before=listing.quantity,
                after=before,
            ),
        ),
        why=("takes back an earlier action",),
        reversible="by setting it again",
        expected=_expected(listing, before),
        value_minor=abs(before - listing.quantity) * listing.price_minor,
        currency=listing.currency,
        blocked=f"the quantity has moved since: {wanted} was set, {listing.quantity} is offered" if moved else None,
    )


def _by_record(
    event: ListingStated, wanted: int, before: int, mine: ListingChange, seen: Mapping[str, object]
) -> Verdict:
    """The channel says that it made our change: it must say our number, still hold, and not have been taken back."""
    if mine.after != wanted:
        return Verdict(state="mismatch", words=f"its record says {mine.after}, {wanted} was intended", seen=seen)
    later = event.changes[event.changes.index(mine) + 1 :]
    stands = later[-1].after if later else mine.after
    if event.quantity != stands:
        return Verdict(
            state="mismatch", words=f"its record ends at {stands}, but it offers {event.quantity}", seen=seen
        )
    if event.quantity == before != wanted and later:
        who = later[-1].reference or "somebody without a reference"
        return Verdict(state="mismatch", words=f"set to {wanted}, then put back to {before} by {who}", seen=seen)
    return Verdict(state="verified", words=f"its own record says {mine.before} → {mine.after} by us", seen=seen)


def _expected(listing: ListingStated, quantity: int) -> dict[str, object]:
    return {
        "quantity": quantity,
        "before": listing.quantity,
        "channel": listing.channel,
        "sku": listing.sku,
    }


def listing_of(event: Event | None, key: str | None) -> ListingStated:
    """Take the listing that was read.

    Raises:
        RequestError: the storefront has none of that name.
    """
    if not isinstance(event, ListingStated):
        raise RequestError(f"the storefront has no listing {key}; nothing can be set")
    return event


ACTION: ActionType[None] = ActionType(
    id="set_listing_quantity",
    title="Set listing quantity",
    inputs=("listings", "stock"),
    choices={"quantity": int},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
)
