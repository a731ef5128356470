"""What every screen needs: the open store, the business time, the palette of the browser's theme, cached answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from app.desk import palette
from app.services.clock import business_now
from app.services.workspace import DEMO, publication_id, this_store
from data.store import Store

#: Without authentication the person at the loopback address is this one.
ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One run of a screen: one moment, one publication."""

    store: Store
    now: datetime
    publication: int  #: 0 where nothing was published yet
    user: str

    @property
    def is_demo(self) -> bool:
        """Tell whether the workspace is the simulated merchant's."""
        return self.store.workspace == DEMO

    @property
    def key(self) -> tuple[str, int]:
        """Name what an answer may be kept under: never a frame, always workspace and publication."""
        return (str(self.store.facts), self.publication)


def this_visit() -> Visit:
    """Take the moment and the publication that this run of a screen shows."""
    store = this_store()
    return Visit(store=store, now=business_now(store), publication=publication_id(store), user=ADMIN)


def colours() -> palette.Palette:
    """Give the palette of the theme that the browser shows."""
    return palette.of(st.context.theme.get("type"))
