"""Laws that hold for every metric, on facts drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.facts import TABLES
from data.lake import difference
from metrics.answer import answer, many, rows, series
from metrics.figure import Figure
from metrics.registry import METRICS
from metrics.window import Window
from tests.metrics.drawn import published, tables
from tests.metrics.factories import DAY, LATER, NOON, Row, a_stream, some_facts, table, told

#: What each question is asked with besides facts.
DEMAND = pl.DataFrame({"sku": ["MUG", "CUP"], "location": ["NORTH", "SOUTH"], "demand_per_day": [1.25, 0.5]})
STREAMS = [a_stream(), a_stream("erp", "items", as_of=LATER - DAY)]

windows = st.sampled_from([None, Window(NOON, NOON + 10 * DAY), Window(NOON + 5 * DAY, NOON + 100 * DAY)])

#: Margins may be negative or, with shipping revenue, above 1.
SHARES = [
    m.name for m in METRICS.values() if m.unit == "percent" and not m.name.startswith(("cm1", "cm2", "return_rate_by"))
]


@settings(max_examples=10, deadline=None)
@given(tables(), windows)
def test_a_share_stays_between_zero_and_one(drawn: dict[str, list[Row]], window: Window | None) -> None:
    for name, figures in many(told(published(drawn)), SHARES, window=window).items():
        for figure in figures:
            assert figure.value is None or 0 <= figure.value <= 1, name


@settings(max_examples=15, deadline=None)
@given(tables(), windows)
def test_the_rows_of_every_figure_add_up_to_it(drawn: dict[str, list[Row]], window: Window | None) -> None:
    facts = published(drawn)
    found = many(told(facts, demand=DEMAND, statuses=STREAMS), [*METRICS], window=window)
    for name, figures in found.items():
        if METRICS[name].additive:
            listed = rows(told(facts, demand=DEMAND, statuses=STREAMS), name, window=window)
            for figure in figures:
                mine = listed if figure.currency is None else listed.filter(pl.col("currency") == figure.currency)
                assert (figure.numerator or 0) == pytest.approx(mine["numerator"].sum()), name
                if METRICS[name].denominator is not None:
                    assert (figure.denominator or 0) == pytest.approx(mine["denominator"].sum()), name


@settings(max_examples=6, deadline=None)
@given(tables(), windows)
def test_the_parts_of_every_split_add_up_to_the_whole(drawn: dict[str, list[Row]], window: Window | None) -> None:
    facts = published(drawn)
    wholes = many(told(facts, demand=DEMAND, statuses=STREAMS), [*METRICS], window=window)
    dimensions = dict.fromkeys(dimension for metric in METRICS.values() for dimension in metric.additive)
    for dimension in dimensions:
        names = [m.name for m in METRICS.values() if dimension in m.additive]
        parts = many(told(facts, demand=DEMAND, statuses=STREAMS), names, by=[dimension], window=window)
        for name in names:
            assert _sums(parts[name]) == pytest.approx(_sums(wholes[name])), (name, dimension)


@settings(max_examples=15, deadline=None)
@given(tables())
def test_the_days_of_a_window_add_up_to_it(drawn: dict[str, list[Row]]) -> None:
    facts, window = published(drawn), Window.days(NOON.date(), (NOON + 20 * DAY).date())
    for name in ("orders", "on_time_fill_rate_units", "cm2", "stockout_rate", "return_rate_by_return_date"):
        days = series(told(facts), name, window=window)
        assert _sums(days) == _sums(answer(told(facts), name, window=window)), name


@settings(max_examples=15, deadline=None)
@given(tables(), tables())
def test_base_and_tail_give_the_figures_of_the_netted_rows(
    old: dict[str, list[Row]], new: dict[str, list[Row]]
) -> None:
    changes = {name: difference(table(name, old[name]), table(name, new[name]), TABLES[name]) for name in new}
    two_parts, netted = some_facts(changes, **old), published(new)
    for by in ([], ["channel"]):
        names = [m.name for m in METRICS.values() if all(dimension in m.dimensions for dimension in by)]
        changed, plain = (
            many(told(facts, demand=DEMAND, statuses=STREAMS), names, by=by) for facts in (two_parts, netted)
        )
        assert _told(changed) == _told(plain)


def _told(found: Mapping[str, Sequence[Figure]]) -> list[Figure]:
    """Give what figures say, whichever publication they are from."""
    return [replace(figure, publication=0, position=0) for figures in found.values() for figure in figures]


def _sums(figures: Sequence[Figure]) -> dict[str, float]:
    """Add figures up by currency, numerators and denominators apart."""
    sums: dict[str, float] = {}
    for figure in figures:
        for part, amount in (("above", figure.numerator), ("below", figure.denominator)):
            if amount:
                key = f"{part} {figure.currency}"
                sums[key] = sums.get(key, 0) + amount
    return {key: amount for key, amount in sums.items() if amount}
