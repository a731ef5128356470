"""Filters that live in the address: a link shows the same figures to whoever opens it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

PERIODS = (7, 28, 90)
EVERY = "all"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a page shows: the last so many whole days, one channel or all, one location or all."""

    days: int
    channel: str | None = None
    location: str | None = None

    @property
    def where(self) -> tuple[tuple[str, str], ...]:
        """Give the filters as a metric takes them; a tuple, because answers are kept under it."""
        pairs = (("channel", self.channel), ("location", self.location))
        return tuple((name, value) for name, value in pairs if value is not None)


def filters(channels: Sequence[str], locations: Sequence[str] = (), *, period: bool = True) -> Chosen:
    """Draw the filters in one row and give what was chosen."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="filters"):
        days = _period() if period else PERIODS[1]
        channel = _choice("channel", "All channels", channels)
        location = _choice("location", "All locations", locations) if locations else None
    return Chosen(days=days, channel=channel, location=location)


def _period() -> int:
    days = st.segmented_control(
        "Period",
        [str(days) for days in PERIODS],
        default="28",
        required=True,
        format_func=lambda days: f"{days} days",
        key="days",
        label_visibility="collapsed",
        bind="query-params",
        persist_state="session",
    )
    return int(days or 28)


def _choice(key: str, every: str, options: Sequence[str]) -> str | None:
    chosen = st.selectbox(
        key.capitalize(),
        [EVERY, *options],
        format_func=lambda value: every if value == EVERY else str(value),
        key=key,
        label_visibility="collapsed",
        width=180,
        bind="query-params",
        persist_state="session",
    )
    return None if chosen in (None, EVERY) else str(chosen)
