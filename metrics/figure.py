"""What an answer is: a value with its two sums, its state and what it was answered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from metrics.metric import Unit
from metrics.window import Window

State = Literal["not_armed", "unknown", "no_data", "stale", "provisional", "restated", "value"]

#: The first that applies is the state; the reasons of all that apply are told.
GRAVEST_FIRST: tuple[State, ...] = ("not_armed", "unknown", "no_data", "stale", "provisional", "restated", "value")

Number = int | float


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One answered figure. Money is in minor units, a percentage a fraction; None is never zero."""

    metric: str
    label: str
    version: int
    unit: Unit
    currency: str | None
    dimensions: Mapping[str, str | None]
    value: Number | None
    numerator: Number | None
    denominator: Number | None
    state: State
    reasons: tuple[str, ...]
    window: Window | None  #: None: the state at `at`
    at: datetime
    publication: int
    position: int  #: how much of the log the publication holds


def gravest(states: set[State]) -> State:
    """Give the state that is shown where several apply."""
    return next(state for state in GRAVEST_FIRST if state in states or state == "value")
