"""Many fixes decided at once in the desk: what is approved is what was shown; it goes in waves and can be stopped."""

from __future__ import annotations

import httpx
import pytest
from streamlit.testing.v1 import AppTest

from actions import outbox, waves
from actions.cases import Filters, queue
from actions.policy import set_policy
from app.desk.components.tables import content_key
from app.services import acting, bulk
from app.services.clock import CLOCK_FILE
from data.publish import publish
from data.store import Store
from tests.actions.factories import ADMIN, NOON, Merchant, targets_over
from tests.app.factories import NOW, feed, found, html_of, open_page, press
from tests.factories import HOUR, a_count, a_listing

DRIFTED = 13


class Channel:
    """The engine with a merchant at the wire whose listings drift."""

    def __init__(self, store: Store, skus: list[str]) -> None:
        self.store, self.merchant = store, Merchant(now=NOW)
        for sku in skus:
            self.merchant.list_item(sku, 90, price="2.55")
        self.targets = targets_over(store, self.merchant, [NOON])

    def refuse(self, sku: str) -> None:
        """Refuse to change one listing from now on."""

        def answer(request: httpx.Request, proper: object) -> httpx.Response:
            assert callable(proper)
            refused = request.url.raw_path.endswith(f"%3A{sku}".encode())
            return httpx.Response(422, text="this item is locked") if refused else proper()

        self.merchant.misbehave = answer

    def work(self, rounds: int = 1) -> None:
        """Let the engine send, read back and go on."""
        desk = acting.desk_of(self.store)
        for _ in range(rounds):
            outbox.send_due(desk, self.targets)
            outbox.verify_due(desk, self.targets)
            waves.advance_due(desk)


SKUS = [f"L{n:02}" for n in range(DRIFTED)]


@pytest.fixture
def drifted(shop: Store) -> Store:
    """A shop in which many listings offer more than there is."""
    feed(shop, "warehouse", "stock", [a_count(sku, on_hand=10, counted_at=NOW - HOUR) for sku in SKUS])
    listings = [a_listing(f"web:{sku}", 90, sku=sku, price_minor=255, currency="GBP") for sku in SKUS]
    feed(shop, "storefront", "listings", listings)
    publish(shop, now=NOW)
    found(shop)
    return shop


@pytest.fixture
def channel(drifted: Store) -> Channel:
    """The engine and the merchant behind that shop."""
    return Channel(drifted, SKUS)


def marked_all(page: AppTest) -> AppTest:
    """Mark every case of the frozen list that is about one of the many listings."""
    rows = page.session_state["queue-held"][1].rows
    mine = [n for n, row in enumerate(rows) if any(sku in row.title for sku in SKUS) and row.detector == "X02"]
    assert len(mine) == DRIFTED
    key = content_key("queue", [row.seen for row in rows])
    page.session_state[key] = {"selection": {"rows": mine, "columns": [], "cells": []}}
    return page.run()


def decided(store: Store) -> list[int]:
    """Plan the fix of every drifting listing."""
    cases = [case for case in queue(acting.desk_of(store), Filters(detector="X02")) if case["sku"] in SKUS]
    planned = acting.plan(store, NOW, [(case["id"], case["version"]) for case in cases])
    return [p.action for _, p in planned if not isinstance(p, str) and p.action is not None]


def test_what_is_planned_together_is_shown_whole_before_anything_is_sent(drifted: Store, channel: Channel) -> None:
    del drifted
    page = press(marked_all(open_page("queue")), "fix")
    assert not page.exception
    text = html_of(page)
    assert "13 fixes planned" in text
    assert "Sent in waves: 1, then 10, then 2. Each is read back before the next" in text
    assert all(f"web: offer 10 of {sku} instead of 90" in text for sku in SKUS)
    channel.work()
    assert channel.merchant.writes == []


def test_one_then_ten_then_the_rest_are_sent_and_every_row_says_what_became_of_it(channel: Channel) -> None:
    page = press(press(marked_all(open_page("queue")), "fix"), "bulk-start")
    seen = []
    for _ in range(4):
        seen.append(len(channel.merchant.writes))
        channel.work()
        page = page.run()
    assert not page.exception
    assert seen == [0, 1, 11, 13]
    text = html_of(page)
    assert "13 of 13 verified" in text
    assert text.count("</span>verified</span>") == DRIFTED
    assert {listing["quantity"] for listing in channel.merchant.listings.values()} == {10}


