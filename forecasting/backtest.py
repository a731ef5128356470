"""How good the forecast was: the same code run from past origins, beside the seasonal naive and the days-of-cover rule.

Each origin sees only what came before it. A stretch counts for a series only where all its days could be seen: demand
behind a stockout is unknown, and judging by what was sold would reward a forecast of stockouts. The chance of running
out is judged at stock levels of half, one, one and a half and two times the expected demand, because the real levels
leave hardly anything in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from data.lake import Facts
from forecasting.baseline import LEVEL_DAYS, baseline
from forecasting.demand import Demand, Floats, Ints, demand_of
from forecasting.lead_time import exhaustion, lattice, quantile
from forecasting.projection import MODEL
from forecasting.spread import spread

NAIVE = "seasonal naive"
QUANTILES = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
STRESS = np.array([0.5, 1.0, 1.5, 2.0])
_BINS = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True)
class Backtest:
    """Scores of the model and of the seasonal naive over the same stretches."""

    scores: pl.DataFrame  #: model, wape, bias, value_added, pinball, coverage_80, brier; null where it does not apply
    reliability: pl.DataFrame  #: bin of P(stockout): predicted mean, observed share, cases
    horizon_days: int
    origins: int
    stretches: int  #: series x origins that were judged
    unseen: int  #: left out because the item was out of stock or not on offer on some day


@dataclass(frozen=True)
class _Stretch:
    """One origin's forecasts and what came, by series."""

    actual: Floats
    mean: Floats
    naive: Floats
    quantiles: Floats
    below: Floats  #: P(demand < actual)
    upto: Floats  #: P(demand <= actual)
    predicted: Floats  #: P(stockout) at each stress level
    happened: Floats
    rule: Floats  #: what days of cover say: 1 or 0


def backtest(facts: Facts, *, now: datetime, horizon_days: int = 14, origins: int = 6) -> Backtest | None:
    """Judge the forecast over `horizon_days` from each of the last origins; None where history is too short."""
    return judge(demand_of(facts, now=now), horizon_days=horizon_days, origins=origins)


def judge(demand: Demand, *, horizon_days: int, origins: int) -> Backtest | None:
    """Judge the forecast of a demand history; origins lie `horizon_days` apart, so that stretches do not overlap."""
    units = demand.per_day(demand.units)
    stretches, unseen = [], 0
    for back in range(1, origins + 1):
        origin = demand.days - back * horizon_days
        if origin < LEVEL_DAYS:
            break
        whole = demand.seen[:, max(origin - horizon_days, 0) : origin + horizon_days].all(axis=1)
        expected = baseline(demand, origin=origin).orders_per_day > 0
        unseen += int((expected & ~whole).sum())
        stretches.append(_stretch(demand, units, origin, horizon_days, np.flatnonzero(whole & expected)))
    if not sum(s.actual.size for s in stretches):
        return None
    joined = _joined(stretches)
    return Backtest(
        scores=_scores(joined),
        reliability=_reliability(joined),
        horizon_days=horizon_days,
        origins=len(stretches),
        stretches=joined.actual.size,
        unseen=unseen,
    )


def _stretch(demand: Demand, units: Floats, origin: int, length: int, rows: Ints) -> _Stretch:
    base = baseline(demand, origin=origin)
    drift = spread(demand, origin=origin).dispersion
    orders = base.orders_per_day * base.effective_days(np.array(float(length)))
    mean = (orders * base.sizes.mean)[rows]
    actual = units[rows, origin : origin + length].sum(axis=1)
    stress = np.ceil(np.maximum(mean[:, None] * STRESS, 1.0))

    def reached(stock: Floats, dispersion: Floats) -> Floats:
        """P(demand >= stock), certain where the stock is nothing."""
        grid = lattice(base.sizes, rows, stock)
        found = exhaustion(grid, orders[rows, None], dispersion[rows]).probability[:, 0]
        return np.where(stock > 0, found, 1.0)

    return _Stretch(
        actual=actual,
        mean=mean,
        naive=units[rows, origin - length : origin].sum(axis=1),
        quantiles=np.stack(
            [quantile(base.sizes, orders, drift, np.full(orders.size, q))[rows] for q in QUANTILES], axis=1
        ),
        below=1.0 - reached(actual, drift),
        upto=1.0 - reached(actual + 1.0, drift),
        predicted=np.stack([reached(stress[:, n], base.level_dispersion) for n in range(STRESS.size)], axis=1),
        happened=(actual[:, None] >= stress).astype(np.float64),
        rule=(mean[:, None] >= stress).astype(np.float64),
    )


def _joined(stretches: list[_Stretch]) -> _Stretch:
    fields = _Stretch.__dataclass_fields__
    return _Stretch(**{name: np.concatenate([getattr(s, name) for s in stretches]) for name in fields})


def wape(actual: Floats, forecast: Floats) -> float | None:
    """Give the sum of absolute errors over the sum of demand; None without demand."""
    total = float(actual.sum())
    return float(np.abs(actual - forecast).sum()) / total if total else None


def pinball(actual: Floats, quantiles: Floats) -> float:
    """Give the mean pinball loss over all levels of `QUANTILES`, in units."""
    error = actual[:, None] - quantiles
    return float(np.maximum(QUANTILES * error, (QUANTILES - 1.0) * error).mean())


def _scores(s: _Stretch) -> pl.DataFrame:
    total = float(s.actual.sum())
    ours, naive = wape(s.actual, s.mean), wape(s.actual, s.naive)
    # the expected value of the randomised PIT's coverage: no random number is needed
    inside = np.clip(np.minimum(s.upto, 0.9) - np.maximum(s.below, 0.1), 0.0, None)
    width = s.upto - s.below
    within = np.where(width > 1e-9, inside / np.maximum(width, 1e-9), (s.upto > 0.1) & (s.upto < 0.9))
    point = np.repeat(s.naive[:, None], QUANTILES.size, axis=1)
    rows = [
        {
            "model": MODEL,
            "wape": ours,
            "bias": float((s.mean - s.actual).sum()) / total if total else None,
            "value_added": (naive - ours) / naive if naive and ours is not None else None,
            "pinball": pinball(s.actual, s.quantiles),
            "coverage_80": float(within.mean()),
            "brier": float(((s.predicted - s.happened) ** 2).mean()),
        },
        {
            "model": NAIVE,
            "wape": naive,
            "bias": float((s.naive - s.actual).sum()) / total if total else None,
            "value_added": None,
            "pinball": pinball(s.actual, point),
            "coverage_80": None,
            "brier": None,
        },
        {"model": "days of cover", "brier": float(((s.rule - s.happened) ** 2).mean())},
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _reliability(s: _Stretch) -> pl.DataFrame:
    predicted, happened = s.predicted.ravel(), s.happened.ravel()
    place = np.clip(np.searchsorted(_BINS, predicted, side="right") - 1, 0, _BINS.size - 2)
    return (
        pl.DataFrame({"bin": _BINS[place], "predicted": predicted, "observed": happened})
        .group_by("bin")
        .agg(pl.col("predicted").mean(), pl.col("observed").mean(), pl.len().alias("cases"))
        .sort("bin")
    )
