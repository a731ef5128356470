"""What is open, late, held or untold at this moment, worked by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from data.lake import Facts
from metrics.figure import Figure
from tests.metrics.factories import (
    DAY,
    HOUR,
    LATER,
    NOON,
    PROMISE,
    a_line,
    a_parcel_line,
    an_open_line,
    asked,
    some_facts,
)


def split(facts: Facts, name: str, by: str, **more: Any) -> dict[str | None, object]:  # noqa: ANN401 -- any column or argument
    return {figure.dimensions[by]: figure.value for figure in asked(facts, name, by=[by], **{"now": NOON, **more})}


def only(facts: Facts, name: str, **more: Any) -> Figure:  # noqa: ANN401 -- any column or argument
    [figure] = asked(facts, name, **{"now": NOON, **more})
    return figure


@pytest.mark.parametrize(
    ("age", "bucket"),
    [
        (timedelta(0), "0-4 h"), (4 * HOUR - timedelta(minutes=1), "0-4 h"), (4 * HOUR, "4-24 h"), (DAY, "1-2 d"),
        (2 * DAY, "2-3 d"), (3 * DAY, "3-5 d"), (5 * DAY, "5-7 d"), (7 * DAY, "7-14 d"), (14 * DAY, "> 14 d"),
    ],
)  # fmt: skip
def test_an_order_ages_by_the_time_since_it_was_placed(age: timedelta, bucket: str) -> None:
    facts = some_facts(order_line=[an_open_line(placed_at=NOON - age), a_line(entity="gone")])
    assert split(facts, "open_orders", "age") == {bucket: 1}


def test_ages_are_listed_from_young_to_old_and_stages_from_first_to_last() -> None:
    lines = [
        an_open_line(entity="old", placed_at=NOON - 20 * DAY, stage="packed"),
        an_open_line(entity="new", placed_at=NOON - HOUR, stage="picking"),
        an_open_line(entity="mid", placed_at=NOON - 5 * HOUR, stage="placed"),
        a_line(entity="gone"),
    ]
    facts = some_facts(order_line=lines)
    assert [*split(facts, "open_orders", "age")] == ["0-4 h", "4-24 h", "> 14 d"]
    assert [*split(facts, "open_orders", "stage")] == ["placed", "picking", "packed"]


def test_an_order_stands_where_its_least_advanced_line_stands_and_is_counted_once() -> None:
    lines = [
        an_open_line(stage="packed", location="NORTH"),
        an_open_line(line_id="2", stage="backordered", location="SOUTH"),
        a_line(line_id="3", stage="shipped", location="3PL"),
    ]
    facts = some_facts(order_line=lines)
    assert split(facts, "open_orders", "stage") == {"backordered": 1}
    assert split(facts, "open_orders", "location") == {"several": 1}
    assert split(facts, "open_units", "location") == {"NORTH": 1, "SOUTH": 1}


def test_open_value_is_the_share_of_the_line_that_has_not_left() -> None:
    facts = some_facts(order_line=[a_line(ordered_units=4, shipped_units=3, net_minor=1001)])
    figure = only(facts, "open_value")
    assert (figure.value, figure.currency) == (250, "GBP")


def test_what_is_held_is_told_apart() -> None:
    lines = [
        an_open_line(entity="held", hold="address", stage="held"),
        an_open_line(entity="free"),
        a_line(entity="gone"),
    ]
    facts = some_facts(order_line=lines)
    assert split(facts, "open_orders", "held") == {"false": 1, "true": 1}
    assert only(facts, "held_pct").value == 0.5


def test_nothing_open_is_a_true_zero_and_no_share_of_it_is_held() -> None:
    facts = some_facts(order_line=[a_line()])
    assert (only(facts, "open_orders").value, only(facts, "open_orders").state) == (0, "value")
    assert (only(facts, "held_pct").value, only(facts, "held_pct").state) == (None, "no_data")


def test_without_any_shipment_known_nothing_can_be_called_open() -> None:
    figure = only(some_facts(order_line=[an_open_line()]), "open_orders")
    assert (figure.value, figure.state) == (None, "not_armed")
    assert figure.reasons == ("needs shipments: connect the warehouse or map a ship date",)


def test_an_order_is_late_the_moment_after_its_ship_by() -> None:
    facts = some_facts(order_line=[an_open_line(ordered_units=2), a_line(entity="gone")])
    assert only(facts, "late_orders", now=PROMISE).value == 0
    late = PROMISE + timedelta(microseconds=1)
    assert [only(facts, name, now=late).value for name in ("late_orders", "late_units", "late_value")] == [1, 2, 200]


def test_a_parcel_that_the_channel_does_not_know_of_counts_after_half_an_hour() -> None:
    lines = [
        a_parcel_line(),
        a_parcel_line(parcel="p2", told_at=None, handed_over_at=NOON - timedelta(minutes=30)),
        a_parcel_line(parcel="p3", told_at=None, handed_over_at=NOON - timedelta(minutes=29)),
    ]
    assert only(some_facts(shipment_line=lines), "told_late").value == 1


def test_where_no_channel_is_ever_told_the_figure_is_not_armed() -> None:
    figure = only(some_facts(shipment_line=[a_parcel_line(told_at=None)]), "told_late", now=LATER)
    assert figure.state == "not_armed"


def test_the_backorder_rate_is_the_share_of_open_lines_that_wait_for_stock() -> None:
    lines = [
        an_open_line(stage="backordered"), an_open_line(line_id="2", stage="picking"),
        an_open_line(line_id="3"), a_line(line_id="4"),
    ]  # fmt: skip
    figure = only(some_facts(order_line=lines), "backorder_rate")
    assert (figure.numerator, figure.denominator) == (1, 3)


def test_cancellations_are_told_apart_by_cause_and_none_is_spread() -> None:
    lines = [
        a_line(ordered_units=100, cancelled_units=3, cancel_cause="customer"),
        a_line(line_id="2", ordered_units=50, cancelled_units=1, cancel_cause="supply"),
        a_line(line_id="3", ordered_units=50, cancelled_units=2),
    ]
    facts = some_facts(order_line=lines)
    causes = ("", "_customer", "_supply", "_fraud", "_payment", "_unknown")
    found = [only(facts, f"cancellation_rate{cause}").numerator for cause in causes]
    assert found == [6, 3, 1, 0, 0, 2]
    assert only(facts, "cancellation_rate").denominator == 200
