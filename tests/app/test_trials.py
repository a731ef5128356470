"""Trials 18 and 24 before a real desk in a real browser: one effect from many hands, and never on another row.

In the size of CI; `make trials` runs them in full.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from actions import cases, outbox
from actions.people import ENGINE
from app.services import acting
from data.clock import system_clock
from tests.actions.factories import Merchant, targets_over
from tests.app.browser import PATIENCE, Watched
from tests.app.hands import IDLE, Hands
from tests.app.market import SUPPORTED, Market, MortalDesk, Touched, a_market

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
SEQUENCES = 300 if FULL else 8
ITEMS = max(60, SEQUENCES)  #: every press may be the last word about an item, so that they must not run out
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(7200 if FULL else 600)]

ROUNDS, HANDS = 200 if FULL else 3, 20


# ---- 18: many hands on one exception


def test_two_browsers_double_clicks_and_twenty_threads_on_one_case_make_one_effect(
    browser: Browser, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(18)  # noqa: S311 -- a schedule of hands
    market = a_market(tmp_path, dice, ROUNDS)
    market.offer(dict.fromkeys(market.skus, SUPPORTED + 9))
    crowd = Crowd(market, dice)
    with MortalDesk(tmp_path) as desk:
        pages = [Watched(browser, desk.url) for _ in range(2)]
        for sku in market.skus:
            crowd.one_round(pages, market.case_of(sku), sku)
    record_property("rounds", ROUNDS)
    record_property("double clicks of the browsers", crowd.clicks)
    assert crowd.clicks >= ROUNDS, "or the threads were alone"
    assert crowd.merchant.effects == len(crowd.merchant.writes) == ROUNDS
    assert [watched.complaints for watched in pages] == [[], []]


class Crowd:
    """Twenty threads that plan, approve and send the same fix at once, twice each, over a merchant at the wire."""

    def __init__(self, market: Market, dice: random.Random) -> None:
        self.market, self.dice = market, dice
        self.clicks = 0  #: double clicks that found their button
        self.merchant = Merchant(now=system_clock())
        for sku, quantity in market.offered.items():
            self.merchant.list_item(sku, quantity)
        self.targets = targets_over(market.store, self.merchant, [system_clock()])

    def one_round(self, pages: list[Watched], case: int, sku: str) -> None:
        """Let everybody fix one case at the same moment: the threads sometimes first, sometimes the browsers."""
        for watched in pages:
            expect(
                watched.open(f"/queue?case={case}").get_by_role("button", name=f"Plan fix: case {case}")
            ).to_be_visible()
        before, start, late = Touched.until_now(self.market.desk), Event(), self.dice.uniform(0, 0.8)
        with ThreadPoolExecutor(HANDS) as pool:
            working = [pool.submit(self._work, case, start, late) for _ in range(HANDS)]
            start.set()
            for watched in pages:
                self.clicks += pressed_twice(watched.page, f"Plan fix: case {case}")
            for watched in pages:
                self.clicks += pressed_twice(watched.page, "Approve and send")
            for done in working:
                done.result(60)
        outbox.send_due(self.market.desk, self.targets)
        assert before.since(self.market.desk) == {case}
        listing = self.merchant.listings[f"web:{sku}"]
        assert (listing["quantity"], len(listing["changes"])) == (SUPPORTED, 1)
        [action] = acting.actions_of(self.market.store, case)
        assert action["status"] == "confirmed"

    def _work(self, case: int, start: Event, late: float) -> None:
        store, desk = self.market.store, self.market.desk
        start.wait()
        time.sleep(late)
        for _click in range(2):
            seen = cases.show(desk, case)["version"]
            acting.plan(store, self.market.at, [(case, seen)])
            for action in acting.actions_of(store, case):
                acting.approve(store, [action["id"]])
                outbox.send(desk, action["id"], by=ENGINE, targets=self.targets)


def pressed_twice(page: Page, name: str) -> bool:
    """Double-click a button; tell whether it was there: where somebody was faster it may be gone or disabled."""
    with suppress(Error):
        page.get_by_role("button", name=name).dblclick(timeout=2_000)
        return True
    return False


# ---- 24: what is chosen stays chosen


def test_whatever_moves_between_choosing_and_pressing_no_other_row_is_acted_on(
    browser: Browser, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(24)  # noqa: S311 -- a schedule of mishaps
    market = a_market(tmp_path, dice, ITEMS)
    with MortalDesk(tmp_path) as desk:
        hands = Hands(Watched(browser, desk.url), market, desk, dice)
        try:
            for _ in range(SEQUENCES):
                hands.one_sequence()
        finally:
            record_property("unasked", hands.unasked)
            for name, value in hands.steps.items():
                record_property(name, value)
    assert hands.watched.complaints == [], "an empty page has no button to press"
    assert hands.wrong == []
    assert len(hands.unasked) <= max(1, hands.steps["pressed Not a problem"] // 10), hands.unasked
    assert hands.steps["acted"] >= SEQUENCES // 3  # a desk that refused everything would prove nothing


def test_after_a_restart_nothing_is_done_before_a_case_is_chosen_again(browser: Browser, tmp_path: Path) -> None:
    dice = random.Random(1)  # noqa: S311 -- a market to choose from
    market = a_market(tmp_path, dice, 30)
    with MortalDesk(tmp_path) as desk:
        hands = Hands(Watched(browser, desk.url), market, desk, dice)
        page = hands.watched.open("/queue")
        hands.settle()
        desk.kill()  # a choice made now reaches nobody
        hands.click(3)
        market.shake()
        desk.start()
        page.wait_for_selector(IDLE, timeout=PATIENCE)
        hands.settle()
        assign = page.get_by_role("button", name="Assign to me")
        expect(page.get_by_text("choose the case once more")).to_be_visible(timeout=PATIENCE)
        expect(assign).to_be_disabled()
        hands.click(2)
        expect(assign).to_be_enabled(timeout=PATIENCE)
