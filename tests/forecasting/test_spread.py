"""How far demand strays: measured where it was made."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from data.lake import Facts
from forecasting.baseline import baseline
from forecasting.demand import demand_of
from forecasting.spread import ASSUMED, spread
from tests.forecasting.factories import NOW, a_shop, a_world, orders_a_day, rows


@pytest.mark.parametrize(("drift", "low", "high"), [(0.0, 0.0, 0.06), (0.3, 0.2, 0.55)])
def test_the_drift_of_a_world_is_found_again(drift: float, low: float, high: float) -> None:
    world = a_world(3, 300, drift=drift, low=1.0)
    measured = spread(demand_of(world.facts(np.full(300, 10)), now=NOW))
    assert low <= np.median(measured.dispersion) <= high
    assert measured.buckets is not None
    assert measured.buckets.sum(axis=1) == pytest.approx(np.ones(len(measured.buckets)))


def test_a_steady_seller_is_not_called_wild_because_others_are() -> None:
    wild = a_world(5, 100, drift=0.8, low=2.0)
    steady = [
        {**o, "entity": f"steady/{o['entity']}/{k}"} for o in orders_a_day(2, days=182, sku="S99999") for k in (0, 1)
    ]
    demand = demand_of(Facts.of(NOW, order_line=pl.concat([wild.orders, rows("order_line", *steady)])), now=NOW)
    found = spread(demand).dispersion
    assert found[-1] < 0.1 < np.median(found)


def test_a_short_history_is_assumed_to_be_ordinary() -> None:
    demand = demand_of(a_shop(order_line=orders_a_day(2, days=60)), now=NOW)
    measured = spread(demand)
    assert (measured.buckets, measured.dispersion.tolist()) == (None, [ASSUMED])


def test_the_level_is_known_as_well_as_the_orders_behind_it_tell() -> None:
    rare = baseline(demand_of(a_shop(order_line=orders_a_day(2, days=10)), now=NOW))
    often = baseline(demand_of(a_shop(order_line=orders_a_day(2, days=91)), now=NOW))
    assert often.level_dispersion[0] == pytest.approx(1 / 105, rel=0.01)
    assert rare.level_dispersion[0] > 4 * often.level_dispersion[0]
