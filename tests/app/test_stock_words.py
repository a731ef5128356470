"""How the stock screen says what the rate leaves out, and how it writes a suggestion's steps."""

from __future__ import annotations

import json

from app.services.stock import left_out, steps_in_words


def test_an_extraordinary_order_is_said_with_its_size_and_what_is_left_out() -> None:
    row = {"outlier_orders": 1, "outlier_order_units": 74_215, "outlier_units_left_out": 73_900}
    assert left_out(row).startswith(
        "1 order of 74,215 units is extraordinary for this item: 73,900 units are left out of the rate."
    )
    several = left_out(row | {"outlier_orders": 3})
    assert several.startswith("3 orders, the largest of 74,215 units, are extraordinary")


def test_where_nothing_is_left_out_nothing_is_said() -> None:
    assert left_out({"outlier_orders": 0, "outlier_order_units": None, "outlier_units_left_out": 0}) == ""


def test_a_cost_of_less_than_a_penny_is_not_nothing() -> None:
    steps = json.dumps([["cost of holding a unit", 0.14, "minor"], ["cost", 0, "minor"]])
    assert steps_in_words(steps, "GBP") == [("cost of holding a unit", "under £0.01"), ("cost", "£0.00")]


def test_a_rate_below_one_keeps_the_digits_that_the_product_needs() -> None:
    steps = json.dumps([["orders a day", 0.0525, "orders"], ["units an order", 2.5, "units"], ["need", 0, "units"]])
    assert steps_in_words(steps, "GBP") == [
        ("orders a day", "0.0525 orders"), ("units an order", "2.5 units"), ("need", "0 units"),
    ]  # fmt: skip
