"""The chance of running out against a law that is known: compound Poisson with heavy-tailed orders."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from forecasting.backtest import NAIVE, backtest
from forecasting.demand import Floats
from forecasting.projection import MODEL, project
from tests.forecasting.factories import NOW, World, a_world

TAU = 0.9
STRETCH = 21  #: lead time 14 days + 7
DRAWS = 4_000


def stressed(world: World, parts: tuple[float, ...] = (0.25, 0.5, 0.8, 1.1, 1.6, 2.5)) -> tuple[Floats, Floats]:
    """Predicted and true P(stockout) of every SKU at several stock levels."""
    drawn = world.demand(np.random.default_rng(11), STRETCH, DRAWS)
    predicted, true = [], []
    for part in parts:
        held = np.maximum(1, np.round(part * drawn.mean(axis=1))).astype(np.int64)
        predicted.append(project(world.facts(held), now=NOW)["p_stockout"].to_numpy())
        true.append((drawn >= held[:, None]).mean(axis=1))
    return np.concatenate(predicted), np.concatenate(true)


@pytest.fixture(scope="module")
def steady() -> tuple[World, Floats, Floats]:
    world = a_world(21, 300, low=0.4)
    return world, *stressed(world)


def test_a_certain_stockout_of_a_steady_seller_is_always_seen(steady: tuple[World, Floats, Floats]) -> None:
    _, predicted, true = steady
    certain = true >= 0.98
    assert certain.sum() > 200
    assert (predicted[certain] >= TAU).mean() >= 0.98


def test_the_alarm_is_never_raised_where_a_stockout_is_unlikely(steady: tuple[World, Floats, Floats]) -> None:
    _, predicted, true = steady
    unlikely = true <= 0.2
    assert unlikely.sum() > 200
    assert predicted[unlikely].max() < TAU


def test_probabilities_mean_what_they_say_bin_by_bin(steady: tuple[World, Floats, Floats]) -> None:
    _, predicted, true = steady
    for low in np.arange(0.0, 1.0, 0.2):
        inside = (predicted >= low) & (predicted < low + 0.2 + 1e-9)
        assert true[inside].mean() == pytest.approx(predicted[inside].mean(), abs=0.06)


def test_they_beat_the_rule_of_days_of_cover(steady: tuple[World, Floats, Floats]) -> None:
    _, predicted, true = steady

    def brier(p: Floats) -> float:
        return float((true * (1 - p) ** 2 + (1 - true) * p**2).mean())

    best = brier(true)
    assert brier(predicted) < best * 1.2, "hardly worse than knowing the law"
    assert brier(predicted) < 0.8 * brier((predicted >= 0.5).astype(np.float64))


def test_where_the_next_receipt_is_close_less_can_happen(steady: tuple[World, Floats, Floats]) -> None:
    world = steady[0]
    held = np.full(len(world.rates), 30)
    near, far = (project(world.facts(held, lead_days=days), now=NOW)["p_stockout"].to_numpy() for days in (3, 30))
    assert (near <= far + 1e-6).all()


def test_the_back_test_stands_beside_the_baseline_and_is_calibrated() -> None:
    world = a_world(8, 300, days=364, drift=0.15, low=0.3)
    judged = backtest(world.facts(np.full(300, 50)), now=NOW, horizon_days=14, origins=4)
    assert judged is not None
    by_model = {row["model"]: row for row in judged.scores.to_dicts()}
    ours, naive, rule = by_model[MODEL], by_model[NAIVE], by_model["days of cover"]
    assert ours["wape"] < naive["wape"]
    assert ours["value_added"] == pytest.approx(1 - ours["wape"] / naive["wape"])
    assert ours["pinball"] < 0.7 * naive["pinball"]
    assert abs(ours["bias"]) < 0.1
    assert ours["coverage_80"] == pytest.approx(0.8, abs=0.06)
    assert ours["brier"] < 0.75 * rule["brier"]
    assert judged.reliability.filter(pl.col("cases") > 200).select(
        (pl.col("predicted") - pl.col("observed")).abs().max()
    ).item() < 0.12  # fmt: skip


def test_a_history_of_days_cannot_be_judged() -> None:
    assert backtest(a_world(1, 5, days=60).facts(np.full(5, 5)), now=NOW) is None
