"""What the orders screen asks for: an order by any id, with everything that every system said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from app.services import words
from app.services.amounts import majors
from app.services.figures import Asked
from app.services.moments import Compared, Moment, answer_for_customer, compare, moments
from data.events import Entity, ParcelStated
from data.log.lookup import Heard, find, heard
from data.store import Store
from metrics.answer import answer, rows
from metrics.sources import AGES

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


@dataclass(frozen=True, kw_only=True)
class Open:
    """Open orders, the longest overdue first."""

    frame: pl.DataFrame
    counts: dict[str, int]  #: age -> orders
    late: int
    reason: str  #: why there can be none; empty where the question can be answered


def open_orders(asked: Asked, *, late: bool, age: str | None, stage: str | None = None) -> Open:
    """List open orders under the filters; `late` keeps those past their ship-by time."""
    where = asked.filters("open_orders")
    figure = answer(asked.given, "open_orders", where=where)[0]
    if figure.state == "not_armed":
        return Open(frame=pl.DataFrame(), counts={}, late=0, reason="; ".join(figure.reasons))
    every = rows(asked.given, "open_orders", where=where)
    overdue = (pl.col("ship_by") < asked.now).fill_null(value=False)
    tally = dict(every.group_by("age").len().iter_rows())
    chosen = every.filter(overdue) if late else every
    chosen = chosen.filter(pl.col("age") == age) if age is not None else chosen
    chosen = chosen.filter(pl.col("stage") == stage) if stage is not None else chosen
    return Open(
        frame=_shown(chosen, asked.now),
        counts={name: tally.get(name, 0) for name in AGES},
        late=every.filter(overdue).height,
        reason="",
    )


def _shown(frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    waits = pl.when(pl.col("stage") == "backordered").then(pl.lit("waits for stock"))
    due = (pl.col("ship_by") - now).dt.total_minutes() / 60
    return frame.sort("ship_by", "placed_at", nulls_last=True).select(
        pl.col("entity").alias("order"),
        "channel",
        "stage",
        pl.col("location").fill_null(words.NOTHING),
        ((now - pl.col("placed_at")).dt.total_minutes() / 60).round(1).alias("age_hours"),
        pl.col("ship_by").dt.strftime("%-d %b %H:%M").fill_null("no promise").alias("promised"),
        due.round(1).alias("due_in_hours"),
        pl.col("waiting_units").alias("open_units"),
        majors("open_value_minor").alias("open_value"),
        pl.coalesce("hold", waits, pl.lit(words.NOTHING)).alias("blocked_by"),
        "currency",
    )
