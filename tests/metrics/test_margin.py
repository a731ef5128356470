"""Net sales and margins, worked by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from data.lake import Facts
from metrics.answer import answer, compare
from metrics.figure import Figure
from metrics.window import Window
from tests.metrics.factories import (
    DAY,
    MARCH,
    NOON,
    Row,
    a_line,
    a_payment,
    a_posting,
    a_return,
    an_item,
    asked,
    some_facts,
    told,
)

SALE = a_posting(
    gross_minor=10_000, discount_minor=1_000, cogs_minor=3_000, shipping_minor=500, payment_fee_minor=150,
    marketplace_fee_minor=250, freight_minor=500, handling_minor=100,
)  # fmt: skip


def a_ledger(*postings: Row) -> Facts:
    """A ledger for which costs and fees are known."""
    return some_facts(
        line_amount=postings, item=[an_item()], payment=[a_payment(), a_payment(payment="r", kind="refund")],
        return_line=[a_return()],
    )  # fmt: skip


def only(facts: Facts, name: str, **more: Any) -> Figure:  # noqa: ANN401 -- any column or argument
    [figure] = asked(facts, name, **more)
    return figure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gross_sales", 10_000), ("discounts", 1_000), ("net_sales", 9_000), ("cogs", 3_000), ("cm1", 6_000),
        ("shipping_revenue", 500), ("payment_fees", 150), ("marketplace_fees", 250), ("freight", 500),
        ("pick_and_pack", 100), ("cm2", 5_500), ("cm1_pct", 6_000 / 9_000), ("cm2_pct", 5_500 / 9_000),
        ("uncosted_pct", 0.0),
    ],
)  # fmt: skip
def test_a_sale_has_its_margin_step_by_step(name: str, value: float) -> None:
    assert only(a_ledger(SALE), name).value == value


def test_a_refund_counts_on_its_own_date_or_with_its_order() -> None:
    refund = a_posting(entry="refund", posted_at=MARCH.end + DAY, refund_minor=900)
    facts = a_ledger(SALE, refund)
    assert only(facts, "net_sales").value == 9_000
    assert only(facts, "net_sales_cohort").value == 8_100
    assert only(facts, "refunds", window=Window(MARCH.end, MARCH.end + 2 * DAY)).value == 900


def test_goods_that_come_back_reverse_their_cost_and_damaged_ones_are_written_down() -> None:
    restocked = a_posting(entry="return", cogs_minor=-1_000)
    damaged = a_posting(entry="return", cogs_minor=-1_000, write_down_minor=1_000)
    facts = a_ledger(SALE, restocked, damaged)
    assert [only(facts, name).value for name in ("cogs", "write_down", "cm1", "cm2")] == [1_000, 1_000, 8_000, 6_500]


def test_a_line_without_a_known_cost_has_no_margin_and_stands_beside_it() -> None:
    uncosted = a_posting(gross_minor=3_000, uncosted_minor=3_000)
    taken_back = a_posting(entry="refund", refund_minor=1_000, uncosted_minor=-1_000)
    facts = a_ledger(SALE, uncosted, taken_back)
    assert only(facts, "cm1").value == 6_000
    assert only(facts, "cm1_pct").denominator == 9_000
    assert only(facts, "uncosted_pct").value == 3_000 / 12_000
    net, missing, cogs = (only(facts, name).value for name in ("net_sales", "uncosted_sales", "cogs"))
    assert (net, missing, cogs) == (11_000, 2_000, 3_000)


def test_without_costs_there_is_no_margin_rather_than_a_full_one() -> None:
    figure = only(some_facts(line_amount=[SALE]), "cm2")
    assert (figure.value, figure.state) == (None, "not_armed")
    assert [reason.split(":")[0] for reason in figure.reasons] == ["needs unit costs", "needs fees"]


def test_a_month_of_refunds_only_has_no_margin_percentage() -> None:
    figure = only(a_ledger(SALE | {"posted_at": MARCH.end}, a_posting(entry="refund", refund_minor=900)), "cm1_pct")
    assert (figure.value, figure.state, figure.denominator) == (None, "no_data", -900)


def test_money_of_two_currencies_is_never_added() -> None:
    facts = a_ledger(SALE, a_posting(currency="EUR", gross_minor=700))
    euro, pound = answer(told(facts), "net_sales", window=MARCH)
    assert (euro.dimensions, euro.value, euro.currency) == ({"currency": "EUR"}, 700, "EUR")
    assert (pound.dimensions, pound.value, pound.currency) == ({"currency": "GBP"}, 9_000, "GBP")
    assert euro.reasons == ("amounts in EUR, GBP are never added: see them by currency",)


def test_a_second_currency_leaves_the_first_comparable() -> None:
    before = SALE | {"posted_at": MARCH.start - timedelta(days=1), "gross_minor": 8_000}
    second = a_posting(currency="EUR", gross_minor=700)
    euro, pound = compare(told(a_ledger(before, SALE, second)), "gross_sales", window=MARCH)
    assert (euro.delta, euro.reason) == (None, "there was no figure before")
    assert (pound.delta, pound.reason) == (SALE["gross_minor"] - 8_000, None)


def test_by_channel_each_margin_has_its_own_currency() -> None:
    facts = a_ledger(SALE, a_posting(channel="marketplace", currency="EUR", gross_minor=700))
    found = answer(told(facts), "net_sales", window=MARCH, by=["channel"])
    assert [(f.dimensions["channel"], f.dimensions["currency"], f.value) for f in found] == [
        ("marketplace", "EUR", 700), ("web", "GBP", 9_000),
    ]  # fmt: skip


def test_placed_sales_leave_out_what_was_cancelled() -> None:
    facts = some_facts(order_line=[a_line(ordered_units=4, cancelled_units=1, net_minor=900)])
    assert only(facts, "net_sales_placed").value == 675


def test_a_margin_is_compared_with_the_month_before() -> None:
    before = SALE | {"posted_at": NOON - 28 * DAY, "cogs_minor": 6_000}
    facts = a_ledger(SALE, before)
    [money] = compare(told(facts), "cm1", window=MARCH)
    assert (money.delta, money.delta_unit, money.change, money.reason) == (3_000, "money", 1.0, None)
    [share] = compare(told(facts), "cm1_pct", window=MARCH)
    assert share.delta == pytest.approx(100 / 3)
    assert (share.delta_unit, share.change) == ("pp", None)


def test_no_change_is_shown_where_the_costed_share_moved() -> None:
    before = [
        SALE | {"posted_at": NOON - 28 * DAY},
        a_posting(posted_at=NOON - 28 * DAY, gross_minor=300, uncosted_minor=300),
    ]
    [found] = compare(told(a_ledger(SALE, *before)), "cm2_pct", window=MARCH)
    assert found.delta is None
    assert found.reason == "uncosted_pct moved by 3.2 points, so the two are not of the same thing"


def test_the_cohort_of_a_month_stays_provisional_for_thirty_days() -> None:
    assert only(a_ledger(SALE), "cm2_cohort", now=MARCH.end + 29 * DAY).state == "provisional"
    assert only(a_ledger(SALE), "cm2_cohort", now=MARCH.end + 30 * DAY).state == "value"
