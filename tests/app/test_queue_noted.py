"""The first week in the desk: what is only noted is counted there, and a press brings it into the queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from actions.detect import detect
from app.services import acting
from data.publish import publish
from data.store import Store
from tests.app.factories import NOW, feed, html_of, open_page
from tests.app.test_queue_codes import ACCOUNTS
from tests.factories import a_line, an_item, an_order


def test_what_is_only_noted_is_counted_in_the_queue_and_a_press_brings_it_in(store: Store) -> None:
    feed(store, "erp", "items", [an_item("MUG-1")])
    feed(store, "shop", "orders", [an_order("shop/1", a_line(sku="MUG_1"), placed_at=NOW - timedelta(hours=2))])
    publish(store, now=NOW)
    for n in range(2):
        view = acting.view_of(store, NOW + timedelta(minutes=n))
        detect(acting.desk_of(store), replace(view, accounts=ACCOUNTS, schedules=()))

    page = open_page("queue")
    assert "First week: 1 case only noted" in html_of(page)
    assert "Nothing waits for you" in html_of(page)
    page.button(key="enable-X14").click().run()
    assert not page.exception, page.exception[0].message
    assert "only noted" not in html_of(page)
    assert "MUG_1" in html_of(page)
