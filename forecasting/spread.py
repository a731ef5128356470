"""How far demand strays from its mean: negative binomial dispersion of order counts, from a back-test.

The last fortnights are forecast from what was known before each of them. Order counts stray beyond Poisson chance
because of growth, season, promotions and the error of the level: variance = m + a * m². Within a bucket of volume,
steady and wild items lie side by side, so a bucket has a distribution of `a`, estimated by maximum likelihood (EM over
a grid); each series takes its mean given its own fortnights. One `a` a bucket would call every steady seller as wild as
the few that came and went with a season. Order sizes add their own spread on top, exactly (`forecasting.lead_time`).

Replenishment insures against this spread; P(stockout) asks what happens if demand goes on, and takes the uncertainty of
its level alone (what was measured: docs/explain/forecasting.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.baseline import LEVEL_DAYS, baseline
from forecasting.demand import Demand, Floats

FORTNIGHT = 14
ORIGINS = 6
BUCKETS = np.array([0.25, 1.0, 3.0, 10.0, 30.0])  #: expected orders in a fortnight that part the buckets
GRID = np.array([1e-3, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
#: What is assumed where the history is too short to be back-tested.
ASSUMED = 0.1
_ROUNDS = 60
_PSEUDO = 2.0  #: series that a thin bucket borrows from all


@dataclass(frozen=True)
class Spread:
    """Dispersion of each series; by bucket its distribution over `GRID`, none where it had to be assumed."""

    dispersion: Floats
    buckets: Floats | None  #: buckets x grid


def spread(demand: Demand, *, origin: int | None = None) -> Spread:
    """Measure the dispersion on the six fortnights before `origin` (day number; the end by default)."""
    end = demand.days if origin is None else origin
    counts = demand.per_day()
    likelihood = np.zeros((demand.count, GRID.size))
    volume = np.zeros(demand.count)
    judged = np.zeros(demand.count)
    for back in range(1, ORIGINS + 1):
        start = end - back * FORTNIGHT
        if start < LEVEL_DAYS:
            break
        known = baseline(demand, origin=start)
        window = slice(start, start + FORTNIGHT)
        seen = demand.seen[:, window]
        expected = known.orders_per_day * (seen * known.factors[:FORTNIGHT]).sum(axis=1)
        actual = np.where(seen, counts[:, window], 0.0).sum(axis=1)
        rows = np.flatnonzero(expected > 0)
        likelihood[rows] += _log_likelihood(actual[rows], expected[rows])
        volume += expected
        judged += expected > 0
    rows = np.flatnonzero(judged > 0)
    if rows.size == 0:
        return Spread(np.full(demand.count, ASSUMED), None)
    bucket = np.searchsorted(BUCKETS, volume / np.maximum(judged, 1.0))
    everyone = _mixture(likelihood[rows], np.full(GRID.size, 1.0 / GRID.size))
    priors = np.stack([_mixture(likelihood[rows[bucket[rows] == b]], everyone) for b in range(BUCKETS.size + 1)])
    return Spread(_posterior(likelihood, priors[bucket]) @ GRID, priors)


def _log_likelihood(actual: Floats, expected: Floats) -> Floats:
    """Negative binomial log-likelihood at each dispersion of the grid, without what does not depend on it."""
    r = 1.0 / GRID
    number = actual.astype(np.int64)
    # log of gamma(n + r) / gamma(r), as running sums over n
    rising = np.vstack([np.zeros(r.size), np.cumsum(np.log(r + np.arange(number.max(initial=0))[:, None]), axis=0)])
    n, m = actual[:, None], expected[:, None]
    return np.asarray(rising[number] - (n + r) * np.log1p(m / r) - n * np.log(r))


def _posterior(likelihood: Floats, prior: Floats) -> Floats:
    weight = np.exp(likelihood - likelihood.max(axis=1, keepdims=True)) * prior
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _mixture(likelihood: Floats, start: Floats) -> Floats:
    """Estimate a distribution over the grid by EM, drawn a little towards where it starts."""
    prior = start
    for _ in range(_ROUNDS):
        total = _posterior(likelihood, prior[None, :]).sum(axis=0) + _PSEUDO * start
        prior = total / total.sum()
    return prior
