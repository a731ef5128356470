"""The rows that a figure is made of, with its definition and its arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from app.services.figures import Asked, in_words, moved
from metrics.answer import answer, compare, rows
from metrics.figure import Figure
from metrics.metric import Metric
from metrics.registry import METRICS, find

SHOWN = 2_000  #: rows on the screen and in an export


@dataclass(frozen=True, kw_only=True)
class Move:
    """How a figure moved against an earlier window."""

    than: str
    move: str  #: empty where nobody can say
    tone: str  #: up | down | even
    reason: str  #: why nobody can say


@dataclass(frozen=True, kw_only=True)
class Made:
    """A figure with the rows that add up to it."""

    metric: Metric
    figures: Sequence[Figure]
    texts: Sequence[str]
    frame: pl.DataFrame
    whole: int  #: rows there are; the frame has at most `SHOWN`
    moves: Sequence[Move] = ()
    ignored: Sequence[str] = ()  #: which filters the figure does not follow, in words


def names() -> list[tuple[str, str]]:
    """Name every figure that has rows: (name, label)."""
    return [(name, metric.label) for name, metric in METRICS.items() if not name.endswith("_cohort")]


def made_of(asked: Asked, name: str) -> Made:
    """Give a figure and its rows under the filters that it knows, what makes it worst first.

    Raises:
        RequestError: there is no such metric.
    """
    metric = find(name)
    window = asked.window if metric.time else None
    where = asked.filters(name)
    given = asked.given_for(name)
    figures = answer(given, name, window=window, where=where)
    if all(figure.state == "not_armed" for figure in figures):
        frame = pl.DataFrame()
    else:
        frame = rows(given, name, window=window, where=where)
        frame = _telling(frame, metric)
        if any(figure.currency for figure in figures):
            frame = frame.rename({name: f"{name}_minor" for name in _SUMS}, strict=False)
    return Made(
        metric=metric,
        figures=figures,
        texts=[in_words(f) for f in figures],
        frame=frame.head(SHOWN),
        whole=frame.height,
        moves=_moves(asked, name) if window else (),
        ignored=asked.ignored(metric.dimensions),
    )


def _moves(asked: Asked, name: str) -> list[Move]:
    """Say how a figure moved against the window before, and against the same weekdays 52 weeks earlier."""
    window, where = asked.window, asked.filters(name)
    spans = {asked.before: window.previous(), "52 weeks before": window.year_before()}
    compared = {
        than: compare(asked.given, name, window=window, before=before, where=where)[0] for than, before in spans.items()
    }
    return [Move(than=than, move=moved(c)[0], tone=moved(c)[1], reason=c.reason or "") for than, c in compared.items()]


#: What a row adds to the figure.
_SUMS = ("numerator", "denominator")
#: What is read first of a row; amounts that are zero everywhere and columns that say nothing are left out.
_FIRST = ("entity", "line_id", "sku", "title", "channel", "location", *_SUMS)


def _telling(frame: pl.DataFrame, metric: Metric) -> pl.DataFrame:
    """Show what says something, and first the rows that make the figure worst: of a share what is missing from it."""
    telling = [name for name in frame.columns if name in (*_FIRST, "currency") or frame[name].n_unique() > 1]
    ordered = [*(name for name in _FIRST if name in telling), *(name for name in telling if name not in _FIRST)]
    chosen = frame.select(ordered)
    if "numerator" not in ordered:
        return chosen
    parts: list[pl.Expr] = [pl.col("numerator")]
    if metric.good == "up" and "denominator" in ordered:
        parts = [pl.col("denominator") - pl.col("numerator"), pl.col("denominator")]
    return chosen.sort(parts, descending=True, nulls_last=True)
