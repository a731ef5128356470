"""Demand over a stretch of days: the laws that an exact answer keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.baseline import Sizes
from forecasting.demand import Floats
from forecasting.lead_time import exhaustion, lattice, moments, quantile

POISSON = np.array([0.0])
ONE = np.array([0])


def sizes(*units_and_chances: tuple[float, float]) -> Sizes:
    units, chances = zip(*units_and_chances, strict=True)
    return Sizes(np.zeros(len(units), dtype=np.int64), np.array(units), np.array(chances), 1)


def convolved(orders: float, of: dict[int, float], top: int) -> Floats:
    """Compound Poisson by its recursion (Panjer), the plain way; P(demand = 0..top)."""
    p = np.zeros(top + 1)
    p[0] = math.exp(-orders * (1 - of.get(0, 0.0)))
    for k in range(1, top + 1):
        p[k] = orders / k * sum(size * chance * p[k - size] for size, chance in of.items() if 0 < size <= k)
    return p


@given(
    st.floats(0.05, 30.0),
    st.dictionaries(st.integers(1, 30), st.floats(0.1, 1.0), min_size=1, max_size=5),
    st.integers(1, 64),
)
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_the_recursion(orders: float, weights: dict[int, float], stock: int) -> None:
    of = {size: weight / sum(weights.values()) for size, weight in weights.items()}
    found = exhaustion(
        lattice(sizes(*of.items()), ONE, np.array([float(stock)])), np.array([[orders]]), np.array([1e-9])
    )
    below = convolved(orders, of, stock - 1)
    assert found.probability[0, 0] == pytest.approx(1 - below.sum(), abs=2e-4)  # 1e-6 is the least dispersion
    served = (below * np.arange(stock)).sum() + stock * (1 - below.sum())
    assert found.served[0, 0] == pytest.approx(served, rel=1e-3, abs=1e-3)


def test_a_single_unit_an_order_is_the_negative_binomial() -> None:
    orders, dispersion, stock = 8.0, 0.25, 11
    r, p = 1 / dispersion, 1 / (1 + dispersion * orders)
    below = sum(
        math.exp(math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1)) * p**r * (1 - p) ** k for k in range(stock)
    )
    found = exhaustion(
        lattice(sizes((1, 1.0)), ONE, np.array([float(stock)])), np.array([[orders]]), np.array([dispersion])
    )
    assert found.probability[0, 0] == pytest.approx(1 - below, abs=1e-7)


def test_an_order_that_no_stock_could_serve_only_empties_it_once() -> None:
    found = exhaustion(lattice(sizes((1, 0.5), (10**6, 0.5)), ONE, np.array([40.0])), np.array([[2.0]]), POISSON)
    assert found.probability[0, 0] == pytest.approx(1 - math.exp(-1.0), abs=1e-5)
    assert found.served[0, 0] <= 40.0


@given(st.integers(1, 5_000), st.floats(0.1, 200.0), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_more_demand_is_never_less_likely_to_reach_the_stock(stock: int, orders: float, dispersion: float) -> None:
    of = sizes((1, 0.5), (6, 0.3), (48, 0.2))
    found = exhaustion(
        lattice(of, ONE, np.array([float(stock)])), orders * np.array([[0.5, 1.0, 2.0]]), np.array([dispersion])
    )
    assert (np.diff(found.probability[0]) >= -1e-6).all()
    assert (np.diff(found.served[0]) >= -1e-4 * stock).all()
    assert ((found.served[0] >= 0) & (found.served[0] <= stock * (1 + 1e-6))).all()


@pytest.mark.parametrize("stock", [150, 2_000])
def test_above_64_units_a_coarser_lattice_is_still_close(stock: int) -> None:
    rng = np.random.default_rng(4)
    of = sizes((1, 0.5), (6, 0.3), (48, 0.2))
    orders = stock / float(of.mean[0])
    drawn = np.array([rng.choice([1, 6, 48], n, p=[0.5, 0.3, 0.2]).sum() for n in rng.poisson(orders, 20_000)])
    found = exhaustion(lattice(of, ONE, np.array([float(stock)])), np.array([[orders]]), POISSON)
    assert found.probability[0, 0] == pytest.approx((drawn >= stock).mean(), abs=0.015)
    assert found.served[0, 0] == pytest.approx(np.minimum(drawn, stock).mean(), rel=0.01)
    high = quantile(of, np.array([orders]), POISSON, np.array([0.95]))[0]
    assert high == pytest.approx(np.quantile(drawn, 0.95), rel=0.02)
    mean, variance = moments(of, np.array([orders]), POISSON)
    assert (mean[0], variance[0]) == pytest.approx((drawn.mean(), drawn.var()), rel=0.05)


@pytest.mark.parametrize(("level", "expected"), [(0.04, 0.0), (0.5, 3.0), (0.95, 6.0), (0.99, 8.0)])
def test_a_quantile_is_the_smallest_demand_that_suffices(level: float, expected: float) -> None:
    assert quantile(sizes((1, 1.0)), np.array([3.0]), POISSON, np.array([level])) == pytest.approx([expected])
