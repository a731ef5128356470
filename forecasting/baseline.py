"""The seasonal mean: how many orders a day, of which sizes, on which weekdays, in which part of the year.

Demand is split into orders a day and units an order. Order counts are light-tailed, so their mean over thirteen
weeks is steady; sizes are heavy-tailed, and there one wholesale order would dominate a mean of units. Extraordinary
orders therefore count in part (`forecasting.outlier`), and a location borrows from the item as a whole where it has few
orders. The order still counts as one: a large one is rare, not absent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.demand import Bools, Demand, Floats, Ints
from forecasting.outlier import counted_units

LEVEL_DAYS = 91  #: thirteen weeks: the level of the best published simple benchmark (VN2)
YEAR_DAYS = 364  #: fifty-two weeks, so that weekdays fall on weekdays
SHARE_DAYS = 14  #: a location's rate borrows this many days of what its share of the item says
LAUNCH_DAYS = 14  #: an item first seen later counts as seen this long: what follows a launch is less loud
SIZE_ORDERS = 4  #: a location's order sizes borrow this many orders from the item
SEASON_WINDOW_DAYS = 15
SEASON_DAMPING = 0.75  #: one past year is one draw: three quarters of its logarithm are believed
SEASON_BOUNDS = (0.5, 2.0)
AHEAD_DAYS = 400


@dataclass(frozen=True)
class Sizes:
    """Distribution of units an order: rows (series, units, probability), sorted by series."""

    series: Ints
    units: Floats
    probability: Floats
    count: int  #: of series

    @property
    def mean(self) -> Floats:
        """Units an order, by series; 0 where the item never sold."""
        return np.asarray(np.bincount(self.series, self.probability * self.units, self.count), dtype=np.float64)

    @property
    def mean_square(self) -> Floats:
        """Squared units an order, by series."""
        return np.asarray(np.bincount(self.series, self.probability * self.units**2, self.count), dtype=np.float64)


@dataclass(frozen=True)
class Baseline:
    """What is expected from an origin on: orders a day by series, their sizes, and the factors of coming days."""

    orders_per_day: Floats
    evidence: Floats  #: orders that the level rests on, by series
    sizes: Sizes
    factors: Floats  #: weekday x season of each of the next 400 days, about 1

    @property
    def level_dispersion(self) -> Floats:
        """Relative variance of the level: its gamma posterior after so many orders makes demand negative binomial."""
        return np.asarray(1.0 / np.maximum(self.evidence, 1.0))

    @property
    def units_per_day(self) -> Floats:
        """Units on a day of factor 1, by series."""
        return self.orders_per_day * self.sizes.mean

    def effective_days(self, days: Floats) -> Floats:
        """Turn calendar days from the origin into days of factor 1; beyond 400 days all days count as one."""
        total = np.concatenate([[0.0], np.cumsum(self.factors)])
        inside = np.interp(days, np.arange(len(total)), total)
        return np.asarray(inside + np.maximum(days - len(self.factors), 0.0))

    def calendar_days(self, effective: Floats) -> Floats:
        """Turn days of factor 1 back into calendar days from the origin."""
        total = np.concatenate([[0.0], np.cumsum(self.factors)])
        inside = np.interp(effective, total, np.arange(len(total)))
        return np.asarray(inside + np.maximum(effective - total[-1], 0.0))


def baseline(demand: Demand, *, origin: int | None = None) -> Baseline:
    """Fit the seasonal mean on the days before `origin` (day number; the end by default)."""
    end = demand.days if origin is None else origin
    counts = demand.per_day()[:, max(end - YEAR_DAYS, 0) : end]
    seen = demand.seen[:, max(end - YEAR_DAYS, 0) : end]
    weekday = _weekday_factors(demand, counts, seen, end)
    ahead = np.array([weekday[demand.weekday(end + n)] for n in range(AHEAD_DAYS)])
    rate, evidence = _orders_per_day(demand, counts, seen, weekday, end)
    return Baseline(
        orders_per_day=rate,
        evidence=evidence,
        sizes=_sizes(demand, end),
        factors=ahead * _season(demand, end),
    )


def _weekday_factors(demand: Demand, counts: Floats, seen: Bools, end: int) -> Floats:
    """Share of each weekday in the whole assortment's orders of the last thirteen weeks, about 1."""
    recent = min(LEVEL_DAYS, counts.shape[1])
    if recent < 14:
        return np.ones(7)
    day = np.array([demand.weekday(end - recent + n) for n in range(recent)])
    orders = np.where(seen, counts, 0.0)[:, -recent:].sum(axis=0)
    exposure = seen[:, -recent:].sum(axis=0)
    total = np.bincount(day, orders, 7)
    rate = (total + 1.0) / np.maximum(np.bincount(day, exposure, 7), 1.0)
    return np.asarray(rate / rate.mean())


