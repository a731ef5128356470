"""What was chosen on one screen holds on the next, and a figure that does not follow a choice says so."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from app.desk.components.filters import Chosen
from data.publish import publish
from data.store import Store
from tests.app.factories import NOW, feed, html_of, open_page
from tests.factories import DAY, a_line, an_order

LATER = NOW + timedelta(seconds=1)


@pytest.fixture
def two_channels(shop: Store) -> Store:
    """The small shop, which sells on the web, with five orders of a marketplace."""
    placed = [NOW - timedelta(days=1 + n, hours=6) for n in range(5)]
    orders = [
        an_order(
            f"storefront/{2000 + n}", a_line(sku="B"), channel="market", placed_at=at, ship_by=at + 2 * DAY,
            promise="given",
        )
        for n, at in enumerate(placed)
    ]  # fmt: skip
    feed(shop, "storefront", "orders", orders, now=LATER)
    publish(shop, now=LATER)
    return shop


def links(page: AppTest, label: str) -> list[tuple[str, dict[str, str]]]:
    """Give where the links of a label lead: (screen, what the address says)."""
    found = [element.proto for element in page.get("page_link")]
    return [(link.page, dict(parse_qsl(link.query_string))) for link in found if link.label == label]


@pytest.mark.usefixtures("two_channels")
def test_every_link_of_the_overview_shows_the_same_days_and_channel_where_the_screen_knows_them() -> None:
    page = open_page("overview", days="7", channel="web")
    assert not page.exception
    every = {"location": "all"}  # the overview knows none: one that was chosen elsewhere does not narrow what it opens
    all_of_it = {"days": "7", "channel": "web", **every}
    assert links(page, "Open") == [
        ("orders", {"channel": "web", **every}),
        ("margin", {"days": "7", **every}),
        ("rows", {"metric": "on_time_fill_rate_units", **all_of_it}),
        ("stock", every),
        ("queue", {}),
        ("rows", {"metric": "orders", **all_of_it}),
    ]
    assert all(query.items() >= all_of_it.items() for _, query in links(page, "Open the rows"))


@pytest.mark.usefixtures("two_channels")
def test_what_knows_no_channel_is_not_mixed_with_what_is_of_one_and_says_that_it_is_of_all() -> None:
    [every, web] = [html_of(open_page("overview", **query)) for query in ({}, {"channel": "web"})]
    assert "of margin is at risk of stockouts" in every
    assert "of margin is at risk of stockouts" not in web
    assert "likely to run out · not split by channel" in web
    assert "the largest expected loss first, all channels" in web
    assert not re.search("not split|all channels", every)


@pytest.mark.usefixtures("two_channels")
def test_the_late_orders_that_are_to_be_shipped_are_those_that_the_list_shows_whatever_was_chosen() -> None:
    listed = open_page("orders", late="true", channel="all").dataframe[0].value
    assert set(listed["channel"]) == {"web", "market"}
    assert f"Ship {len(listed)} late orders" in html_of(open_page("overview", channel="web"))


@pytest.mark.usefixtures("two_channels")
def test_rows_of_a_figure_that_does_not_follow_a_filter_say_so() -> None:
    for metric, query, ignored in (
        ("orders", {"location": "NORTH"}, "Not split by location"),
        ("orders", {"channel": "web"}, ""),
        ("stockout_rate", {"channel": "web", "location": "NORTH"}, "Not split by channel"),
    ):
        said = html_of(open_page("rows", metric=metric, **query))
        assert re.findall(r"Not split by \w+", said) == ([ignored] if ignored else [])


def a_screen_with_a_channel() -> None:
    """Draw the choice of a channel, as two screens do, or a screen without it."""
    import streamlit as st  # the script runs in a namespace of its own

    from app.desk.components.filters import filters

    if st.session_state.get("screen") != "without":
        st.text(filters(("web", "market")).channel)


def elsewhere(page: AppTest, screen: str, **query: str) -> AppTest:
    """Go to a screen with what its link says; one without filters lies between, as the browser forgets them there."""
    page.query_params.clear()
    page.session_state["screen"] = "without"
    page = page.run()
    page.session_state["screen"] = screen
    for name, value in query.items():
        page.query_params[name] = value
    return page.run()


def test_the_filters_of_the_address_that_a_person_came_by_hold_on_the_next_screen() -> None:
    page = AppTest.from_function(a_screen_with_a_channel, default_timeout=60)
    page.query_params["channel"] = "web"
    page = elsewhere(page.run(), "next")
    assert page.text[0].value == "web"
    assert page.query_params["channel"] == "web"


def test_a_channel_that_a_link_opened_is_not_taken_for_the_persons_own_choice() -> None:
    page = AppTest.from_function(a_screen_with_a_channel, default_timeout=60).run()
    page = elsewhere(page, "rows", channel="web")
    assert page.text[0].value == "web"
    assert elsewhere(page, "back").text[0].value == "None"


@pytest.mark.usefixtures("shop")
def test_what_a_page_without_a_filter_opens_is_not_narrowed_by_what_was_chosen_elsewhere() -> None:
    page = AppTest.from_function(a_screen_with_a_channel, default_timeout=60).run()
    page.selectbox(key="channel-chosen").select("web").run()
    assert elsewhere(page, "next").text[0].value == "web", "a person's own choice holds from page to page"
    page = elsewhere(page, "rows", **Chosen(days=28).query)
    assert page.text[0].value == "None"
    assert page.query_params["channel"] == "all", "what a link says stays in the address"
    assert elsewhere(page, "back").text[0].value == "web"
