"""Fill rates, worked by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from data.lake import Facts
from metrics.figure import Figure
from metrics.window import Window
from tests.metrics.factories import DAY, HOUR, MARCH, NOON, PROMISE, a_line, an_open_line, asked, some_facts


def only(facts: Facts, name: str, **more: Any) -> Figure:  # noqa: ANN401 -- any column or argument
    [figure] = asked(facts, name, **more)
    return figure


def sums(facts: Facts, name: str, **more: Any) -> tuple[object, object]:  # noqa: ANN401 -- any column or argument
    figure = only(facts, name, **more)
    return figure.numerator, figure.denominator


def test_units_shipped_after_the_promise_do_not_count_as_on_time() -> None:
    lines = [a_line(ordered_units=4), a_line(line_id="2", ordered_units=4, shipped_at=PROMISE + DAY)]
    figure = only(some_facts(order_line=lines), "on_time_fill_rate_units")
    assert (figure.numerator, figure.denominator, figure.value, figure.state) == (4, 8, 0.5, "value")


def test_what_is_open_and_past_due_counts_as_not_on_time() -> None:
    lines = [a_line(), an_open_line(line_id="2", ordered_units=3)]
    assert sums(some_facts(order_line=lines), "on_time_fill_rate_units") == (1, 4)


def test_a_line_or_an_order_counts_only_when_all_of_it_left_in_time() -> None:
    lines = [
        a_line(entity="whole", ordered_units=2),
        a_line(entity="half", line_id="1", ordered_units=2),
        a_line(entity="half", line_id="2", ordered_units=2, shipped_units=1),
    ]
    facts = some_facts(order_line=lines)
    assert sums(facts, "on_time_fill_rate_units") == (5, 6)
    assert sums(facts, "on_time_fill_rate_lines") == (2, 3)
    assert sums(facts, "on_time_fill_rate_orders") == (1, 2)


def test_a_promise_in_the_future_makes_the_figure_provisional() -> None:
    figure = only(
        some_facts(order_line=[a_line(), an_open_line(line_id="2", ordered_units=3)]), "on_time_fill_rate_units",
        now=NOON + 2 * HOUR, window=None,
    )  # fmt: skip
    assert (figure.state, figure.value) == ("provisional", 0.25)
    assert "3 units are promised for later" in figure.reasons[0]


def test_a_promise_that_is_kept_early_is_not_provisional() -> None:
    figure = only(some_facts(order_line=[a_line()]), "on_time_fill_rate_units", now=NOON + 2 * HOUR, window=None)
    assert (figure.state, figure.value) == ("value", 1.0)


def test_the_promise_date_puts_a_line_into_the_window_not_the_order_date() -> None:
    lines = [a_line(ship_by=MARCH.end), a_line(line_id="2", ship_by=MARCH.end - timedelta(microseconds=1))]
    assert sums(some_facts(order_line=lines), "on_time_fill_rate_units") == (1, 1)


def test_what_the_customer_cancelled_in_time_leaves_the_denominator() -> None:
    line = a_line(ordered_units=10, cancelled_units=4, cancel_cause="customer", excused_units=4)
    facts = some_facts(order_line=[line])
    assert sums(facts, "on_time_fill_rate_units") == (6, 6)
    assert sums(facts, "on_time_fill_rate_orders") == (1, 1)


def test_what_could_not_be_supplied_stays_and_counts_as_missed() -> None:
    line = a_line(ordered_units=10, cancelled_units=4, cancel_cause="supply")
    facts = some_facts(order_line=[line])
    assert sums(facts, "on_time_fill_rate_units") == (6, 10)
    assert sums(facts, "first_pass_fill_rate_lines") == (0, 1)


def test_an_order_that_was_excused_whole_is_not_in_question() -> None:
    line = a_line(ordered_units=2, cancelled_units=2, excused_units=2)
    assert sums(some_facts(order_line=[line, a_line(entity="b")]), "on_time_fill_rate_orders") == (1, 1)


def test_an_order_whose_lines_are_promised_apart_is_one_order_promised_for_the_last() -> None:
    lines = [a_line(), a_line(line_id="2", ship_by=MARCH.end - HOUR), an_open_line(line_id="3", ship_by=None)]
    facts = some_facts(order_line=lines)
    assert sums(facts, "on_time_fill_rate_orders") == (1, 1)
    assert sums(facts, "on_time_fill_rate_orders", window=Window(MARCH.start, PROMISE + HOUR)) == (None, None)


def test_a_line_without_a_promise_is_outside_the_rate_and_visible_beside_it() -> None:
    facts = some_facts(order_line=[a_line(), a_line(line_id="2", ordered_units=3, ship_by=None)])
    assert sums(facts, "on_time_fill_rate_units") == (1, 1)
    assert sums(facts, "no_promise_pct") == (3, 4)


def test_a_derived_promise_is_counted_apart() -> None:
    facts = some_facts(order_line=[a_line(), an_open_line(line_id="2", promise="policy")])
    assert sums(facts, "on_time_fill_rate_units") == (1, 1)
    assert sums(facts, "on_time_fill_rate_policy_units") == (0, 1)
    assert sums(facts, "policy_promise_pct") == (1, 2)


def test_without_a_given_promise_the_answer_names_the_policy_rate() -> None:
    figure = only(some_facts(order_line=[a_line(promise="policy")]), "on_time_fill_rate_units")
    assert (figure.value, figure.state) == (None, "no_data")
    assert "on_time_fill_rate_policy_units" in figure.reasons[0]


def test_services_are_neither_filled_nor_missed() -> None:
    lines = [a_line(), an_open_line(line_id="2", kind="service", open_units=0)]
    facts = some_facts(order_line=lines)
    assert sums(facts, "first_pass_fill_rate_units") == (1, 1)
    assert sums(facts, "on_time_fill_rate_orders") == (1, 1)


def test_the_second_parcel_does_not_count_for_the_first_pass_however_quick() -> None:
    lines = [a_line(ordered_units=10, first_shipment_units=8)]
    facts = some_facts(order_line=lines)
    assert sums(facts, "first_pass_fill_rate_units") == (8, 10)
    assert sums(facts, "first_pass_fill_rate_lines") == (0, 1)
    assert sums(facts, "first_pass_fill_rate_orders") == (0, 1)


def test_what_has_not_left_keeps_the_first_pass_provisional() -> None:
    figure = only(
        some_facts(order_line=[a_line(), an_open_line(line_id="2", ordered_units=2)]), "first_pass_fill_rate_units"
    )
    assert (figure.state, figure.numerator, figure.denominator) == ("provisional", 1, 3)


def test_a_line_that_was_shipped_twice_over_fills_no_more_than_was_ordered() -> None:
    line = a_line(ordered_units=2, shipped_units=5, open_units=0)
    assert sums(some_facts(order_line=[line]), "on_time_fill_rate_units") == (2, 2)
    assert sums(some_facts(order_line=[line]), "first_pass_fill_rate_lines") == (1, 1)
