"""What a click on a chart opens is what the chart counted."""

from __future__ import annotations

from app.services.figures import Asked, daily
from app.services.overview import case_flow, case_steps, orders_a_day
from app.services.rows import made_of
from app.services.workspace import facts
from data.store import Store
from tests.app.factories import NOW


def test_the_rows_of_a_day_add_up_to_the_point_that_was_clicked(shop: Store) -> None:
    asked = Asked(facts=facts(shop), now=NOW, days=28)
    for metric in ("orders", "on_time_fill_rate_units"):
        for day, figure in daily(asked, metric):
            made = made_of(Asked(facts=facts(shop), now=NOW, days=28, day=day), metric)
            assert made.figures[0].value == figure.value, (metric, day)
            if figure.value:
                assert made.frame["numerator"].sum() == figure.numerator
    assert sum(f.value or 0 for _, f in orders_a_day(asked)[0]) > 0


def test_the_rows_that_keep_a_share_from_being_whole_come_first(shop: Store) -> None:
    made = made_of(Asked(facts=facts(shop), now=NOW, days=28), "on_time_fill_rate_units")
    missing = (made.frame["denominator"] - made.frame["numerator"]).to_list()
    assert missing == sorted(missing, reverse=True)
    assert missing[0] > 0


def test_the_cases_of_a_day_are_as_many_as_its_bars_count(troubled: Store) -> None:
    flow = case_flow(troubled, NOW, 14)
    assert sum(day.opened for day in flow) > 0
    for day in flow:
        steps = case_steps(troubled, day.day)
        opens = sum(step.opens for step in steps)
        assert (opens, len(steps) - opens) == (day.opened, day.cleared)
