"""The desk in a real Chromium: what only a browser shows."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from actions import cases
from actions.cases import Filters
from app.services import acting
from data.publish import publish
from data.store import Store
from tests.app.browser import PATIENCE, Watched
from tests.app.factories import NOW, feed, found
from tests.app.serving import HEAD, MARKER, ROW, SCREENS, served
from tests.factories import DAY, a_line, a_work, an_order

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_every_screen_is_drawn_and_fetches_nothing_from_elsewhere(browser: Browser, base: str, theme: str) -> None:
    watched = Watched(browser, base, theme=theme)
    for screen in SCREENS:
        page = watched.open(screen)
        expect(page.locator("[data-testid=stException]")).to_have_count(0)
        expect(page.locator(".fw-head h1").first).to_be_visible()
    assert watched.elsewhere == []
    assert watched.complaints == []
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert ground == ("rgb(14, 19, 24)" if theme == "dark" else "rgb(243, 245, 247)")
    watched.close()


def test_the_page_itself_carries_the_security_headers(base: str) -> None:
    answer = httpx.get(f"{base}/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert httpx.get(f"{base}/", headers={"Host": "evil.example"}).status_code == 421


def test_the_person_acts_on_the_row_that_they_chose_though_the_list_moved_on(
    browser: Browser, troubled: Store, tmp_path: Path
) -> None:
    with served(tmp_path) as url:
        _choose_while_the_list_moves_on(Watched(browser, url), troubled)


def _choose_while_the_list_moves_on(watched: Watched, troubled: Store) -> None:
    page = watched.open("/queue")
    grid = page.locator(".st-key-card-queue [data-testid=stDataFrame]")
    expect(grid).to_be_visible(timeout=PATIENCE)
    desk = acting.desk_of(troubled)
    second = cases.queue(desk, Filters())[1]["id"]
    grid.click(position={"x": MARKER, "y": HEAD + ROW + ROW // 2})
    expect(page.get_by_role("button", name=f"Plan fix: case {second}")).to_be_visible(timeout=PATIENCE)

    costly = an_order(
        "storefront/9002", a_line(units=900, price="90.00"), placed_at=NOW - 9 * DAY, ship_by=NOW - 7 * DAY
    )
    feed(troubled, "storefront", "orders", [costly])
    feed(
        troubled, "warehouse", "work", [a_work("W9002", "storefront/9002", ("1", "A", 900), released_at=NOW - 9 * DAY)]
    )
    publish(troubled, now=NOW)
    acting.desk_of.cache_clear()
    found(troubled, now=NOW + timedelta(hours=2))
    expect(page.get_by_role("button", name=re.compile("new.*refresh"))).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name=f"Plan fix: case {second}")).to_be_visible()

    page.get_by_role("button", name="Assign to me").click()
    expect(page.locator(".fw-note", has_text=f"case {second} is claimed")).to_be_visible(timeout=PATIENCE)
    assert [case["id"] for case in cases.queue(desk, Filters(status="claimed"))] == [second]
    watched.close()


def test_a_question_that_is_opened_while_another_press_waits_stays_open(
    browser: Browser, troubled: Store, tmp_path: Path
) -> None:
    with served(tmp_path) as url:
        watched = Watched(browser, url)
        page = watched.open("/queue")
        expect(page.get_by_role("button", name="Assign to me")).to_be_enabled(timeout=PATIENCE)
        page.evaluate(_ASSIGN_AND_SNOOZE)
        expect(page.get_by_role("dialog")).to_be_visible(timeout=PATIENCE)
        page.wait_for_timeout(2_000)  # what was pressed before it has long been done
        expect(page.get_by_role("dialog")).to_be_visible()
        assert len(cases.queue(acting.desk_of(troubled), Filters(status="claimed"))) == 1
        watched.close()


def test_a_reason_given_with_a_double_click_is_told_as_what_it_did(
    browser: Browser, troubled: Store, tmp_path: Path
) -> None:
    with served(tmp_path) as url:
        watched = Watched(browser, url)
        page = watched.open("/queue")
        page.get_by_role("button", name="Not a problem").click(timeout=PATIENCE)
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("counted by hand")
        dialog.get_by_label("Reason").press("Tab")
        page.wait_for_timeout(1_000)
        dialog.get_by_role("button", name="Not a problem").evaluate(_TWICE)
        expect(dialog).to_have_count(0, timeout=PATIENCE)
        page.wait_for_timeout(2_000)
        expect(page.get_by_text(re.compile(r"case \d+ is dismissed"))).to_be_visible()
        assert len(cases.queue(acting.desk_of(troubled), Filters(status="dismissed"))) == 1
        watched.close()


_TWICE = "found => { found.click(); setTimeout(() => found.click(), 60) }"
_ASSIGN_AND_SNOOZE = """() => {
    const button = name => [...document.querySelectorAll('button')].find(b => b.innerText.includes(name))
    button('Assign to me').click()
    setTimeout(() => button('Snooze').click(), 150)
}"""


def test_an_export_opens_in_a_spreadsheet_without_running_anything(browser: Browser, base: str) -> None:
    watched = Watched(browser, base)
    watched.page.add_init_script("delete window.showSaveFilePicker")
    page = watched.open("/rows?metric=open_units")
    with page.expect_download(timeout=PATIENCE) as started:
        page.get_by_role("button", name="Export CSV").click()
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    assert "'=HYPERLINK(1)" in text
    assert not re.search(r"(^|,)\"?=", text, re.MULTILINE)
    watched.close()


def test_a_filter_stands_in_the_address_and_survives_the_way_to_another_page(browser: Browser, base: str) -> None:
    watched = Watched(browser, base)
    page = watched.open("/")
    page.get_by_role("radio", name="7 days").or_(page.get_by_role("button", name="7 days")).first.click()
    page.wait_for_url("**/?days=7", timeout=PATIENCE)
    page.get_by_role("link", name="Margin").first.click()
    page.wait_for_url("**/margin?days=7", timeout=PATIENCE)
    expect(page.get_by_text("last 7 days")).to_be_visible(timeout=PATIENCE)
    watched.close()


def test_a_chart_says_in_words_what_it_shows(browser: Browser, base: str) -> None:
    watched = Watched(browser, base)
    page = watched.open("/")
    expect(page.get_by_role("figure", name=re.compile("open orders by age and stage"))).to_be_visible(timeout=PATIENCE)
    watched.close()
