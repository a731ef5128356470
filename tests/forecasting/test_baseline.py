"""The seasonal mean: level, sizes, weekdays, season."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.baseline import Baseline, baseline
from forecasting.demand import demand_of
from tests.forecasting.factories import A_DAY, NOW, TODAY, a_shop, an_order, orders_a_day


def fitted(**tables: list[dict[str, object]]) -> Baseline:
    return baseline(demand_of(a_shop(**tables), now=NOW))


def out_of_stock(first: int, last: int, *, location: str = "NORTH") -> list[dict[str, object]]:
    """Days that closed empty, from so many days ago to so many."""
    return [
        {"entity": f"m/{n}", "sku": "MUG", "location": location, "day": TODAY - n * A_DAY, "closing_units": 0}
        for n in range(last, first + 1)
    ]


def test_steady_demand_is_forecast_at_its_mean() -> None:
    found = fitted(order_line=orders_a_day(3))
    assert found.units_per_day == pytest.approx([3.0])
    assert found.effective_days(np.array([14.0])) == pytest.approx([14.0])


def test_one_huge_order_does_not_dominate() -> None:
    steady = orders_a_day(3)
    found = fitted(order_line=[*steady, an_order(TODAY - 5 * A_DAY, 50_000)])
    assert found.units_per_day[0] < 1.1 * 3.0, "an ordinary mean would say 550 a day"
    assert found.orders_per_day[0] > 1.0, "it was an order all the same"


def test_weeks_out_of_stock_do_not_lower_the_level() -> None:
    sold = [o for o in orders_a_day(3) if not TODAY - 40 * A_DAY <= o["placed_at"].date() <= TODAY - 11 * A_DAY]  # type: ignore[attr-defined]
    found = fitted(order_line=sold, stock_day=out_of_stock(40, 11))
    assert found.units_per_day[0] == pytest.approx(3.0, rel=0.05)


def test_a_location_keeps_its_share_of_the_item_while_it_is_out_of_stock() -> None:
    north = [o for o in orders_a_day(2, days=300) if o["placed_at"].date() < TODAY - 91 * A_DAY]  # type: ignore[attr-defined]
    south = orders_a_day(2, days=300, location="SOUTH")
    found = fitted(order_line=north + south, stock_day=out_of_stock(91, 1))
    assert found.units_per_day[0] == pytest.approx(2.0, rel=0.3), "it has no day of its own in the last 13 weeks"


def test_a_shop_that_rests_on_sundays_expects_nothing_on_sundays() -> None:
    lines = [
        an_order(TODAY - n * A_DAY, 2, sku=sku)
        for n in range(1, 92)
        if (TODAY - n * A_DAY).weekday() != 6
        for sku in ("MUG", "CUP", "JUG", "PAN", "POT")
    ]
    found = fitted(order_line=lines)
    by_weekday = {(TODAY.weekday() + n) % 7: found.factors[n] for n in range(7)}
    assert by_weekday[6] < 0.1
    assert sum(by_weekday.values()) == pytest.approx(7.0)
    assert found.units_per_day * found.effective_days(np.array([7.0])) == pytest.approx(np.full(5, 12.0), rel=0.02)


def test_days_ahead_and_days_of_average_demand_turn_into_each_other() -> None:
    found = fitted(order_line=orders_a_day(3))
    days = np.array([0.5, 3.0, 200.0, 900.0])
    assert found.calendar_days(found.effective_days(days)) == pytest.approx(days)


def test_a_season_is_expected_again_but_not_wholly_believed() -> None:
    # two years of one order a day, and two in the weeks after mid-June a year ago
    lines = orders_a_day(2, days=720)
    lines += [an_order(TODAY - n * A_DAY, 2, n=k) for n in range(340, 365) for k in (1,)]
    found = fitted(order_line=lines)
    assert found.factors[8:16].mean() == pytest.approx(2**0.75, rel=0.05), "twice as much a year ago"
    assert found.factors[60:200].mean() == pytest.approx(1.0, rel=0.05)


def test_within_one_year_nobody_can_tell_a_season_from_a_trend() -> None:
    lines = orders_a_day(2, days=400) + [an_order(TODAY - n * A_DAY, 2, n=9) for n in range(340, 365)]
    assert fitted(order_line=lines).factors[:40] == pytest.approx(np.ones(40), abs=0.01)


def test_an_item_that_stopped_selling_is_expected_to_sell_nothing() -> None:
    old = [o for o in orders_a_day(2, days=300) if o["placed_at"].date() < TODAY - 100 * A_DAY]  # type: ignore[attr-defined]
    assert fitted(order_line=old).units_per_day == pytest.approx([0.0])
