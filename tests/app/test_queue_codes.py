"""An unknown code in the desk: the suggestions with their reasons, a button each, and what a press plans."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from actions.detect import detect
from actions.view import Account
from app.services import acting
from data.publish import publish
from data.store import Store
from tests.app.factories import EVIL, NOW, feed, html_of, open_page, press
from tests.factories import a_line, an_item, an_order

ACCOUNTS = {
    "shop": Account(connection="shop", system="storefront", orders_from="shop", stock_from="shop", items_from="erp"),
    "erp": Account(connection="erp", system="erp", orders_from="shop", stock_from="erp", items_from="erp"),
}


@pytest.fixture
def unmapped(store: Store) -> int:
    """Sell a mug under a code that the ERP spells otherwise; give the case."""
    feed(store, "erp", "items", [an_item("MUG-1", name=EVIL), an_item("MUG-2", name="Mug, blue")])
    feed(store, "shop", "orders", [an_order("shop/1", a_line(sku="MUG_1"), placed_at=NOW - timedelta(hours=2))])
    publish(store, now=NOW)
    desk = acting.desk_of(store)
    for n in range(2):
        view = acting.view_of(store, NOW + timedelta(minutes=n))
        detect(desk, replace(view, accounts=ACCOUNTS, schedules=()), shadow=None)
    return 1


def test_what_may_be_meant_stands_there_with_its_reason_and_a_press_plans_the_mapping(
    store: Store, unmapped: int
) -> None:
    page = open_page("queue", case=str(unmapped))
    assert not page.exception, page.exception[0].message
    text = html_of(page)
    assert "Which of our codes is it?" in text
    assert "alike" in text
    assert "<img src=x" not in text
    page = press(page, "code-0")
    [action] = acting.actions_of(store, unmapped)
    assert action["type"] == "map_code"
    assert "MUG_1 is our MUG-1" in action["plan"]["words"]
    assert "Which of our codes is it?" not in html_of(page)


def test_a_typed_code_that_nobody_knows_is_refused_with_a_sentence(store: Store, unmapped: int) -> None:
    page = open_page("queue", case=str(unmapped))
    page.text_input(key="code-typed").input("MUGG").run()
    page = press(page, "code-other")
    assert "there is no sku &#x27;MUGG&#x27;" in html_of(page) or "there is no sku 'MUGG'" in html_of(page)
    assert acting.actions_of(store, unmapped) == []
