"""What axe-core finds on a page, without what is Streamlit's own navigation."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.app.browser import PATIENCE

#: Streamlit's top navigation draws links directly inside lists: its own markup, which no setting changes.
FRAMEWORK = {"list", "listitem"}
#: What is drawn anew is faded meanwhile, for as long as a busy machine needs: that is no fault of its colours.
UNFADED = """
[data-stale="true"], [data-testid="stExpander"] summary { opacity: 1 !important }
* { transition: none !important }
"""
NAVIGATION = ("stTopNav", "stToolbar", "stHeader", "stSidebarNav")


def violations(page: Page) -> list[str]:
    """Name every violation on a page once it is drawn: rule, element and what is wrong with it."""
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible(timeout=PATIENCE)
    expect(page.locator('[data-stale="true"]')).to_have_count(0, timeout=PATIENCE)
    page.add_style_tag(content=UNFADED)
    report: dict[str, Any] = Axe().run(page).response
    return [
        f"{found['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']!r}: {node['html'][:160]}"
        for found in report["violations"]
        for node in found["nodes"]
        if not (found["id"] in FRAMEWORK and _is_navigation(page, node["target"]))
    ]


def _is_navigation(page: Page, target: list[Any]) -> bool:
    """Tell whether an element stands in Streamlit's own head, not in a list of ours."""
    inside = ",".join(f'[data-testid="{name}"]' for name in NAVIGATION)
    return bool(page.locator(str(target[-1])).first.evaluate("(e, inside) => e.closest(inside) !== null", inside))
