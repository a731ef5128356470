"""What counts as demand, and which days cannot be seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from forecasting.demand import NOWHERE, demand_of, series_of
from tests.forecasting.factories import A_DAY, NOW, TODAY, a_shop, an_order, orders_a_day, stock

YESTERDAY = TODAY - A_DAY


def units(facts_tables: dict[str, list[dict[str, object]]], location: str = "NORTH") -> list[int | None]:
    found = series_of(demand_of(a_shop(**facts_tables), now=NOW))
    return found.filter(pl.col("location") == location)["units"].to_list()


def closing(*by_day: int, location: str = "NORTH") -> list[dict[str, object]]:
    """Closing stock of the last days, yesterday last."""
    return [
        {"entity": f"m/{n}", "sku": "MUG", "location": location, "day": TODAY - n * A_DAY, "closing_units": held}
        for n, held in zip(range(len(by_day), 0, -1), by_day, strict=True)
    ]


def test_units_count_on_the_day_they_were_ordered_and_a_day_without_orders_is_zero() -> None:
    assert units({"order_line": [an_order(TODAY - 3 * A_DAY, 4), an_order(YESTERDAY, 2)]}) == [4, 0, 2]


def test_a_day_that_closed_without_stock_is_missing_not_zero() -> None:
    lines = [an_order(TODAY - 3 * A_DAY, 4)]
    assert units({"order_line": lines, "stock_day": closing(5, 0, 7)}) == [4, None, 0]


def test_before_the_item_was_stocked_or_sold_there_is_no_demand_to_see() -> None:
    lines = [an_order(TODAY - 4 * A_DAY, 4), an_order(YESTERDAY, 1, location="SOUTH")]
    assert units({"order_line": lines, "stock_day": closing(5, 5, location="SOUTH")}, "SOUTH") == [None, None, 0, 1]


def test_today_is_not_over_and_does_not_count() -> None:
    assert units({"order_line": [an_order(YESTERDAY, 2), an_order(TODAY, 9)]}) == [2]


def test_postage_is_no_demand_and_neither_is_fraud_or_an_unpaid_order() -> None:
    lines = [
        an_order(YESTERDAY, 2),
        an_order(YESTERDAY, 1, kind="service", n=1),
        an_order(YESTERDAY, 50, cancelled_units=50, cancel_cause="fraud", n=2),
        an_order(YESTERDAY, 60, cancelled_units=60, cancel_cause="payment", n=3),
        an_order(YESTERDAY, 3, cancelled_units=3, cancel_cause="supply", n=4),
    ]
    assert units({"order_line": lines}) == [5]


def test_what_the_customer_called_off_was_no_demand_wholly_or_in_part() -> None:
    lines = [
        an_order(YESTERDAY, 2),
        an_order(YESTERDAY, 80_995, cancelled_units=80_995, cancel_cause="customer", n=1),
        an_order(YESTERDAY, 10, cancelled_units=4, cancel_cause=None, n=2),
    ]
    assert units({"order_line": lines}) == [8]
    called_off = demand_of(a_shop(order_line=lines), now=NOW).called_off
    assert sorted(called_off["units"].to_list()) == [4, 80_995]


def test_who_calls_off_after_the_promise_was_missed_had_wanted_the_goods() -> None:
    placed = NOW - 5 * A_DAY
    waited: dict[str, Any] = {"cancelled_units": 7, "cancel_cause": "customer", "ship_by": placed + A_DAY}
    lines = [
        an_order(YESTERDAY, 2),
        an_order(YESTERDAY, 7, **waited, cancelled_at=placed + 3 * A_DAY, n=1),
        an_order(YESTERDAY, 7, **waited, cancelled_at=placed, n=2),
    ]
    assert units({"order_line": lines}) == [9]


def test_a_return_within_a_day_of_the_order_is_the_order_called_off_and_a_later_one_is_not() -> None:
    line = an_order(YESTERDAY, 80_995)
    at = line["placed_at"]
    assert isinstance(at, datetime)
    back = {"entity": line["entity"], "line_id": "1", "sku": "MUG", "return_id": "R"}
    at_once = {**back, "units": 80_000, "requested_at": at + timedelta(minutes=12)}
    later = {**back, "return_id": "R2", "units": 900, "requested_at": at + timedelta(days=9)}
    assert units({"order_line": [line], "return_line": [at_once, later]}) == [995]


def test_a_line_without_a_location_counts_where_most_orders_of_the_item_go() -> None:
    lines = [
        an_order(YESTERDAY, 2, location="SOUTH"),
        an_order(YESTERDAY, 2, location="SOUTH", n=1),
        an_order(YESTERDAY, 9, location="NORTH"),
        an_order(YESTERDAY, 5, location=None),
    ]
    assert units({"order_line": lines}, "SOUTH") == [9]


def test_where_nothing_was_ever_served_a_line_counts_where_the_item_lies() -> None:
    held = stock(3) + stock(8, location="SOUTH")
    assert units({"order_line": [an_order(YESTERDAY, 5, location=None)], "stock_position": held}, "SOUTH") == [5]


def test_a_file_of_orders_alone_has_one_series_an_item() -> None:
    assert units({"order_line": [an_order(YESTERDAY, 5, location=None)]}, NOWHERE) == [5]


def test_two_equal_lines_of_one_order_are_one_order_of_their_units() -> None:
    twice = [an_order(YESTERDAY, 2), an_order(YESTERDAY, 2)]
    demand = demand_of(a_shop(order_line=twice), now=NOW)
    assert (demand.units.tolist(), demand.per_day().sum()) == ([4.0], 1.0)


def test_without_any_demand_or_stock_there_is_nothing() -> None:
    assert demand_of(a_shop(), now=NOW).count == 0
    assert series_of(demand_of(a_shop(order_line=orders_a_day(days=2)), now=NOW)).columns == [
        "sku", "location", "day", "units",
    ]  # fmt: skip
