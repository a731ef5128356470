"""Trials 18 and 24 before a real desk in a real browser: one effect from many hands, and never on another row.

In the size of CI; `make trials` runs them in full.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from actions import cases, outbox
from actions.cases import Filters
from actions.people import ENGINE, LOOPBACK
from app.desk.components.press import OVERTAKEN
from app.services import acting
from app.services.log import done
from data.clock import system_clock
from tests.actions.factories import Merchant, targets_over
from tests.app.browser import PATIENCE, Watched
from tests.app.market import SUPPORTED, Market, MortalDesk, Touched, a_market
from tests.app.serving import HEAD, MARKER, ROW

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
SEQUENCES = 300 if FULL else 8
ITEMS = max(60, SEQUENCES)  #: every press may be the last word about an item, so that they must not run out
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(7200 if FULL else 600)]

ROUNDS, HANDS = 200 if FULL else 3, 20
VISITS = 20 if FULL else 3
VISIBLE = 12  #: rows of the grid that stand on the screen without scrolling
IDLE = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"


# ---- 18: many hands on one exception


def test_two_browsers_double_clicks_and_twenty_threads_on_one_case_make_one_effect(
    browser: Browser, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(18)  # noqa: S311 -- a schedule of hands
    market, desk = a_market(tmp_path, dice, ROUNDS), MortalDesk(tmp_path)
    market.offer(dict.fromkeys(market.skus, SUPPORTED + 9))
    crowd = Crowd(market, dice)
    desk.start()
    pages = [Watched(browser, desk.url) for _ in range(2)]
    try:
        for sku in market.skus:
            crowd.one_round(pages, market.case_of(sku), sku)
    finally:
        desk.stop()
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
    market, desk = a_market(tmp_path, dice, ITEMS), MortalDesk(tmp_path)
    desk.start()
    hands = Hands(Watched(browser, desk.url), market, desk, dice)
    try:
        for _ in range(SEQUENCES):
            hands.one_sequence()
    finally:
        desk.stop()
        record_property("unasked", hands.unasked)
        for name, value in hands.steps.items():
            record_property(name, value)
    assert hands.wrong == []
    assert len(hands.unasked) <= max(1, hands.steps["pressed Not a problem"] // 10), hands.unasked
    assert hands.steps["acted"] >= SEQUENCES // 3  # a desk that refused everything would prove nothing


@pytest.mark.parametrize("name", ["Assign to me", "Plan fix", "Approve and send"])
def test_what_is_chosen_and_pressed_in_one_movement_is_what_was_chosen(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    market, desk = a_market(tmp_path, random.Random(5), 60), MortalDesk(tmp_path)  # noqa: S311 -- a market to choose from
    if name == "Approve and send":
        planned(market, 14)
    desk.start()
    hands = Hands(Watched(browser, desk.url), market, desk, market.dice)
    try:
        for row in (7, 3, 9, 5, 8):
            page = hands.watched.open("/queue")  # with nothing chosen yet: what a refused press was about stays marked
            page.wait_for_timeout(1_000)
            hands.settle()
            chosen, before = hands._case_at(row), Touched.until_now(market.desk)
            hands.click(row)
            assert pressed_at_once(page, name, partial(before.since, market.desk)) == {chosen}
    finally:
        desk.stop()


def test_an_action_of_the_log_that_is_chosen_and_approved_in_one_movement_is_what_was_chosen(
    browser: Browser, tmp_path: Path
) -> None:
    market, desk = a_market(tmp_path, random.Random(5), 60), MortalDesk(tmp_path)  # noqa: S311 -- a market to choose from
    planned(market, 12)
    desk.start()
    watched = Watched(browser, desk.url)
    for row in (7, 3, 6, 2, 5):
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
    desk.stop()


@pytest.mark.parametrize("clicked", [False, True], ids=["opened by its address", "clicked in the list"])
def test_two_buttons_of_different_parts_pressed_at_once_are_both_answered(
    browser: Browser, tmp_path: Path, clicked: bool
) -> None:
    market, desk = a_market(tmp_path, random.Random(5), 60), MortalDesk(tmp_path)  # noqa: S311 -- a market to choose from
    planned(market, 14)
    desk.start()
    hands = Hands(Watched(browser, desk.url), market, desk, market.dice)
    refused = 0
    for case, pause in zip(market.waiting()[1:7], (0, 40, 80, 120, 200, 300), strict=True):
        page = hands.watched.open("/queue" if clicked else f"/queue?case={case}")
        page.wait_for_timeout(1_000)
        settled(page)
        if clicked:
            hands.click(next(row for row in range(VISIBLE) if hands._case_at(row) == case))
            opened = page.get_by_role("button", name=re.compile(rf"Plan fix: case {case}\b"))
            expect(opened).to_be_visible(timeout=PATIENCE)
            settled(page)
        before, touched = approved(market), Touched.until_now(market.desk)
        page.get_by_role("button", name="Assign to me").click()
        page.wait_for_timeout(pause)
        page.get_by_role("button", name="Approve and send").click()
        answered(page, within=10_000)
        [action] = acting.actions_of(market.store, case)
        assert (touched.since(market.desk), cases.show(market.desk, case)["assignee"]) == ({case}, LOOPBACK)
        if approved(market, other_than=before) != {action["id"]}:
            expect(page.get_by_text(OVERTAKEN)).to_be_visible()  # the list was renewed before the second press came
            refused += 1
    assert refused <= (3 if clicked else 0)
    assert hands.watched.complaints == []
    desk.stop()


def test_the_queue_stays_whole_whatever_is_filtered_while_the_machine_is_busy(browser: Browser, tmp_path: Path) -> None:
    dice, desk = random.Random(11), MortalDesk(tmp_path)  # noqa: S311 -- moments to choose another kind
    a_market(tmp_path, dice, 60)
    desk.start()
    watched = Watched(browser, desk.url)
    with busy():
        for _ in range(VISITS):
            page = watched.open("/queue")
            for kind in ("Listing drift", "All") * 4:
                page.wait_for_timeout(dice.choice((1_000, 1_700, 2_500)))
                assert watched.complaints == []
                page.get_by_text(re.compile(rf"^{kind} \d")).first.click(timeout=PATIENCE)
            settled(page)
            expect(page.locator(".st-key-card-queue")).to_have_count(1)
    desk.stop()
    assert watched.complaints == []


@contextmanager
def busy() -> Iterator[None]:
    """Let something else keep every core busy, so that a part of a page is still drawn when the next is asked for.

    It steps back a little for the tests that run beside it.
    """
    work = "import os; parent = os.getppid(); os.nice(5)\nwhile os.getppid() == parent: pass"
    with ExitStack() as ends:
        for _ in range(os.cpu_count() or 1):
            ends.callback(ends.enter_context(subprocess.Popen([sys.executable, "-c", work])).kill)
        yield


def settled(page: Page) -> None:
    """Wait until the page has answered, and has carried out what was pressed."""
    page.wait_for_timeout(350)
    expect(page.locator(".st-key-settling")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_selector(IDLE, timeout=PATIENCE)


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


def answered(page: Page, *, within: float, refused: bool = False) -> None:
    """Wait until a press has come to the desk, which says that it waits or refuses it at once, and until it is done.

    Within milliseconds, since it may have met no button; the words of one that was refused before are no answer.
    """
    heard = page.locator(".st-key-settling")
    with suppress(Error):
        (heard if refused else heard.or_(page.get_by_text(OVERTAKEN))).first.wait_for(state="attached", timeout=within)
    settled(page)


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


def test_after_a_restart_nothing_is_done_before_a_case_is_chosen_again(browser: Browser, tmp_path: Path) -> None:
    dice = random.Random(1)  # noqa: S311 -- a market to choose from
    market, desk = a_market(tmp_path, dice, 30), MortalDesk(tmp_path)
    desk.start()
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
    desk.stop()


class Hands:
    """A person who chooses, is interrupted, and presses without looking again."""

    def __init__(self, watched: Watched, market: Market, desk: MortalDesk, dice: random.Random) -> None:
        self.page, self.market, self.desk, self.dice = watched.page, market, desk, dice
        self.watched = watched
        self.story: list[str] = []
        self.steps: Counter[str] = Counter()  #: how often each thing happened
        self.wrong: list[tuple[list[str], set[int], set[int]]] = []
        self.unasked: list[list[str]] = []  #: what went before a press that was not asked for its reason

    def one_sequence(self) -> None:
        """Choose, be interrupted, press; note what was done to which case."""
        self.story = []
        while not self.market.waiting():
            self.market.shake()
        self.watched.open("/queue")
        self.settle()
        intended = self._choose()
        for _ in range(self.dice.randint(0, 3)):
            self._interrupt()
        before = Touched.until_now(self.market.desk)
        self._press()
        answered(self.page, within=2_000)
        touched = before.since(self.market.desk)
        self.steps.update(step.split(" rows")[0] for step in self.story)
        if not touched <= intended:
            self.wrong.append((self.story, intended, touched))
        self.steps.update(sequences=1, acted=bool(touched))

    def _choose(self) -> set[int]:
        grid = self.page.locator(".st-key-card-queue [data-testid=stDataFrame]")
        expect(grid).to_be_visible(timeout=PATIENCE)
        rows = min(self._rows(), VISIBLE)
        chosen = self.dice.sample(range(rows), min(rows, self.dice.choice((1, 1, 1, 2, 3))))
        intended = {self._case_at(row) for row in chosen}
        for row in chosen:
            self.click(row)
        if hasty := self.dice.random() < 0.25:
            self.page.wait_for_timeout(self.dice.choice((0, 30, 120)))
        else:
            told = f"{len(chosen)} chosen" if len(chosen) > 1 else f"case {min(intended)}"
            expect(self.page.get_by_role("button", name=f"Plan fix: {told}")).to_be_visible(timeout=PATIENCE)
        self.story.append(f"{'hastily ' if hasty else ''}chose rows {chosen}: cases {sorted(intended)}")
        return intended

    def click(self, row: int) -> None:
        """Click the marker of a row."""
        grid = self.page.locator(".st-key-card-queue [data-testid=stDataFrame]")
        grid.click(position={"x": MARKER, "y": HEAD + ROW * row + ROW // 2})

    def _rows(self) -> int:
        grid = self.page.locator(".st-key-card-queue [role=grid]")
        return int(grid.get_attribute("aria-rowcount") or 1) - 1

    def _case_at(self, row: int) -> int:
        """Tell which case the person sees there: every item has one at most."""
        cell = self.page.locator(f".st-key-card-queue [data-testid=glide-cell-2-{row}]")
        return self.market.case_named(cell.text_content() or "")

    def _interrupt(self) -> None:
        step = self.dice.choices(
            (self._shake, self._restart, self._colleague, self._refresh, self._wait), (6, 2, 2, 1, 2)
        )
        self.story.append(step[0].__name__)
        step[0]()

    def _shake(self) -> None:
        self.market.shake()

    def _colleague(self) -> None:
        self.market.work_on_something()

    def _restart(self) -> None:
        self.desk.kill()
        if self.dice.random() < 0.6:
            self.market.shake()
        self.desk.start()
        self.page.wait_for_selector(IDLE, timeout=PATIENCE)
        self.settle()

    def _refresh(self) -> None:
        button = self.page.get_by_role("button", name=re.compile("refresh$"))
        if button.count() and button.is_enabled():
            button.click()
            self.settle()

    def _wait(self) -> None:
        self.page.wait_for_timeout(2_500)

    def _press(self) -> None:
        """Press what does something to a case, whatever the page says by now."""
        name = self.dice.choice(("Plan fix", "Assign to me", "Assign to me", "Not a problem"))
        self.story.append(f"pressed {name}")
        button = self.page.get_by_role("button", name=re.compile(f"^{name}"))
        try:
            button.click(timeout=3_000)
        except Error:  # disabled, or gone: a person cannot press it either
            self.story.append("could not")
            return
        if name == "Not a problem":
            self._say_why()

    def _say_why(self) -> None:
        dialog, refused = self.page.get_by_role("dialog"), self.page.get_by_text(OVERTAKEN)
        try:
            dialog.or_(refused).first.wait_for(timeout=10_000)
            if refused.count():
                self.story.append("refused")
                return
            dialog.get_by_label("Reason").fill("a trial", timeout=10_000)
            dialog.get_by_label("Reason").press("Tab", timeout=10_000)
            dialog.get_by_role("button", name="Not a problem").click(timeout=10_000)
        except Error:  # a choice that came late redrew the page and took the question away: a person would press again
            self.unasked.append(list(self.story))

    def settle(self) -> None:
        """Wait until the page has answered: a run begins a moment after what caused it."""
        settled(self.page)
