"""How findings become cases, how people work them, and how money is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions import tables as t
from actions.cases import Filters, claim, dismiss, headline, queue, show, snooze
from actions.detect import DetectReport, detect
from actions.findings import Detector, Finding, Money, frame
from actions.registry import detectors
from actions.view import View
from data.errors import RequestError
from tests.actions.factories import (
    APPROVER,
    MINUTE,
    NOON,
    OPERATOR,
    Shop,
    a_line,
    a_schedule,
    a_shop,
    a_status,
    a_view,
    an_item,
    drift_view,
    drifting,
    facts,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def see(shop: Shop, view: View, *, shadow: timedelta | None = None, budget: int | None = None) -> DetectReport:
    """Run a round of detection."""
    return detect(shop.desk, view, shadow=shadow, budget=budget)


def opened(shop: Shop) -> int:
    """Open the one case of a drifting listing."""
    for _ in range(2):
        shop.merchant.step()
        see(shop, drifting(shop.merchant))
    return int(queue(shop.desk)[0]["id"])


def test_the_same_view_seen_twice_confirms_nothing(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = drifting(shop.merchant)
    assert [see(shop, view).opened for _ in range(3)] == [0, 0, 0]
    shop.merchant.step()
    assert see(shop, drifting(shop.merchant)).opened == 1


def test_what_was_gone_in_between_must_be_seen_twice_again(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    calm = {"MUG": (10, 12)}
    see(shop, drifting(shop.merchant))
    shop.merchant.step()
    see(shop, drift_view(shop.merchant, calm))
    shop.merchant.step()
    assert see(shop, drifting(shop.merchant)).opened == 0


def test_a_case_stays_until_half_the_threshold_is_passed(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    shop.merchant.step()
    see(shop, drift_view(shop.merchant, {"MUG": (12, 12)}))  # 10 expected, 12 listed: within 2, beyond 1
    assert show(shop.desk, number)["status"] == "open"
    shop.merchant.step()
    see(shop, drift_view(shop.merchant, {"MUG": (11, 12)}))
    assert show(shop.desk, number)["status"] == "resolved"


def test_a_case_that_returns_within_two_weeks_is_the_old_one_regressed(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    see(shop, drift_view(shop.merchant, {"MUG": (10, 12)}))
    shop.merchant.step(13 * DAY)
    assert opened(shop) == number
    assert show(shop.desk, number)["status"] == "regressed"


def test_a_case_that_returns_later_is_a_new_one(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    see(shop, drift_view(shop.merchant, {"MUG": (10, 12)}))
    shop.merchant.step(15 * DAY)
    assert opened(shop) != number


def test_what_is_no_problem_stays_quiet_while_it_lasts(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    assert dismiss(shop.desk, number, by=OPERATOR, reason="pre-order item").done
    for _ in range(40):
        shop.merchant.step(DAY)
        assert see(shop, drifting(shop.merchant)).opened == 0
    assert queue(shop.desk) == []


def test_a_snoozed_case_is_out_of_the_queue_until_its_time(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    assert snooze(shop.desk, number, by=OPERATOR, until=shop.merchant.now + HOUR, reason="count under way").done
    assert queue(shop.desk) == []
    shop.merchant.step(2 * HOUR)
    see(shop, drifting(shop.merchant))
    assert [c["status"] for c in queue(shop.desk)] == ["open"]


def test_nobody_snoozes_or_dismisses_without_a_reason(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    with pytest.raises(RequestError, match="reason"):
        dismiss(shop.desk, number, by=OPERATOR, reason=" ")
    with pytest.raises(RequestError, match="passed"):
        snooze(shop.desk, number, by=OPERATOR, until=NOON, reason="later")


def test_of_two_who_take_a_case_one_has_it_and_the_other_is_told_who(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    assert claim(shop.desk, number, by=OPERATOR).done
    late = claim(shop.desk, number, by=APPROVER)
    assert not late.done
    assert "oli" in late.words
    assert claim(shop.desk, number, by=OPERATOR).done  # it is hers already


def test_a_detector_in_its_first_week_works_in_shadow(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    for _ in range(2):
        shop.merchant.step()
        report = see(shop, drifting(shop.merchant), shadow=7 * DAY)
    assert "X02" in report.shadow
    assert queue(shop.desk) == []
    assert len(queue(shop.desk, Filters(shadow=True))) == 1
    assert headline(shop.desk) == []


def test_beyond_the_daily_budget_cases_go_below_the_line(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    drifts = {f"MUG{n}": (40, 12) for n in range(5)}
    for _ in range(2):
        shop.merchant.step()
        report = see(shop, drift_view(shop.merchant, drifts), budget=3)
    assert (report.opened, report.below_line) == (5, 2)
    assert len(queue(shop.desk)) == 3
    assert len(queue(shop.desk, Filters(below_line=True))) == 5


def test_a_detector_that_lacks_a_stream_is_not_armed_and_says_what_it_needs(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    report = see(shop, View(facts=facts(order_line=[a_line("1", "MUG", 1)]), now=NOON))
    assert report.not_armed["X02"] == ["listings", "stock"]
    assert report.not_armed["X37"] == ["stock", "a stock projection (orders, stock and supplier terms)"]
    assert "X10" not in report.not_armed


def late_view(shop: Shop, *, listings_age: timedelta, listed: int = 40) -> View:
    """See a drift through a listings stream of some age."""
    now = shop.merchant.now
    seen = drift_view(shop.merchant, {"MUG": (listed, 12)})
    return View(
        facts=seen.facts,
        now=now,
        statuses=[a_status("storefront", "listings", now - listings_age), a_status("warehouse", "stock", now)],
        schedules=[a_schedule("storefront", "listings"), a_schedule("warehouse", "stock")],
    )


def test_while_a_feed_is_late_what_depends_on_it_is_counted_under_it_and_neither_opened_nor_closed(
    tmp_path: Path,
) -> None:
    shop = a_shop(tmp_path)
    number = opened(shop)
    for _ in range(2):
        shop.merchant.step()
        report = see(shop, late_view(shop, listings_age=HOUR))
    assert (report.opened, report.suppressed) == (1, 1)
    [feed] = queue(shop.desk)
    assert (feed["detector"], feed["subject"], feed["suppressed"]) == ("X46", "storefront/listings", 1)
    assert show(shop.desk, number)["parent"] == feed["id"]
    [only] = headline(shop.desk)
    assert only.exposed_minor == show(shop.desk, number)["exposed_minor"]

    shop.merchant.step()
    see(shop, late_view(shop, listings_age=HOUR, listed=10))  # the old data happen to look right
    assert show(shop.desk, number)["status"] == "open"

    shop.merchant.step()
    see(shop, late_view(shop, listings_age=MINUTE))
    assert [c["detector"] for c in queue(shop.desk)] == ["X02"]
    assert show(shop.desk, feed["id"])["status"] == "resolved"


def test_money_of_two_currencies_under_one_late_feed_is_never_added(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    worth = {"JPY": 1_000_000, "GBP": 5_000}

    def find(_view: View, _parameters: None) -> pl.DataFrame:
        return frame([
            Finding(
                subject=currency, title=currency, kind="order", object_id=currency, ours={}, remote={}, evidence={},
                money=[Money(line=currency, exposed_minor=minor, expected_loss_minor=minor)], currency=currency,
            )
            for currency, minor in worth.items()
        ])  # fmt: skip

    detector: Detector[None] = Detector(
        id="X11", title="a trial", owner="operations", needs=("item",), streams=("orders",), version=1,
        parameters=None, find=find,
    )  # fmt: skip
    for age in (None, None, 9 * HOUR, 9 * HOUR):
        shop.merchant.step()
        view = a_view(shop.merchant.now, item=[an_item("A")])
        if age is not None:
            heard = a_status("storefront", "orders", shop.merchant.now - age)
            view = replace(view, statuses=[heard], schedules=[a_schedule("storefront", "orders")])
        detect(shop.desk, view, shadow=None, budget=None, chosen=[detectors()["X46"], detector])
    assert [case["detector"] for case in queue(shop.desk)] == ["X46"]
    assert {one.currency: one.exposed_minor for one in headline(shop.desk)} == worth


def test_orders_of_a_backlog_go_under_the_one_case_and_come_back_from_it(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)

    def late(orders: int) -> View:
        lines = [a_line(f"{n}", "MUG", 1, ship_by=NOON - HOUR) for n in range(orders)]
        return View(facts=facts(order_line=lines), now=shop.merchant.now)

    for orders in (2, 2, 12, 12):
        shop.merchant.step()
        see(shop, late(orders))
    [backlog] = queue(shop.desk)
    assert (backlog["subject"], len(backlog["subjects"])) == ("NORTH/released", 12)
    assert len(queue(shop.desk, Filters(children=True))) == 3
    assert headline(shop.desk)[0].exposed_minor == 12 * 500
    shop.merchant.step()
    see(shop, late(2))
    assert sorted(c["subject"] for c in queue(shop.desk)) == ["storefront/0", "storefront/1"]


def a_detector(name: str, findings: list[Finding]) -> Detector[None]:
    """Make a detector that finds just this."""
    return Detector(
        id=name, title=name, owner="ops", needs=(), streams=(), version=1, parameters=None,
        find=lambda _view, _p: frame(findings),
    )  # fmt: skip


def a_finding(subject: str, money: list[Money], **more: object) -> Finding:
    """Find something that puts this money at risk."""
    return Finding(
        subject=subject, title=subject, kind="order", object_id=subject, ours={}, remote={}, evidence={}, money=money,
        currency="GBP", **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_queue_begins_with_what_costs_most_before_the_shift_ends_then_with_the_deadline(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    big = [Money(line="a", exposed_minor=9000, expected_loss_minor=9000)]
    findings = [
        a_finding("slow and large", big, cost_of_delay_minor=10),
        a_finding("fast and large", big, cost_of_delay_minor=1000),
        a_finding("tomorrow", [Money(line="b", exposed_minor=1, expected_loss_minor=0)], deadline=NOON + DAY),
        a_finding("tonight", [Money(line="c", exposed_minor=1, expected_loss_minor=0)], deadline=NOON + HOUR),
        a_finding("whenever", [Money(line="d", exposed_minor=1, expected_loss_minor=0)]),
    ]
    for _ in range(2):
        shop.merchant.step()
        detect(shop.desk, View(facts=facts(), now=shop.merchant.now), shadow=None, chosen=[a_detector("T1", findings)])
    cases = queue(shop.desk, shift_end=shop.merchant.now + 4 * HOUR)
    assert [c["subject"] for c in cases] == ["fast and large", "slow and large", "tonight", "tomorrow", "whenever"]
    assert [c["lost_by_shift_end_minor"] for c in cases][:2] == [4000, 40]


lines = st.builds(
    lambda key, exposed, loss: Money(line=f"o/{key}", exposed_minor=exposed, expected_loss_minor=loss),
    st.integers(0, 5), st.integers(0, 900), st.integers(0, 900),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(lines, max_size=4, unique_by=lambda m: m.line), min_size=1, max_size=5))
def test_headline_money_counts_each_line_once_at_its_largest_case(
    tmp_path_factory: pytest.TempPathFactory, shared: list[list[Money]]
) -> None:
    shop = a_shop(tmp_path_factory.mktemp("money"))
    detectors = [a_detector(f"T{n}", [a_finding(f"s{n}", money)]) for n, money in enumerate(shared)]
    for _ in range(2):
        shop.merchant.step()
        detect(shop.desk, View(facts=facts(), now=shop.merchant.now), shadow=None, budget=None, chosen=detectors)
    largest: dict[str, tuple[int, int]] = {}
    for money in shared:
        for m in money:
            largest[m.line] = max(largest.get(m.line, (0, 0)), (m.expected_loss_minor, m.exposed_minor))
    [total] = headline(shop.desk)
    assert total.expected_loss_minor == sum(loss for loss, _ in largest.values())
    assert total.exposed_minor == sum(exposed for _, exposed in largest.values())
    with shop.desk.read() as conn:
        assert total.cases == conn.execute(sa.select(sa.func.count()).select_from(t.case)).scalar_one()
    shop.store.close()
