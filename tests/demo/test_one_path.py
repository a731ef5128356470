"""One path in a real browser: read the figures, fix an oversold listing, watch it become verified, find it again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.demo.conftest import CHROMIUM, CHROMIUM_FLAGS, RunningDemo

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

playwright_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture
def page(running_demo: RunningDemo) -> Iterator[playwright_api.Page]:  # type: ignore[name-defined]
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        opened = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=running_demo.url)
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


def an_oversold_listing(demo: RunningDemo) -> dict[str, object]:
    """Choose a drift case in which the channel offers more than there is."""
    cases = json.loads(demo.fillwell("cases", "list", "--workspace", "demo", "--detector", "X02", "--format", "json"))
    return next(case for case in cases if case["remote"]["quantity"] > case["ours"]["quantity"])


def test_an_oversold_listing_is_fixed_and_proved(
    running_demo: RunningDemo,
    page: playwright_api.Page,  # type: ignore[name-defined]
) -> None:
    expect = playwright_api.expect
    expect.set_options(timeout=60_000)
    page.goto("/")
    expect(page.get_by_text("In one sentence")).to_be_visible()
    expect(page.get_by_text("On-time fill, units").first).to_be_visible()

    case = an_oversold_listing(running_demo)
    page.goto(f"/queue?case={case['id']}")
    expect(page.get_by_text(f"case {case['id']}", exact=False).first).to_be_visible()
    page.get_by_role("button", name=re.compile("Plan fix")).click()
    page.get_by_role("button", name="Approve and send").click()
    expect(page.get_by_text(re.compile(r"verified \d\d:\d\d:\d\d")).first).to_be_visible(timeout=90_000)

    [action] = json.loads(
        running_demo.fillwell("actions", "list", "--workspace", "demo", "--case", str(case["id"]), "--format", "json")
    )
    assert action["status"] == "verified"
    page.goto("/log")
    expect(page.get_by_text(str(case["sku"]), exact=False).first).to_be_attached()

    listing = f"{case['channel']}:{case['sku']}"
    state = httpx.get(
        f"{running_demo.sandbox}/state/storefront/listings/{listing}", headers={"Authorization": "Bearer judge-token"}
    ).json()
    assert any(action["plan"]["reference"] == change["reference"] for change in state["changes"])


def test_no_screen_asks_anything_beyond_this_machine(
    running_demo: RunningDemo,
    page: playwright_api.Page,  # type: ignore[name-defined]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("", "orders", "margin", "stock", "queue", "log", "health"):
        page.goto(f"/{name}")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_timeout(1500)
    strangers = [
        u for u in asked if not u.startswith((running_demo.url, "data:", "blob:", f"ws{running_demo.url[4:]}"))
    ]
    assert strangers == []
