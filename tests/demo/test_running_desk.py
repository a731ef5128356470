"""One running demo: the tutorial as it is written, a change that arrives by push, one path in a real browser.

In one file because the demo reads a year before it is ready: the workers of a test run share their files, not a desk.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from data.publish import open_facts
from data.settings import read_settings
from data.store import Store, open_store
from tests.app.browser import chromium
from tests.demo.conftest import RunningDemo
from tests.docs.following import ROOT, blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WITHIN_SECONDS = 2.0  #: a change that is pushed is on the desk, long before anybody polls


@pytest.fixture
def page(running_demo: RunningDemo) -> Iterator[Page]:
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=running_demo.url)
        opened.set_default_timeout(60_000)
        yield opened
        print(opened.inner_text("body"))  # noqa: T201 -- what a test that failed saw last


def test_every_command_of_the_first_hour_works(running_demo: RunningDemo, tmp_path: Path) -> None:
    page = ROOT / "docs" / "tutorial" / "first-hour.md"
    script = "\n".join(block.text for block in blocks(page) if block.language == "sh")
    env = {**running_demo.env, "PATH": f"{Path(sys.executable).parent}:{running_demo.env['PATH']}"}
    done = subprocess.run(["bash", "-euxc", script], cwd=tmp_path, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "verified" in done.stdout


def quantity(store: Store, listing: str) -> int:
    found = open_facts(store).rows("listing").filter(entity=listing).collect()
    return int(found["quantity"][0])


def test_a_change_reaches_the_desk_within_two_seconds(running_demo: RunningDemo) -> None:
    store = open_store(read_settings(running_demo.env), "demo", create=False)
    token = {"Authorization": "Bearer storefront-token"}
    with httpx.Client(base_url=running_demo.sandbox, headers=token) as shop:
        listings = shop.get("/storefront/listings", params={"limit": 5}).json()["items"]
        taken = [seconds_until_seen(shop, store, listing["id"]) for listing in listings]
    store.close()
    assert statistics.median(taken) < WITHIN_SECONDS, taken


def seconds_until_seen(shop: httpx.Client, store: Store, listing: str) -> float:
    """Change a listing at the shop and wait until the newest publication shows it."""
    now = shop.get(f"/storefront/listings/{listing}").json()["quantity"]
    change = {"quantity": now + 1, "expected_quantity": now, "reference": "somebody else"}
    answer = shop.put(f"/storefront/listings/{listing}", json=change, headers={"Idempotency-Key": f"push-{listing}"})
    assert answer.status_code == 200
    began = time.monotonic()
    while quantity(store, listing) != now + 1:
        assert time.monotonic() - began < 30, f"{listing} did not arrive"
        time.sleep(0.05)
    return time.monotonic() - began


def an_oversold_listing(demo: RunningDemo) -> dict[str, object]:
    """Choose a drift case in which the channel offers more than there is."""
    cases = json.loads(demo.fillwell("cases", "list", "--workspace", "demo", "--detector", "X02", "--format", "json"))
    return next(case for case in cases if case["remote"]["quantity"] > case["ours"]["quantity"])


@pytest.mark.browser
def test_an_oversold_listing_is_fixed_and_proved(running_demo: RunningDemo, page: Page) -> None:
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


@pytest.mark.browser
def test_no_screen_asks_anything_beyond_this_machine(running_demo: RunningDemo, page: Page) -> None:
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
