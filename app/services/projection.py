"""The stock projection: the one that the engine keeps beside the facts, or one made here where no engine runs."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from app.services.memo import Memo
from app.services.workspace import facts
from data.store import Store
from forecasting.keep import Projection, load_projection
from forecasting.projection import project

#: The engine renews its projection now and then; an older one than this is no answer to what runs out today.
OLDEST = timedelta(hours=26)

_made = Memo(most=2)


def projection(store: Store, now: datetime) -> pl.DataFrame:
    """Give what will run out, one row an item and location, as of today."""
    return newest_projection(store, now).frame


def demand(store: Store, now: datetime) -> pl.DataFrame:
    """Give the units a day that the projection expects, as a metric that needs them takes them."""
    return projection(store, now).select("sku", "location", "demand_per_day")


def newest_projection(store: Store, now: datetime) -> Projection:
    """Give what will run out, with the publication that it rests on."""
    kept = load_projection(store.facts.parent)
    if kept is not None and abs(now - kept.at) < OLDEST:
        return kept
    known = facts(store)
    key = (str(store.facts), known.id, now.date())
    return _made.get(key, lambda: Projection(project(known, now=now), known.id, known.published_at, now))
