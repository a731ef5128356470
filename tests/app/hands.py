"""A person before the queue: who chooses, is interrupted, and presses without looking again."""

from __future__ import annotations

import random
import re
from collections import Counter
from contextlib import suppress

from playwright.sync_api import Error, Page, expect

from app.desk.components.press import OVERTAKEN
from tests.app.browser import PATIENCE, Watched
from tests.app.market import Market, MortalDesk, Touched
from tests.app.serving import HEAD, MARKER, ROW

VISIBLE = 12  #: rows of the grid that stand on the screen without scrolling
IDLE = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"


def settled(page: Page) -> None:
    """Wait until the page has answered, and has carried out what was pressed."""
    page.wait_for_timeout(350)
    expect(page.locator(".st-key-settling")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_selector(IDLE, timeout=PATIENCE)


def answered(page: Page, *, within: float, refused: bool = False) -> None:
    """Wait until a press has come to the desk, which says that it waits or refuses it at once, and until it is done.

    Within milliseconds, since it may have met no button; the words of one that was refused before are no answer.
    """
    heard = page.locator(".st-key-settling")
    with suppress(Error):
        (heard if refused else heard.or_(page.get_by_text(OVERTAKEN))).first.wait_for(state="attached", timeout=within)
    settled(page)


class Hands:
    """A person who chooses, is interrupted, and presses without looking again."""

    def __init__(self, watched: Watched, market: Market, desk: MortalDesk, dice: random.Random) -> None:
        self.page, self.market, self.desk, self.dice = watched.page, market, desk, dice
        self.watched = watched
        self.grid = watched.page.locator(".st-key-card-queue [data-testid=stDataFrame]")
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
        expect(self.grid).to_be_visible(timeout=PATIENCE)
        rows = min(self._rows(), VISIBLE)
        chosen = self.dice.sample(range(rows), min(rows, self.dice.choice((1, 1, 1, 2, 3))))
        intended = {self.case_at(row) for row in chosen}
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
        self.grid.click(position={"x": MARKER, "y": HEAD + ROW * row + ROW // 2})

    def open_by_click(self, row: int) -> int:
        """Click the marker of a row, wait until the page shows its case and is at rest; name the case."""
        case = self.case_at(row)
        self.click(row)
        offered = self.page.get_by_role("button", name=re.compile(rf"Plan fix: case {case}\b"))
        expect(offered).to_be_visible(timeout=PATIENCE)
        self.settle()
        return case

    def _rows(self) -> int:
        grid = self.page.locator(".st-key-card-queue [role=grid]")
        return int(grid.get_attribute("aria-rowcount") or 1) - 1

    def case_at(self, row: int) -> int:
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
