"""The stock projection: the one that the engine keeps beside the facts, or one made here where no engine runs."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from app.services.memo import Memo
from app.services.workspace import facts
from data.store import Store
from forecasting.keep import load_projection
from forecasting.projection import project

#: The engine renews its projection now and then; an older one than this is no answer to what runs out today.
OLDEST = timedelta(hours=26)

_made = Memo(most=2)


def projection(store: Store, now: datetime) -> pl.DataFrame:
    """Give what will run out, one row an item and location, as of today."""
    kept = load_projection(store.facts.parent)
    if kept is not None and abs(now - kept.at) < OLDEST:
        return kept.frame
    known = facts(store)
    key = (str(store.facts), known.id, now.date())
    return _made.get(key, lambda: project(known, now=now))
