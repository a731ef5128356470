"""Drafts of purchases and transfers: what is drafted once is not drafted again, and what became of it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest

from actions import outbox
from actions.cases import Filters, queue, show
from actions.detect import detect
from actions.planning import Planned
from actions.policy import set_policy
from actions.view import View
from data.errors import RequestError
from tests.actions.factories import ADMIN, APPROVER, MINUTE, NOON, OPERATOR, Raw, Shop, a_line, a_shop, facts, stock
from tests.actions.test_commands import carry_out, short

SUGGESTED: Raw = {
    "sku": "MUG", "location": "NORTH", "p_stockout": 0.9, "suggestion": "transfer", "suggested_units": 12,
    "supplier": "KILN", "suggested_from": "SOUTH", "arithmetic": "cover 14 days", "stockout_on": None,
    "expected_lost_margin_minor": 100, "expected_lost_units": 2.0, "next_receipt_on": None, "available": 2,
    "currency": "GBP",
}  # fmt: skip


def two_wants(*, spare: int = 20, **suggested: object) -> View:
    """Owe seven mugs beyond the stock at NORTH, which the projection wants twelve for as well."""
    return replace(
        short(spare=spare, projection=pl.DataFrame([{**SUGGESTED, **suggested}])), projected_from=NOON - MINUTE
    )


def cases_of(shop: Shop, view: View) -> tuple[int, int]:
    """See a view twice; give the case that it owes too much, and the one that it will run out."""
    for n in range(2):
        detect(shop.desk, replace(view, now=view.now + n * MINUTE), shadow=None)
    by_detector = {case["detector"]: int(case["id"]) for case in queue(shop.desk)}
    return by_detector["X01"], by_detector["X37"]


def plan(shop: Shop, view: View, case: int, kind: str = "create_transfer_draft", **choice: int | str) -> Planned:
    """Plan a draft."""
    return outbox.plan(shop.desk, view, case, by=OPERATOR, targets=shop.targets, type=kind, choice=choice)


def drafted(shop: Shop, view: View, case: int, kind: str = "create_transfer_draft", **choice: int | str) -> int:
    """Draft and prove it."""
    action = plan(shop, view, case, kind, **choice).action
    assert carry_out(shop, action) == "verified"
    return action or 0


def said(planned: Planned) -> str:
    """Give what a card says it would do."""
    assert planned.card is not None
    return planned.card.words


def with_transfer(view: View, reference: str, status: str, units: int, **others: int) -> View:
    """Let the facts show what became of a transfer, and what else somebody put into it."""
    lines = [
        {"entity": "T1", "sku": sku, "origin": "SOUTH", "destination": "NORTH", "status": status, "units": number,
         "reference": reference}
        for sku, number in {"MUG": units, **others}.items()
    ]  # fmt: skip
    return replace(view, facts=facts(**_frames(view), transfer_line=lines))


def published_later(view: View) -> View:
    """Let the facts be published again a while later."""
    return replace(view, facts=replace(facts(**_frames(view)), published_at=NOON + timedelta(hours=1)))


def _frames(view: View) -> dict[str, list[Raw]]:
    return {name: view.facts.frame(name).to_dicts() for name in ("order_line", "stock_position", "item", "supplier")}


def reference_of(shop: Shop, action: int) -> str:
    """Give the words by which the remote knows an action."""
    return str(next(a for a in outbox.actions(shop.desk) if a["id"] == action)["command"]["reference"])


def test_a_draft_of_which_nobody_knows_what_it_is_worth_passes_no_limit(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), two_wants()
    _, runs_out = cases_of(shop, view)
    tables = _frames(view)
    in_euros = [{**item, "unit_cost_minor": 200, "currency": "EUR"} for item in tables["item"]]
    view = replace(view, facts=facts(**{**tables, "item": in_euros}))  # the case counts in pounds
    set_policy(shop.desk, "create_transfer_draft", by=ADMIN, most_minor=10_000)
    assert "not known; create_transfer_draft may move 10000 at most" in plan(shop, view, runs_out).words
    set_policy(shop.desk, "create_transfer_draft", by=ADMIN, most_minor=None, second_above_minor=10_000)
    made = plan(shop, view, runs_out)
    assert made.card is not None
    assert (made.card.value_minor, made.card.blocked) == (None, None)
    assert made.card.limits == ("what it is worth is not known: a second person must approve",)
    assert [action["needs_second"] for action in outbox.actions(shop.desk)] == [True]


def test_what_one_case_was_given_is_not_drafted_again_for_another_of_the_same_place(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    first = drafted(shop, view, oversold)
    second = plan(shop, view, runs_out)
    assert second.action is None
    assert second.words == (
        f"blocked: 12 of MUG are drafted or on their way to NORTH by action {first}; nothing more is wanted there"
    )
    assert len(shop.merchant.transfers) == 1


@pytest.mark.parametrize(("kind", "words"), [
    ("create_transfer_draft", "draft a transfer of 5 × MUG from SOUTH to NORTH"),
    ("create_purchase_draft", "draft a purchase of 8 × MUG from KILN for NORTH"),
])  # fmt: skip
def test_only_the_rest_of_a_want_is_drafted(tmp_path: Path, kind: str, words: str) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50, suggestion="transfer" if kind == "create_transfer_draft" else "order")
    oversold, runs_out = cases_of(shop, view)
    first = drafted(shop, view, oversold, units=7)
    planned = plan(shop, view, runs_out, kind)
    assert planned.card is not None
    assert planned.card.words == words
    assert any(f"7 of MUG are drafted or on their way to NORTH by action {first}" in why for why in planned.card.why)


def test_a_person_who_names_the_units_gets_them(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    drafted(shop, view, oversold)
    assert carry_out(shop, plan(shop, view, runs_out, units=3).action) == "verified"


def test_a_transfer_is_not_held_up_by_a_purchase_that_comes_later(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = short(spare=50)
    oversold, _ = cases_of(shop, two_wants(spare=50))
    drafted(shop, view, oversold, "create_purchase_draft")
    again = replace(view, now=NOON + timedelta(days=4))
    with shop.desk.write() as conn:
        conn.exec_driver_sql("UPDATE case_ SET status = 'open', version = version + 1")
    assert plan(shop, again, oversold).action is not None
    assert plan(shop, again, oversold, "create_purchase_draft").action is None


def test_a_projection_that_knows_the_draft_is_not_reduced_by_it_again(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    drafted(shop, view, oversold)
    shop.merchant.step()
    planned = plan(shop, replace(view, projected_from=shop.merchant.now), runs_out)
    assert said(planned) == "draft a transfer of 12 × MUG from SOUTH to NORTH"


@pytest.mark.parametrize(("status", "units", "wanted"), [
    ("draft", 12, 0), ("sent", 12, 0), ("sent", 4, 8), ("cancelled", 12, 12),
    ("received", 12, 7),  # which the projection does not know, and which leaves seven owed
])  # fmt: skip
def test_what_became_of_a_transfer_decides_how_much_it_still_brings(
    tmp_path: Path, status: str, units: int, wanted: int
) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    first = drafted(shop, view, oversold)
    later = plan(shop, with_transfer(view, reference_of(shop, first), status, units), runs_out)
    planned = 0 if later.action is None or later.card is None else int(str(later.card.changes[0].after))
    assert planned == wanted


def test_what_is_to_leave_a_place_is_not_free_there(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=15)
    oversold, runs_out = cases_of(shop, view)
    drafted(shop, view, oversold)
    assert said(plan(shop, view, runs_out, units=9)) == "draft a transfer of 3 × MUG from SOUTH to NORTH"


def test_of_two_cards_for_one_place_the_second_is_planned_anew(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    first, second = plan(shop, view, oversold).action or 0, plan(shop, view, runs_out).action or 0
    shop.merchant.step()
    assert carry_out(shop, first) == "verified"
    held = outbox.approve(shop.desk, second, by=APPROVER)
    assert not held.done
    assert held.words == (
        f"action {first} is for the same place and came first (a transfer of 12 × MUG for NORTH): plan this one anew"
    )
    [refused] = outbox.bulk(shop.desk, [second], by=APPROVER, targets=shop.targets)
    assert "plan this one anew" in refused.words
    assert len(shop.merchant.transfers) == 1
    shop.merchant.step()
    assert "nothing more is wanted" in plan(shop, view, runs_out).words
    anew = plan(shop, view, runs_out, units=3).action or 0
    assert anew not in (first, second)
    assert carry_out(shop, anew) == "verified"
    assert [a["status"] for a in outbox.actions(shop.desk)] == ["verified", "cancelled", "verified"]


def test_planned_anew_with_the_same_words_it_can_be_approved(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    buying = plan(shop, view, runs_out, "create_purchase_draft", units=8).action or 0
    moving = plan(shop, view, oversold, units=7).action or 0
    shop.merchant.step()
    assert carry_out(shop, buying) == "verified"
    assert not outbox.approve(shop.desk, moving, by=APPROVER).done
    shop.merchant.step()
    anew = plan(shop, view, oversold, units=7).action or 0
    assert anew != moving
    assert carry_out(shop, anew) == "verified"


@pytest.mark.parametrize("other", ["create_transfer_draft", "create_purchase_draft"])
def test_of_two_cards_for_one_place_in_one_selection_the_first_goes_and_the_second_says_why_not(
    tmp_path: Path, other: str
) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    first = plan(shop, view, oversold).action or 0
    second = plan(shop, view, runs_out, other, units=8).action or 0
    steps = {step.id: step for step in outbox.bulk(shop.desk, [first, second], by=APPROVER, targets=shop.targets)}
    assert steps[first].status == "verified"
    assert "is for the same place and came first" in steps[second].words
    assert (len(shop.merchant.transfers), len(shop.merchant.purchases)) == (1, 0)


def two_places() -> View:
    """Owe twelve at each of two places, of which a third has fifteen."""
    lines = [a_line("1", "MUG", 12), a_line("2", "MUG", 12, location="EAST")]
    levels = [*stock("MUG", "NORTH", 0), *stock("MUG", "EAST", 0), *stock("MUG", "SOUTH", 15)]
    return View(facts=facts(order_line=lines, stock_position=levels), now=NOON)


@pytest.mark.parametrize("together", [True, False])
def test_what_is_free_in_one_place_is_not_given_to_two(tmp_path: Path, together: bool) -> None:
    shop = a_shop(tmp_path)
    view = two_places()
    for n in range(2):
        detect(shop.desk, replace(view, now=view.now + n * MINUTE), shadow=None)
    first, second = [plan(shop, view, int(case["id"])).action or 0 for case in queue(shop.desk)]
    shop.merchant.step()
    if together:
        _, refused = outbox.bulk(shop.desk, [first, second], by=APPROVER, targets=shop.targets)
    else:
        assert carry_out(shop, first) == "verified"
        refused = outbox.approve(shop.desk, second, by=APPROVER)
    assert refused.words == "12 of the 15 MUG that were free at SOUTH are given since: plan it anew"


def test_what_others_added_to_our_document_is_theirs(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    first = drafted(shop, view, oversold, units=5)
    planned = plan(shop, with_transfer(view, reference_of(shop, first), "sent", 5, BOWL=100), runs_out)
    assert said(planned) == "draft a transfer of 7 × MUG from SOUTH to NORTH"


def test_a_document_that_was_deleted_brings_nothing(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    drafted(shop, view, oversold)
    assert plan(shop, view, runs_out).action is None
    assert plan(shop, published_later(view), runs_out).action is not None


def test_a_document_that_says_something_else_brings_what_it_says(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    action = drafted(shop, view, oversold)
    transfer = shop.merchant.transfers["T1"]
    transfer["lines"][0]["quantity"] = 10
    shop.merchant.touch(transfer)
    shop.merchant.step(10 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)
    assert outbox.actions(shop.desk)[0]["status"] == "mismatch"
    planned = plan(shop, with_transfer(view, reference_of(shop, action), "draft", 10), runs_out)
    assert said(planned) == "draft a transfer of 2 × MUG from SOUTH to NORTH"


def test_a_draft_that_is_taken_back_before_it_was_read_ends_as_that(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, _ = cases_of(shop, view)
    action = plan(shop, view, oversold).action or 0
    outbox.approve(shop.desk, action, by=APPROVER)
    assert outbox.send(shop.desk, action, by=OPERATOR, targets=shop.targets).status == "confirmed"
    back = outbox.undo(shop.desk, view, action, by=APPROVER, targets=shop.targets).action or 0
    outbox.approve(shop.desk, back, by=APPROVER)
    outbox.send(shop.desk, back, by=OPERATOR, targets=shop.targets)
    step = outbox.verify(shop.desk, action, by=OPERATOR, targets=shop.targets)
    assert (step.done, step.status) == (False, "confirmed"), "the undo is not proved yet"
    assert outbox.verify(shop.desk, back, by=OPERATOR, targets=shop.targets).status == "verified"
    shop.merchant.step(10 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)
    assert {a["id"]: a["status"] for a in outbox.actions(shop.desk)} == {action: "cancelled", back: "verified"}
    assert queue(shop.desk, Filters(detector="X50")) == []


def test_a_draft_whose_answer_was_lost_can_be_taken_back(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), two_wants()
    _, x37 = cases_of(shop, view)
    action = plan(shop, view, x37).action or 0
    assert outbox.approve(shop.desk, action, by=APPROVER).done

    def lost(_request: httpx.Request, proper: Callable[[], httpx.Response]) -> httpx.Response:
        proper()
        raise httpx.ReadTimeout("slow")

    shop.merchant.misbehave = lost
    assert outbox.send(shop.desk, action, by=OPERATOR, targets=shop.targets).status == "unknown"
    shop.merchant.misbehave = None
    shop.merchant.step(2 * MINUTE)
    assert outbox.verify(shop.desk, action, by=OPERATOR, targets=shop.targets).status == "verified"
    back = outbox.undo(shop.desk, view, action, by=APPROVER, targets=shop.targets)
    assert carry_out(shop, back.action) == "verified"
    assert [transfer["status"] for transfer in shop.merchant.transfers.values()] == ["cancelled"]


def test_what_was_taken_back_brings_nothing(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    first = drafted(shop, view, oversold)
    back = outbox.undo(shop.desk, view, first, by=APPROVER, targets=shop.targets)
    assert carry_out(shop, back.action) == "verified"
    assert plan(shop, view, runs_out).action is not None


def test_another_item_with_a_like_name_holds_nothing_up(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    skus = ("MUG", "M_G", "mug", "SET/MUG")
    lines = [a_line(sku, sku, 9) for sku in skus]
    levels = [level for sku in skus for place, units in (("NORTH", 2), ("SOUTH", 50))
              for level in stock(sku, place, units)]  # fmt: skip
    view = View(facts=facts(order_line=lines, stock_position=levels), now=NOON)
    for n in range(2):
        detect(shop.desk, replace(view, now=view.now + n * MINUTE), shadow=None)
    for case in queue(shop.desk):
        drafted(shop, view, int(case["id"]))
    assert len(shop.merchant.transfers) == len(skus)


@pytest.mark.parametrize(("status", "units", "ends", "words"), [
    ("sent", 12, "verified", "transfer T1 is sent: 12 × MUG"),
    ("sent", 5, "verified", "transfer T1 is sent: 5 × MUG, where 12 were drafted"),
    ("sent", 0, "mismatch", "transfer T1 says something else: it is sent, with 0 × MUG"),
    ("sent", 13, "verified", "transfer T1 is sent: 13 × MUG, where 12 were drafted"),
    ("draft", 5, "mismatch", "transfer T1 says something else: it is draft, with 5 × MUG"),
    ("cancelled", 12, "mismatch", "transfer T1 says something else: it is cancelled, with 12 × MUG"),
])  # fmt: skip
def test_who_sends_a_draft_may_change_its_units(tmp_path: Path, status: str, units: int, ends: str, words: str) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, _ = cases_of(shop, view)
    action = drafted(shop, view, oversold)
    transfer = shop.merchant.transfers["T1"]
    transfer["status"], transfer["lines"][0]["quantity"] = status, units
    shop.merchant.touch(transfer)
    shop.merchant.step(10 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)
    [after] = outbox.actions(shop.desk)
    assert (after["id"], after["status"], after["read_back"]["words"]) == (action, ends, words)
    assert len(queue(shop.desk, Filters(detector="X50"))) == (ends == "mismatch")


def test_nothing_short_is_still_said_where_nothing_is_on_its_way(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, _ = cases_of(shop, view)
    settled = View(facts=facts(stock_position=[*stock("MUG", "NORTH", 2), *stock("MUG", "SOUTH", 50)]), now=NOON)
    with pytest.raises(RequestError, match="nothing is short of MUG at NORTH now"):
        plan(shop, settled, oversold)


def test_a_card_that_reckons_with_another_is_not_refused_because_of_it(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    first = plan(shop, view, oversold, units=7).action or 0
    outbox.approve(shop.desk, first, by=APPROVER)
    second = plan(shop, view, runs_out).action or 0
    with shop.desk.write() as conn:  # as a bulk run that stops puts it back
        conn.exec_driver_sql("UPDATE action SET status = 'planned', approved_at = NULL WHERE status = 'approved'")
    shop.merchant.step()
    assert carry_out(shop, first) == "verified"
    assert carry_out(shop, second) == "verified"
    assert [t["lines"][0]["quantity"] for t in shop.merchant.transfers.values()] == [7, 5]


def test_what_never_read_as_it_was_drafted_is_not_held_against_a_projection_that_knows_it(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    action = plan(shop, view, oversold).action or 0
    outbox.approve(shop.desk, action, by=APPROVER)
    outbox.send(shop.desk, action, by=OPERATOR, targets=shop.targets)
    shop.merchant.transfers["T1"]["lines"][0]["quantity"] = 16
    shop.merchant.step(2 * MINUTE)
    assert outbox.verify(shop.desk, action, by=OPERATOR, targets=shop.targets).status == "mismatch"
    arrived = with_transfer(view, reference_of(shop, action), "received", 16)
    later = replace(arrived, projected_from=shop.merchant.now + MINUTE)
    assert said(plan(shop, later, runs_out)) == "draft a transfer of 12 × MUG from SOUTH to NORTH"


def test_a_selection_reckons_with_what_goes_and_not_with_what_was_left_out(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    wants = {"NORTH": 12, "EAST": 11, "WEST": 3}
    lines = [a_line(place, "MUG", units, location=place) for place, units in wants.items()]
    levels = [*stock("MUG", "SOUTH", 15), *(level for place in wants for level in stock("MUG", place, 0))]
    view = View(facts=facts(order_line=lines, stock_position=levels), now=NOON)
    for n in range(2):
        detect(shop.desk, replace(view, now=view.now + n * MINUTE), shadow=None)
    cases = {case["location"]: int(case["id"]) for case in queue(shop.desk)}
    actions = [plan(shop, view, cases[place]).action or 0 for place in wants]
    steps = outbox.bulk(shop.desk, actions, by=APPROVER, targets=shop.targets)
    assert [step.status for step in steps] == ["verified", "planned", "verified"]


def test_a_case_that_could_not_be_planned_lets_others_come_first(tmp_path: Path) -> None:
    shop = a_shop(tmp_path, ladder="auto")
    view = two_wants(spare=50)
    oversold, runs_out = cases_of(shop, view)
    shop.merchant.step(2 * MINUTE)
    made = [outbox.plan_due(shop.desk, view, shop.targets, most=1) for _ in range(4)]
    assert made == [1, 0, 0, 0]
    told = [event["what"] for case in (oversold, runs_out) for event in show(shop.desk, case)["history"]]
    assert told.count("not_planned") == 1, "it is said once, not at every look"
    shop.merchant.step(timedelta(minutes=16))
    outbox.plan_due(shop.desk, view, shop.targets, most=1)
    told = [event["what"] for case in (oversold, runs_out) for event in show(shop.desk, case)["history"]]
    assert told.count("not_planned") == 2
