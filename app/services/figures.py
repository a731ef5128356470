"""Figures for the screens: a value in words, how it moved, its trend, and where its rows are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from app.services import words
from data.lake import Facts
from data.log.status import StreamStatus
from metrics.answer import Comparison, compare, many, series
from metrics.figure import Figure, Number
from metrics.registry import find
from metrics.sources import Given
from metrics.window import Window

Where = tuple[tuple[str, str], ...]  #: filters, as a key under which answers are kept
UNMOVED = "■ no change"
LEAST = 0.001  #: a share that is shown with one decimal and is less, but not nothing


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a screen asks about: these facts at this moment, this window, these filters."""

    facts: Facts
    now: datetime
    days: int
    where: Where = ()
    statuses: Sequence[StreamStatus] = ()
    day: date | None = None  #: one day instead of the last so many
    currency: str | None = None  #: the one that money is shown in; None where there is no other
    demand: Callable[[], pl.DataFrame] | None = None  #: units a day by item and location, read only where it is needed

    @property
    def window(self) -> Window:
        """Give the last whole days, or the one day that is asked about."""
        if self.day is not None:
            return Window.days(self.day, self.day + timedelta(days=1))
        return Window.last_days(self.days, self.now)

    @property
    def before(self) -> str:
        """Name the window before."""
        return "the day before" if self.day is not None else f"{self.days} days before"

    @property
    def given(self) -> Given:
        """Give what every answer is made from."""
        return Given(facts=self.facts, now=self.now, statuses=self.statuses)

    def given_for(self, metric: str) -> Given:
        """Give what a metric is answered from, with the projection's demand where it needs that."""
        if self.demand is None or all(need.argument != "demand" for need in find(metric).needs):
            return self.given
        return replace(self.given, demand=self.demand())

    def filters(self, metric: str) -> dict[str, str]:
        """Give the filters that a metric knows; money is of one currency."""
        known = find(metric)
        money = {} if self.currency is None or not known.monetary else {"currency": self.currency}
        return {name: value for name, value in self.where if name in known.dimensions} | money

    def ignored(self, known: Sequence[str]) -> list[str]:
        """Say which filters a figure does not follow that knows these dimensions."""
        return [f"not split by {name}" for name, _ in self.where if name not in known]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure as a card shows it."""

    name: str
    label: str
    text: str  #: the value in words; empty where there is none
    state: str
    reason: str
    delta: str  #: how it moved, in the right unit; empty where it cannot be said
    tone: str  #: up | down | even: whether the move is good or bad
    against: str  #: what it is compared with, or why it is not
    trend: Sequence[float | None] = ()
    share: float | None = None  #: of the figure beside it, where it is a part of one
    note: str = ""


def tile(asked: Asked, name: str, *, label: str = "", note: str = "") -> Tile:
    """Answer a metric that has a window: value, move against the window before, trend by day."""
    where = asked.filters(name)
    first, *others = compare(asked.given, name, window=asked.window, where=where)
    trend = series(asked.given, name, window=asked.window, where=where)
    delta, tone = moved(first)
    apart = [f"{first.figure.currency} alone"] if others or "currency" in where else []
    return Tile(
        name=name,
        label=label or first.figure.label,
        text=in_words(first.figure, short=True),
        state=first.figure.state,
        reason="; ".join(first.figure.reasons),
        delta=delta,
        tone=tone,
        against=first.reason or against(delta, f"{asked.days} days before"),
        trend=[f.value for f in trend if f.currency in (None, first.figure.currency)],
        note="; ".join([*apart, *asked.ignored(find(name).dimensions), *([note] if note else [])]),
    )


def state_tile(asked: Asked, name: str, *, beside: str, label: str = "") -> Tile:
    """Answer a metric that is a state at one moment, with another one beside it."""
    where = {k: v for k, v in asked.filters(name).items() if k in find(beside).dimensions}
    answers = many(asked.given, [name, beside], where=where)
    figure, other = answers[name][0], answers[beside][0]
    return Tile(
        name=name,
        label=label or figure.label,
        text=in_words(figure, short=True),
        state=figure.state,
        reason="; ".join(figure.reasons),
        delta="",
        tone="even",
        against=f"now, of {in_words(other, short=True) or words.NOTHING} {other.label.lower()}",
        share=figure.value / other.value if figure.value is not None and other.value else None,
    )


def moved(c: Comparison) -> tuple[str, str]:
    """Say how a figure moved, and whether that is good: up, down or even."""
    if c.delta is None:
        return "", "even"
    good = find(c.figure.metric).good
    if c.delta_unit == "pp":
        size, word = f"{abs(c.delta):.1f} points", ("higher", "lower")
    elif c.change is not None:
        size, word = f"{abs(c.change):.1%}", ("more", "less")
    else:
        size, word = _amount(abs(c.delta), c.figure, short=True), ("more", "less")
    if not any(digit in size for digit in "123456789"):
        return UNMOVED, "even"
    rising = c.delta > 0
    tone = "even" if good == "neither" else "up" if rising == (good == "up") else "down"
    return (f"▲ {size} {word[0]}" if rising else f"▼ {size} {word[1]}"), tone


def against(move: str, earlier: str) -> str:
    """Join a move to what it is measured from: there is more *than* before, but no change *from* it."""
    return f"{'from' if move == UNMOVED else 'than'} {earlier}"


def in_words(figure: Figure, *, short: bool = False) -> str:
    """Write a figure's value; empty where there is none."""
    return "" if figure.value is None else _amount(figure.value, figure, short=short)


def sum_in_words(total: Number | None, figure: Figure) -> str:
    """Write one of the two sums that a figure is made of; empty where there is none."""
    if total is None:
        return ""
    if figure.currency is not None:
        return words.money(round(total), figure.currency)
    return words.count(total, 1 if isinstance(total, float) else 0)


def _amount(value: float, figure: Figure, *, short: bool) -> str:
    match figure.unit:
        case "percent":
            return f"under {words.percent(LEAST)}" if 0 < value < LEAST / 2 else words.percent(value)
        case "money":
            currency = figure.currency or ""
            return words.money_compact(value, currency) if short else words.money(round(value), currency)
        case "days":
            return f"{value:,.1f} days"
        case "minutes":
            return f"{value:,.0f} min"
        case _:
            return words.compact(value) if short and value >= 100_000 else words.count(value)


def daily(asked: Asked, name: str, *, grain: str = "day") -> list[tuple[date, Figure]]:
    """Answer a metric for every day (or week) of the window; what cannot be split stands on the first day."""
    found = series(
        asked.given, name, window=asked.window, grain="week" if grain == "week" else "day", where=asked.filters(name)
    )
    first = asked.window.start.date().isoformat()
    return [(date.fromisoformat(str(f.dimensions.get(grain) or first)), f) for f in found]


def by(asked: Asked, names: Sequence[str], dimension: str) -> Mapping[str, list[Figure]]:
    """Answer several metrics by one dimension."""
    known = [asked.filters(name).items() for name in names]
    where = dict(pair for pair in known[0] if all(pair in filters for filters in known))
    window = asked.window if find(names[0]).time else None
    return many(asked.given, names, window=window, by=(dimension,), where=where)
