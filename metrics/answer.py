"""The one answering engine: screens, commands, alerts and exports all get their figures here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

import polars as pl

from data.errors import RequestError
from metrics.doubt import doubts
from metrics.engine import CURRENCY, Asked, Where, add_up, chosen
from metrics.figure import Figure, Number, gravest
from metrics.judge import Judge, armed_by
from metrics.metric import PERIODS, Metric
from metrics.registry import find
from metrics.sources import Given
from metrics.window import Window, periods

#: Where coverage moved by more than this, two margins are not of the same thing.
COVERAGE_TOLERANCE = 0.02

Grain = Literal["day", "week", "month"]


def answer(
    given: Given, name: str, *, window: Window | None = None, by: Sequence[str] = (), where: Where | None = None
) -> list[Figure]:
    """Answer one metric: a figure a group, sorted; a state at one moment takes no notice of the window.

    Raises:
        RequestError: there is no such metric, or it does not allow the dimension; the message names what is there.
    """
    return many(given, [name], window=window, by=by, where=where)[name]


def many(
    given: Given, names: Sequence[str], *, window: Window | None = None, by: Sequence[str] = (),
    where: Where | None = None,
) -> dict[str, list[Figure]]:  # fmt: skip
    """Answer several metrics with one scan per kind of row that they need; a dimension named twice splits once."""
    asked = Asked(window=window, by=tuple(dict.fromkeys(by)), where=where or {})
    return _answer(given, [find(name) for name in names], asked)


def rows(
    given: Given, name: str, *, window: Window | None = None, where: Where | None = None, limit: int | None = None
) -> pl.DataFrame:
    """Give the rows that a figure is made of; their `numerator` and `denominator` add up to the figure's.

    Where the two are sums over different rows, `part` tells which of them a row belongs to.
    """
    metric = find(name)
    asked = Asked(window=window, by=(), where=where or {})
    _check(metric, asked)
    frame = _rows(given, metric, asked)
    return (frame if limit is None else frame.head(limit)).collect()


def series(
    given: Given, name: str, *, window: Window, by: Sequence[str] = (), grain: Grain = "day",
    where: Where | None = None,
) -> list[Figure]:  # fmt: skip
    """Answer one metric for every day, week or month of a window in one scan; an empty period says so."""
    metric = find(name)
    asked = Asked(window=window, by=(*by, grain), where=where or {})
    found = _answer(given, [metric], asked)[name]
    if found[0].state == "not_armed":
        return found
    known = {tuple(figure.dimensions.items()): figure for figure in found}
    groups = dict.fromkeys(tuple(item for item in figure.dimensions.items() if item[0] != grain) for figure in found)
    judge, general = Judge(given, metric, asked), doubts(metric, given, window)
    days = [day.isoformat() for day in periods(window, grain, given.zone)]
    filled = []
    for group in groups:
        for day in days:
            held = {**dict(group), grain: day}
            at = {name: held[name] for name in (*by, grain, *(held.keys() - {*by, grain}))}
            filled.append(known.get(tuple(at.items())) or judge.nothing(at, general))
    return filled


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A figure beside the one it is compared with; `delta` is in points for percentages, else in the figure's unit."""

    figure: Figure
    before: Figure | None
    delta: Number | None
    delta_unit: str  #: pp, or the figure's unit
    change: float | None  #: relative change; None for percentages and where there was nothing before
    reason: str | None  #: why there is no delta


def compare(
    given: Given, name: str, *, window: Window, before: Window | None = None, by: Sequence[str] = (),
    where: Where | None = None,
) -> list[Comparison]:  # fmt: skip
    """Compare a metric with the window before, or another one, group by group.

    Raises:
        RequestError: the metric is a state at one moment, which has no window before it.
    """
    metric = find(name)
    if metric.time is None:
        raise RequestError(f"{name} is a state at one moment and has no period before it; compare two --as-of answers")
    names = [name, *([metric.coverage] if metric.coverage else [])]
    new, old = (
        many(given, names, window=span, by=by, where=where) for span in (window, before or window.previous(given.zone))
    )
    earlier = _finder(old[name])
    moved = _moved(new[metric.coverage], old[metric.coverage]) if metric.coverage else {}
    return [_compared(f, earlier(f), moved.get(_group(f), 0.0), metric.coverage) for f in new[name]]


def restated(figures: Sequence[Figure], shown: Sequence[Figure]) -> list[Figure]:
    """Mark the figures that differ from what an earlier publication showed for the same closed window."""
    earlier = _finder([figure for figure in shown if figure.state in {"value", "restated"}])
    return [_restated(figure, earlier(figure)) for figure in figures]


