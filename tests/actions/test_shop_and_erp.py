"""Corrections between a shop and the ERP that owns its stock: what each plans, how it is proved and taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from actions import outbox
from actions.cases import queue
from actions.commands.refund import ACTION
from actions.detect import detect
from actions.plans import Card, Intent
from actions.view import View
from data.errors import RequestError
from data.events import (
    Event,
    LevelStated,
    OrderLine,
    OrderStated,
    PaymentMoved,
    ReturnStated,
    Units,
)
from ingest.adapter import WriteRequest, WriteResult
from tests.actions.factories import (
    APPROVER,
    NOON,
    OPERATOR,
    Raw,
    Shop,
    a_line,
    a_shop,
    an_item,
    stock,
)
from tests.actions.test_two_systems import DAY, HOUR, a_level, off, paid, seen


@dataclass
class Remote:
    """A shop at arm's length: it states what it is told to, and notes what it is asked to do."""

    system: str
    states: dict[tuple[str, str], Event] = field(default_factory=dict)
    asked: list[WriteRequest] = field(default_factory=list)

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Note it and say yes."""
        del key
        self.asked.append(request)
        return WriteResult(outcome="applied", request=request, response="done")

    def read_back(self, stream: str, key: str) -> Event | None:
        """State what it has."""
        return self.states.get((stream, key))

    def refresh(self, stream: str) -> int:
        """State nothing new."""
        del stream
        return 0


def case_of(shop: Shop, view: View, detector: str) -> int:
    """See a view until its case stands, and give the case of one detector."""
    for n in range(60):
        detect(shop.desk, View(facts=view.facts, now=NOON + n * HOUR, accounts=view.accounts), shadow=None)
    [case] = [c for c in queue(shop.desk) if c["detector"] == detector]
    return int(case["id"])


def plan(shop: Shop, remote: Remote, view: View, case: int, kind: str, **choice: int | str) -> tuple[Card, int | None]:
    """Plan a correction against a remote."""
    targets = {"storefront": remote, "erp": remote, "warehouse": remote}
    made = outbox.plan(shop.desk, view, case, by=OPERATOR, targets=targets, type=kind, choice=choice)
    assert made.card is not None, made.words
    return made.card, made.action


def carry_out(shop: Shop, remote: Remote, action: int | None) -> str:
    """Approve, send and read back."""
    assert action is not None
    targets = {"storefront": remote, "erp": remote, "warehouse": remote}
    outbox.approve(shop.desk, action, by=APPROVER)
    outbox.send(shop.desk, action, by=OPERATOR, targets=targets)
    return outbox.verify(shop.desk, action, by=OPERATOR, targets=targets).status


def a_stated_level(stocked: int, *, reserved: int = 0, held: int = 0) -> LevelStated:
    """State the mugs that the shop keeps at NORTH."""
    return LevelStated(
        sku="MUG", location="NORTH", stocked=stocked, reserved=reserved, held=held, level="lvl_1", counted_at=NOON
    )


def mismatched(stocked: int = 40, **level: int) -> View:
    """The shop keeps 40 mugs, its owner counts 31."""
    return seen(
        level=[a_level("MUG", "NORTH", stocked, **level), {**a_level("MUG", "SOUTH", 5), "level": "inv@sloc_2"}],
        stock_position=stock("MUG", "NORTH", 31) + stock("MUG", "SOUTH", 5),
        item=[an_item("MUG")],
    )


def test_a_level_is_set_to_what_its_owner_counts_and_set_back(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), mismatched()
    remote = Remote("medusa", {("levels", "lvl_1"): a_stated_level(40)})
    case = case_of(shop, view, "X07")
    card, action = plan(shop, remote, view, case, "set_stock_level")
    assert (card.direction, card.value_minor) == ("protective", 9 * 500)
    assert "overwritten" in card.race
    assert "absolute" in card.repeat
    remote.states["levels", "lvl_1"] = a_stated_level(31)
    assert carry_out(shop, remote, action) == "verified"
    assert remote.asked[0].body | {"quantity": 31, "expected": 40} == remote.asked[0].body

    back = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets={"storefront": remote})
    assert back.card is not None
    assert "keep 40 of MUG" in back.card.words
    remote.states["levels", "lvl_1"] = a_stated_level(29)
    moved = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets={"storefront": remote})
    assert "has moved since" in moved.words


def test_a_level_below_what_is_reserved_is_not_set_without_a_persons_word(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), mismatched(reserved=35)
    remote = Remote("medusa", {("levels", "lvl_1"): a_stated_level(40, reserved=35, held=35)})
    case = case_of(shop, view, "X07")
    assert "35 are reserved" in (plan(shop, remote, view, case, "set_stock_level")[0].blocked or "")
    assert plan(shop, remote, view, case, "set_stock_level", oversell=1)[0].blocked is None


def test_a_system_that_lacks_a_verb_blocks_the_plan_with_a_sentence(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), mismatched()
    remote = Remote("storefront", {("levels", "lvl_1"): a_stated_level(40)})
    case = case_of(shop, view, "X07")
    made = outbox.plan(shop.desk, view, case, by=OPERATOR, targets={"storefront": remote}, type="set_stock_level")
    assert made.words == "blocked: storefront cannot be asked to set stock level; a person must do it there"


def test_a_counter_is_repaired_by_way_of_another_level_and_proved_by_both_numbers(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), mismatched(stocked=31, reserved=10, held=0)
    remote = Remote("medusa", {("levels", "lvl_1"): a_stated_level(31, reserved=10)})
    card, action = plan(shop, remote, view, case_of(shop, view, "X51"), "repair_reserved")
    assert any("defect" in why for why in card.why)
    remote.states["levels", "lvl_1"] = a_stated_level(31, reserved=3, held=3)  # three were reserved meanwhile
    assert carry_out(shop, remote, action) == "verified"
    assert (remote.asked[0].path, remote.asked[0].body["through"]) == ("repair_reserved", "sloc_2")


def an_order(**more: object) -> OrderStated:
    """State order 7 of four mugs."""
    line = OrderLine(line="1", sku="MUG", units=4, unit_price=Decimal(5))
    return OrderStated(
        order="storefront/7",
        channel="web",
        placed_at=NOON - 5 * HOUR,
        currency="GBP",
        lines=(line,),
        **more,  # type: ignore[arg-type]
    )


def owing() -> View:
    """Order 7 was cancelled, and 24.00 were captured."""
    return seen(order_line=[off("7", 4)], payment=[{**p, "payment": "pay_1@capt_1"} for p in paid("7", capture=2400)])


def test_what_is_due_is_refunded_once_and_read_from_the_payments(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), owing()
    remote = Remote("medusa")
    case = case_of(shop, view, "X29")
    assert "only GBP 24.00 are left" in (plan(shop, remote, view, case, "refund", amount_minor=9999)[0].blocked or "")
    card, action = plan(shop, remote, view, case, "refund")
    assert (card.value_minor, card.direction) == (2400, "expansive")
    assert [(change.before, change.after) for change in card.changes] == [("GBP 0.00", "GBP 24.00")]
    assert card.reversible.startswith("no")
    assert carry_out(shop, remote, action) != "verified"  # it said yes, and the payments state nothing of it
    assert remote.asked[0].body["refunds_before"] == 0


def test_nothing_is_refunded_of_what_was_given_back_in_another_currency(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), owing()
    remote, case = Remote("medusa"), case_of(shop, view, "X29")
    captured = [{**p, "payment": "pay_1@capt_1"} for p in paid("7", capture=2400)]
    euros = {**paid("7", refund=2800)[0], "currency": "EUR"}
    card, action = plan(shop, remote, seen(order_line=[off("7", 4)], payment=[*captured, euros]), case, "refund")
    assert action is None
    assert "refund of EUR 28.00" in (card.blocked or "")
    elsewhere = seen(order_line=[off("7", 4)], payment=[{**moved, "currency": "EUR"} for moved in captured])
    with pytest.raises(RequestError, match="paid in EUR, and the case counts in GBP"):
        plan(shop, remote, elsewhere, case, "refund")


def test_a_refund_is_recognised_by_its_order_and_amount_and_no_old_one_is_taken_for_it() -> None:
    intent = Intent(
        type="refund", connection="storefront", stream="payments", key=None, request=None, reference="r",
        expected={"order": "storefront/7", "amount_minor": 500, "known": ["pay_1@ref_1"]},
    )  # fmt: skip

    def moved(name: str, amount: int = 500, kind: str = "refund") -> PaymentMoved:
        return PaymentMoved(payment=name, order="storefront/7", kind=kind, amount_minor=amount, currency="GBP", at=NOON)

    assert ACTION.finds is not None
    said = [ACTION.finds(intent, event) for event in (
        moved("pay_1@ref_2"), moved("pay_1@ref_1"), moved("pay_1@ref_3", 400), moved("pay_1@capt_2", kind="capture"),
    )]  # fmt: skip
    assert said == [True, False, False, False]


def late_order() -> View:
    """Order 7 is stuck."""
    return seen(order_line=[a_line("7", "MUG", 4, ship_by=NOON - HOUR)], payment=paid("7", capture=2400))


def test_an_order_is_held_and_released(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), late_order()
    remote = Remote("medusa", {("orders", "7"): an_order()})
    case = case_of(shop, view, "X10")
    card, action = plan(shop, remote, view, case, "hold_order", reason="address")
    assert card.direction == "protective"
    remote.states["orders", "7"] = an_order(hold="address")
    assert carry_out(shop, remote, action) == "verified"
    remote.states["orders", "7"] = an_order(hold="fraud suspected")
    others = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets={"storefront": remote})
    assert (others.action, "its hold has changed since: it is fraud suspected" in others.words) == (None, True)
    remote.states["orders", "7"] = an_order(hold="address")
    back = outbox.undo(shop.desk, view, action or 0, by=APPROVER, targets={"storefront": remote})
    remote.states["orders", "7"] = an_order()
    assert carry_out(shop, remote, back.action) == "verified"
    assert [r.body["reason"] for r in remote.asked] == ["address", ""]


def test_an_order_is_cancelled_with_a_cause_and_one_that_left_is_not(tmp_path: Path) -> None:
    shop, view = a_shop(tmp_path), late_order()
    remote = Remote("medusa", {("orders", "7"): an_order()})
    case = case_of(shop, view, "X10")
    with pytest.raises(RequestError, match="because of customer, supply, fraud, payment"):
        plan(shop, remote, view, case, "cancel_order", cause="mood")
    gone = Remote("medusa", {("orders", "7"): an_order(cancelled_at=NOON)})
    assert "cancelled already" in (plan(shop, gone, view, case, "cancel_order")[0].blocked or "")
    card, action = plan(shop, remote, view, case, "cancel_order", cause="customer")
    assert "24.00 back" in card.side_effects[0]
    remote.states["orders", "7"] = an_order(cancelled_at=NOON)
    assert carry_out(shop, remote, action) == "verified"


def test_a_return_is_taken_in_and_one_that_was_is_not_taken_in_again(tmp_path: Path) -> None:
    back: Raw = {"entity": "storefront/7", "return_id": "R1", "line_id": "1", "sku": "MUG", "units": 2,
                 "status": "requested", "requested_at": NOON - DAY}  # fmt: skip
    line = a_line("7", "MUG", 2, ship_by=NOON - HOUR)
    shop, view = a_shop(tmp_path), seen(order_line=[line], return_line=[back])
    stated = ReturnStated(
        return_="R1", order="storefront/7", lines=(Units("1", "MUG", 2),), requested_at=NOON - DAY, status="requested"
    )
    remote = Remote("medusa", {("returns", "R1"): stated})
    case = case_of(shop, view, "X10")
    received = ReturnStated(
        return_="R1", order="storefront/7", lines=stated.lines, requested_at=NOON - DAY, status="received"
    )
    there = Remote("medusa", {("returns", "R1"): received})
    assert "received already" in (plan(shop, there, view, case, "receive_return")[0].blocked or "")
    _, action = plan(shop, remote, view, case, "receive_return")
    remote.states["returns", "R1"] = received
    assert carry_out(shop, remote, action) == "verified"
    assert remote.asked[0].body["good"] == {"1": 2}
