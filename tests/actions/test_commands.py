"""Every type of action: what it plans, how it is proved, how it is taken back."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from actions import detectors as detector_files
from actions import outbox
from actions.cases import queue
from actions.detect import detect
from actions.plans import ActionType, Card
from actions.registry import action_type, action_types, detectors
from actions.view import View
from data.errors import RequestError
from tests.actions.factories import (
    ADMIN,
    APPROVER,
    MINUTE,
    NOON,
    OPERATOR,
    Shop,
    a_line,
    a_schedule,
    a_shop,
    a_status,
    an_item,
    drifting,
    facts,
    stock,
)

HOUR = timedelta(hours=1)
DETECTORS = Path(detector_files.__path__[0])


def case_from(shop: Shop, view: View) -> int:
    """See a view twice and give its one case."""
    for n in range(2):
        detect(shop.desk, View(facts=view.facts, now=view.now + n * MINUTE, projection=view.projection,
                               statuses=view.statuses, schedules=view.schedules), shadow=None)  # fmt: skip
    [case] = queue(shop.desk)
    return int(case["id"])


def plan(shop: Shop, view: View, case: int, kind: str | None = None, **choice: int | str) -> tuple[Card, int | None]:
    """Plan a correction."""
    made = outbox.plan(shop.desk, view, case, by=OPERATOR, targets=shop.targets, type=kind, choice=choice)
    assert made.card is not None
    return made.card, made.action


def carry_out(shop: Shop, action: int | None) -> str:
    """Approve, send and read back."""
    assert action is not None
    outbox.approve(shop.desk, action, by=APPROVER)
    outbox.send(shop.desk, action, by=OPERATOR, targets=shop.targets)
    return outbox.verify(shop.desk, action, by=OPERATOR, targets=shop.targets).status


def take_back(shop: Shop, view: View, action: int | None) -> str:
    """Undo through the same gates."""
    assert action is not None
    made = outbox.undo(shop.desk, view, action, by=APPROVER, targets=shop.targets)
    return carry_out(shop, made.action)


def test_inputs_of_a_source_whose_clock_is_ahead_are_new_not_of_the_future(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    statuses = (a_status("storefront", "listings", NOON), a_status("warehouse", "stock", NOON))
    view = replace(drifting(shop.merchant), statuses=statuses)
    case = case_from(shop, view)
    assert plan(shop, replace(view, now=NOON - MINUTE), case)[0].input_age_seconds == 0
    assert plan(shop, replace(view, now=NOON + MINUTE), case)[0].input_age_seconds == 60


@pytest.mark.parametrize("kind", action_types().values(), ids=action_types())
def test_every_choice_that_a_plan_reads_is_one_that_its_type_names(kind: ActionType[Any]) -> None:
    source = inspect.getsource(inspect.getmodule(kind.plan) or kind.plan)
    read = re.findall(r'choice(?:\.get\(|\[)"(\w+)"', source)
    assert set(read) <= set(kind.choices)


def test_a_choice_that_an_action_does_not_know_or_cannot_count_is_refused_in_one_sentence() -> None:
    transfer = action_type("create_transfer_draft")
    assert transfer.chosen({"units": "4", "from": "SOUTH"}) == {"units": 4, "from": "SOUTH"}
    with pytest.raises(RequestError, match=r"^create_transfer_draft takes from, units; not quantity$"):
        transfer.chosen({"quantity": "4"})
    with pytest.raises(RequestError, match=r"^units must be a whole number, not 'two'$"):
        transfer.chosen({"units": "two"})
    with pytest.raises(RequestError, match=r"^assign_shipment takes no choice; not units$"):
        action_type("assign_shipment").chosen({"units": "4"})


def test_a_listing_is_paused_and_resumed(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = drifting(shop.merchant)
    case = case_from(shop, view)
    card, action = plan(shop, view, case, "pause_listing")
    assert card.direction == "protective"
    assert carry_out(shop, action) == "verified"
    assert shop.merchant.listings["web:MUG"]["active"] is False
    assert take_back(shop, view, action) == "verified"
    assert shop.merchant.listings["web:MUG"]["active"] is True


def untold(shop: Shop, parcels: int = 1) -> View:
    """Ship an order in so many parcels that nobody told the channel of."""
    shop.merchant.take_order("77", {"MUG": 2, "CUP": 1})
    lines = [a_line("77", "MUG", 2, open_units=0, stage="shipped"), a_line("77", "CUP", 1, line="2", open_units=0)]
    left = [
        {"entity": "storefront/77", "parcel": f"p{n}", "line_id": str(n), "sku": sku, "channel": "web", "units": units,
         "location": "NORTH", "carrier": "swift", "tracking": f"T{min(n, parcels)}", "handed_over_at": NOON - HOUR,
         "net_minor": 500 * units}
        for n, (sku, units) in enumerate([("MUG", 2), ("CUP", 1)], 1)
    ]  # fmt: skip
    return View(facts=facts(order_line=lines, shipment_line=left), now=NOON)


def test_a_channel_is_told_of_a_parcel_with_its_lines_and_its_tracking(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = untold(shop)
    card, action = plan(shop, view, case_from(shop, view))
    assert card.type == "push_fulfilment"
    assert "e-mail" in card.side_effects[0]
    assert carry_out(shop, action) == "verified"
    [told] = shop.merchant.orders["77"]["fulfillments"]
    assert (told["tracking"], told["lines"]) == ("T1", [{"line": "1", "quantity": 2}, {"line": "2", "quantity": 1}])
    assert outbox.plan(shop.desk, view, 1, by=OPERATOR, targets=shop.targets).action is None
    with pytest.raises(RequestError, match="cannot be taken back"):
        outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets=shop.targets)


def test_what_the_channel_learnt_meanwhile_is_not_told_again(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = untold(shop, parcels=2)
    case = case_from(shop, view)
    shop.merchant.orders["77"]["fulfillments"].append(
        {"id": "f0", "created_at": NOON.isoformat(), "tracking": "T1", "lines": [{"line": "1", "quantity": 2}]}
    )
    card, _ = plan(shop, view, case)
    assert "T2" in card.words


def stuck(shop: Shop, **work: object) -> View:
    """Have an order at NORTH that should have left two hours ago, and its work at the warehouse."""
    shop.merchant.queue_work("W77-N", "77", {"1": ("MUG", 2)}, **work)
    row = {
        "entity": "storefront/77", "work": "W77-N", "connection": "warehouse", "location": "NORTH",
        "status": "released", "status_since": NOON - 30 * HOUR, "priority": 0,
    }  # fmt: skip
    line = a_line("77", "MUG", 2, ship_by=NOON - 2 * HOUR, stage_since=NOON - 30 * HOUR)
    return View(facts=facts(order_line=[line], open_work=[row], item=[an_item("MUG")]), now=NOON)


def test_a_stuck_order_is_picked_first_and_gives_its_place_up_again(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = stuck(shop)
    card, action = plan(shop, view, case_from(shop, view))
    assert (card.type, card.words, card.direction) == ("expedite_order", "NORTH: pick order 77 first", "protective")
    assert card.request is not None
    assert card.request.body == {"priority": 9, "expected_version": 1, "reference": card.reference}
    assert card.why[0] == "GBP 1.60 at risk of GBP 10.00 not shipped"  # a fifth of 2 x 3.00 margin and 2.00 credit
    assert card.value_minor == 1000
    assert carry_out(shop, action) == "verified"
    assert shop.merchant.work["W77-N"]["priority"] == 9
    assert take_back(shop, view, action) == "verified"
    assert [(c["from"], c["to"]) for c in shop.merchant.work["W77-N"]["changes"]] == [(0, 9), (9, 0)]


def test_work_that_moved_on_since_it_was_read_is_not_touched(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = stuck(shop)
    _, action = plan(shop, view, case_from(shop, view))
    assert action is not None
    work = shop.merchant.work["W77-N"]
    work["status"] = "picking"
    shop.merchant.touch(work)
    assert carry_out(shop, action) == "failed"
    assert work["priority"] == 0


def test_what_has_left_or_is_first_already_is_not_asked_for_again(tmp_path: Path) -> None:
    given: tuple[tuple[dict[str, object], str], ...] = (
        ({"status": "shipped"}, "shipped already"),
        ({"priority": 9}, "9 already"),
    )
    for number, (work, said) in enumerate(given):
        shop = a_shop(tmp_path / str(number))
        view = stuck(shop, **work)
        card, action = plan(shop, view, case_from(shop, view))
        assert action is None
        assert card.blocked is not None
        assert said in card.blocked


def test_a_priority_that_somebody_else_took_away_is_a_mismatch_and_is_not_set_back(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = stuck(shop)
    _, action = plan(shop, view, case_from(shop, view))
    assert carry_out(shop, action) == "verified"
    shop.merchant.prioritise(shop.merchant.work["W77-N"], 3, "the floor manager")
    shop.merchant.step(6 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)
    [row] = outbox.actions(shop.desk)
    assert (row["status"], row["read_back"]["words"]) == ("mismatch", "set to 9, then to 3 by the floor manager")
    made = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets=shop.targets)
    assert made.action is None
    assert "has changed since" in made.words


def short(*, spare: int = 0, projection: pl.DataFrame | None = None) -> View:
    """Owe nine mugs from NORTH, which holds two."""
    return View(
        facts=facts(
            order_line=[a_line("1", "MUG", 9)],
            stock_position=[*stock("MUG", "NORTH", 2), *stock("MUG", "SOUTH", spare)],
            item=[an_item("MUG")],
            supplier=[{"entity": "KILN", "name": "Kiln", "lead_time_days": 14, "connection": "erp"}],
            terms=[
                {"entity": "KILN:MUG", "supplier": "KILN", "sku": "MUG", "moq": 6, "pack": 4, "unit_cost_minor": 200}
            ],
        ),
        now=NOON,
        projection=projection,
    )


def test_a_purchase_is_drafted_in_the_suppliers_packs_and_found_again_by_our_reference(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = short()
    card, action = plan(shop, view, case_from(shop, view))
    assert card.words == "draft a purchase of 8 × MUG from KILN for NORTH"  # 7 are short; packs of 4
    assert card.value_minor == 8 * 200
    assert carry_out(shop, action) == "verified"
    [purchase] = shop.merchant.purchases.values()
    assert (purchase["status"], purchase["reference"]) == ("draft", card.reference)
    assert "case-1" in card.reference
    assert take_back(shop, view, action) == "verified"
    assert purchase["status"] == "cancelled"


def test_a_draft_that_was_sent_is_not_cancelled(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = short()
    _, action = plan(shop, view, case_from(shop, view))
    carry_out(shop, action)
    purchase = shop.merchant.purchases["P1"]
    purchase["status"] = "sent"
    shop.merchant.touch(purchase)
    made = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets=shop.targets)
    assert made.action is None
    assert "no longer a draft" in made.words


@pytest.mark.parametrize("applied", [True, False])
def test_a_draft_whose_answer_was_lost_is_found_by_its_reference_or_sent_again(tmp_path: Path, applied: bool) -> None:
    shop = a_shop(tmp_path)
    view = short()
    _, action = plan(shop, view, case_from(shop, view))
    assert action is not None

    def lost(_request: httpx.Request, proper: object) -> httpx.Response:
        shop.merchant.misbehave = None
        if applied:
            assert callable(proper)
            proper()
        return httpx.Response(500)

    shop.merchant.misbehave = lost
    assert carry_out(shop, action) == ("verified" if applied else "unknown")
    shop.merchant.step(2 * MINUTE)
    for _ in range(2):
        outbox.verify_due(shop.desk, shop.targets)
        outbox.send_due(shop.desk, shop.targets)
    outbox.verify_due(shop.desk, shop.targets)
    assert [a["status"] for a in outbox.actions(shop.desk)] == ["verified"]
    assert len(shop.merchant.purchases) == 1


def test_a_transfer_is_drafted_from_where_enough_is_free(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = short(spare=20)
    card, action = plan(shop, view, case_from(shop, view))
    assert card.words == "draft a transfer of 7 × MUG from SOUTH to NORTH"
    assert carry_out(shop, action) == "verified"
    assert take_back(shop, view, action) == "verified"
    assert shop.merchant.transfers["T1"]["status"] == "cancelled"


def test_the_projections_suggestion_is_ordered_and_a_person_may_choose_otherwise(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    row = {
        "sku": "MUG", "location": "NORTH", "p_stockout": 0.1, "suggestion": "order", "suggested_units": 24,
        "supplier": "KILN", "suggested_from": None, "arithmetic": "cover 14 days", "stockout_on": None,
        "expected_lost_margin_minor": 0, "expected_lost_units": 0.0, "next_receipt_on": None, "available": 2,
        "currency": "GBP",
    }  # fmt: skip
    view = short(projection=pl.DataFrame([row]))
    case = case_from(shop, view)
    assert plan(shop, view, case)[0].words.startswith("draft a purchase of 24 ")
    outbox.cancel(shop.desk, 1, by=ADMIN)
    assert plan(shop, view, case, units=30)[0].words.startswith("draft a purchase of 30 ")


def test_a_feed_is_read_again_and_is_back_when_the_source_itself_says_so(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    shop.merchant.list_item("MUG", 10)
    view = View(
        facts=facts(), now=NOON, statuses=[a_status("storefront", "listings", NOON - HOUR)],
        schedules=[a_schedule("storefront", "listings")],
    )  # fmt: skip
    card, action = plan(shop, view, case_from(shop, view))
    assert card.request is None
    assert carry_out(shop, action) == "verified"
    assert shop.merchant.writes == []


def test_an_action_that_does_not_fit_a_case_says_why(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = short()
    case = case_from(shop, view)
    for kind in ("set_listing_quantity", "push_fulfilment", "replay_feed"):
        if kind == "push_fulfilment":
            continue
        with pytest.raises(RequestError, match="is about a stock"):
            plan(shop, view, case, kind)
    with pytest.raises(RequestError, match="there is no action"):
        plan(shop, view, case, "delete_everything")


def test_every_suggested_action_exists() -> None:
    said = re.findall(r'suggested="(\w+)"', "".join(file.read_text() for file in DETECTORS.glob("x*.py")))
    assert {"set_listing_quantity", "push_fulfilment", "map_code", "refund"} <= set(said) <= set(action_types())
    assert next(iter(detectors())) == "X46"  # a late feed is known before what it explains
