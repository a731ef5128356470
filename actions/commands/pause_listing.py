"""Pause a listing, so that nothing more is sold of it there; taking it back resumes it."""

from __future__ import annotations

from actions.commands.set_listing_quantity import listing_of, look
from actions.plans import ActionType, Ask, Change, Draft, Intent, Meanwhile, Verdict
from data.events import Event, ListingStated
from ingest.verbs import Verbs


def plan(ask: Ask) -> Draft:
    """Pause it, or resume it where a person chose `active=1`."""
    listing = listing_of(ask.remote, ask.look.key)
    return _draft(listing, ask.look.connection, ask.verbs, ask.reference, active=bool(int(ask.choice.get("active", 0))))


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The listing says whether it sells."""
    if not isinstance(event, ListingStated):
        return Verdict(state="mismatch", words="the listing is gone")
    wanted = bool(intent.expected["active"])
    said = "active" if event.active else "paused"
    if event.active == wanted:
        return Verdict(state="verified", words=f"the listing is {said}", seen={"active": event.active})
    return Verdict(state="absent", words=f"the listing is still {said}", seen={"active": event.active})


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Put it back as it was."""
    listing = listing_of(event, intent.key)
    return _draft(listing, intent.connection, intent.verbs, reference, active=not intent.expected["active"])


def _draft(listing: ListingStated, connection: str, verbs: Verbs, reference: str, *, active: bool) -> Draft:
    verb = "resume" if active else "pause"
    return Draft(
        target=f"listing/{listing.listing}",
        words=f"{listing.channel}: {verb} {listing.sku}",
        direction="expansive" if active else "protective",
        request=verbs.set_listing_active(listing.listing, active=active, expected=listing.active, reference=reference),
        changes=(
            Change(system=connection, thing=listing.listing, field="active", before=listing.active, after=active),
        ),
        why=("nothing can be bought while it is paused",) if not active else ("it may be bought again",),
        side_effects=("customers do not see the item while it is paused",) if not active else (),
        reversible="at any time, by the opposite",
        expected={"active": active, "channel": listing.channel, "sku": listing.sku},
        currency=listing.currency,
        blocked=f"it is {'active' if active else 'paused'} already" if listing.active == active else None,
    )


ACTION: ActionType[None] = ActionType(
    id="pause_listing",
    title="Pause listing",
    inputs=("listings",),
    choices={"active": int},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
)
