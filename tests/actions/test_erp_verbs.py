"""What an ERP and its warehouse are asked to do: take over, cancel, hold, assign, put away, order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from actions import outbox
from actions.commands import create_purchase_draft as purchase
from actions.commands.take_back_return import condition_of
from actions.plans import Intent, Meanwhile
from actions.registry import detectors
from actions.view import View
from data.errors import RequestError
from data.events import InspectionStated, PurchaseLine, PurchaseStated, SaleStated, Units, WorkStated
from tests.actions.factories import APPROVER, NOON, a_line, a_shop, an_item, stock
from tests.actions.test_shop_and_erp import Remote, carry_out, case_of, plan
from tests.actions.test_two_systems import DAY, HOUR, a_level, a_sale, seen


def test_a_paid_order_is_taken_over_into_the_erp_as_a_draft_with_its_number(tmp_path: Path) -> None:
    lines = [a_line("7", "MUG", 2, location=None), a_line("7", "MUG", 1, line="2", net_minor=400, location=None)]
    view = seen(order_line=lines, sale=[a_sale("1", "S1", 500, at=NOON - DAY)])
    shop, remote = a_shop(tmp_path), Remote("tryton")
    case = case_of(shop, view, "X11")
    card, _ = plan(shop, remote, view, case, "create_sale")
    assert card.request is not None
    assert card.request.body["number"] == "7"
    assert json.loads(json.dumps(card.request.body["lines"])) == [["MUG", 2, "5.0000"], ["MUG", 1, "4.0000"]]
    assert card.request.body["upto"] == "draft"


@pytest.mark.parametrize(
    ("policy", "choice", "upto"),
    [("processing", {}, "processing"), ("draft", {"upto": "quotation"}, "quotation"), ("quotation", {}, "quotation")],
)
def test_a_missing_sale_is_taken_as_far_as_the_erps_policy_or_a_person_says(
    tmp_path: Path, policy: str, choice: dict[str, str], upto: str
) -> None:
    lines = [a_line("7", "MUG", 2, location=None)]
    view = seen(order_line=lines, sale=[a_sale("1", "S1", 500, at=NOON - DAY)])
    view = replace(view, accounts={**view.accounts, "erp": replace(view.accounts["erp"], sales_upto=policy)})
    shop, remote = a_shop(tmp_path), Remote("tryton")
    card, _ = plan(shop, remote, view, case_of(shop, view, "X11"), "create_sale", **choice)
    assert card.request is not None
    assert card.request.body["upto"] == upto
    assert f"up to {upto}" in card.words
    assert ("begins to ship" in card.side_effects[0]) is (upto == "processing")


def test_the_younger_of_two_documents_is_cancelled(tmp_path: Path) -> None:
    def stated(status: str) -> SaleStated:
        return SaleStated(
            order="storefront/7", sale="S8", status=status, total_minor=1000, currency="GBP", created_at=NOON
        )

    view = seen(sale=[a_sale("7", "S7", 1000, at=NOON - 2 * HOUR), a_sale("7", "S8", 1000, at=NOON - HOUR)])
    shop, remote = a_shop(tmp_path), Remote("tryton", {("sales", "S8"): stated("draft")})
    case = case_of(shop, view, "X12")
    _, action = plan(shop, remote, view, case, "cancel_sale")
    remote.states["sales", "S8"] = stated("cancelled")
    assert carry_out(shop, remote, action) == "verified"
    assert json.dumps(remote.asked[0].body).count("S8") == 1


def work(status: str = "released", *, allocated: bool = False) -> WorkStated:
    """State shipment 11 of order 7."""
    mugs = (Units("1", "MUG", 4),)
    return WorkStated(work="11", order="storefront/7", location="NORTH", status=status, lines=mugs, allocated=allocated)


def waiting() -> View:
    """Order 7 waits for its stock and is late."""
    asked = {"entity": "storefront/7", "work": "11", "connection": "erp", "location": "NORTH", "status": "released",
             "allocated": False, "priority": 0}  # fmt: skip
    line = a_line("7", "MUG", 4, ship_by=NOON - HOUR)
    return seen(order_line=[line], open_work=[asked], sale=[a_sale("7", "5", 1000)])


def test_a_shipment_takes_its_stock_and_gives_it_back(tmp_path: Path) -> None:
    shop, view, remote = a_shop(tmp_path), waiting(), Remote("tryton", {("shipments", "11"): work()})
    case = case_of(shop, view, "X10")
    _, action = plan(shop, remote, view, case, "assign_shipment")
    remote.states["shipments", "11"] = work(allocated=True)
    assert carry_out(shop, remote, action) == "verified"
    back = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets={"erp": remote})
    remote.states["shipments", "11"] = work()
    assert carry_out(shop, remote, back.action) == "verified"
    assert [asked.path for asked in remote.asked] == ["assign_shipment", "unassign_shipment"]


def test_a_shipment_that_has_its_stock_is_not_asked_again_and_one_without_any_is_not_taken_for_done(
    tmp_path: Path,
) -> None:
    shop, view, remote = a_shop(tmp_path), waiting(), Remote("tryton", {("shipments", "11"): work(allocated=True)})
    case = case_of(shop, view, "X10")
    assert plan(shop, remote, view, case, "assign_shipment")[0].blocked == "it has its stock already"
    remote.states["shipments", "11"] = work()
    _, action = plan(shop, remote, view, case, "assign_shipment")
    assert carry_out(shop, remote, action) != "verified"


def test_a_sale_is_held_by_what_the_warehouse_works_on_and_let_go(tmp_path: Path) -> None:
    shop, view, remote = a_shop(tmp_path), waiting(), Remote("tryton", {("shipments", "11"): work()})
    case = case_of(shop, view, "X10")
    card, action = plan(shop, remote, view, case, "hold_sale", reason="fraud")
    assert (card.direction, card.value_minor) == ("protective", 1000)
    remote.states["shipments", "11"] = work("placed")
    assert carry_out(shop, remote, action) == "verified"
    back = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets={"erp": remote})
    remote.states["shipments", "11"] = work()
    assert carry_out(shop, remote, back.action) == "verified"
    assert [(asked.path, asked.body["sale"]) for asked in remote.asked] == [("hold_sale", "5"), ("release_sale", "5")]


def test_what_is_picked_is_not_held_and_what_is_a_draft_is_held_already(tmp_path: Path) -> None:
    shop, view, remote = a_shop(tmp_path), waiting(), Remote("tryton", {("shipments", "11"): work("picked")})
    case = case_of(shop, view, "X10")
    assert "the warehouse must be asked" in (plan(shop, remote, view, case, "hold_sale")[0].blocked or "")
    remote.states["shipments", "11"] = work("placed")
    assert "nobody works on it" in (plan(shop, remote, view, case, "hold_sale")[0].blocked or "")


def test_what_lies_at_the_gate_is_suggested_to_be_put_away_and_what_is_damaged_of_it_is_proved(tmp_path: Path) -> None:
    back = {"entity": "storefront/7", "return_id": "R1", "line_id": "1", "sku": "MUG", "units": 3,
            "status": "received", "received_at": NOON - 2 * DAY, "disposition": "restock",
            "inspection": "9"}  # fmt: skip
    view = seen(
        order_line=[a_line("7", "MUG", 4, open_units=0, stage="shipped")], return_line=[back], item=[an_item("MUG")],
        stock_position=stock("MUG", "NORTH", 5),
    )  # fmt: skip

    def found(*dispositions: str, at_gate: bool = False) -> InspectionStated:
        return InspectionStated(
            inspection="9", return_="R1", order="storefront/7", location="NORTH",
            lines=tuple(Units("1", "MUG", 1 if what == "dispose" else 4 - len(dispositions)) for what in dispositions),
            dispositions=dispositions, received_at=NOON - 2 * DAY, inspected_at=None if at_gate else NOON,
        )  # fmt: skip

    assert [row["suggested"] for row in detectors()["X35"].findings(view).to_dicts()] == ["put_away_return"]
    shop, remote = a_shop(tmp_path), Remote("tryton", {("returns", "9"): found("restock", at_gate=True)})
    case = case_of(shop, view, "X35")
    _, action = plan(shop, remote, view, case, "put_away_return", damaged_units=1)
    remote.states["returns", "9"] = found("restock", "dispose")
    assert carry_out(shop, remote, action) == "verified"
    assert remote.asked[0].body["damaged"] == {"MUG": 1}


def test_of_several_items_it_must_be_said_which_are_damaged() -> None:
    units = {"MUG": 2, "CUP": 1}
    assert condition_of(units, {}) == (units, {})
    assert condition_of(units, {"damaged": 1}) == ({}, units)
    assert condition_of(units, {"damaged_units": 1, "damaged_of": "CUP"}) == ({"MUG": 2}, {"CUP": 1})
    wrong: list[dict[str, int | str]] = [{"damaged_units": 1}, {"damaged_units": 3, "damaged_of": "MUG"}]
    for choice in wrong:
        with pytest.raises(RequestError):
            condition_of(units, choice)


def test_a_purchase_is_wanted_on_the_day_that_a_person_chose(tmp_path: Path) -> None:
    shop, remote = a_shop(tmp_path), Remote("tryton")
    view = seen(
        level=[a_level("MUG", "NORTH", 40)], stock_position=stock("MUG", "NORTH", 31), item=[an_item("MUG")],
        supplier=[{"entity": "KILN", "name": "Kiln", "lead_time_days": 3, "connection": "erp"}],
    )  # fmt: skip
    case = case_of(shop, view, "X07")
    for day, what in (("soon", "is no day"), ("2026-06-01", "is past")):
        with pytest.raises(RequestError, match=what):
            plan(shop, remote, view, case, "create_purchase_draft", units=24, date=day)
    card, _ = plan(shop, remote, view, case, "create_purchase_draft", units=24, date="2026-06-30")
    assert card.words.endswith("wanted on 2026-06-30")
    assert card.request is not None
    assert card.request.body["wanted_on"] == "2026-06-30"
    wanted = {"supplier": "KILN", "location": "NORTH", "sku": "MUG", "units": 24, "status": "draft"}

    def judged(on: int, **more: object) -> str:
        line = PurchaseLine(line="1", sku="MUG", ordered=24, promised_at=NOON.replace(day=on))
        intent = Intent(type="create_purchase_draft", connection="erp", stream="purchases", key=None, request=None,
                        expected={**wanted, **more}, reference="r")  # fmt: skip
        stated = PurchaseStated(purchase="3", supplier="KILN", location="NORTH", status="draft", created_at=NOON,
                                lines=(line,), reference="r")  # fmt: skip
        return purchase.ACTION.verify(intent, stated, Meanwhile(now=NOON, sent_at=NOON)).state

    assert (judged(30, wanted_on="2026-06-30"), judged(29, wanted_on="2026-06-30")) == ("verified", "mismatch")
    assert judged(29) == "verified"  # no day was named: the supplier's own lead time says it


def test_a_document_that_the_warehouse_works_on_is_not_cancelled_over_its_head(tmp_path: Path) -> None:
    stated = SaleStated(
        order="storefront/7", sale="S8", status="open", total_minor=1000, currency="GBP", created_at=NOON
    )
    view = seen(sale=[a_sale("7", "S7", 1000, at=NOON - 2 * HOUR), a_sale("7", "S8", 1000, at=NOON - HOUR)])
    shop, remote = a_shop(tmp_path), Remote("tryton", {("sales", "S8"): stated})
    card, action = plan(shop, remote, view, case_of(shop, view, "X12"), "cancel_sale")
    assert "the warehouse works on it" in (card.blocked or "")
    assert action is None