def _answer(given: Given, metrics: Sequence[Metric], asked: Asked) -> dict[str, list[Figure]]:
    for metric in metrics:
        _check(metric, asked)
    needs = [need for metric in metrics for need in metric.needs if need.argument is None]
    given.facts.learn((need.table, need.proof) for need in needs)
    unmet = {metric.name: armed_by(metric, given) for metric in metrics}
    sums = add_up(given, [metric for metric in metrics if not unmet[metric.name]], asked)
    found = {}
    for metric in metrics:
        judge = Judge(given, metric, asked)
        if unmet[metric.name]:
            found[metric.name] = [judge.not_armed(unmet[metric.name])]
        else:
            found[metric.name] = judge.figures(sums[metric.name], doubts(metric, given, asked.window))
    return found


def _check(metric: Metric, asked: Asked) -> None:
    allowed = (*metric.dimensions, *(PERIODS if metric.time else ()))
    for name, valid in [*((n, allowed) for n in asked.by), *((n, metric.dimensions) for n in asked.where)]:
        if name not in valid:
            close = get_close_matches(name, valid, n=1)
            hint = f" did you mean {close[0]}?" if close else ""
            raise RequestError(f"{metric.name} has no dimension {name!r};{hint} it has: {', '.join(valid)}")


def _rows(given: Given, metric: Metric, asked: Asked) -> pl.LazyFrame:
    top = chosen(given, metric.numerator, asked)
    if metric.denominator is None:
        return top.rename({"amount": "numerator"})
    bottom = chosen(given, metric.denominator, asked)
    if metric.numerator.row_identity == metric.denominator.row_identity:
        return top.rename({"amount": "numerator"}).with_columns(metric.denominator.amount.alias("denominator"))
    above, below = top.rename({"amount": "numerator"}), bottom.rename({"amount": "denominator"})
    parts = [
        above.with_columns(pl.lit(0).alias("denominator"), pl.lit("numerator").alias("part")),
        below.with_columns(pl.lit(0).alias("numerator"), pl.lit("denominator").alias("part")),
    ]
    return pl.concat(parts, how="diagonal_relaxed")


def _group(figure: Figure) -> tuple[tuple[str, str | None], ...]:
    """Give what two figures of one metric have in common; periods differ between windows and do not count."""
    return tuple(sorted((k, v or "") for k, v in figure.dimensions.items() if k not in PERIODS))


def _finder(figures: Sequence[Figure]) -> Callable[[Figure], Figure | None]:
    """Make what finds the figure of the same group; where only one side has several currencies, that of the same."""
    exact = {_group(figure): figure for figure in figures}
    of_money = {(_unsplit(figure), figure.currency): figure for figure in figures}
    return lambda figure: exact.get(_group(figure)) or of_money.get((_unsplit(figure), figure.currency))


def _unsplit(figure: Figure) -> tuple[tuple[str, str | None], ...]:
    return tuple(pair for pair in _group(figure) if pair[0] != CURRENCY)


def _moved(new: Sequence[Figure], old: Sequence[Figure]) -> Mapping[tuple[tuple[str, str | None], ...], float]:
    earlier = _finder(old)
    moved = {}
    for figure in new:
        before = earlier(figure)
        if figure.value is not None and before is not None and before.value is not None:
            moved[_group(figure)] = abs(figure.value - before.value)
    return moved


def _compared(figure: Figure, before: Figure | None, moved: float, coverage: str | None) -> Comparison:
    unit = "pp" if figure.unit == "percent" else figure.unit
    reason = None
    if figure.value is None:
        reason = "there is no figure now"
    elif before is None or before.value is None:
        reason = "there was no figure before"
    elif figure.currency != before.currency:
        reason = f"the currency changed from {before.currency} to {figure.currency}"
    elif moved > COVERAGE_TOLERANCE:
        reason = f"{coverage} moved by {moved * 100:.1f} points, so the two are not of the same thing"
    if reason is not None or figure.value is None or before is None or before.value is None:
        return Comparison(figure=figure, before=before, delta=None, delta_unit=unit, change=None, reason=reason)
    delta = figure.value - before.value
    if unit == "pp":
        return Comparison(figure=figure, before=before, delta=delta * 100, delta_unit=unit, change=None, reason=None)
    change = delta / before.value if before.value > 0 else None
    return Comparison(figure=figure, before=before, delta=delta, delta_unit=unit, change=change, reason=None)


def _restated(figure: Figure, shown: Figure | None) -> Figure:
    if shown is None or figure.value is None or shown.value is None or figure.value == shown.value:
        return figure
    change = figure.value - shown.value
    reason = f"publication {shown.publication} showed {shown.value}; late data changed it by {change}"
    state = gravest({figure.state, "restated"})
    return replace(figure, state=state, reasons=(*figure.reasons, reason))
