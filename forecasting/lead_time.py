"""Demand over a stretch of days, exactly: a negative binomial number of orders, each of a size drawn from a table.

No normal curve and no simulation: the generating function of total demand is known in closed form, so probabilities
are read off it by a discrete Fourier sum (Abate and Whitt, 1992) with an error near 1e-8. Only what happens below the
stock level matters, so demand is read in at most 64 cells up to it: exact up to 64 units; above that the cell at the
level counts by half, and a size between cells is put on three of them (one weight may be negative) so that its mean and
its square are kept: shared between two, it would add visible variance. An order larger than the stock ends it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.baseline import Sizes
from forecasting.demand import Floats, Ints

CELLS = 64
_RADIUS = 1e-8 ** (1.0 / (2 * CELLS))
_CHUNK = 2048  #: rows at a time, so that memory stays modest
Complexes = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Exhaustion:
    """By row and stretch: P(demand >= stock), and E[min(demand, stock)], the units that can be served."""

    probability: Floats
    served: Floats


@dataclass(frozen=True)
class Lattice:
    """Rows (series at a stock level) with the sizes of their orders in cells below that level."""

    cells: Ints  #: cells up to the stock level, 1 to 64
    width: Floats  #: units a cell
    mass: Floats  #: rows x 66: weight of orders of so many cells; what reaches the level alone is a cell beyond

    @property
    def mean_units(self) -> Floats:
        """Units an order, none counted beyond the stock level."""
        reached = np.minimum(np.arange(CELLS + 2.0), self.cells[:, None])
        return np.asarray((self.mass * reached).sum(axis=1) * self.width)

    @property
    def shared(self) -> Floats:
        """Part of the cell at the level that lies below it: none where a cell is a unit, half where it is many."""
        return np.asarray((1.0 - 1.0 / self.width) / 2.0)


def lattice(sizes: Sizes, series: Ints, stock: Floats) -> Lattice:
    """Put the order sizes of each row's series on the lattice up to its stock (whole units, 1 or more)."""
    first = np.searchsorted(sizes.series, series, side="left")
    length = np.searchsorted(sizes.series, series, side="right") - first
    row = np.repeat(np.arange(series.size), length)
    at = np.repeat(first - np.cumsum(length) + length, length) + np.arange(length.sum())
    cells = np.minimum(np.maximum(stock, 1.0), CELLS).astype(np.int64)
    width = np.maximum(stock, 1.0) / cells
    place = sizes.units[at] / width[row]
    low = np.floor(place).astype(np.int64)
    part = place - low
    ends = low >= cells[row]
    low[ends], part[ends] = cells[row][ends] + 1, 0.0
    mass = np.zeros(series.size * (CELLS + 4))
    for step, weight in enumerate(((1 - part) * (2 - part) / 2, part * (2 - part), -part * (1 - part) / 2)):
        mass += np.bincount(row * (CELLS + 4) + low + step, sizes.probability[at] * weight, mass.size)
    return Lattice(cells, width, mass.reshape(series.size, CELLS + 4)[:, : CELLS + 2])


def exhaustion(grid: Lattice, orders: Floats, dispersion: Floats) -> Exhaustion:
    """Answer for each row and each expected number of orders (rows x stretches) whether demand reaches the stock."""
    probability, served = np.empty_like(orders), np.empty_like(orders)
    z = _points()
    powers = z[None, :] ** np.arange(CELLS + 2)[:, None]
    below = _coefficient_weights(z, 1)
    summed = _coefficient_weights(z, 2)
    for start in range(0, orders.shape[0], _CHUNK):
        part = slice(start, start + _CHUNK)
        missing = _missing(grid.mass[part] @ powers, grid.mass[part])
        last = grid.cells[part] - 1
        half = grid.shared[part, None]
        under, total = (1 - half) * below[last] + half * below[last + 1], summed[last]
        for column in range(orders.shape[1]):
            p = _generating(missing, orders[part, column], dispersion[part])
            probability[part, column] = 1.0 - (p * under).real.sum(axis=1)
            served[part, column] = (grid.cells[part] - (p * total).real.sum(axis=1)) * grid.width[part]
    return Exhaustion(np.clip(probability, 0.0, 1.0), np.maximum(served, 0.0))


def quantile(sizes: Sizes, orders: Floats, dispersion: Floats, level: Floats) -> Floats:
    """Give for each series the smallest whole demand that is not exceeded with probability `level`."""
    mean = orders * sizes.mean
    deviation = np.sqrt(orders * sizes.mean_square + dispersion * mean**2)
    top = np.ceil(np.maximum(mean + 6.0 * deviation, 4.0))
    found = np.zeros(orders.size)
    z = _points()
    powers = z[None, :] ** np.arange(CELLS + 2)[:, None]
    table = np.stack(list(_coefficient_weights(z, 1)))
    grid = lattice(sizes, np.arange(orders.size), top)
    for start in range(0, orders.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        p = _generating(_missing(grid.mass[part] @ powers, grid.mass[part]), orders[part], dispersion[part])
        below = np.maximum.accumulate((p @ table.T).real, axis=1)
        reached = below >= level[part, None] - 1e-9
        cell = np.where(reached.any(axis=1), reached.argmax(axis=1), grid.cells[part])
        rows = np.arange(cell.size)
        here = below[rows, np.minimum(cell, CELLS)]
        before = np.where(cell > 0, below[rows, np.maximum(cell - 1, 0)], 0.0)
        step = np.divide(level[part] - before, here - before, out=np.ones(cell.size), where=here > before)
        between = np.where(grid.width[part] > 1, cell - 1 + np.clip(step, 0.0, 1.0) + grid.shared[part], cell)
        found[part] = np.ceil(np.maximum(between, 0.0) * grid.width[part] - 1e-9)
    return found


def moments(sizes: Sizes, orders: Floats, dispersion: Floats) -> tuple[Floats, Floats]:
    """Give mean and variance of demand for an expected number of orders of each series."""
    mean = orders * sizes.mean
    return mean, orders * sizes.mean_square + dispersion * mean**2


def _points() -> Complexes:
    """Half of the circle of points of the Fourier sum; the other half mirrors it."""
    return np.asarray(_RADIUS * np.exp(1j * np.pi * np.arange(CELLS + 1) / CELLS))


def _coefficient_weights(z: Complexes, order: int) -> Complexes:
    """Weights that read coefficient k (row) of P(z) / (1 - z)^order off the points: its running sums below k."""
    weight = np.full(z.size, 2.0)
    weight[[0, -1]] = 1.0
    k = np.arange(CELLS + 1)[:, None]
    return np.asarray(weight * z[None, :] ** -k / (1 - z[None, :]) ** order / (2 * CELLS))


def _missing(size: Complexes, mass: Floats) -> Complexes:
    """1 - E[z^size]; a row without sizes (an item that never sold) counts as selling nothing."""
    return np.asarray(mass.sum(axis=1)[:, None] - size)


def _generating(missing: Complexes, orders: Floats, dispersion: Floats) -> Complexes:
    """E[z^demand] of a negative binomial number of orders; a tiny dispersion is Poisson."""
    a = np.maximum(dispersion, 1e-6)[:, None]
    return np.asarray(np.exp(-np.log1p(a * orders[:, None] * missing) / a))
