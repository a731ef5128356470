"""The engine: splitting, filtering, states, windows and time zones, whatever the metric."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from data.errors import RequestError
from data.lake import Facts
from metrics.answer import answer, compare, many, restated, rows, series
from metrics.figure import Figure
from metrics.window import Window, periods
from tests.metrics.factories import (
    DAY,
    HOUR,
    LATER,
    MARCH,
    NOON,
    a_line,
    a_stream,
    an_item,
    an_open_line,
    asked,
    some_facts,
    tail,
    told,
)


def only(facts: Facts, name: str, **more: Any) -> Figure:  # noqa: ANN401 -- any column or argument
    [figure] = asked(facts, name, **more)
    return figure


def split(facts: Facts, name: str, *by: str, **more: Any) -> dict[tuple[str | None, ...], object]:  # noqa: ANN401 -- any column or argument
    figures = asked(facts, name, by=by, **more)
    return {tuple(figure.dimensions.values()): figure.value for figure in figures}


# Splitting and filtering


def test_a_figure_can_be_split_and_filtered_by_what_its_rows_have() -> None:
    lines = [
        a_line(entity="a"),
        a_line(entity="b", channel="wholesale", country="FR"),
        a_line(entity="c", country="FR"),
    ]
    facts = some_facts(order_line=lines)
    assert split(facts, "orders", "channel", "country") == {
        ("web", "FR"): 1, ("web", None): 1, ("wholesale", "FR"): 1,
    }  # fmt: skip
    assert only(facts, "orders", where={"country": "FR"}).value == 2
    assert only(facts, "orders", where={"country": ""}).value == 1
    assert only(facts, "orders", where={"channel": ["web", "wholesale"]}).value == 3


def test_real_and_simulated_orders_are_told_apart() -> None:
    facts = some_facts(order_line=[a_line(entity="a"), a_line(entity="b", simulated=True)])
    assert split(facts, "orders", "simulated") == {("false",): 1, ("true",): 1}
    assert only(facts, "orders", where={"simulated": "true"}).value == 1


def test_the_catalogue_is_joined_after_adding_up_and_an_unknown_item_is_not_lost() -> None:
    lines = [a_line(ordered_units=2), a_line(line_id="2", sku="CUP"), a_line(line_id="3", sku="GONE", ordered_units=5)]
    items = [an_item("MUG"), an_item("CUP", supplier="KILN")]
    facts = some_facts(order_line=lines, item=items)
    assert split(facts, "units_ordered", "category") == {("kitchen",): 3, (None,): 5}
    assert split(facts, "units_ordered", "sku", "supplier") == {("CUP", "KILN"): 1, ("GONE", None): 5, ("MUG", None): 2}
    assert only(facts, "units_ordered", where={"category": "kitchen"}).value == 3
    assert only(facts, "units_ordered", where={"category": ""}).value == 5


def test_a_dimension_that_the_metric_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(
        RequestError, match="orders has no dimension 'chanel'; did you mean channel\\? it has: channel,"
    ):
        answer(told(some_facts()), "orders", by=["chanel"])
    with pytest.raises(RequestError, match="orders has no dimension 'location'"):
        answer(told(some_facts()), "orders", where={"location": "NORTH"})
    with pytest.raises(RequestError, match="late_orders has no dimension 'day'"):
        answer(told(some_facts()), "late_orders", by=["day"])


def test_an_unknown_metric_is_refused_with_the_likely_one() -> None:
    with pytest.raises(RequestError, match="no metric 'net_sale'; did you mean net_sales"):
        answer(told(some_facts()), "net_sale")


def test_several_metrics_at_once_are_the_same_as_one_by_one() -> None:
    lines = [a_line(ordered_units=3, shipped_units=1), an_open_line(entity="b", channel="wholesale")]
    facts = some_facts(order_line=lines)
    names = [
        "orders",
        "on_time_fill_rate_units",
        "first_pass_fill_rate_orders",
        "open_orders",
        "net_sales_placed",
        "cm2",
    ]
    together = many(told(facts), names, window=MARCH, by=["channel"])
    assert together == {name: answer(told(facts), name, window=MARCH, by=["channel"]) for name in names}


# Base and tail


def test_a_changed_row_counts_as_it_stands_now_and_an_order_once() -> None:
    old, new = (
        a_line(ordered_units=2, shipped_units=1),
        a_line(ordered_units=2, shipped_units=2, ship_by=NOON + 3 * DAY),
    )
    facts = some_facts({"order_line": tail("order_line", [old], [new])}, order_line=[old, a_line(entity="b")])
    assert (only(facts, "on_time_fill_rate_units").numerator, only(facts, "orders").value) == (3, 2)
    assert only(facts, "on_time_fill_rate_orders").numerator == 2
    assert only(facts, "open_orders").value == 0


def test_a_retracted_row_leaves_no_empty_group_behind() -> None:
    old = a_line(channel="wholesale")
    facts = some_facts({"order_line": tail("order_line", [old], [a_line()])}, order_line=[old])
    assert split(facts, "units_ordered", "channel") == {("web",): 1}


# States


def test_nothing_in_the_window_is_no_data_and_not_zero() -> None:
    figure = only(some_facts(order_line=[a_line()]), "orders", window=Window(LATER - DAY, LATER))
    assert (figure.value, figure.state, figure.reasons) == (None, "no_data", ("no order is in question",))


def test_a_window_that_is_not_over_is_provisional() -> None:
    figure = only(some_facts(order_line=[a_line()]), "orders", now=NOON + DAY)
    assert (figure.value, figure.state, figure.reasons) == (
        1,
        "provisional",
        ("the window ends on 2026-04-01 00:00 BST",),
    )


def test_a_source_that_fell_silent_within_the_window_makes_it_stale() -> None:
    silent = a_stream(as_of=NOON + DAY)
    figure = only(some_facts(order_line=[a_line()]), "orders", statuses=[silent, a_stream("market")])
    assert (figure.value, figure.state) == (1, "stale")
    assert figure.reasons == ("shop/orders has told nothing since 2026-03-11 12:00 GMT",)


def test_a_source_that_fell_silent_after_the_window_does_no_harm() -> None:
    assert only(some_facts(order_line=[a_line()]), "orders", statuses=[a_stream(as_of=MARCH.end)]).state == "value"


def test_a_window_that_no_source_has_told_anything_about_is_unknown() -> None:
    silent = a_stream(as_of=NOON)
    window = Window(NOON + DAY, NOON + 2 * DAY)
    figure = only(some_facts(order_line=[a_line()]), "orders", statuses=[silent], window=window)
    assert (figure.value, figure.state) == (None, "unknown")


def test_each_source_has_its_own_patience() -> None:
    facts, silent = some_facts(order_line=[a_line()]), [a_stream(as_of=LATER - 2 * HOUR)]
    assert only(facts, "open_orders", statuses=silent).state == "stale"
    assert only(facts, "open_orders", statuses=silent, late_after=timedelta(hours=3)).state == "value"
    assert only(facts, "open_orders", statuses=silent, late_after={"shop": timedelta(hours=3)}).state == "value"
    assert only(facts, "open_orders", statuses=silent, late_after={"shop/orders": timedelta(hours=1)}).state == "stale"


def test_a_file_is_old_a_day_after_its_newest_record() -> None:
    file = a_stream("import", as_of=None, succeeded_at=None)
    figure = only(some_facts(order_line=[a_line()]), "open_orders", statuses=[file])
    assert (figure.state, figure.reasons) == (
        "stale", ("import/orders was brought in by file and ends on 2026-03-10 12:00 GMT",),
    )  # fmt: skip


def test_a_late_change_of_a_closed_window_is_told() -> None:
    shown = answer(told(some_facts(order_line=[a_line()])), "units_ordered", window=MARCH)
    now = answer(told(some_facts(order_line=[a_line(ordered_units=3)])), "units_ordered", window=MARCH)
    [figure] = restated(now, shown)
    assert (figure.value, figure.state) == (3, "restated")
    assert figure.reasons == ("publication 7 showed 1; late data changed it by 2",)
    assert restated(shown, shown) == shown


def test_freshness_is_the_age_of_the_oldest_stream() -> None:
    streams = [
        a_stream(as_of=LATER - timedelta(minutes=25)),
        a_stream(stream="returns"),
        a_stream("erp", "items", as_of=None),
    ]
    found = {
        f.dimensions["connection"]: f.value
        for f in answer(told(some_facts(), statuses=streams), "freshness", by=["connection"])
    }
    assert found == {"shop": 25, "erp": 0}
    mute = a_stream(as_of=None, succeeded_at=None, last_event_at=None, failed_at=LATER)
    [figure] = answer(told(some_facts(), statuses=[mute]), "freshness")
    assert (figure.value, figure.state) == (None, "unknown")


# Windows


def test_the_end_of_a_window_is_not_in_it() -> None:
    lines = [a_line(entity=str(n), placed_at=at) for n, at in enumerate([MARCH.start, MARCH.end])]
    assert only(some_facts(order_line=lines), "orders").value == 1


def test_a_day_of_a_clock_change_has_23_or_25_hours() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    lengths = [Window.days(day, day + DAY).end - Window.days(day, day + DAY).start for day in (spring, autumn)]
    assert lengths == [23 * HOUR, 25 * HOUR]


def test_an_order_at_half_past_midnight_in_summer_belongs_to_the_local_day() -> None:
    facts = some_facts(order_line=[a_line(placed_at=datetime(2026, 6, 30, 23, 30, tzinfo=UTC))])
    july = Window.days(date(2026, 7, 1), date(2026, 8, 1))
    assert only(facts, "orders", window=july).value == 1
    assert only(facts, "orders", window=Window.days(date(2026, 7, 1), date(2026, 8, 1), "UTC")).state == "no_data"


def test_the_hours_of_the_day_that_has_two_one_oclocks_stay_on_their_day() -> None:
    moments = [datetime(2026, 10, 24, 22, 59, tzinfo=UTC), datetime(2026, 10, 24, 23, 0, tzinfo=UTC)]
    moments += [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1, 23)] + [
        datetime(2026, 10, 26, 0, tzinfo=UTC)
    ]
    lines = [a_line(entity=str(n), placed_at=at) for n, at in enumerate(moments)]
    window = Window.days(date(2026, 10, 24), date(2026, 10, 27))
    found = series(told(some_facts(order_line=lines), now=LATER + 365 * DAY), "orders", window=window)
    assert [figure.value for figure in found] == [1, 4, 1]


def test_a_series_has_every_period_and_an_empty_one_says_so() -> None:
    lines = [a_line(placed_at=NOON), a_line(entity="b", placed_at=NOON + 14 * DAY, channel="wholesale")]
    facts = some_facts(order_line=lines)
    weeks = series(told(facts), "orders", window=MARCH, grain="week")
    assert [(f.dimensions["week"], f.value) for f in weeks] == [
        ("2026-02-23", None), ("2026-03-02", None), ("2026-03-09", 1), ("2026-03-16", None), ("2026-03-23", 1),
        ("2026-03-30", None),
    ]  # fmt: skip
    assert {f.state for f in weeks if f.value is None} == {"no_data"}
    by_channel = series(told(facts), "net_sales_placed", window=MARCH, grain="month", by=["channel"])
    assert [f.dimensions for f in by_channel] == [
        {"channel": "web", "month": "2026-03-01"}, {"channel": "wholesale", "month": "2026-03-01"},
    ]  # fmt: skip


def test_months_are_compared_with_months_and_days_with_days() -> None:
    assert Window.days(date(2026, 3, 1), date(2026, 4, 1)).previous() == Window.days(date(2026, 2, 1), date(2026, 3, 1))
    assert Window.days(date(2026, 1, 1), date(2026, 4, 1)).previous() == Window.days(
        date(2025, 10, 1), date(2026, 1, 1)
    )
    spring = Window.days(date(2026, 3, 29), date(2026, 3, 31))
    assert spring.previous() == Window.days(date(2026, 3, 27), date(2026, 3, 29))
    assert Window(NOON, NOON + HOUR).previous() == Window(NOON - HOUR, NOON)
    assert spring.year_before() == Window.days(date(2025, 3, 30), date(2025, 4, 1))


def test_periods_of_a_window_begin_on_mondays_and_firsts() -> None:
    window = Window.days(date(2026, 1, 31), date(2026, 3, 2))
    assert periods(window, "month") == [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    assert periods(window, "week")[:2] == [date(2026, 1, 26), date(2026, 2, 2)]
    assert len(periods(window, "day")) == 30


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (datetime(2026, 3, 1), NOON, "offset"),  # noqa: DTZ001 -- that it is naive is the point
        (NOON, NOON, "must be later"),
    ],
)
def test_a_window_without_length_or_offset_is_refused(start: datetime, end: datetime, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        Window(start, end)


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RequestError, match="no time zone 'Europe/Lundon'"):
        Window.days(date(2026, 3, 1), date(2026, 3, 2), "Europe/Lundon")


def test_a_state_at_one_moment_takes_no_notice_of_the_window_and_says_when() -> None:
    figure = only(
        some_facts(order_line=[an_open_line(), a_line(entity="b")]), "open_orders", window=Window(LATER, LATER + DAY)
    )
    assert (figure.value, figure.window, figure.at, figure.publication) == (1, None, LATER, 7)
    with pytest.raises(RequestError, match="state at one moment"):
        compare(told(some_facts()), "open_orders", window=MARCH)


def test_a_change_needs_a_figure_on_both_sides() -> None:
    facts = some_facts(
        order_line=[a_line(entity="a"), a_line(entity="b", channel="wholesale", placed_at=NOON - 28 * DAY)]
    )
    [found] = compare(told(facts), "orders", window=MARCH, by=["channel"])
    assert (found.figure.dimensions, found.delta, found.reason) == (
        {"channel": "web"},
        None,
        "there was no figure before",
    )
    [whole] = compare(told(facts), "orders", window=MARCH)
    assert (whole.delta, whole.change) == (0, 0.0)


def test_the_rows_of_a_figure_follow_its_filter_and_its_window() -> None:
    lines = [
        a_line(ordered_units=3, shipped_units=1),
        a_line(line_id="2", sku="CUP"),
        a_line(entity="b", placed_at=LATER),
    ]
    found = rows(told(some_facts(order_line=lines)), "first_pass_fill_rate_units", window=MARCH, where={"sku": "MUG"})
    assert found.select("entity", "line_id", "numerator", "denominator").rows() == [("order-1", "1", 1, 3)]