def _orders_per_day(demand: Demand, counts: Floats, seen: Bools, weekday: Floats, end: int) -> tuple[Floats, Floats]:
    """Orders on an average day, and the orders that this rests on.

    The location's own thirteen weeks are drawn towards what it took over the year, moved by how the item as a whole
    has changed since, all on days with stock. Where it was out of stock for weeks it has few days of its own, and its
    share of the item stands in for them: demand is the item's, and which location serves it changes slowly.
    """
    length = counts.shape[1]
    if length == 0 or demand.count == 0:
        return np.zeros(demand.count), np.zeros(demand.count)
    factor = np.array([weekday[demand.weekday(end - length + n)] for n in range(length)])
    recent = slice(max(length - LEVEL_DAYS, 0), length)
    items = demand.items
    orders, exposure = np.where(seen, counts, 0.0), seen * factor
    own, days = orders[:, recent].sum(axis=1), exposure[:, recent].sum(axis=1)
    age = np.where(seen.any(axis=1), length - seen.argmax(axis=1), LAUNCH_DAYS)
    unborn = np.maximum(np.minimum(LAUNCH_DAYS, length) - age, 0.0)
    days = days + unborn
    yearly = orders.sum(axis=1) / np.maximum(exposure.sum(axis=1) + unborn, 1.0)
    usual = np.bincount(demand.item, yearly * days, items)
    change = np.bincount(demand.item, own, items) / np.where(usual > 0, usual, 1.0)
    prior = yearly * np.where(usual > 0, change, 1.0)[demand.item]
    evidence = own + SHARE_DAYS * prior
    return evidence / (days + SHARE_DAYS), evidence


def _sizes(demand: Demand, end: int) -> Sizes:
    """Mix the location's own order sizes of thirteen weeks with those of the item over a year."""
    within = (demand.day < end) & (demand.day >= end - YEAR_DAYS)
    series, units, day = demand.series[within], counted_units(demand, within), demand.day[within]
    item = demand.item[series]
    recent = day >= end - LEVEL_DAYS
    own_series, own_units, own_count = _distinct(series[recent], units[recent])
    own_total = np.bincount(own_series, own_count, demand.count)
    item_number, item_units, item_count = _distinct(item, units)
    item_total = np.bincount(item_number, item_count, demand.items)
    # the item's sizes, repeated for each of its locations
    first = np.searchsorted(item_number, demand.item, side="left")
    length = np.searchsorted(item_number, demand.item, side="right") - first
    rows = np.repeat(first - np.concatenate([[0], np.cumsum(length)[:-1]]), length) + np.arange(length.sum())
    lent_series = np.repeat(np.arange(demand.count), length)
    lent = SIZE_ORDERS * item_count[rows] / item_total[item_number[rows]]
    both_series, both_units, weight = _distinct(
        np.concatenate([own_series, lent_series]),
        np.concatenate([own_units, item_units[rows]]),
        np.concatenate([own_count, lent]),
    )
    probability = weight / (own_total + SIZE_ORDERS)[both_series]
    return Sizes(both_series, both_units, probability, demand.count)


def _distinct(series: Ints, units: Floats, weight: Floats | None = None) -> tuple[Ints, Floats, Floats]:
    """Sum the weights of equal (series, units), sorted."""
    base = int(units.max()) + 1 if units.size else 1
    codes, where = np.unique(series * base + units.astype(np.int64), return_inverse=True)
    return codes // base, (codes % base).astype(np.float64), np.bincount(where, weight, codes.size).astype(np.float64)


def _season(demand: Demand, end: int) -> Floats:
    """Factor of each coming day against the level window, as a year ago, for the whole assortment and gently.

    It needs the level window a year ago as well: within a single year nobody can tell a season from a trend.
    """
    if end < YEAR_DAYS + LEVEL_DAYS:
        return np.ones(AHEAD_DAYS)
    orders = np.bincount(demand.day, minlength=demand.days)[:end].astype(np.float64)
    exposure = np.maximum(demand.seen[:, :end].sum(axis=0), 1.0)
    rate = orders / exposure
    kernel = np.ones(SEASON_WINDOW_DAYS) / SEASON_WINDOW_DAYS
    smooth = np.convolve(np.pad(rate, SEASON_WINDOW_DAYS // 2, mode="edge"), kernel, mode="valid")
    level = rate[end - YEAR_DAYS - LEVEL_DAYS : end - YEAR_DAYS].mean()
    if level <= 0:
        return np.ones(AHEAD_DAYS)
    ahead = np.arange(AHEAD_DAYS)
    ratio = smooth[end - YEAR_DAYS + ahead % YEAR_DAYS] / level
    gentle = np.maximum(ratio, 1e-9) ** SEASON_DAMPING
    return np.asarray(np.clip(gentle, *SEASON_BOUNDS))
