"""A company that sells in two currencies: money of two is never added, and each can be seen on its own."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from app.services.amounts import currencies
from app.services.figures import Asked, tile
from app.services.margin import ALL, margin
from app.services.overview import late_figures, stock_risk, tiles
from app.services.rows import made_of
from app.services.stock import shelf
from app.services.workspace import facts, look_again
from data.publish import publish
from data.store import Store
from tests.app.factories import NOW, feed, html_of, open_page
from tests.factories import DAY, HOUR, a_count, a_line, a_parcel, a_return, an_item, an_order

LATER = NOW + timedelta(seconds=1)


@pytest.fixture
def abroad(shop: Store) -> Store:
    """The small shop, which sells in pounds, with ten orders in euros of an item that is dearer, and runs out."""
    placed = [NOW - timedelta(days=1 + n, hours=6) for n in range(10)]
    orders = [
        an_order(
            f"storefront/{2000 + n}", a_line(sku="C", price="40"), channel="de", currency="EUR", placed_at=at,
            ship_by=at + 2 * DAY, promise="given",
        )
        for n, at in enumerate(placed)
    ]  # fmt: skip
    parcels = [
        a_parcel(f"D{n}", f"storefront/{2000 + n}", ("1", "C", 2), handed_over_at=at + HOUR)
        for n, at in enumerate(placed)
    ]
    feed(shop, "erp", "items", [an_item("C", supplier="S1", currency="EUR")], now=LATER)
    feed(shop, "storefront", "orders", orders, now=LATER)
    feed(shop, "warehouse", "shipments", parcels, now=LATER)
    feed(shop, "warehouse", "stock", [a_count("C", on_hand=4, counted_at=NOW)], now=LATER)
    publish(shop, now=LATER)
    return shop


def asked(store: Store, currency: str | None) -> Asked:
    return Asked(facts=facts(store), now=LATER, days=28, currency=currency)


def test_the_currency_that_is_used_most_comes_first_though_the_alphabet_says_otherwise(abroad: Store) -> None:
    assert currencies(facts(abroad)) == ["GBP", "EUR"]


def test_a_tile_shows_one_currency_says_so_and_equals_its_rows(abroad: Store) -> None:
    pounds, euros = (tile(asked(abroad, code), "net_sales_placed") for code in ("GBP", "EUR"))
    assert (euros.text, euros.note) == ("€800", "EUR alone")
    assert pounds.text.startswith("£")
    made = made_of(asked(abroad, "EUR"), "net_sales_placed")
    assert made.texts == ["€800.00"]
    assert made.frame["numerator_minor"].sum() == 80_000


def test_orders_are_counted_whatever_they_were_paid_in(abroad: Store) -> None:
    whole, pounds = (tile(asked(abroad, code), "orders") for code in (None, "GBP"))
    assert (whole.text, whole.note) == (pounds.text, pounds.note)


def test_the_bridge_to_contribution_has_no_step_in_another_currency(abroad: Store) -> None:
    found = margin(asked(abroad, "EUR"))
    assert (found.currency, found.channels) == ("EUR", ["de"])
    assert found.cells[ALL, "net_sales"].value == 80_000
    assert found.cells[ALL, "payment_fees"].value in (None, 0), "the fees of this shop are in pounds"
    assert {figure.currency for figure in found.cells.values()} <= {"EUR", None}
    ends = [amount for _, amount, kind, _ in found.bridge if kind == "total"]
    assert ends[-1] == ends[0] + sum(amount for _, amount, kind, _ in found.bridge if kind == "part")


def test_a_refund_whose_currency_nobody_named_leaves_the_others_comparable(shop: Store) -> None:
    question = Asked(facts=facts(shop), now=LATER, days=7)
    before = margin(question).deltas[ALL]
    lost = a_return("R1", "returns/R1", refunded_minor=100, requested_at=NOW - DAY, currency="")
    feed(shop, "returns", "returns", [lost], now=LATER)
    publish(shop, now=LATER)
    look_again(shop)
    assert margin(replace(question, facts=facts(shop))).deltas[ALL] == before
    assert before[0] != ""


def test_what_stockouts_cost_is_summed_by_currency(abroad: Store) -> None:
    listed = shelf(abroad, LATER, only="risk", location=None, search="")
    risks = [stock_risk(abroad, LATER, code) for code in ("GBP", "EUR")]
    assert all(risk.total_minor > 0 for risk in risks)
    assert dict(listed.lost) == {risk.currency: risk.total_minor for risk in risks}
    assert listed.frame.height == sum(risk.items for risk in risks)


def test_late_orders_are_worth_their_own_money_though_another_is_shown(abroad: Store) -> None:
    late, value = late_figures(asked(abroad, "EUR"))
    assert (late.value, value.currency, value.value) == (1, "GBP", 765)


def test_the_risk_says_whose_money_it_is(abroad: Store) -> None:
    question = asked(abroad, "EUR")
    [risk] = [t for t in tiles(question, stock_risk(abroad, LATER, "EUR")) if t.name == "stock_risk"]
    assert (risk.text[0], risk.note) == ("€", "EUR alone")


@pytest.mark.usefixtures("abroad")
@pytest.mark.parametrize(
    ("screen", "pounds", "euros"),
    [("overview", "GBP alone", "EUR alone"), ("margin", "GBP", "EUR"), ("rows", "£", "€")],
)
def test_the_usual_currency_is_shown_first_and_another_can_be_chosen(screen: str, pounds: str, euros: str) -> None:
    page = open_page(screen, metric="net_sales_placed")
    assert page.selectbox(key="currency-chosen").value == "GBP"
    assert (pounds in html_of(page), euros in html_of(page)) == (True, False)
    page = page.selectbox(key="currency-chosen").select("EUR").run()
    assert not page.exception
    assert (pounds in html_of(page), euros in html_of(page)) == (False, True)
    assert page.query_params["currency"] == "EUR"


@pytest.mark.usefixtures("abroad")
def test_the_list_of_what_runs_out_sums_each_currency_and_names_that_of_each_row() -> None:
    page = open_page("stock")
    assert re.search(r"2 rows, (£[\d.k]+ and €[\d.k]+|€[\d.k]+ and £[\d.k]+) of margin", html_of(page))
    shown = page.dataframe[0].value
    assert dict(zip(shown["SKU"], shown["Currency"], strict=True)) == {"A": "GBP", "C": "EUR"}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("screen", ["overview", "margin", "rows"])
def test_a_company_with_one_currency_is_not_asked_which(screen: str) -> None:
    page = open_page(screen, metric="net_sales_placed")
    assert "currency-chosen" not in {box.key for box in page.selectbox}
    assert "alone" not in html_of(page)
