"""A click on a chart opens the rows behind it, in a real Chromium; the address says which, and the way back works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from data.settings import read_settings
from data.store import open_store
from tests.app.browser import PATIENCE, Watched
from tests.app.factories import NOW, a_shop, found
from tests.app.serving import served

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(900)]

BARS, POINTS = ".barlayer path", ".scatterlayer .points path"
SMALLEST = 3  #: pixels: a part of nothing is drawn without a size


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser before a troubled shop that nobody changes."""
    home = tmp_path_factory.mktemp("home")
    store = open_store(read_settings({"FILLWELL_HOME": str(home)}), "demo")
    a_shop(store)
    found(store)
    store.close()
    with served(home) as url:
        yield from _watched(browser, url)


def _watched(browser: Browser, url: str) -> Iterator[Page]:
    watched = Watched(browser, url)
    yield watched.open("/")
    assert watched.complaints == []
    assert watched.elsewhere == []
    watched.close()


def opened(page: Page, path: str, chart: str, mark: str, wants: str, nth: int = 0) -> dict[str, str]:
    """Go to a screen, click on the nth mark of a chart, and give what the address says once it names what it wants."""
    page.goto(f"{origin(page)}{path}")
    shown = page.locator(f"[class*=st-key-opens-{chart}]")
    expect(shown.locator(mark).first).to_be_attached(timeout=PATIENCE)
    expect(page.locator(".fw-foot")).to_be_visible(timeout=PATIENCE)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=PATIENCE)
    shown.scroll_into_view_if_needed()
    page.wait_for_timeout(1_000)  # charts below the fold are drawn late
    boxes = [marks.bounding_box() for marks in shown.locator(mark).all()]
    box = [box for box in boxes if box and min(box["width"], box["height"]) >= SMALLEST][nth]
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 1, y)
    page.mouse.move(x, y)
    expect(shown.locator(".hovertext").first).to_contain_text("click opens the rows", timeout=PATIENCE)
    page.mouse.click(x, y)
    page.wait_for_url(lambda url: wants in _query(url) and _settled(url, path), timeout=PATIENCE)
    expect(page.locator(".fw-foot")).to_be_visible(timeout=PATIENCE)
    return _query(page.url)


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _settled(url: str, path: str) -> bool:
    """Tell whether the next screen's address stands: on the way the old one bears its filters for a moment."""
    return urlsplit(url).path != urlsplit(path).path or path.startswith("/orders")


def origin(page: Page) -> str:
    parts = urlsplit(page.url)
    return f"{parts.scheme}://{parts.netloc}"


def back(page: Page, path: str, title: str) -> None:
    """Press the back button and expect the screen under its own address."""
    page.go_back()
    expect(page.locator("h1")).to_have_text(title, timeout=PATIENCE)
    page.wait_for_url(f"{origin(page)}{path}", timeout=PATIENCE)


#: What a screen says of a filter that it has not, or where nothing is chosen: what it opens shows all of it.
EVERYWHERE = {"channel": "all", "location": "all"}


def test_a_part_of_a_bar_opens_the_open_orders_of_its_age_and_stage(page: Page) -> None:
    for path, chart, title in (("/", "overview-aging", "Overview"), ("/orders?late=true", "orders-aging", "Orders")):
        query = opened(page, path, chart, BARS, "age")
        assert query.pop("age") in ("2-3 d", "3-5 d")  # it is three days old to the minute
        assert query == {"stage": "released", **(EVERYWHERE if path == "/" else {})}
        expect(page.get_by_text("1 order, click one to read its story")).to_be_visible(timeout=PATIENCE)
        back(page, path, title)


def test_a_channels_bar_opens_the_rows_of_its_margin_and_the_way_back_is_not_filtered(page: Page) -> None:
    assert opened(page, "/", "chart-margins", BARS, "metric") == {
        "metric": "cm2_pct", "channel": "web", "days": "28", "location": "all",
    }  # fmt: skip
    expect(page.locator(".fw-title", has_text="What it means cm2_pct")).to_be_visible(timeout=PATIENCE)
    back(page, "/", "Overview")


@pytest.mark.parametrize(("chart", "metric"), [("chart-fill", "on_time_fill_rate_units"), ("chart-orders", "orders")])
def test_a_point_of_a_trend_opens_the_rows_of_its_day(page: Page, chart: str, metric: str) -> None:
    query = opened(page, "/?days=7", chart, POINTS, "day", 2)
    assert (query["metric"], query["days"]) == (metric, "7")
    day = date.fromisoformat(query["day"])
    expect(page.get_by_text(f"{day:%-d %b %Y}")).to_be_visible(timeout=PATIENCE)
    page.get_by_text("all days").click()
    page.wait_for_url(lambda url: "day=" not in url, timeout=PATIENCE)


def test_a_day_on_which_stock_runs_out_opens_the_items_that_do(page: Page) -> None:
    query = opened(page, "/", "chart-risk", BARS, "out")
    assert query["only"] == "all"
    assert date.fromisoformat(query["out"]) > NOW.date()
    said = page.get_by_text(re.compile(r"^1 row, £[1-9]\d* of margin expected to be lost$"))
    expect(said).to_be_visible(timeout=PATIENCE)
    amount = said.inner_text().split()[2]  # how much it is depends on the hour of the day
    back(page, "/", "Overview")
    expect(page.get_by_test_id("stMain")).to_contain_text(f"{amount} of margin", timeout=PATIENCE)


def test_a_day_of_the_flow_opens_its_cases(page: Page) -> None:
    query = opened(page, "/", "chart-flow", BARS, "day")
    assert query == {"day": f"{NOW:%Y-%m-%d}"}
    expect(page.get_by_text(re.compile(r"[1-9]\d* opened, 0 cleared"))).to_be_visible(timeout=PATIENCE)
    back(page, "/", "Overview")


def test_a_step_of_the_bridge_opens_the_rows_of_its_metric(page: Page) -> None:
    query = opened(page, "/margin?days=7", "chart-bridge", BARS, "metric")
    assert query == {"metric": "gross_sales", "days": "7", **EVERYWHERE}
    back(page, "/margin?days=7", "Margin by channel")


def test_the_path_of_an_items_stock_opens_all_that_was_said_of_it(page: Page) -> None:
    assert opened(page, "/stock?only=all", "chart-fan", POINTS, "id", 1) == {"id": "A@NORTH"}
    expect(page.locator("h2", has_text="Stock A@NORTH")).to_be_visible(timeout=PATIENCE)
    back(page, "/stock?only=all", "Stock and stockout risk")
