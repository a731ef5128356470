"""Every screen over a real store: what it says, and that it never interprets what it was told."""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app.services import acting
from app.services.projection import projection
from data.publish import publish
from data.store import Store
from tests.app.factories import EVIL, NOW, a_dead_letter, a_shop, feed, html_of, markdown_of, open_page, press
from tests.factories import a_count, an_item

SCREENS = ("overview", "orders", "margin", "stock", "queue", "log", "health", "rows", "start")


def said(page: AppTest) -> str:
    assert not page.exception, page.exception[0].message
    return html_of(page)


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.usefixtures("troubled")
def test_every_screen_shows_the_shop_with_freshness_publication_and_who_one_is(screen: str) -> None:
    text = said(open_page(screen))
    assert "Fresh: complete to" in text
    assert "Publication <b>1</b>" in text
    assert "No authentication: whoever reaches this address is <b>admin</b>" in text
    assert "Demo: simulated where marked" in text


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.usefixtures("store")
def test_every_screen_says_what_an_empty_workspace_means(screen: str) -> None:
    text = said(open_page(screen))
    assert "Nothing published yet" in text
    assert "No data yet" in text


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.usefixtures("troubled")
def test_names_from_outside_are_never_markup_or_markdown(screen: str) -> None:
    page = open_page(screen)
    assert "<img src=x" not in said(page)
    assert "![x](http" not in markdown_of(page).replace("\\", "")


@pytest.mark.usefixtures("troubled")
def test_the_overview_has_six_figures_one_sentence_and_three_things_to_do() -> None:
    page = open_page("overview")
    text = said(page)
    assert text.count('class="fw-kpi"') == 6
    assert "In one sentence" in text
    assert 1 <= sum(str(button.key).startswith("do-") for button in page.button) <= 3


@pytest.mark.usefixtures("shop")
def test_an_order_is_found_by_its_tracking_number_and_its_systems_disagree() -> None:
    text = said(open_page("orders", id="T-P0"))
    assert "Order storefront/1000" in text
    assert "the channel was never told of T-P0" in text
    assert '<span class="differs">£9.99</span>' in text
    assert "Carrier scan: picked up" in text


@pytest.mark.usefixtures("shop")
def test_an_id_that_nobody_stated_says_so() -> None:
    assert "No system knows this id" in said(open_page("orders", id="nope"))


@pytest.mark.usefixtures("shop")
def test_the_answer_for_the_customer_says_only_what_is_known() -> None:
    page = open_page("orders", id="storefront/1001")
    assert page.code[0].value.startswith("Your order 1001 of ")
    assert "left us on" in page.code[0].value


@pytest.mark.usefixtures("shop")
def test_late_orders_stand_in_the_list_with_how_late_they_are() -> None:
    page = open_page("orders", late="true")
    said(page)
    assert page.dataframe[0].value["order"].to_list() == ["storefront/9001"]
    assert page.dataframe[0].value["due_in_hours"].to_list()[0] < 0


@pytest.mark.usefixtures("shop")
def test_the_bridge_goes_from_gross_sales_to_contribution() -> None:
    text = said(open_page("margin"))
    assert "Costs known for 100.0% of sales" in text
    assert "of net sales stay as contribution margin 2" in text


@pytest.mark.usefixtures("shop")
def test_the_stock_screen_explains_its_suggestion_as_a_receipt() -> None:
    text = said(open_page("stock", only="all", sku="A"))
    assert "A at NORTH" in text
    assert "demand a day" in text


def test_an_item_is_found_however_its_code_is_written(shop: Store) -> None:
    feed(shop, "erp", "items", [an_item("85123A", supplier="S1")], now=NOW + timedelta(seconds=1))
    feed(shop, "warehouse", "stock", [a_count("85123A", on_hand=5, counted_at=NOW)], now=NOW + timedelta(seconds=1))
    publish(shop, now=NOW + timedelta(seconds=1))
    page = open_page("stock", only="all", sku="85123a")
    said(page)
    assert page.dataframe[0].value["SKU"].to_list() == ["85123A"]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"sku": "zzz<"}, "Nothing under “Likely to run out” matches the search zzz&lt;."),
        (
            {"only": "all", "sku": "zzz", "location": "NORTH", "out": "2020-01-02"},
            "Nothing under “All” matches the search zzz, the location NORTH and the day it runs out, 2 Jan 2020.",
        ),
    ],
)
def test_a_search_that_finds_no_item_says_nothing_of_those_it_does_not_show(query: dict[str, str], told: str) -> None:
    assert told in said(open_page("stock", **query))


