"""Which orders are extraordinary, how much of them counts, and that the planner is told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from forecasting.demand import demand_of
from forecasting.outlier import outliers, size_caps
from forecasting.projection import project
from tests.forecasting.factories import A_DAY, NOW, TODAY, a_shop, an_order, orders_a_day, stock

Tables = list[dict[str, object]]


def projected(lines: Tables) -> dict[str, Any]:
    [row] = project(a_shop(order_line=lines, stock_position=stock(20)), now=NOW).filter(sku="MUG").to_dicts()
    return row


def steps(row: dict[str, Any]) -> dict[str, float]:
    return {label: value for label, value, _ in json.loads(row["arithmetic"])}


def test_the_cap_worked_by_hand() -> None:
    # 8 orders of 1 and 8 of e^2 (rounded: 7), and one of 5,000, which has no say: mean of logs .973, variance .947.
    units = np.array([1.0] * 8 + [7.0] * 8 + [5_000.0])
    logs = np.log(units)
    mean = (logs[:-1].sum() + logs.mean()) / 17
    deviation = np.sqrt(logs[:-1].var())  # the only item: its own spread is the assortment's
    cap = size_caps(np.zeros(17, dtype=np.int64), units, 1)
    assert cap == pytest.approx([round(float(np.exp(mean + 4 * deviation)))])
    assert 100 < cap[0] < 250


def test_an_extraordinary_order_counts_in_part_and_is_named() -> None:
    huge = an_order(TODAY - 5 * A_DAY, 74_215)
    row = projected([*orders_a_day(3), huge])
    assert row["demand_per_day"] < 1.2 * 3.0, "an ordinary mean would say 820 a day"
    assert (row["outlier_orders"], row["outlier_order"], row["outlier_order_units"], row["outlier_on"]) == (
        1, huge["entity"], 74_215, TODAY - 5 * A_DAY,
    )  # fmt: skip
    assert 74_000 < row["outlier_units_left_out"] < 74_215
    assert steps(row)["1 extraordinary order of"] == 74_215
    assert steps(row)["of it left out of the rate"] == row["outlier_units_left_out"]


def test_an_item_whose_orders_are_all_alike_has_no_outlier() -> None:
    row = projected(orders_a_day(3))
    assert (row["outlier_orders"], row["outlier_units_left_out"], row["outlier_order"], row["outlier_on"]) == (
        0, 0, None, None,
    )  # fmt: skip
    assert not any("extraordinary" in label for label in steps(row))


def test_a_lumpy_item_that_sells_singles_and_cartons_keeps_its_cartons() -> None:
    lines = [an_order(TODAY - n * A_DAY, 48 if n % 5 == 0 else 1) for n in range(1, 92)]
    row = projected(lines)
    assert row["outlier_orders"] == 0
    assert row["demand_per_day"] == pytest.approx((18 * 48 + 73) / 91, rel=0.05)


def test_the_only_order_of_an_item_is_measured_by_the_assortment() -> None:
    others = orders_a_day(3, sku="CUP") + orders_a_day(5, sku="JUG")
    [row] = (
        project(a_shop(order_line=[*others, an_order(TODAY - 9 * A_DAY, 9_000)], stock_position=stock(1)), now=NOW)
        .filter(sku="MUG")
        .to_dicts()
    )
    assert row["outlier_order_units"] == 9_000
    assert row["suggested_units"] < 200


def test_two_large_orders_of_a_slow_item_are_its_business() -> None:
    lines = [an_order(TODAY - n * A_DAY, units) for n, units in ((80, 400), (50, 2), (20, 500))]
    demand = demand_of(a_shop(order_line=lines), now=NOW)
    assert outliers(demand, since=0).orders.tolist() == [0]


def test_the_arithmetic_from_orders_to_need_adds_up_line_by_line() -> None:
    lines = [an_order(TODAY - n * A_DAY, 1 + n % 7) for n in range(1, 120) if (TODAY - n * A_DAY).weekday() != 6]
    row = projected([*lines, an_order(TODAY - 3 * A_DAY, 60_000)])
    s = steps(row)
    assert s["orders a day"] * s["units an order"] == pytest.approx(s["demand a day"], abs=0.02)
    days = s["both, in days of average demand"]
    assert s["demand a day"] * days == pytest.approx(s["expected demand over both"], abs=0.005 * days + 0.1)
    assert s["expected demand over both"] + s["added for that level"] == pytest.approx(s["order up to"])
    assert s["order up to"] - s["available now"] == s["need"]
    wanted = min(max(s["need"], s["economic order quantity"]), s["at most, by 180 days of cover"])
    assert s["order"] == row["suggested_units"] == wanted
