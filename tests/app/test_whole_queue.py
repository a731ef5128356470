"""The queue is never emptied: not by presses on a desk that sends seldom, not by filters on a busy machine.

In the size of CI; `make trials` runs them in full.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.app.browser import PATIENCE, Watched
from tests.app.hands import Hands, answered, settled
from tests.app.market import MortalDesk, Touched, a_market
from tests.app.serving import HEAD, MARKER, ROW

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
VISITS = 20 if FULL else 3
SELDOM, PRESSES = (20, 5) if FULL else (2, 3)  #: visits of a desk that sends seldom, and presses on each
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(7200 if FULL else 600)]


@pytest.mark.parametrize("sends_every", [0.4, 0.6])
def test_the_queue_stays_whole_though_the_browser_is_told_seldom(
    browser: Browser, tmp_path: Path, sends_every: float
) -> None:
    dice = random.Random(sends_every)  # noqa: S311 -- rows and moments
    market = a_market(tmp_path, dice, 60)
    before, chosen = Touched.until_now(market.desk), set()
    with MortalDesk(tmp_path, sends_every) as desk:
        for visit in range(SELDOM):
            hands = Hands(Watched(browser, desk.url), market, desk, dice)
            page = hands.watched.open("/queue")
            for _press in range(PRESSES):
                if dice.random() < 0.7:
                    expect(hands.grid).to_have_count(1, timeout=5_000)  # an old list goes by itself
                    place = HEAD + ROW * dice.randrange(4) + ROW // 2
                    hands.grid.last.click(position={"x": MARKER, "y": place})  # of two, if it is renewed just now
                page.wait_for_timeout(dice.choice((0, 300, 700, 1_500, 3_000)) + dice.randrange(300))
                page.locator("button", has_text="Assign").evaluate_all("found => found.forEach(one => one.click())")
                page.wait_for_timeout(dice.choice((300, 900, 1_800)))
                assert hands.watched.complaints == []
            settled(page)
            expect(page.locator(".st-key-card-queue")).to_have_count(1)
            expect(page.locator(".fw-foot")).to_have_count(1)
            hands.watched.open("/queue")  # with nothing chosen yet
            hands.settle()
            chosen.add(hands.open_by_click(4 + visit % 4))  # a row that no hasty press was meant for
            page.get_by_role("button", name="Assign to me").click()
            answered(page, within=10_000)
            hands.watched.close()
    assert chosen <= before.since(market.desk), "what was pressed at rest was not done"
    assert len(chosen) > 1


def test_the_queue_stays_whole_whatever_is_filtered_while_the_machine_is_busy(browser: Browser, tmp_path: Path) -> None:
    dice = random.Random(11)  # noqa: S311 -- moments to choose another kind
    a_market(tmp_path, dice, 60)
    with MortalDesk(tmp_path) as desk, busy():
        watched = Watched(browser, desk.url)
        for _ in range(VISITS):
            page = watched.open("/queue")
            for kind in ("Listing drift", "All") * 4:
                page.wait_for_timeout(dice.choice((1_000, 1_700, 2_500)))
                assert watched.complaints == []
                page.get_by_text(re.compile(rf"^{kind} \d")).first.click(timeout=PATIENCE)
            settled(page)
            expect(page.locator(".st-key-card-queue")).to_have_count(1)
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
