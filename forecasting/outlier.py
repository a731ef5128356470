"""Extraordinary orders: so much larger than what the item usually sells that the rate counts only a part of them.

An order's usual size is judged on logarithms, because sizes spread by factors: mean and deviation of the item's other
orders. Few orders tell little, so an item borrows one order's worth of mean and ten of spread from the assortment; its
own largest order has no say. What lies beyond four deviations is counted up to there and flagged, never dropped: an
order that large is rare, not absent, and a person decides whether it will come again. Two like it are business: each
widens what is usual for the item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.demand import Bools, Demand, Floats, Ints

LIMIT = 4.0  #: deviations; measured against 3, 5 and none at all (docs/explain/forecasting.md)
MEAN_ORDERS = 1.0  #: orders of the assortment that an item's mean borrows
SPREAD_ORDERS = 10.0  #: and its spread
_TOLD = 6  #: orders from which an item's own spread says something of the assortment's
_ASSUMED = 0.5  #: variance of logarithms where no item has as many


@dataclass(frozen=True)
class Outliers:
    """Extraordinary orders by series; where there are none, zeros and -1."""

    orders: Ints
    left_out: Floats  #: units beyond what is counted
    largest: Ints  #: number of the largest extraordinary order among the demand's orders; -1 where there is none


def size_caps(item: Ints, units: Floats, items: int) -> Floats:
    """Give the largest order that counts in full, in whole units, by item."""
    if units.size == 0:
        return np.full(items, np.inf)
    logs = np.log(units)
    largest = np.zeros(items)
    np.maximum.at(largest, item, logs)
    number = np.bincount(item, minlength=items)
    others = np.maximum(number - 1, 0)
    total = np.bincount(item, logs, items) - largest
    square = np.bincount(item, logs**2, items) - largest**2
    own = np.maximum(square / np.maximum(others, 1) - (total / np.maximum(others, 1)) ** 2, 0.0)
    told = others >= _TOLD
    usual = np.average(own[told], weights=others[told]) if told.any() else _ASSUMED
    mean = (total + MEAN_ORDERS * logs.mean()) / (others + MEAN_ORDERS)
    variance = (others * own + SPREAD_ORDERS * usual) / (others + SPREAD_ORDERS)
    return np.asarray(np.maximum(np.round(np.exp(mean + LIMIT * np.sqrt(variance))), 1.0))


def counted_units(demand: Demand, within: Bools) -> Floats:
    """Give the units of each of the chosen orders as far as they count, judged by these orders alone."""
    item, units = demand.item[demand.series[within]], demand.units[within]
    return np.minimum(units, size_caps(item, units, demand.items)[item])


def outliers(demand: Demand, *, since: int) -> Outliers:
    """Find the extraordinary orders from day number `since` on: what the rate leaves out of each series."""
    within = demand.day >= since
    beyond = demand.units[within] - counted_units(demand, within)
    flagged = np.flatnonzero(within)[beyond > 0]
    series, left_out = demand.series[flagged], beyond[beyond > 0]
    largest = np.full(demand.count, -1, dtype=np.int64)
    order = np.argsort(demand.units[flagged], kind="stable")  # the last one written stays
    largest[series[order]] = flagged[order]
    return Outliers(
        orders=np.bincount(series, minlength=demand.count),
        left_out=np.asarray(np.bincount(series, left_out, demand.count), dtype=np.float64),
        largest=largest,
    )