@pytest.mark.usefixtures("shop")
def test_the_rows_of_a_figure_stand_with_its_definition() -> None:
    page = open_page("rows", metric="late_orders")
    assert "orders with open units past ship-by" in said(page)
    assert page.dataframe[0].value["entity"].to_list() == ["storefront/9001"]


@pytest.mark.usefixtures("shop")
def test_a_metric_that_there_is_not_is_said_to_be_none_and_another_can_be_chosen() -> None:
    page = open_page("rows", metric="nosuch")
    assert "No metric that has rows is called nosuch" in said(page)
    assert not page.dataframe
    page = page.selectbox(key="metric-instead").select("late_orders").run()
    assert "orders with open units past ship-by" in said(page)
    assert "late_orders" in page.query_params["metric"]


def test_health_counts_add_up_and_dead_letters_are_named(shop: Store) -> None:
    a_dead_letter(shop)
    page = open_page("health")
    text = said(page)
    assert "adds up in every stream" in text
    assert "Quantity is &#x27;two&#x27;." in text
    assert "could not be understood" in text


@pytest.mark.usefixtures("only_a_file")
def test_start_says_what_is_answerable_and_what_one_more_file_unlocks() -> None:
    text = said(open_page("start"))
    assert "Orders" in text
    assert "connect the warehouse or map a ship date" in text


@pytest.mark.usefixtures("shop")
def test_filters_come_from_the_address_and_what_is_unknown_there_is_ignored() -> None:
    page = open_page("overview", days="7", channel="web")
    assert "in the last 7 days" in said(page)
    page = open_page("overview", days="9999", channel="nowhere")
    assert "in the last 28 days" in said(page)


def test_days_of_supply_rest_on_the_same_demand_as_the_stock_screen(shop: Store) -> None:
    page = open_page("rows", metric="days_of_supply")
    text = said(page)
    known = projection(shop, NOW).filter(pl.col("demand_per_day").is_not_null())
    assert "not armed" not in text
    assert re.search(r'class="value">[\d.,]+ days<', text)
    assert set(page.dataframe[0].value["sku"]) == set(known["sku"])


def test_a_name_in_the_catalogue_is_shown_as_it_is_written(store: Store) -> None:
    a_shop(store)
    page = open_page("rows", metric="open_units")
    assert EVIL in page.dataframe[0].value["title"].to_list()


@pytest.mark.usefixtures("only_a_file")
def test_where_only_orders_were_brought_in_nothing_claims_to_know_of_stock_or_lateness() -> None:
    overview = said(open_page("overview"))
    assert "Not known: what is late and what runs out." in overview
    assert "not armed" in overview
    assert "Nobody can say what runs out" in said(open_page("stock"))
    assert "Needs" in said(open_page("queue"))


@pytest.mark.usefixtures("only_a_file")
def test_figures_of_a_file_are_about_the_day_of_its_newest_record() -> None:
    text = said(open_page("overview"))
    assert "figures as of <b>2 Mar 2026</b>" in text
    assert "From files, newest record 2 Mar 2026" in text


def test_all_writes_stop_at_one_press_and_start_again_at_another(troubled: Store) -> None:
    page = open_page("queue")
    [pause] = [button for button in page.button if button.key == "pause"]
    page = pause.click().run()
    assert acting.standstill(troubled) is not None
    [resume] = [button for button in page.button if button.key == "resume"]
    resume.click().run()
    assert acting.standstill(troubled) is None


def test_a_fix_is_planned_shown_in_full_and_approved(troubled: Store) -> None:
    page = open_page("queue", kind="X02")
    page = press(page, "fix")
    text = said(page)
    assert "signed as" in text
    assert any("PUT /storefront/listings/" in code.value for code in page.code)
    page = press(page, "approve")
    said(page)
    case = page.session_state["queue-held"][1].rows[0].id
    assert acting.actions_of(troubled, case)[0]["status"] == "approved"
    assert "approved" in said(open_page("log"))
