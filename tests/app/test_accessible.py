"""Trial 42: axe-core finds nothing on any screen, light or dark, but what Streamlit's own navigation does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.services.workspace import DEMO
from data.settings import read_settings
from data.store import Store, open_store
from tests.app.accessible import violations
from tests.app.browser import PATIENCE, Watched
from tests.app.serving import SCREENS, served

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

SETTLE = 1_500  #: milliseconds until charts are drawn


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out_of_any_screen(browser: Browser, base: str, theme: str) -> None:
    watched = Watched(browser, base, theme=theme)
    for screen in (*SCREENS, "/stock?sku=A", "/queue?kind=X02", "/rows?metric=on_time_fill_rate_units"):
        page = watched.open(screen)
        page.wait_for_timeout(SETTLE)
        assert violations(page) == [], screen
    watched.close()


def a_planned_fix(page: Page) -> None:
    page.get_by_role("button", name="Plan fix").click()
    expect(page.get_by_role("button", name="Approve and send")).to_be_visible(timeout=PATIENCE)
    page.get_by_text("Exact request and answer").click()
    page.get_by_text("History").click()


def a_reason(page: Page) -> None:
    page.get_by_role("button", name="Snooze").click()
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("work", [a_planned_fix, a_reason])
def test_nobody_is_shut_out_of_the_work(browser: Browser, base: str, theme: str, work: Callable[[Page], None]) -> None:
    watched = Watched(browser, base, theme=theme)
    page = watched.open("/queue?kind=X02")
    work(page)
    page.wait_for_timeout(SETTLE)
    assert violations(page) == []
    watched.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out_of_an_empty_workspace(browser: Browser, tmp_path: Path, theme: str) -> None:
    an_empty_workspace(tmp_path).close()
    with served(tmp_path) as url:
        watched = Watched(browser, url, theme=theme)
        for screen in ("/", "/queue", "/log", "/health"):
            page = watched.open(screen)
            assert violations(page) == [], screen
        watched.close()


def an_empty_workspace(home: Path) -> Store:
    return open_store(read_settings({"FILLWELL_HOME": str(home)}), DEMO)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out_of_connecting_a_system(browser: Browser, tmp_path: Path, theme: str) -> None:
    open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine", create=True).close()
    with served(tmp_path, "mine") as url:
        watched = Watched(browser, url, theme=theme)
        for screen in ("/", "/connect"):
            page = watched.open(screen)
            page.wait_for_timeout(SETTLE)
            assert violations(page) == [], screen
        page.get_by_label("Address").fill("http://127.0.0.1:9")
        page.get_by_label("Secret API key").fill("sk_no")
        page.get_by_role("button", name="Test", exact=True).click()
        expect(page.get_by_text("Not done")).to_be_visible(timeout=PATIENCE)
        assert violations(page) == []
        watched.close()
