"""Returns, stockouts, days of supply and exposure, worked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from data.lake import Facts
from metrics.answer import answer, rows
from metrics.figure import Figure
from metrics.window import Window
from tests.metrics.factories import (
    DAY,
    LATER,
    MARCH,
    NOON,
    a_count,
    a_line,
    a_parcel_line,
    a_return,
    a_stream,
    an_open_line,
    asked,
    some_facts,
    told,
)


def only(facts: Facts, name: str, **more: Any) -> Figure:  # noqa: ANN401 -- any column or argument
    [figure] = asked(facts, name, **more)
    return figure


def test_returns_count_with_the_units_that_left_in_the_window() -> None:
    lines = [
        a_line(ordered_units=50, returned_units=4),
        a_line(line_id="2", ordered_units=9, placed_at=NOON + 30 * DAY),
    ]
    figure = only(some_facts(order_line=lines, return_line=[a_return()]), "return_rate")
    assert (figure.numerator, figure.denominator, figure.state) == (4, 50, "value")


def test_a_return_rate_is_provisional_until_thirty_days_after_shipment() -> None:
    facts = some_facts(order_line=[a_line(ordered_units=50)], return_line=[a_return()])
    early = only(facts, "return_rate", now=NOON + 30 * DAY, window=None)
    assert (early.state, early.reasons) == (
        "provisional",
        ("50 units left less than 30 days ago and may still come back",),
    )
    assert only(facts, "return_rate", now=NOON + 31 * DAY, window=None).state == "value"


def test_by_return_date_the_sale_may_lie_in_another_month() -> None:
    facts = some_facts(
        order_line=[a_line()],
        return_line=[a_return(units=2, requested_at=NOON)],
        shipment_line=[a_parcel_line(units=40)],
    )
    assert only(facts, "return_rate_by_return_date").value == 0.05
    assert only(facts, "returned_units").value == 2


def test_the_rows_of_two_kinds_tell_which_sum_they_belong_to() -> None:
    facts = some_facts(order_line=[a_line()], return_line=[a_return(units=2)], shipment_line=[a_parcel_line(units=40)])
    found = rows(told(facts), "return_rate_by_return_date", window=MARCH)
    assert found.select("part", "numerator", "denominator").rows() == [("numerator", 2, 0), ("denominator", 0, 40)]


def test_a_return_that_belongs_to_no_known_line_is_unlinked() -> None:
    facts = some_facts(return_line=[a_return(units=3), a_return(return_id="r2", linked=False)])
    assert only(facts, "unlinked_returns_pct").value == 0.25


def test_no_returns_at_all_is_zero_only_where_returns_are_read() -> None:
    facts = some_facts(order_line=[a_line()])
    assert only(facts, "return_rate").state == "not_armed"
    assert only(facts, "return_rate", statuses=[a_stream(stream="returns")]).value == 0.0


def stock_days(sku: str, *closing: int, first: date = date(2026, 3, 1)) -> list[dict[str, object]]:
    return [
        {
            "entity": sku,
            "connection": "warehouse",
            "sku": sku,
            "location": "NORTH",
            "day": first + n * DAY,
            "closing_units": c,
        }
        for n, c in enumerate(closing)
    ]


def test_a_stockout_is_a_day_that_closes_with_nothing() -> None:
    days = stock_days("MUG", 5, 0, -1, 4) + stock_days("CUP", *[9] * 4)
    figure = only(some_facts(stock_day=days), "stockout_rate")
    assert (figure.numerator, figure.denominator) == (2, 8)


def test_days_before_an_item_was_ranged_are_not_in_question() -> None:
    days = stock_days("NEW", 1, first=date(2026, 3, 31)) + stock_days("NEW", 0, first=date(2026, 4, 1))
    assert (only(some_facts(stock_day=days), "stockout_rate").denominator) == 1


def test_a_local_day_belongs_to_the_window_in_which_it_begins() -> None:
    days = stock_days("MUG", 0, 0, 0, first=date(2026, 6, 1))
    window = Window(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 2, 12, tzinfo=UTC))
    london = only(some_facts(stock_day=days), "stockout_rate", window=window)
    assert london.denominator == 1  # 1 June began at 23:00 UTC the day before
    assert only(some_facts(stock_day=days), "stockout_rate", window=window, zone="UTC").denominator == 2


def test_supply_lasts_as_long_as_the_last_four_weeks_demand_allows() -> None:
    facts = some_facts(
        stock_position=[a_count(on_hand=100), a_count(state="damaged", units=10)],
        shipment_line=[
            a_parcel_line(units=84, handed_over_at=LATER - 3 * DAY),
            a_parcel_line(units=999, handed_over_at=LATER - 29 * DAY),
        ],
    )
    figure = only(facts, "days_of_supply_trailing")
    assert figure.value == pytest.approx(30)
    assert (figure.unit, figure.window) == ("days", None)


def test_no_demand_is_said_and_is_not_infinity() -> None:
    figure = only(
        some_facts(stock_position=[a_count(on_hand=9)], shipment_line=[a_parcel_line()]), "days_of_supply_trailing"
    )
    assert (figure.value, figure.state) == (None, "no_data")
    assert figure.reasons[0].startswith("no demand")


def test_an_item_that_nobody_counted_has_no_supply_rather_than_none() -> None:
    facts = some_facts(
        stock_position=[a_count("CUP", on_hand=9)],
        shipment_line=[a_parcel_line(sku=sku, handed_over_at=LATER - DAY) for sku in ("MUG", "CUP")],
    )
    found = {f.dimensions["sku"]: f.state for f in answer(told(facts), "days_of_supply_trailing", by=["sku"])}
    assert found == {"CUP": "value", "MUG": "no_data"}


def test_a_projection_is_handed_over_with_the_question() -> None:
    facts = some_facts(stock_position=[a_count(on_hand=9)])
    assert only(facts, "days_of_supply").state == "not_armed"
    demand = pl.DataFrame({"sku": ["MUG"], "location": ["NORTH"], "demand_per_day": [1.5]})
    assert only(facts, "days_of_supply", demand=demand).value == 6.0


def test_the_newest_claim_about_a_state_counts() -> None:
    claims = [a_count(on_hand=100), a_count(on_hand=7, connection="erp", observed_at=NOON + DAY)]
    facts = some_facts(stock_position=claims)
    demand = pl.DataFrame({"sku": ["MUG"], "location": ["NORTH"], "demand_per_day": [1.0]})
    assert only(facts, "days_of_supply", demand=demand).value == 7.0


def test_open_units_beyond_all_usable_stock_are_exposed_with_their_share_of_value() -> None:
    lines = [an_open_line(ordered_units=12, net_minor=12_000), a_line(entity="gone")]
    counts = [a_count(on_hand=6), a_count(on_hand=5, location="SOUTH"), a_count(state="quarantined", units=2)]
    facts = some_facts(order_line=lines, stock_position=counts)
    assert only(facts, "oversell_exposure_units").value == 3
    assert only(facts, "oversell_exposure_value").value == 3_000


def test_an_item_that_nobody_counted_is_not_called_oversold() -> None:
    facts = some_facts(order_line=[an_open_line(sku="NEW"), a_line(entity="gone")], stock_position=[a_count(on_hand=6)])
    assert only(facts, "oversell_exposure_units").value == 0
