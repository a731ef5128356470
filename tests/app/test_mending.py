"""Mending from the health screen: dead letters are corrected and replayed once, conflicts are decided."""

from __future__ import annotations

import json
import threading

import pytest
from streamlit.testing.v1 import AppTest

from actions import audit
from app.connect import note_sandbox
from app.desk.context import Visit
from app.desk.screens import health_letters
from app.desk.screens.health_jobs import Begun
from app.services import acting, jobs
from app.services.acting import local_person
from app.services.conflicts import disagreements
from app.services.dead_letters import classes
from app.services.dead_letters import replay as replay_letters
from app.services.freshness import read_streams
from app.services.workspace import facts
from data.clock import to_micros
from data.errors import RecordInvalid, RequestError
from data.log.append import Received, append, prepare, source_id
from data.log.dead_letters import Wanted
from data.publish import publish
from data.store import Store
from tests.app.factories import NOW, html_of, open_page
from tests.factories import a_payment, received

A_PAYMENT = {
    "id": "PAY77", "version": 1, "updated_at": NOW.isoformat(), "order": "1000", "kind": "capture", "amount": "12.50",
    "currency": "GBP", "method": "card", "at": NOW.isoformat(), "status": "settled",
}  # fmt: skip


def bad_payments(store: Store, *payments: dict[str, object]) -> None:
    """Bring in payments that the storefront's reader does not understand."""
    note_sandbox(store.facts.parent, "http://127.0.0.1:9")  # whose payments these are; it is never asked
    items = [
        Received(
            key=str(p["id"]), raw=json.dumps(p).encode(), version=1, observed_at=to_micros(NOW), place=f"page 3:{n}",
            error=RecordInvalid("Expected `str`, got `int` - at `$.amount`", error_class="shape"),
        )
        for n, p in enumerate(payments)
    ]  # fmt: skip
    with store.log.write() as conn:
        append(conn, source_id(conn, "storefront", "payments"), prepare(items), received_at=to_micros(NOW), parser=1)


def said(page: AppTest) -> str:
    assert not page.exception, page.exception[0].message
    return html_of(page)


def press(page: AppTest, name: str) -> AppTest:
    [button] = [button for button in page.button if str(button.key).startswith(name)]
    return button.click().run()


def ended(store: Store, page: AppTest) -> AppTest:
    """Give the page as it is when the work that a press began is over, however slow the machine is."""
    if (job := jobs.running(store)) is not None:
        assert job.wait(60)
    return page.run()


def payments(store: Store) -> set[str]:
    return set(facts(store).frame("payment")["payment"].to_list())


def test_a_dead_letter_says_what_was_expected_and_is_corrected_and_replayed_once(shop: Store) -> None:
    bad_payments(shop, {**A_PAYMENT, "amount": 1250})
    page = open_page("health")
    text = said(page)
    assert "In amount, a text was expected, not a whole number." in text
    assert tuple(page.dataframe[0].value.iloc[0])[:4] == ("storefront", "payments", "shape", 1)
    [editor] = page.text_area
    assert '"amount": 1250' in str(editor.value)
    editor.set_value(str(editor.value).replace("1250", '"12.50"'))
    page = ended(shop, press(page, "one-"))
    assert "1 replayed: 1 accepted" in said(page)
    assert "Every record is understood now" in said(page)
    assert classes(shop) == []
    assert "PAY77" in payments(shop), "the figures follow at once"
    [status] = [s for s in read_streams(shop) if s.stream == "payments"]
    assert status.received == status.accepted
    assert [e["what"] for e in audit.entries(acting.desk_of(shop))] == ["dead_letters_replayed"]


def test_a_correction_that_is_wrong_says_why_and_keeps_what_was_typed(shop: Store) -> None:
    bad_payments(shop, {**A_PAYMENT, "amount": 1250})
    page = open_page("health")
    [editor] = page.text_area
    editor.set_value(str(editor.value).replace("1250", '"much"'))
    page = press(page, "one-")
    assert "1 replayed: 1 still bad: " in said(page)
    assert "&#x27;much&#x27; is no amount" in said(page)
    assert '"much"' in str(page.text_area[0].value)
    assert "In amount, a text was expected, not a whole number." in said(page), "the record is as it was"


def test_all_of_a_class_are_replayed_with_one_press_and_told_in_one_sentence(shop: Store) -> None:
    good = [{**A_PAYMENT, "id": f"PAY{n}", "amount": "1.00"} for n in (801, 802)]
    bad_payments(shop, *good, {**A_PAYMENT, "id": "PAY803", "amount": 5})
    page = ended(shop, press(open_page("health"), "all-"))
    assert "3 replayed: 2 accepted, 1 still bad: Expected `str`, got `int`" in said(page)
    assert {"PAY801", "PAY802"} <= payments(shop)