def test_a_failure_stops_the_run_says_so_and_the_rest_is_taken_up_again(channel: Channel) -> None:
    channel.refuse("L05")
    page = press(press(marked_all(open_page("queue")), "fix"), "bulk-start")
    channel.work(3)
    page = page.run()
    text = html_of(page)
    assert "it was not done: refused: this item is locked" in text
    assert "Nothing after it is sent" in text
    written = len(channel.merchant.writes)
    channel.work(2)
    assert len(channel.merchant.writes) == written
    channel.merchant.misbehave = None
    page = press(page, "bulk-resume")
    channel.work(4)
    assert "bulk run 2" in html_of(page.run()).lower()
    assert sum(listing["quantity"] == 10 for listing in channel.merchant.listings.values()) == DRIFTED - 1


def test_the_run_is_stopped_from_the_desk_before_its_next_write(channel: Channel) -> None:
    page = press(press(marked_all(open_page("queue")), "fix"), "bulk-start")
    channel.work()
    page = press(page.run(), "bulk-stop")
    channel.work(3)
    assert len(channel.merchant.writes) == 1
    assert "stopped by local" in html_of(page.run())


def test_a_run_is_seen_by_who_opens_the_desk_anew(drifted: Store, channel: Channel) -> None:
    bulk.start(drifted, decided(drifted))
    channel.work()
    text = html_of(open_page("queue"))
    assert "Bulk run 1" in text
    assert "wave 2: 0 of 10" in text


def test_a_decision_pressed_twice_is_one_run(drifted: Store, channel: Channel) -> None:
    actions = decided(drifted)
    first, again = bulk.start(drifted, actions), bulk.start(drifted, actions)
    assert first == again == (1, [])
    channel.work(4)
    assert channel.merchant.effects == DRIFTED


def test_the_one_that_a_person_names_is_tried_first(drifted: Store, channel: Channel) -> None:
    actions = decided(drifted)
    laid_out = bulk.basket(drifted, actions, first=actions[7])
    bulk.start(drifted, laid_out.ids)
    channel.work()
    [only] = channel.merchant.writes
    assert laid_out.lines[0].words.split()[4] in str(only.url)


def test_a_type_that_may_not_be_sent_is_left_out_with_a_reason(drifted: Store) -> None:
    actions = decided(drifted)
    set_policy(acting.desk_of(drifted), "set_listing_quantity", by=ADMIN, ladder="draft")
    run, left_out = bulk.start(drifted, actions)
    assert run is None
    assert {step.words for step in left_out} == {
        "set_listing_quantity stands on draft: cards are made, nothing is approved or sent"
    }


def test_discarded_plans_are_cancelled_and_gone(drifted: Store) -> None:
    page = press(press(marked_all(open_page("queue")), "fix"), "bulk-discard")
    assert "fixes planned" not in html_of(page)
    assert {row["status"] for row in outbox.actions(acting.desk_of(drifted))} == {"cancelled"}


def test_after_a_mismatch_the_rest_goes_on_only_when_an_admin_lets_it(drifted: Store, channel: Channel) -> None:
    page = press(press(marked_all(open_page("queue")), "fix"), "bulk-start")
    channel.merchant.misbehave = lambda _request, _proper: httpx.Response(200, json={})  # it says yes and does nothing
    channel.work()
    (drifted.facts.parent / CLOCK_FILE).write_text('{"ahead_seconds": 180}')
    channel.merchant.now = acting.desk_of(drifted).clock()
    channel.work()
    page = page.run()
    assert "the remote says otherwise" in html_of(page)
    assert "set listing quantity stands on draft" in html_of(page)
    assert [button.disabled for button in page.button if button.key == "bulk-resume"] == [True]
    page = press(page, "bulk-allow-set_listing_quantity")
    assert [button.disabled for button in page.button if button.key == "bulk-resume"] == [False]
