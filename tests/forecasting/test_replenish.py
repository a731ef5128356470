"""How much to order or to move, and the textbook values behind it."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.replenish import Policy, plan, rounded_order, service_level
from forecasting.textbook import critical_ratio, economic_order_quantity, newsvendor_cost


def one(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(value)])


def normal_short(level: float, demand: NormalDist) -> float:
    """E[(demand - level)+] of a normal demand."""
    z = (level - demand.mean) / demand.stdev
    return demand.stdev * (NormalDist().pdf(z) - z * (1 - NormalDist().cdf(z)))


def test_newsvendor_example_4_3() -> None:
    demand = NormalDist(50, 8)
    level = demand.inv_cdf(critical_ratio(one(0.18), one(0.70))[0])
    assert level == pytest.approx(56.6039559, abs=1e-6)
    for stocked, cost in ((level, 1.9976052), (40.0, 7.3561316)):
        found = newsvendor_cost(one(0.18), one(0.70), one(stocked), one(50), one(normal_short(stocked, demand)))
        assert found[0] == pytest.approx(cost, abs=1e-6)


def test_newsvendor_problem_4_1() -> None:
    demand = NormalDist(900, 60)
    level = demand.inv_cdf(critical_ratio(one(43), one(79))[0])
    cost = newsvendor_cost(one(43), one(79), one(level), one(900), one(normal_short(level, demand)))
    assert (level, cost[0]) == pytest.approx((922.7214, 2718.1968), abs=1e-3)


def test_base_stock_with_lead_time_example_4_4() -> None:
    protected = NormalDist(50 * 5, 8 * math.sqrt(5))  # lead time 4 and review period 1
    level = protected.inv_cdf(critical_ratio(one(0.18), one(0.70))[0])
    cost = newsvendor_cost(one(0.18), one(0.70), one(level), one(250), one(normal_short(level, protected)))
    assert (level, cost[0]) == pytest.approx((264.7668944, 4.4667810), abs=1e-6)


def test_economic_order_quantity_example_3_1() -> None:
    found = economic_order_quantity(one(8), one(1300), one(0.225))[0]
    assert found == pytest.approx(304.0467800, abs=1e-6)
    assert 8 * 1300 / found + 0.225 * found / 2 == pytest.approx(68.4105255, abs=1e-6)


@given(st.integers(0, 5_000), st.integers(0, 900), st.integers(1, 300), st.integers(1, 60), st.integers(0, 5_000))
def test_an_order_is_whole_packs_and_at_least_the_minimum_or_nothing(
    need: int, economic: int, moq: int, pack: int, most: int
) -> None:
    [order] = rounded_order(one(need), one(economic), np.array([moq]), np.array([pack]), one(most)).tolist()
    if need == 0:
        assert order == 0
        return
    assert order % pack == 0
    assert order >= moq
    assert order < max(moq, min(max(need, economic), most)) + pack


def test_the_service_level_follows_margin_and_holding_cost_within_bounds() -> None:
    margin, cost = np.array([300.0, 1.0, -50.0, np.nan, 300.0]), np.array([200.0, 400.0, 200.0, 200.0, np.nan])
    level = service_level(Policy(), margin, cost)
    assert level[[0, 2, 3, 4]] == pytest.approx([0.98, 0.5, 0.95, 0.95])
    assert level[1] == pytest.approx(1 / (1 + 400 * 0.25 * 7 / 365), abs=1e-6) or level[1] == 0.5
    assert service_level(Policy(service_level=0.9), margin, cost) == pytest.approx(np.full(5, 0.9))


def planned(need: list[float], spare: list[float], risk: list[float]) -> list[tuple[int, int]]:
    """Transfers between the locations of one item: units and source, by location."""
    size = len(need)
    found = plan(
        Policy(),
        item=np.zeros(size, dtype=np.int64),
        level=np.full(size, 0.95),
        order_up_to=np.array(need),
        position=np.zeros(size),
        spare=np.array(spare),
        per_day=np.ones(size),
        moq=np.ones(size, dtype=np.int64),
        pack=np.ones(size, dtype=np.int64),
        cost_minor=np.full(size, 100.0),
        risk=np.array(risk),
        urgency=np.array(risk),
    )
    return list(zip(found.transfer.tolist(), found.source.tolist(), strict=True))


def test_spare_stock_is_given_once_and_to_the_most_urgent() -> None:
    assert planned([30, 30, 0], [0, 0, 40], [0.5, 0.9, 0.0]) == [(0, -1), (30, 2), (0, -1)]


def test_stock_is_not_moved_where_buying_is_in_time() -> None:
    assert planned([30, 0], [0, 100], [0.05, 0.0])[0] == (0, -1)


def test_a_location_in_need_gives_nothing_away() -> None:
    assert planned([30, 5], [0, 100], [0.9, 0.9]) == [(0, -1), (0, -1)]
