"""Every correction says on its card why a repeat is harmless, which race is left, and how it is taken back or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from actions.planning import promise_of
from actions.plans import Ask, Draft, Intent, Look
from actions.registry import action_type, action_types
from actions.view import View
from data.events import (
    Event,
    InspectionStated,
    LevelStated,
    ListingStated,
    OrderLine,
    OrderStated,
    PurchaseStated,
    ReturnStated,
    SaleStated,
    StockStated,
    TransferStated,
    Units,
    WorkStated,
)
from ingest import verbs
from ingest.medusa import write as medusa
from ingest.tryton import write as tryton
from tests.actions.factories import NOON, Raw, a_line, a_listing, an_item, stock
from tests.actions.test_two_systems import HOUR, a_level, a_sale, paid, seen

MUG = (Units("1", "MUG", 2),)
ORDER = OrderStated(
    order="storefront/7", channel="web", placed_at=NOON - 5 * HOUR, currency="GBP",
    lines=(OrderLine(line="1", sku="MUG", units=2, unit_price=Decimal(5)),),
)  # fmt: skip
LISTING = ListingStated(listing="web:MUG", channel="web", sku="MUG", quantity=4, active=True, currency="GBP")
LEVEL = LevelStated(
    sku="MUG", location="NORTH", stocked=40, reserved=3, held=1, level="inv@sloc_1", counted_at=NOON
)  # fmt: skip
WORK = WorkStated(work="11", order="storefront/7", location="NORTH", status="released", lines=MUG, version=1)
SALE = SaleStated(order="storefront/7", sale="5", status="open", total_minor=1000, currency="GBP", created_at=NOON)
RETURN = ReturnStated(
    return_="R1", order="storefront/7", lines=(Units("1", "MUG", 1),), requested_at=NOON, status="requested"
)
FOUND = InspectionStated(
    inspection="9", return_="R1", order="storefront/7", location="NORTH", lines=(Units("1", "MUG", 1),),
    dispositions=("restock",), received_at=NOON,
)  # fmt: skip
PURCHASE = PurchaseStated(
    purchase="3", supplier="KILN", location="NORTH", status="draft", created_at=NOON, lines=(), reference="r"
)
TRANSFER = TransferStated(
    transfer="4", origin="SOUTH", destination="NORTH", status="draft", lines=(), created_at=NOON, reference="r"
)
COUNTED = StockStated(sku="MUG", location="NORTH", on_hand=9, counted_at=NOON)


def the_order(**more: object) -> Raw:
    """Name order 7 in a case."""
    return {"kind": "order", "object_id": "storefront/7", "order_id": "storefront/7", **more}


LISTED: Raw = {"kind": "listing", "object_id": "web:MUG", "object": "web:MUG"}
LEVELLED: Raw = {"kind": "level", "object_id": "MUG@NORTH"}
BACK: Raw = the_order(kind="return", object_id="R1")


@dataclass(frozen=True)
class Tried:
    """A correction of a case at a system of some kind, with what is read there before and after."""

    type: str
    system: str
    case: Raw
    remote: Event | None = None
    after: Event | None = None  #: what is read before it is taken back; the same as before where not given
    choice: Mapping[str, int | str] = field(default_factory=dict)


TRIED = (
    Tried("set_listing_quantity", "storefront", LISTED, LISTING, choice={"quantity": 2}),
    Tried("pause_listing", "storefront", LISTED, LISTING),
    Tried("push_fulfilment", "storefront", the_order(), ORDER),
    Tried("push_fulfilment", "medusa", the_order(), ORDER),
    Tried("expedite_order", "warehouse", the_order(), WORK),
    Tried("create_purchase_draft", "erp", LEVELLED, None, PURCHASE, {"units": 5}),
    Tried("create_purchase_draft", "tryton", LEVELLED, None, PURCHASE, {"units": 5, "date": "2026-07-01"}),
    Tried("create_transfer_draft", "warehouse", LEVELLED, None, TRANSFER, {"units": 5}),
    Tried("create_transfer_draft", "tryton", LEVELLED, None, TRANSFER, {"units": 5}),
    Tried("set_stock_level", "medusa", LEVELLED, LEVEL, choice={"quantity": 31}),
    Tried("repair_reserved", "medusa", LEVELLED, LEVEL),
    Tried("cancel_order", "medusa", the_order(), ORDER),
    Tried("hold_order", "medusa", the_order(), ORDER),
    Tried("delist_product", "medusa", LISTED, LISTING),
    Tried("refund", "medusa", the_order(), choice={"amount_minor": 500}),
    Tried("create_return", "medusa", the_order(), None, RETURN),
    Tried("receive_return", "medusa", BACK, RETURN),
    Tried("create_sale", "tryton", the_order(evidence={"erp": "erp"}), None, SALE),
    Tried("cancel_sale", "tryton", the_order(evidence={"erp": "erp", "extra": ["5"]}), SALE),
    Tried("hold_sale", "tryton", the_order(), WORK),
    Tried("assign_shipment", "tryton", the_order(), WORK),
    Tried("count_stock", "tryton", LEVELLED, None, COUNTED, {"units": 9}),
    Tried("take_back_return", "tryton", BACK),
    Tried("put_away_return", "tryton", BACK, FOUND),
    Tried("map_code", "fillwell", {"kind": "mapping", "object_id": "shop/sku/MUGG", "detector": "X14",
                                   "evidence": {"suggestions": []}}, choice={"ours": "MUG"}),
    Tried("replay_feed", "storefront", {"kind": "feed", "object_id": "storefront/orders"}),
)  # fmt: skip


def world() -> View:
    """A shop with one order of two mugs, of which there is something in every table."""
    back = {"entity": "storefront/7", "return_id": "R1", "line_id": "1", "sku": "MUG", "units": 1,
            "status": "requested", "inspection": "9"}  # fmt: skip
    sent = {"entity": "storefront/7", "parcel": "p1", "line_id": "1", "sku": "MUG", "units": 2, "location": "NORTH",
            "carrier": "POST", "tracking": "T1", "handed_over_at": NOON - HOUR, "net_minor": 1000}  # fmt: skip
    work = {"entity": "storefront/7", "work": "11", "connection": "erp", "location": "NORTH", "status": "released",
            "priority": 0}  # fmt: skip
    return seen(
        order_line=[a_line("7", "MUG", 2, shipped_units=2)],
        level=[a_level("MUG", "NORTH", 40), {**a_level("MUG", "SOUTH", 9), "level": "inv@sloc_2"}],
        stock_position=stock("MUG", "NORTH", 31) + stock("MUG", "SOUTH", 50),
        item=[an_item("MUG")],
        listing=[a_listing("MUG", 4)],
        payment=paid("7", capture=1000),
        return_line=[back],
        shipment_line=[sent],
        open_work=[work],
        sale=[a_sale("9", "S1", 500), a_sale("7", "5", 1000)],
        supplier=[{"entity": "KILN", "name": "Kiln", "lead_time_days": 3, "connection": "erp"}],
        item_code=[{"entity": "MUG", "connection": "erp", "name": "Mug"}],
    )


def drafted(tried: Tried) -> Draft:
    """Plan it without a desk."""
    kind, view = action_type(tried.type), world()
    case = {"id": 1, "sku": "MUG", "location": "NORTH", "order_id": None, "exposed_minor": 0, "currency": "GBP",
            "deadline": None, "expected_loss_minor": 0, **tried.case}  # fmt: skip
    case["evidence"] = json.dumps(case.get("evidence", {}))
    look = Look(connection="erp", stream="s", key="5") if tried.type == "replay_feed" else kind.look(case, view)
    return kind.plan(
        Ask(case=case, view=view, look=look, remote=tried.remote, reference="r", system=tried.system,
            choice=tried.choice)
    )  # fmt: skip


def undone(tried: Tried, draft: Draft) -> Draft | None:
    """Plan how it is taken back; nothing where there is no way."""
    kind = action_type(tried.type)
    if kind.undo is None:
        return None
    intent = Intent(
        type=tried.type, connection="erp", stream="s", key="5", request=draft.request, expected=dict(draft.expected),
        reference="r", system=tried.system,
    )  # fmt: skip
    return kind.undo(intent, tried.after or tried.remote, "u")


def test_every_type_of_action_is_tried_here() -> None:
    assert {tried.type for tried in TRIED} == set(action_types())


@pytest.mark.parametrize("tried", TRIED, ids=lambda t: f"{t.type}-{t.system}")
def test_a_card_says_what_a_repeat_does_how_it_is_undone_and_which_race_is_left(tried: Tried) -> None:
    draft = drafted(tried)
    promise = promise_of(action_type(tried.type), draft, tried.system)
    assert len(promise.repeat) > 20
    assert bool(promise.race) or tried.system != "medusa"
    can = action_type(tried.type).undo is not None
    final = draft.reversible.startswith(("no", "by making it again"))
    assert can != final, draft.reversible


@pytest.mark.parametrize("tried", TRIED, ids=lambda t: f"{t.type}-{t.system}")
def test_what_takes_it_back_says_the_same_of_itself(tried: Tried) -> None:
    back = undone(tried, drafted(tried))
    if back is not None:
        assert promise_of(action_type(tried.type), back, tried.system).repeat
        assert back.reversible


def test_every_verb_of_a_real_system_has_a_promise() -> None:
    assert set(medusa.PROMISES) == set(medusa.Verb.__args__)
    assert set(tryton.PROMISES) == set(tryton.Verb.__args__)
    assert all(promise.race for promise in medusa.PROMISES.values())
    assert set(verbs.SPELLINGS) == set(verbs.PROMISES)