def test_a_press_that_is_heard_twice_replays_once(shop: Store) -> None:
    bad_payments(shop, {**A_PAYMENT, "amount": "1.00"})
    held = Begun()
    for _ in range(2):
        health_letters._replay_all(visit_to(shop), Wanted(), 1, held, 0)
    assert held.last is not None
    assert held.last.wait(60)
    assert held.last.said == (True, "1 replayed: 1 accepted")
    assert [e["what"] for e in audit.entries(acting.desk_of(shop))] == ["dead_letters_replayed"]


def visit_to(store: Store) -> Visit:
    return Visit(store=store, now=NOW, figures_at=NOW, publication=1)


def test_work_goes_on_while_nobody_looks_and_nobody_begins_it_twice(shop: Store) -> None:
    bad_payments(shop, {**A_PAYMENT, "amount": "1.00"})
    go = threading.Event()

    def slowly(progress: jobs.Progress) -> jobs.Said:
        progress("replayed", 3, 12)
        assert go.wait(20)
        return True, "12 replayed"

    job = jobs.begin(shop, "the replay of 12 records", slowly)
    page = open_page("health")
    assert "The replay of 12 records goes on" in said(page)
    assert "3 of 12" in said(page)
    page = press(page, "one-")
    assert "wait: the replay of 12 records goes on" in said(page)
    go.set()
    assert job.wait(20)
    assert job.said == (True, "12 replayed")
    assert len(classes(shop)) == 1, "what was refused was not done"


def test_what_is_about_a_person_is_masked_on_the_screen_and_is_not_lost_by_a_correction(shop: Store) -> None:
    note_sandbox(shop.facts.parent, "http://127.0.0.1:9")
    raw = b'{"id":"5","customer":{"id":"c1","email":"eve@example.test"} "lines":[]}'
    item = Received(
        key="?1", raw=raw, observed_at=to_micros(NOW), error=RecordInvalid("invalid character", error_class="json")
    )
    with shop.log.write() as conn:
        append(conn, source_id(conn, "storefront", "orders"), prepare([item]), received_at=to_micros(NOW), parser=1)
    page = open_page("health")
    [editor] = page.text_area
    assert "eve@example.test" not in said(page) + str(editor.value)
    assert '"email":"[personal 1]"' in str(editor.value)
    assert "The text is no whole JSON" in said(page)


def test_a_dead_letter_is_set_aside_only_with_a_reason(shop: Store) -> None:
    bad_payments(shop, {**A_PAYMENT, "amount": 1})
    page = press(open_page("health"), "aside-")
    assert "say why" in said(page)
    [why] = [field for field in page.text_input if str(field.key).startswith("why-")]
    why.set_value("test data of the supplier")
    page = press(page, "aside-")
    assert "is set aside" in said(page)
    assert classes(shop) == []


def test_a_person_without_the_right_replays_nothing(shop: Store) -> None:
    bad_payments(shop, {**A_PAYMENT, "amount": "1.00"})
    viewer = local_person(shop).__class__("vera", "viewer", "desk")
    with pytest.raises(RequestError, match=r"vera \(viewer\) may not work"):
        replay_letters(shop, [1], by=viewer)
    assert len(classes(shop)) == 1


def two_amounts(store: Store) -> None:
    """State one payment in two ways."""
    items = [received(a_payment("PAY99", "storefront/1000", amount)) for amount in (510, 520)]
    with store.log.write() as conn:
        append(conn, source_id(conn, "storefront", "payments"), prepare(items), received_at=to_micros(NOW), parser=1)
    publish(store, now=NOW)


def test_a_conflict_is_seen_with_what_differs_and_decided_by_a_person(shop: Store) -> None:
    two_amounts(shop)
    page = open_page("health")
    text = said(page)
    assert "1 movement of storefront/payments" in text
    assert "a fixed rule holds" in text
    assert "amount £5.10" in text
    [found] = disagreements(shop)
    other = next(v for v in found.versions if not v.holds)
    page = press(page, f"holds-0-{other.digest[:12]}")
    assert f"{other.digest[:8]} holds; the figures follow it" in said(page)
    assert disagreements(shop) == []
    assert "1 movement of storefront/payments" not in said(page), "what is decided is no longer unknown"
    amounts = dict(facts(shop).frame("payment").select("payment", "amount_minor").iter_rows())
    assert f"£{amounts['PAY99'] / 100:.2f}" in other.says
    page = open_page("health", conflicts="all")
    assert "decided by local" in said(page)
