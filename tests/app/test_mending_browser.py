"""Mending in a real Chromium: what only a browser shows, such as a double click."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from actions import audit
from app.services import acting
from app.services.dead_letters import classes
from data.store import Store
from tests.app.browser import PATIENCE, Watched
from tests.app.serving import HEAD, ROW, served
from tests.app.test_mending import A_PAYMENT, bad_payments, two_amounts

SECOND_HIT = 150  #: milliseconds after the first: it meets the work of the first one

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture
def page(browser: Browser, shop: Store, tmp_path: Path) -> Iterator[Page]:
    """The health screen of a shop with three payments that were not understood, and one stated in two ways."""
    good = [{**A_PAYMENT, "id": f"PAY{n}", "amount": "1.00"} for n in (801, 802)]
    bad_payments(shop, {**A_PAYMENT, "amount": 1250}, *good)
    two_amounts(shop)
    with served(tmp_path) as url:
        watched = Watched(browser, url)
        yield watched.open("/health")
        assert watched.complaints == []
        watched.close()


def test_a_record_is_corrected_where_it_is_read(page: Page, shop: Store) -> None:
    sentence = page.get_by_text("In amount, a text was expected, not a whole number.")
    expect(sentence.filter(visible=True).first).to_be_visible(timeout=PATIENCE)  # the grid's own cells are hidden
    editor = page.locator(".st-key-card-letters textarea")
    editor.fill(editor.input_value().replace("1250", '"12.50"'))
    page.get_by_role("button", name="Replay it").click()  # the first click also leaves the editor
    expect(page.locator(".fw-note", has_text="1 replayed: 1 accepted")).to_be_visible(timeout=PATIENCE)
    assert [group.letters for group in classes(shop)] == [2]


def test_a_double_click_replays_once_and_leaves_its_sentence(page: Page, shop: Store) -> None:
    button = page.get_by_role("button", name="Replay all 3")
    button.evaluate("(found, later) => { found.click(); setTimeout(() => found.click(), later) }", SECOND_HIT)
    told = page.locator(".fw-note", has_text="3 replayed: 2 accepted, 1 still bad")
    expect(told).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1_500)
    expect(told).to_be_visible()
    assert len(audit.entries(acting.desk_of(shop))) == 1


def test_a_letter_is_opened_by_a_click_and_the_way_back_leads_to_the_one_before(page: Page) -> None:
    grid = page.locator(".st-key-card-letters [data-testid=stDataFrame]").nth(1)
    expect(grid).to_be_visible(timeout=PATIENCE)
    opened = page.locator(".st-key-card-letters .fw-title", has_text=re.compile(r"^Record \d+"))
    first = opened.inner_text().split()[1]
    grid.click(position={"x": 200, "y": HEAD + ROW + ROW // 2})
    expect(opened).not_to_contain_text(first, timeout=PATIENCE)
    assert "letter=" in page.url
    page.go_back()
    expect(opened).to_contain_text(first, timeout=PATIENCE)
    assert "letter=" not in page.url


def test_a_conflict_is_decided_with_one_press(page: Page) -> None:
    page.get_by_role("button", name="holds: amount").last.click()
    expect(page.locator(".fw-note", has_text="the figures follow it")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Every movement that was stated in two ways is decided.")).to_be_visible(timeout=PATIENCE)
