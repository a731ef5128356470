"""One path through everything, in a real Chromium: an oversold listing is seen, fixed, verified and proved."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from actions import cases
from actions.cases import Filters
from actions.desk import open_desk
from app.processes import free_port
from data.settings import read_settings
from data.store import open_store
from tests.app.browser import PATIENCE, Watched, chromium, module, running, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

READY_SECONDS, VERIFIED_MS = 300.0, 90_000


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_an_oversold_listing_is_fixed_from_the_desk_and_the_shop_agrees(browser: Browser, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "start.log"
    env = {"FILLWELL_HOME": str(tmp_path), "PORT": str(port), "FILLWELL_ENGINE_PORT": str(free_port())}
    with running(module("app", "start", "--no-browser"), env, log) as process:
        base, folder = f"http://127.0.0.1:{port}", tmp_path / "workspaces" / "demo"
        wait_for(f"{base}/_stcore/health", process, log)
        case = an_oversold_listing(tmp_path, until=time.monotonic() + READY_SECONDS)
        page = Watched(browser, base).open("/")
        expect(page.locator(".fw-kpi .value")).to_have_count(6, timeout=PATIENCE)
        reference = fix(page, base, case)
        prove(page, base, reference)
        assert reference in json.dumps(the_shop_says(folder, case["subject"])["changes"])


def an_oversold_listing(home: Path, *, until: float) -> dict[str, Any]:
    """Wait until the desk has found a listing that offers more than its stock supports."""
    desk = open_desk(open_store(read_settings({"FILLWELL_HOME": str(home)}), "demo"))
    try:
        while time.monotonic() < until:
            for case in cases.queue(desk, Filters(detector="X02", status="open")):
                if case["remote"]["quantity"] > case["ours"]["quantity"]:
                    return case
            time.sleep(2)
    finally:
        desk.store.close()
    raise AssertionError("no oversold listing was found")


def fix(page: Page, base: str, case: dict[str, Any]) -> str:
    """Plan, approve and watch one case become verified; gives the reference under which the write is signed."""
    page.goto(f"{base}/queue?kind=X02&case={case['id']}")
    expect(page.get_by_role("heading", name=case["title"])).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name=f"Plan fix: case {case['id']}").click()
    approve = page.get_by_role("button", name="Approve and send")
    allow = page.get_by_role("button", name="Let people approve it")
    expect(approve.or_(allow)).to_be_visible(timeout=PATIENCE)
    if allow.is_visible():
        allow.click()
    approve.click()
    expect(page.locator(".fw-note", has_text=re.compile(r"verified \d\d:\d\d:\d\d UTC"))).to_be_visible(
        timeout=VERIFIED_MS
    )
    return page.locator(".fw-fact", has_text="signed as").locator("span").last.inner_text()


def prove(page: Page, base: str, reference: str) -> None:
    """Find the action in the log, verified, with its request."""
    page.goto(f"{base}/log?status=verified")
    expect(page.locator(".fw-fact", has_text=reference)).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".fw-badge", has_text="chain whole")).to_be_visible(timeout=PATIENCE)


def the_shop_says(folder: Path, listing: str) -> dict[str, Any]:
    """Ask the storefront itself."""
    shop = json.loads((folder / "sandbox.json").read_text())["url"]
    answer = httpx.get(
        f"{shop}/storefront/listings/{quote(listing, safe='')}", headers={"Authorization": "Bearer storefront-token"}
    )
    return dict(answer.raise_for_status().json())
