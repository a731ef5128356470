"""What the orders screen asks for: an order by any id, with everything that every system said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.services.moments import Compared, Moment, answer_for_customer, compare, moments
from data.events import Entity, ParcelStated
from data.log.lookup import Heard, find, heard
from data.store import Store

LONGEST_ID = 80


@dataclass(frozen=True, kw_only=True)
class Story:
    """One entity's life across the systems."""

    entity: Entity
    moments: Sequence[Moment]
    compared: Sequence[Compared]
    answer: str
    simulated: bool


def search(store: Store, text: str) -> list[Entity]:
    """Find what an id names: orders first; a parcel leads to its order."""
    wanted = text.strip()[:LONGEST_ID]
    if not wanted:
        return []
    with store.log.read() as conn:
        found = find(conn, wanted)
        orders = dict.fromkeys(
            entity for hit in found for entity in (_orders_of(heard(conn, [hit])) if hit[0] == "parcel" else [hit])
        )
    return sorted(orders, key=lambda e: (e[0] != "order", e))


def _orders_of(events: Sequence[Heard]) -> list[Entity]:
    return [("order", h.stated.event.order) for h in events if isinstance(h.stated.event, ParcelStated)]


def story(store: Store, entity: Entity, now: datetime) -> Story:
    """Tell an entity's life; an order brings the scans of its parcels."""
    with store.log.read() as conn:
        events = heard(conn, [entity])
        trackings = {h.stated.event.tracking for h in events if isinstance(h.stated.event, ParcelStated)}
        if entity[0] == "order" and trackings:
            events = heard(conn, [entity, *(("parcel", tracking) for tracking in sorted(trackings))])
    told = moments(events)
    return Story(
        entity=entity,
        moments=told,
        compared=compare(events, now) if entity[0] == "order" else (),
        answer=answer_for_customer(events, entity[1], now) if entity[0] == "order" else "",
        simulated=any(m.simulated for m in told),
    )
