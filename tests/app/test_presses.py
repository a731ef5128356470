"""Presses that come at once with a choice or with another, before a real desk in a real browser: none is lost.

In the size of CI; `make trials` runs them in full.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from actions import cases
from actions.cases import Filters
from actions.people import LOOPBACK
from app.desk.components.press import OVERTAKEN, TELLS_AGAIN_AFTER
from app.services import acting
from app.services.log import done
from tests.app.browser import PATIENCE, Watched
from tests.app.hands import VISIBLE, Hands, answered, settled
from tests.app.market import Market, MortalDesk, Touched, a_market
from tests.app.serving import HEAD, ROW

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
ROWS = (7, 3, 6, 2, 5)
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(7200 if FULL else 600)]


@pytest.mark.parametrize("name", ["Assign to me", "Plan fix", "Approve and send"])
def test_what_is_chosen_and_pressed_in_one_movement_is_what_was_chosen(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    market = a_market(tmp_path, random.Random(5), 60)  # noqa: S311 -- a market to choose from
    if name == "Approve and send":
        planned(market, 14)
    with MortalDesk(tmp_path) as desk:
        hands = Hands(Watched(browser, desk.url), market, desk, market.dice)
        for row in ROWS:
            page = hands.watched.open("/queue")  # with nothing chosen yet: what a refused press was about stays marked
            page.wait_for_timeout(1_000)
            hands.settle()
            chosen, before = hands.case_at(row), Touched.until_now(market.desk)
            hands.click(row)
            assert pressed_at_once(page, name, partial(before.since, market.desk)) == {chosen}
        assert hands.watched.complaints == []


def test_an_action_of_the_log_that_is_chosen_and_approved_in_one_movement_is_what_was_chosen(
    browser: Browser, tmp_path: Path
) -> None:
    market = a_market(tmp_path, random.Random(5), 60)  # noqa: S311 -- a market to choose from
    planned(market, 12)
    with MortalDesk(tmp_path) as desk:
        watched = Watched(browser, desk.url)
        for row in ROWS:
            page = watched.open("/log?status=planned")
            page.wait_for_timeout(1_000)
            settled(page)
            cell = page.locator(f".st-key-card-actions [data-testid=glide-cell-0-{row}]")
            chosen, before = int(cell.text_content() or 0), approved(market)
            page.locator(".st-key-card-actions [data-testid=stDataFrame]").click(
                position={"x": 100, "y": HEAD + ROW * row + ROW // 2}
            )
            assert pressed_at_once(page, "Approve and send", partial(approved, market, other_than=before)) == {chosen}
        for action in waiting_actions(market):
            acting.approve(market.store, [action])
        page.locator(".st-key-card-actions [data-testid=stDataFrame]").click(position={"x": 100, "y": HEAD + ROW // 2})
        expect(page.get_by_text("No action is planned now")).to_be_visible(timeout=PATIENCE)
        assert watched.complaints == []


@pytest.mark.parametrize("clicked", [False, True], ids=["opened by its address", "clicked in the list"])
def test_two_buttons_of_different_parts_pressed_at_once_are_both_answered(
    browser: Browser, tmp_path: Path, clicked: bool
) -> None:
    market = a_market(tmp_path, random.Random(5), 60)  # noqa: S311 -- a market to choose from
    planned(market, 14)
    with MortalDesk(tmp_path) as desk:
        hands = Hands(Watched(browser, desk.url), market, desk, market.dice)
        for case, pause in zip(market.waiting()[1:7], (0, 40, 80, 120, 200, 300), strict=True):
            page = opened(hands, case, clicked=clicked)
            before, touched = approved(market), Touched.until_now(market.desk)
            page.evaluate("pressed = []; addEventListener('click', event => pressed.push(event.timeStamp), true)")
            page.get_by_role("button", name="Assign to me").click()
            page.wait_for_timeout(pause)
            page.get_by_role("button", name="Approve and send").click()
            answered(page, within=10_000)
            [action] = acting.actions_of(market.store, case)
            assert (touched.since(market.desk), cases.show(market.desk, case)["assignee"]) == ({case}, LOOPBACK)
            if approved(market, other_than=before) != {action["id"]}:
                expect(page.get_by_text(OVERTAKEN)).to_be_visible()  # the list was renewed before the second press came
                assert clicked
                assert page.evaluate("pressed[1] - pressed[0]") > TELLS_AGAIN_AFTER * 1_000, "they came together"
        assert hands.watched.complaints == []


def opened(hands: Hands, case: int, *, clicked: bool) -> Page:
    """Open a case by its address, or by a click in the list, and wait until the page is at rest."""
    page = hands.watched.open("/queue" if clicked else f"/queue?case={case}")
    page.wait_for_timeout(1_000)
    settled(page)
    if clicked:
        hands.open_by_click(next(row for row in range(VISIBLE) if hands.case_at(row) == case))
    return page


def pressed_at_once(page: Page, name: str, touched: Callable[[], set[int]]) -> set[int]:
    """Press a button in one movement with a choice, and again if that was too quick for it; tell what was done.

    What is drawn until then is about what was open before: a press of that is not done, and never without a word.
    """
    press(page, name)
    if not touched():
        expect(page.get_by_text(OVERTAKEN)).to_be_visible()
        press(page, name, refused=True)
    return touched()


def press(page: Page, name: str, *, refused: bool = False) -> None:
    """Press a button where it stands, without waiting for what a choice has yet to change."""
    box = page.get_by_role("button", name=re.compile(f"^{name}")).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 20, box["y"] + 10)
    answered(page, within=10_000, refused=refused)


def planned(market: Market, number: int) -> None:
    """Plan the fix of some of the cases that wait."""
    waiting = [(int(case["id"]), int(case["version"])) for case in cases.queue(market.desk, Filters())[:number]]
    made = acting.plan(market.store, market.at, waiting)
    assert [plan for _, plan in made if isinstance(plan, str) or plan.action is None] == []


def waiting_actions(market: Market) -> list[int]:
    """Name the actions that wait for a person's word."""
    return [int(one["id"]) for one in done(market.store) if one["status"] == "planned"]


def approved(market: Market, *, other_than: Collection[int] = ()) -> set[int]:
    """Name the actions that a person approved."""
    return {int(one["id"]) for one in done(market.store) if one["status"] == "approved"}.difference(other_than)
