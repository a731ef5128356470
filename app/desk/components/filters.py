"""Filters that live in the address: a link shows the same figures to whoever opens it.

Streamlit's own binding writes an option's label into the address; labels here carry counts and are for people, so the
address holds the option's id instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import streamlit as st

PERIODS, USUAL = ("7", "28", "90"), "28"
EVERY = "all"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a page shows: the last so many whole days, one channel or all, one location or all, money of one kind."""

    days: int
    channel: str | None = None
    location: str | None = None
    day: date | None = None  #: one day instead of the last so many
    currency: str | None = None  #: None where there is no other

    @property
    def query(self) -> dict[str, str]:
        """Give what an address says of it, so that a page that is gone to shows the same, whatever it showed before."""
        day = {} if self.day is None else {"day": self.day.isoformat()}
        money = {} if self.currency is None else {"currency": self.currency}
        return {"days": str(self.days), **day, **money, "channel": EVERY, "location": EVERY, **dict(self.where)}

    def query_of(self, *names: str) -> dict[str, str]:
        """Give what of it a page knows that has these filters alone."""
        return {name: value for name, value in self.query.items() if name in names}

    @property
    def where(self) -> tuple[tuple[str, str], ...]:
        """Give the filters as a metric takes them; a tuple, because answers are kept under it."""
        pairs = (("channel", self.channel), ("location", self.location))
        return tuple((name, value) for name, value in pairs if value is not None)


def filters(
    channels: Sequence[str] = (), locations: Sequence[str] = (), currencies: Sequence[str] = (), *, by_day: bool = False
) -> Chosen:
    """Draw the filters in one row and give what was chosen; they stay the same from page to page.

    Where `by_day`, the address may name one day, which then stands in the place of the period. Of several currencies
    one is always chosen, because money of two is never added; the first is the usual one.
    """
    day = one_day("day", "all days") if by_day else None
    days = _days() if day is None else _named_days()
    channel = place("channel", channels, "All channels") if channels else None
    location = place("location", locations, "All locations") if locations else None
    currency = _currency(currencies) if len(currencies) > 1 else None
    return Chosen(days=int(days), channel=channel, location=location, day=day, currency=currency)


def _currency(options: Sequence[str]) -> str:
    return choose(
        "currency", options, default=options[0], label=lambda code: f"Money in {code}", shape="list", width=150,
        everywhere=True,
    )  # fmt: skip


def _days() -> str:
    return choose("days", PERIODS, default=USUAL, label=lambda days: f"{days} days", shape="segments", everywhere=True)


def _named_days() -> str:
    named = st.query_params.get("days", USUAL)
    return named if named in PERIODS else USUAL


def one_day(key: str, every: str) -> date | None:
    """Draw the day that the address names, with a way back to all of them; nothing where it names none."""
    try:
        day = date.fromisoformat(st.query_params.get(key, ""))
    except ValueError:
        return None
    names = {day.isoformat(): f"{day:%-d %b %Y}", EVERY: every}
    chosen = choose(key, list(names), default=EVERY, label=names.__getitem__, shape="segments")
    return day if chosen == day.isoformat() else None


def place(key: str, options: Sequence[str], every: str) -> str | None:
    """Draw a choice of one name or all of them; None is all."""
    chosen = choose(
        key,
        (EVERY, *options),
        default=EVERY,
        label=lambda value: every if value == EVERY else value,
        shape="list",
        width=160,
        everywhere=True,
    )
    return None if chosen == EVERY else chosen


def choose(
    key: str,
    options: Sequence[str],
    *,
    default: str,
    label: Callable[[str], str],
    shape: Literal["pills", "segments", "list"],
    width: int = 200,
    everywhere: bool = False,
) -> str:
    """Draw a choice whose option's id stands in the address, unless it is the default."""
    widget = f"{key}-chosen"
    _take_from_address(key, options, default, everywhere=everywhere)
    name = key.capitalize()
    if shape == "list":
        found: str | None = st.selectbox(
            name, options, format_func=label, key=widget, label_visibility="collapsed", width=width,
            on_change=_to_address, args=(key, default),
        )  # fmt: skip
    else:
        draw = st.pills if shape == "pills" else st.segmented_control
        found = draw(
            name, options, format_func=label, key=widget, label_visibility="collapsed", required=True,
            on_change=_to_address, args=(key, default),
        )  # fmt: skip
    return str(found or default)


def _take_from_address(key: str, options: Sequence[str], default: str, *, everywhere: bool) -> None:
    """Follow the address where it changed since the last run; else keep what was chosen."""
    state, widget, heard = st.session_state, f"{key}-chosen", f"{key}-address"
    address = st.query_params.get(key)
    if widget in state and state.get(heard) == address and state[widget] in options:
        return
    kept = state.get(f"{key}-kept") if everywhere else None
    chosen = next((value for value in (address, kept) if value in options), default)
    state.setdefault(f"{key}-kept", chosen)  # what a session begins with; what a link shows is not what a person chose
    state[widget] = chosen
    state[heard] = address
    if chosen != (address or default):
        _to_address(key, default)


def _to_address(key: str, default: str) -> None:
    chosen = st.session_state[f"{key}-chosen"]
    st.session_state[f"{key}-kept"] = chosen
    if chosen == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = chosen
    st.session_state[f"{key}-address"] = st.query_params.get(key)
