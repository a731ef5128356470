"""The rows that a figure is made of, with its definition and its arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from app.services.figures import Asked, in_words
from metrics.answer import answer, rows
from metrics.figure import Figure
from metrics.metric import Metric
from metrics.registry import METRICS, find

SHOWN = 2_000  #: rows on the screen and in an export


@dataclass(frozen=True, kw_only=True)
class Made:
    """A figure with the rows that add up to it."""

    metric: Metric
    figures: Sequence[Figure]
    texts: Sequence[str]
    frame: pl.DataFrame
    whole: int  #: rows there are; the frame has at most `SHOWN`


def names() -> list[tuple[str, str]]:
    """Name every figure that has rows: (name, label)."""
    return [(name, metric.label) for name, metric in METRICS.items() if not name.endswith("_cohort")]


def made_of(asked: Asked, name: str) -> Made:
    """Give a figure and its rows under the filters that it knows, the largest part first.

    Raises:
        RequestError: there is no such metric.
    """
    metric = find(name)
    window = asked.window if metric.time else None
    where = asked.filters(name)
    figures = answer(asked.facts, name, window=window, where=where, now=asked.now, statuses=asked.statuses)
    if all(figure.state == "not_armed" for figure in figures):
        frame = pl.DataFrame()
    else:
        frame = rows(asked.facts, name, window=window, where=where, now=asked.now, statuses=asked.statuses)
        frame = _telling(frame)
    return Made(
        metric=metric,
        figures=figures,
        texts=[in_words(f) for f in figures],
        frame=frame.head(SHOWN),
        whole=frame.height,
    )


#: What is read first of a row; amounts that are zero everywhere and columns that say nothing are left out.
_FIRST = ("entity", "line_id", "sku", "title", "channel", "location", "numerator", "denominator")


def _telling(frame: pl.DataFrame) -> pl.DataFrame:
    telling = [name for name in frame.columns if name in _FIRST or frame[name].n_unique() > 1]
    ordered = [*(name for name in _FIRST if name in telling), *(name for name in telling if name not in _FIRST)]
    by = [name for name in ("numerator",) if name in ordered]
    chosen = frame.select(ordered)
    return chosen.sort(by, descending=True, nulls_last=True) if by else chosen
