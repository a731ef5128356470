"""What every screen needs: the open store, the business time, the palette of the browser's theme, kept answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import streamlit as st

from app.desk import palette
from app.desk.components.filters import Chosen
from app.services.amounts import currencies
from app.services.clock import business_now
from app.services.figures import Asked
from app.services.freshness import figures_at, read_streams
from app.services.memo import Memo
from app.services.projection import demand
from app.services.workspace import DEMO, facts, newest, this_store
from data.store import Store

T = TypeVar("T")

_answers = Memo()


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One run of a screen: one moment, one publication."""

    store: Store
    now: datetime
    figures_at: datetime  #: the moment that figures are about: now, or the newest record of what came by file
    publication: int  #: 0 where nothing was published yet

    @property
    def is_demo(self) -> bool:
        """Tell whether the workspace is the simulated merchant's."""
        return self.store.workspace == DEMO

    @property
    def moment(self) -> datetime:
        """Give the minute that figures are asked for, so that sessions share their answers."""
        return self.figures_at.replace(second=0, microsecond=0)


def this_visit() -> Visit:
    """Take the moment and the publication that this run of a screen shows."""
    store = this_store()
    found = newest(store)
    now = business_now(store)
    return Visit(
        store=store,
        now=now,
        figures_at=figures_at(read_streams(store), now),
        publication=0 if found is None else found.id,
    )


def kept(visit: Visit, key: Hashable, make: Callable[[], T]) -> T:
    """Give an answer from the memory of this workspace, publication and minute, or make it."""
    return _answers.get((str(visit.store.facts), visit.publication, visit.moment, key), make)


def asked(visit: Visit, chosen: Chosen) -> Asked:
    """Put what the filters say as a question to the metrics."""
    return Asked(
        facts=facts(visit.store),
        now=visit.moment,
        days=chosen.days,
        day=chosen.day,
        where=chosen.where,
        currency=chosen.currency,
        statuses=tuple(read_streams(visit.store)),
        demand=lambda: demand(visit.store, visit.moment),
    )


def channels(visit: Visit) -> list[str]:
    """Name the channels that the facts know."""
    return kept(visit, "channels", lambda: _names(visit, "channel"))


def locations(visit: Visit) -> list[str]:
    """Name the locations that the facts know."""
    return kept(visit, "locations", lambda: _names(visit, "location"))


def money_in(visit: Visit) -> list[str]:
    """Name the currencies that the facts know, the usual one first."""
    return kept(visit, "currencies", lambda: currencies(facts(visit.store)) if visit.publication else [])


def _names(visit: Visit, column: str) -> list[str]:
    if not visit.publication:
        return []
    known = facts(visit.store).rows("order_line").select(column).unique().collect()[column]
    return sorted(name for name in known.to_list() if name)


def colours() -> palette.Palette:
    """Give the palette of the theme that the browser shows."""
    return palette.of(st.context.theme.get("type"))
