"""What runs out, when, and what it costs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from forecasting.projection import SCHEMA, project
from forecasting.replenish import Policy
from tests.forecasting.factories import (
    A_DAY,
    NOW,
    OLD_PURCHASE,
    TODAY,
    a_purchase,
    a_shop,
    an_order,
    orders_a_day,
    stock,
)

Tables = list[dict[str, object]]


SPARE = "one other location can spare, above its own level"


def projected(*, location: str = "NORTH", policy: Policy | None = None, **tables: Tables) -> dict[str, Any]:
    """Project a shop that sells two mugs a day; the row of one location."""
    found = project(a_shop(**{"order_line": orders_a_day(2), **tables}), now=NOW, policy=policy)
    assert found.schema == SCHEMA
    [row] = found.filter(sku="MUG", location=location).to_dicts()
    return row


def due(days: float, units: int = 100, status: str = "confirmed") -> Tables:
    return [OLD_PURCHASE, a_purchase(units, NOW + days * A_DAY, status=status)]


def test_stock_for_ten_days_and_no_receipt_for_three_weeks_runs_out() -> None:
    row = projected(stock_position=stock(20))
    assert row["p_stockout"] > 0.95
    assert row["at_risk"]
    assert abs((row["stockout_on"] - (TODAY + 10 * A_DAY)).days) <= 1
    assert row["stockout_p10_on"] < row["stockout_on"] < row["stockout_p90_on"]
    assert row["cover_days_p10"] < row["cover_days_p50"] < row["cover_days_p90"]
    assert row["horizon_on"] == TODAY + 21 * A_DAY, "lead time 14 days + 7"
    assert row["expected_lost_units"] == pytest.approx(22.0, abs=1.0), "21 days of 2 less 20"
    assert row["expected_lost_margin_minor"] == pytest.approx(300 * row["expected_lost_units"], abs=1)


def test_stock_for_three_months_does_not() -> None:
    row = projected(stock_position=stock(180))
    assert row["p_stockout"] < 0.001
    assert row["at_risk"] is False
    assert (row["stockout_on"], row["suggestion"]) == (None, "none")


def test_a_firm_receipt_before_the_stock_is_gone_takes_the_risk_away() -> None:
    row = projected(stock_position=stock(20), purchase_line=due(4, units=60))
    assert row["p_stockout"] < 0.05
    assert (row["next_receipt_on"], row["next_receipt_units"]) == (TODAY + 4 * A_DAY, 60)
    assert row["stockout_on"] > TODAY + 35 * A_DAY, "the dates follow the stock through the receipt"


def test_a_receipt_that_comes_too_late_does_not() -> None:
    assert projected(stock_position=stock(20), purchase_line=due(16))["p_stockout"] > 0.9


@pytest.mark.parametrize("status", ["draft", "cancelled", "received"])
def test_only_what_was_sent_is_firm(status: str) -> None:
    row = projected(stock_position=stock(20), purchase_line=due(4, status=status))
    assert (row["next_receipt_on"], row["p_stockout"] > 0.9) == (None, True)


def test_what_was_already_received_of_a_line_does_not_come_again() -> None:
    half = a_purchase(100, NOW + 4 * A_DAY, received_units=70)
    assert projected(stock_position=stock(20), purchase_line=[half])["next_receipt_units"] == 30


def test_no_receipt_is_expected_earlier_than_today() -> None:
    row = projected(stock_position=stock(20), purchase_line=[a_purchase(100, NOW - 9 * A_DAY)])
    assert row["next_receipt_on"] >= TODAY


def test_an_overdue_receipt_is_expected_as_late_as_such_lines_come() -> None:
    punctual = [
        a_purchase(n, NOW - 99 * A_DAY, status="received", received_units=n, received_at=NOW - 99 * A_DAY)
        for n in range(1, 80)
    ]
    late = [
        a_purchase(n, NOW - 99 * A_DAY, status="received", received_units=n, received_at=NOW - 79 * A_DAY)
        for n in range(80, 100)
    ]
    row = projected(stock_position=stock(20), purchase_line=[*punctual, *late, a_purchase(100, NOW - 2 * A_DAY)])
    assert row["next_receipt_on"] == TODAY + 18 * A_DAY, "what is two days late is twenty days late in the end"
    assert row["p_stockout"] > 0.9


def test_what_is_allocated_quarantined_or_damaged_cannot_be_sold() -> None:
    row = projected(stock_position=stock(100, allocated=30, quarantined=40, damaged=10))
    assert (row["on_hand"], row["available"]) == (100, 20)


def test_open_orders_that_nothing_was_allocated_to_take_stock_too_but_not_twice() -> None:
    open_order = an_order(TODAY - A_DAY, 12, open_units=12, n=7)
    lines = [*orders_a_day(2), open_order]
    assert projected(stock_position=stock(100, allocated=5), order_line=lines)["available"] == 88
    assert projected(stock_position=stock(100, allocated=12), order_line=lines)["available"] == 88
    assert projected(stock_position=stock(100), order_line=lines)["open_demand"] == 12


def test_the_newest_claim_about_stock_counts() -> None:
    older = [{**row, "connection": "erp", "observed_at": NOW - A_DAY} for row in stock(500)]
    assert projected(stock_position=older + stock(20))["on_hand"] == 20


def test_nothing_left_is_a_stockout_now() -> None:
    row = projected(stock_position=stock(3, allocated=5))
    assert (row["p_stockout"], row["stockout_on"], row["cover_days_p50"]) == (1.0, TODAY, 0.0)
    assert row["expected_lost_units"] == pytest.approx(42.0, rel=0.01)


def test_lost_margin_counts_the_gap_until_the_receipt() -> None:
    row = projected(stock_position=stock(0), purchase_line=due(5))
    assert row["expected_lost_units"] == pytest.approx(10.0, rel=0.01)


def test_without_demand_there_is_no_data_and_no_number() -> None:
    row = projected(stock_position=stock(20) + stock(5, location="SOUTH"), location="SOUTH")
    assert (row["state"], row["p_stockout"], row["cover_days_p50"], row["suggestion"]) == (
        "no_data",
        None,
        None,
        "none",
    )


@pytest.mark.parametrize(
    ("missing", "reason"),
    [("stock_position", "stock levels"), ("purchase_line", "purchase orders"), ("supplier", "lead time")],
)
def test_a_question_that_cannot_be_answered_is_not_armed_and_says_what_it_needs(missing: str, reason: str) -> None:
    tables: dict[str, Any] = {"stock_position": stock(20), missing: []}
    row = projected(**tables)
    assert (row["state"], row["p_stockout"], row["at_risk"]) == ("not_armed", None, None)
    assert reason in row["reason"]
    assert row["demand_per_day"] == pytest.approx(2.0)


def test_a_cost_that_is_unknown_leaves_the_lost_margin_unknown() -> None:
    item: Tables = [{"entity": "MUG", "kind": "product", "supplier": "KILN"}]
    row = projected(stock_position=stock(20), item=item)
    assert (row["expected_lost_margin_minor"], row["expected_lost_units"] > 0) == (None, True)


def test_a_cost_in_another_currency_than_the_sales_is_unknown_here() -> None:
    item: Tables = [{"entity": "MUG", "kind": "product", "supplier": "KILN", "unit_cost_minor": 200, "currency": "EUR"}]
    terms: Tables = [{"entity": "KILN:MUG", "supplier": "KILN", "sku": "MUG", "moq": 1, "pack": 1,
                      "unit_cost_minor": 150, "currency": "USD"}]  # fmt: skip
    row = projected(stock_position=stock(20), item=item, terms=terms)
    assert (row["expected_lost_margin_minor"], row["currency"]) == (None, "GBP")
    asked_in_pounds = projected(stock_position=stock(20), item=item, terms=[{**terms[0], "currency": "GBP"}])
    assert asked_in_pounds["expected_lost_margin_minor"] > 0


def test_the_margin_of_what_sells_in_two_currencies_is_that_of_the_sales_in_the_currency_of_its_cost() -> None:
    # A mug costs 2.00 GBP and sells at 5.00 GBP; twice as many are sold at 900 yen.
    pounds = orders_a_day(2)
    yen = [
        {**line, "entity": f"{line['entity']}-Y{n}", "currency": "JPY", "net_minor": 900}
        for line in pounds
        for n in (1, 2)
    ]
    alone, both = (projected(stock_position=stock(20), order_line=lines) for lines in (pounds, [*pounds, *yen]))
    assert (alone["unit_margin_minor"], both["unit_margin_minor"], both["currency"]) == (300, 300, "GBP")
    item: Tables = [{"entity": "MUG", "kind": "product", "supplier": "KILN"}]
    uncosted = projected(stock_position=stock(20), order_line=[*pounds, *yen], item=item)
    assert (uncosted["unit_margin_minor"], uncosted["currency"]) == (None, "JPY"), "most are sold in yen"


def test_the_arithmetic_of_an_order_adds_up() -> None:
    row = projected(
        stock_position=stock(20), terms=[{"entity": "t", "supplier": "KILN", "sku": "MUG", "moq": 48, "pack": 12}]
    )
    steps = {label: value for label, value, _ in json.loads(row["arithmetic"])}
    assert row["suggestion"] == "order"
    assert steps["need"] == steps["order up to"] - steps["available now"]
    wanted = max(steps["need"], steps["economic order quantity"], steps["minimum order"])
    assert row["suggested_units"] == steps["order"] == -(-wanted // 12) * 12
    assert (row["supplier"], row["suggested_from"], row["order_by"]) == ("KILN", None, TODAY)


def test_what_the_desk_proposed_already_is_not_proposed_again() -> None:
    first = projected(stock_position=stock(20))["suggested_units"]
    again = projected(stock_position=stock(20), purchase_line=[OLD_PURCHASE, a_purchase(first, None, status="draft")])
    assert (again["suggestion"], again["p_stockout"] > 0.9) == ("none", True), "a draft is no receipt"
    undated = projected(stock_position=stock(20), purchase_line=[OLD_PURCHASE, a_purchase(first, None, status="sent")])
    assert (undated["suggestion"], undated["p_stockout"] > 0.9) == ("none", True), "nor is what has no day yet"
    arrived = a_purchase(first, None, status="sent", received_units=first)
    assert projected(stock_position=stock(20), purchase_line=[OLD_PURCHASE, arrived])["suggestion"] == "order"


def test_another_locations_excess_is_moved_before_anything_is_bought() -> None:
    row = projected(stock_position=stock(10) + stock(900, location="SOUTH"))
    assert (row["suggestion"], row["suggested_from"]) == ("transfer", "SOUTH")
    steps = {label: value for label, value, _ in json.loads(row["arithmetic"])}
    assert row["suggested_units"] == steps["need"] == steps["transfer"] <= steps[SPARE] == 900


def test_the_arithmetic_says_why_stock_of_another_location_is_not_moved() -> None:
    row = projected(stock_position=stock(10) + stock(20, location="SOUTH"))
    steps = {label: value for label, value, _ in json.loads(row["arithmetic"])}
    assert (row["suggestion"], steps[SPARE]) == ("order", 20)
    assert steps["need"] > 20


def test_an_order_has_to_be_placed_a_lead_time_before_the_stock_may_run_out() -> None:
    row = projected(stock_position=stock(70))
    assert row["order_by"] == row["stockout_p10_on"] - 14 * A_DAY


def test_a_users_service_level_replaces_the_newsvendors() -> None:
    low = projected(stock_position=stock(20), policy=Policy(service_level=0.6))
    high = projected(stock_position=stock(20), policy=Policy(service_level=0.98))

    def up_to(row: dict[str, Any]) -> float:
        return float({label: value for label, value, _ in json.loads(row["arithmetic"])}["order up to"])

    assert up_to(low) < up_to(high)


def test_the_same_facts_give_the_same_answer() -> None:
    shop = a_shop(order_line=orders_a_day(2), stock_position=stock(20))
    assert project(shop, now=NOW).equals(project(shop, now=NOW))


def test_an_empty_shop_has_an_empty_projection() -> None:
    assert project(a_shop(), now=NOW).schema == SCHEMA


def test_the_first_day_of_a_shop_is_no_error() -> None:
    row = projected(order_line=[an_order(TODAY, 3)], stock_position=stock(20))
    assert row["state"] == "no_data"
    young = projected(order_line=[an_order(TODAY - A_DAY, 3)], stock_position=stock(20))
    assert (young["state"], young["demand_per_day"]) == ("value", 3.0)
    assert young["cover_days_p90"] - young["cover_days_p10"] > 5, "one order tells little"


def test_a_later_moment_of_the_same_day_only_moves_what_depends_on_it() -> None:
    shop = a_shop(order_line=orders_a_day(2), stock_position=stock(20))
    late = datetime.combine(TODAY, NOW.timetz()) + timedelta(hours=12)
    assert project(shop, now=late)["p_stockout"].equals(project(shop, now=NOW)["p_stockout"])
