"""What goes wrong between a storefront and the ERP that owns its stock: what is found, and what is left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actions.cases import queue
from actions.detect import detect
from actions.registry import detectors
from actions.view import Account, View
from data.log.status import StreamStatus
from tests.actions.factories import (
    MINUTE,
    NOON,
    Raw,
    a_line,
    a_listing,
    a_shop,
    a_status,
    an_item,
    facts,
    stock,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACCOUNTS = {
    "storefront": Account(
        connection="storefront", system="medusa", orders_from="storefront", stock_from="warehouse", items_from="erp"
    ),
    "warehouse": Account(
        connection="warehouse", system="tryton", orders_from="storefront", stock_from="warehouse", items_from="erp"
    ),
    "erp": Account(connection="erp", system="tryton", orders_from="storefront", stock_from="erp", items_from="erp"),
}  # fmt: skip


def seen(**tables: list[Raw]) -> View:
    """See facts of a shop whose stock the warehouse owns."""
    return View(facts=facts(**tables), now=NOON, accounts=ACCOUNTS)


def hearing(view: View, *statuses: StreamStatus) -> View:
    """Let sources have spoken at these times."""
    return replace(view, statuses=statuses)


def found(detector: str, view: View) -> list[dict[str, Any]]:
    """Run one detector and give what opens a case."""
    return [row for row in detectors()[detector].findings(view).to_dicts() if row["opens"]]


def subjects(detector: str, view: View) -> list[str]:
    """Name what a detector finds."""
    return [row["subject"] for row in found(detector, view)]


def a_level(sku: str, location: str, stocked: int, *, reserved: int = 0, held: int | None = None) -> Raw:
    """State what the shop keeps of an item."""
    return {
        "entity": f"{sku}@{location}", "connection": "storefront", "sku": sku, "location": location, "level": "lvl_1",
        "stocked_units": stocked, "reserved_units": reserved, "held_units": reserved if held is None else held,
        "incoming_units": 0, "observed_at": NOON - HOUR,
    }  # fmt: skip


def a_sale(order: str, sale: str, total: int, *, at: datetime = NOON - 6 * HOUR, **more: object) -> Raw:
    """State one document of the ERP."""
    return {"entity": f"storefront/{order}", "sale": sale, "status": "open", "total_minor": total, "currency": "GBP",
            "created_at": at, "reference": order, "connection": "erp", **more}  # fmt: skip


# ---- X07 inventory mismatch


def test_a_level_that_its_owner_counts_otherwise_is_found_with_both_numbers() -> None:
    view = seen(level=[a_level("MUG", "NORTH", 40)], stock_position=stock("MUG", "NORTH", 31), item=[an_item("MUG")])
    [case] = found("X07", view)
    assert (case["subject"], json.loads(case["ours"])["stocked"]) == ("MUG@NORTH", 31)
    assert json.loads(case["evidence"])["difference"] == 9
    assert (case["exposed_minor"], case["suggested"]) == (9 * 500, "set_stock_level")
    assert case["hold_seconds"] >= 2 * 60


def left(units: int, location: str = "NORTH") -> Raw:
    """Let units of order 1 leave a location."""
    return {"entity": "storefront/1", "parcel": "p1", "line_id": "1", "sku": "MUG", "units": units,
            "location": location, "tracking": "T1"}  # fmt: skip


def taken(units: int, location: str | None = "NORTH", *, told: bool = True) -> Raw:
    """Let the channel take units of order 1 off its level of a location; packed only, where it was not told."""
    return {"entity": "storefront/1", "connection": "storefront", "fulfilment": "f1", "line_id": "1", "sku": "MUG",
            "units": units, "location": location, "told": told}  # fmt: skip


def levels(kept: int, counted: int, *, sent: list[Raw], off: list[Raw]) -> list[str]:
    """Find what differs at NORTH, where the shop keeps so many mugs and their owner counts so many."""
    view = seen(
        level=[a_level("MUG", "NORTH", kept)], stock_position=stock("MUG", "NORTH", counted),
        order_line=[a_line("1", "MUG", 3)], shipment_line=sent, fulfilment_line=off,
    )  # fmt: skip
    return subjects("X07", view)


def test_what_left_and_was_not_told_yet_is_no_mismatch() -> None:
    assert levels(40, 37, sent=[left(3)], off=[]) == []
    assert levels(40, 37, sent=[left(3)], off=[taken(1)]) == ["MUG@NORTH"]
    assert levels(40, 37, sent=[left(3)], off=[taken(3)]) == ["MUG@NORTH"]


def test_what_the_channel_packed_and_its_owner_has_not_sent_is_no_mismatch() -> None:
    assert levels(37, 40, sent=[], off=[taken(3, told=False)]) == []
    assert levels(37, 40, sent=[], off=[taken(3, None, told=False)]) == []  # from where the line was asked for
    assert levels(37, 40, sent=[], off=[taken(3, "SOUTH", told=False)]) == ["MUG@NORTH"]
    assert levels(37, 38, sent=[left(2)], off=[taken(2), taken(1, told=False)]) == []
    assert levels(37, 38, sent=[left(2)], off=[taken(2)]) == ["MUG@NORTH"]


def test_what_one_place_sent_and_the_channel_took_off_another_is_wrong_at_both() -> None:
    def both(*, off: list[Raw]) -> list[str]:
        view = seen(
            level=[a_level("MUG", "NORTH", 37), a_level("MUG", "SOUTH", 5)],
            stock_position=stock("MUG", "NORTH", 40) + stock("MUG", "SOUTH", 2),
            order_line=[a_line("1", "MUG", 3)], shipment_line=[left(3, "SOUTH")], fulfilment_line=off,
        )  # fmt: skip
        return subjects("X07", view)

    assert both(off=[taken(3)]) == ["MUG@NORTH", "MUG@SOUTH"]
    assert both(off=[]) == ["MUG@NORTH"]  # SOUTH sent them, and the channel takes them off there once it is told


def test_two_pictures_of_different_instants_prove_nothing() -> None:
    tables = {"level": [a_level("MUG", "NORTH", 40)], "stock_position": stock("MUG", "NORTH", 31)}
    apart = (a_status("storefront", "levels", NOON), a_status("warehouse", "stock", NOON - HOUR))
    assert subjects("X07", hearing(seen(**tables), *apart)) == []
    assert subjects("X07", hearing(seen(**tables), apart[0], a_status("warehouse", "stock", NOON))) == ["MUG@NORTH"]


def test_a_return_that_only_one_side_has_put_back_may_explain_a_difference() -> None:
    back = {"entity": "storefront/1", "return_id": "R1", "line_id": "1", "sku": "MUG", "units": 2, "status": "received"}
    line = a_line("1", "MUG", 2, open_units=0, shipped_units=2, told_units=2, stage="shipped")
    tables = {"stock_position": stock("MUG", "NORTH", 31), "return_line": [back], "order_line": [line]}
    assert subjects("X07", seen(level=[a_level("MUG", "NORTH", 33)], **tables)) == []
    assert subjects("X07", seen(level=[a_level("MUG", "NORTH", 34)], **tables)) == ["MUG@NORTH"]


def test_a_shop_that_owns_its_stock_is_not_held_against_itself() -> None:
    view = View(facts=facts(level=[a_level("MUG", "NORTH", 40)], stock_position=stock("MUG", "NORTH", 31)), now=NOON)
    assert subjects("X07", view) == []


# ---- X02 where another system owns the stock


def test_open_orders_that_the_owner_has_not_allocated_are_promised_all_the_same() -> None:
    tables = {
        "listing": [a_listing("MUG", 20)],
        "stock_position": stock("MUG", "NORTH", 42),
        "order_line": [a_line("1", "MUG", 20, location=None, stage="placed")],
    }
    assert subjects("X02", seen(**tables)) == []  # 42 on hand - 20 open - a buffer of 2
    assert subjects("X02", View(facts=facts(**tables), now=NOON)) == ["web:MUG"]  # its own stock would be allocated


def test_a_listing_is_wrong_because_its_level_is_and_counts_under_that_case(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    view = seen(
        listing=[a_listing("MUG", 50)],
        level=[a_level("MUG", "NORTH", 52)],
        stock_position=stock("MUG", "NORTH", 12),
        item=[an_item("MUG")],
    )
    for n in range(8):
        detect(shop.desk, replace(view, now=NOON + n * 2 * MINUTE), shadow=None)
    assert [case["detector"] for case in queue(shop.desk)] == ["X07"]


# ---- X22 where another system ships


def test_a_channel_that_knows_the_units_under_another_tracking_number_was_told() -> None:
    left = {
        "entity": "storefront/7", "parcel": "p1", "line_id": "1", "sku": "MUG", "channel": "web", "units": 2,
        "location": "NORTH", "carrier": "own", "tracking": "OUT-1", "handed_over_at": NOON - 2 * HOUR,
        "net_minor": 1000,
    }  # fmt: skip

    def told(units: int) -> list[str]:
        line = a_line("7", "MUG", 2, open_units=0, shipped_units=2, told_units=units, stage="shipped")
        return subjects("X22", seen(order_line=[line], shipment_line=[left]))

    assert (told(0), told(2)) == (["storefront/7"], [])


# ---- X51 reserved drift


@pytest.mark.parametrize(("reserved", "held", "hidden"), [(10, 0, 10), (5, 1, 4)])
def test_units_that_are_reserved_for_nobody_are_hidden_from_sale(reserved: int, held: int, hidden: int) -> None:
    view = seen(level=[a_level("MUG", "NORTH", 500, reserved=reserved, held=held)], item=[an_item("MUG")])
    [case] = found("X51", view)
    assert json.loads(case["evidence"])["drift"] == hidden
    assert (case["exposed_minor"], case["suggested"]) == (hidden * 500, "repair_reserved")
    assert case["hold_seconds"] > 0


def test_a_counter_that_equals_its_reservations_is_right_and_one_that_nobody_can_check_is_unknown() -> None:
    assert subjects("X51", seen(level=[a_level("MUG", "NORTH", 500, reserved=10)])) == []
    unknown = {**a_level("MUG", "NORTH", 500, reserved=10), "held_units": None}
    assert subjects("X51", seen(level=[unknown])) == []


def test_hidden_units_cost_only_what_would_have_been_sold_of_them() -> None:
    sold = a_line("1", "MUG", 28 * 5, open_units=0, stage="shipped")
    scarce = seen(level=[a_level("MUG", "NORTH", 40, reserved=10, held=0)], item=[an_item("MUG")], order_line=[sold])
    plenty = seen(level=[a_level("MUG", "NORTH", 400, reserved=10, held=0)], item=[an_item("MUG")], order_line=[sold])
    assert found("X51", scarce)[0]["expected_loss_minor"] == 5 * 300  # 35 wanted in a week, 30 offered
    assert found("X51", plenty)[0]["expected_loss_minor"] == 0


# ---- X11 paid, not in the ERP


def importing(*lines: Raw, sales: list[Raw] | None = None) -> View:
    """An ERP that has taken over one order of long ago."""
    return seen(order_line=list(lines), sale=[a_sale("1", "S1", 500, at=NOON - DAY), *(sales or [])])


def test_a_paid_order_without_a_document_is_found_after_a_quarter_of_an_hour() -> None:
    assert subjects("X11", importing(a_line("7", "MUG", 2, placed=NOON - 20 * MINUTE))) == ["storefront/7"]
    assert subjects("X11", importing(a_line("7", "MUG", 2, placed=NOON - 10 * MINUTE))) == []


def test_a_cancelled_document_is_none() -> None:
    line, gone = a_line("7", "MUG", 2), a_sale("7", "S7", 1000, status="cancelled")
    assert subjects("X11", importing(line, sales=[gone])) == ["storefront/7"]
    assert subjects("X11", importing(line, sales=[{**gone, "status": "draft"}])) == []


@pytest.mark.parametrize(
    "more", [{"paid": False}, {"hold": "fraud"}, {"cancelled_at": NOON - HOUR}, {"placed": NOON - 2 * DAY}]
)
def test_unpaid_held_and_cancelled_orders_and_those_of_before_the_erp_are_not_missing(more: dict[str, Any]) -> None:
    assert subjects("X11", importing(a_line("7", "MUG", 2, **more))) == []


def test_since_the_erp_last_spoke_nothing_is_missing_but_unknown() -> None:
    behind = (a_status("erp", "sales", NOON - 6 * HOUR), a_status("storefront", "orders", NOON))
    assert subjects("X11", hearing(importing(a_line("7", "MUG", 2)), *behind)) == []


def test_where_no_erp_states_sales_of_the_channel_the_detector_is_not_armed() -> None:
    assert detectors()["X11"].missing(seen(order_line=[a_line("7", "MUG", 2)])) == ("sale",)
    foreign = {**a_sale("1", "S1", 500), "entity": "erp/sale-1"}
    assert subjects("X11", seen(order_line=[a_line("7", "MUG", 2)], sale=[foreign])) == []


# ---- X12 duplicates


def test_two_live_documents_of_one_order_are_one_too_many_and_the_younger_is_the_extra_one() -> None:
    older, younger = a_sale("7", "S7", 1000, at=NOON - 2 * HOUR), a_sale("7", "S8", 1000, at=NOON - HOUR)
    [case] = found("X12", seen(sale=[younger, older]))
    assert json.loads(case["evidence"])["extra"] == ["S8"]
    assert (case["exposed_minor"], case["suggested"]) == (1000, "cancel_sale")
    assert subjects("X12", seen(sale=[older, {**younger, "status": "cancelled"}])) == []
    assert subjects("X12", seen(sale=[older, {**younger, "total_minor": -1000}])) == []  # a return's document


def test_documents_that_only_look_alike_are_asked_and_nothing_is_suggested() -> None:
    def two(minutes: int, sku: str = "MUG") -> View:
        sales = [a_sale("7", "S7", 1000, at=NOON - HOUR, customer="c1"),
                 a_sale("8", "S8", 1000, at=NOON - HOUR + minutes * MINUTE, customer="c1")]  # fmt: skip
        lines = [{"entity": f"storefront/{o}", "sale": s, "line_id": "1", "sku": x, "units": 2, "amount_minor": 1000,
                  "connection": "erp"} for o, s, x in (("7", "S7", "MUG"), ("8", "S8", sku))]  # fmt: skip
        return seen(sale=sales, sale_line=lines)

    [case] = found("X12", two(5))
    assert (case["subject"], case["suggested"], case["expected_loss_minor"]) == ("storefront/7~storefront/8", None, 0)
    assert subjects("X12", two(11)) == []
    assert subjects("X12", two(5, sku="CUP")) == []


# ---- X13 totals


def charged(order: str, total: int, currency: str = "GBP") -> Raw:
    """State what the channel charged."""
    return {"entity": f"storefront/{order}", "channel": "web", "connection": "storefront", "placed_at": NOON - HOUR,
            "total_minor": total, "currency": currency}  # fmt: skip


def test_totals_may_differ_by_a_cent_a_line() -> None:
    lines = [a_line("7", "MUG", 1), a_line("7", "CUP", 1, line="2")]

    def booked(total: int) -> list[str]:
        return subjects(
            "X13", seen(order_total=[charged("7", 1000)], sale=[a_sale("7", "S7", total)], order_line=lines)
        )

    assert [booked(total) for total in (1000, 1002, 998, 1003)] == [[], [], [], ["storefront/7"]]


def test_orders_that_differ_by_the_same_amount_are_one_wrong_mapping() -> None:
    orders = [("7", 1000, 1490), ("8", 2000, 2490), ("9", 700, 1190), ("10", 500, 700)]
    view = seen(order_total=[charged(o, c) for o, c, _ in orders], sale=[a_sale(o, f"S{o}", b) for o, _, b in orders])
    single, group = found("X13", view)
    assert (single["subject"], group["subject"]) == ("storefront/10", "web:erp:+490 GBP")
    assert json.loads(group["members"]) == ["storefront/7", "storefront/8", "storefront/9"]
    assert group["exposed_minor"] == 3 * 490


def test_an_order_booked_in_another_currency_says_both() -> None:
    view = seen(order_total=[charged("7", 1250)], sale=[a_sale("7", "S7", 1250, currency="JPY")])
    [case] = found("X13", view)
    assert case["title"] == "order 7 was charged GBP 12.50 and is JPY 1,250 in erp"
    assert (case["exposed_minor"], case["currency"]) == (1250, "GBP")


def test_orders_in_different_currencies_are_never_one_wrong_mapping() -> None:
    totals = [charged("7", 1000), charged("8", 1000), charged("9", 1000, currency="JPY")]
    sales = [a_sale("7", "S7", 1490), a_sale("8", "S8", 1490), a_sale("9", "S9", 1490, currency="JPY")]
    assert len(found("X13", seen(order_total=totals, sale=sales))) == 3
    abroad = [a_sale(n, f"S{n}", 1490, currency="USD") for n in "78"] + [a_sale("9", "S9", 1490, currency="USD")]
    assert len(found("X13", seen(order_total=totals, sale=abroad))) == 3


# ---- X29 not refunded


def paid(order: str, **moves: int) -> list[Raw]:
    """State what was captured and refunded."""
    return [{"entity": f"storefront/{order}", "payment": f"{order}-{kind}", "kind": kind, "amount_minor": amount,
             "currency": "GBP", "at": NOON - 9 * DAY} for kind, amount in moves.items()]  # fmt: skip


def off(order: str, cancelled: int, at: datetime = NOON - 4 * DAY) -> Raw:
    """An order of four, of which so many were cancelled."""
    return a_line(order, "MUG", 4, cancelled_units=cancelled, cancelled_at=at, open_units=0, stage="cancelled")


def test_what_was_cancelled_whole_owes_all_that_was_captured() -> None:
    [case] = found("X29", seen(order_line=[off("7", 4)], payment=paid("7", capture=2400)))
    assert (case["exposed_minor"], case["suggested"]) == (2400, "refund")
    assert subjects("X29", seen(order_line=[off("7", 4)], payment=paid("7", capture=2400, refund=2400))) == []


def test_of_money_that_moved_in_another_currency_nobody_says_what_is_missing() -> None:
    # 24.00 GBP were captured, and the provider states the whole refund in euros; or a part of it, which ever it is.
    captured = paid("7", capture=2400)
    for euros in (2800, 100):
        back = [{**refund, "currency": "EUR"} for refund in paid("7", refund=euros)]
        assert subjects("X29", seen(order_line=[off("7", 4)], payment=[*captured, *back])) == []
    unnamed = [{**refund, "currency": ""} for refund in paid("7", refund=1400)]
    [case] = found("X29", seen(order_line=[off("7", 4)], payment=[*captured, *unnamed]))
    assert case["exposed_minor"] == 1000, "a refund whose currency nobody named is the order's"


def test_a_part_owes_its_value_and_a_small_fee_may_be_kept() -> None:
    assert found("X29", seen(order_line=[off("7", 1)], payment=paid("7", capture=2400)))[0]["exposed_minor"] == 500
    assert subjects("X29", seen(order_line=[off("7", 1)], payment=paid("7", capture=2400, refund=480))) == []


def test_a_refund_has_three_days_and_what_was_never_captured_is_not_due() -> None:
    assert subjects("X29", seen(order_line=[off("7", 4, NOON - 2 * DAY)], payment=paid("7", capture=2400))) == []
    assert subjects("X29", seen(order_line=[off("7", 4)], payment=paid("8", capture=2400))) == []


def test_what_came_back_counts_from_when_it_came_back() -> None:
    line = a_line("7", "MUG", 4, returned_units=2, shipped_units=4, open_units=0, stage="shipped")
    back = {"entity": "storefront/7", "return_id": "R1", "line_id": "1", "sku": "MUG", "units": 2, "status": "received"}

    def at(received: datetime | None) -> list[dict[str, Any]]:
        return found("X29", seen(order_line=[line], return_line=[{**back, "received_at": received}],
                                 payment=paid("7", capture=2000)))  # fmt: skip

    assert [len(at(NOON - days * DAY)) for days in (2, 4)] == [0, 1]
    assert at(None)[0]["hold_seconds"] == 3 * 86_400  # nobody says when: it counts from when it was first seen


# ---- X35 not restocked


def returned(received: datetime | None, *, counted: datetime, disposition: str | None = "restock") -> View:
    """Two mugs came back, and the mugs were counted at some time."""
    back = {
        "entity": "storefront/7", "return_id": "R1", "line_id": "1", "sku": "MUG", "units": 2, "status": "received",
        "received_at": received, "inspected_at": received, "location": "NORTH", "disposition": disposition,
    }  # fmt: skip
    return seen(return_line=[back], stock_position=stock("MUG", "NORTH", 5, at=counted), item=[an_item("MUG")],
                order_line=[a_line("7", "MUG", 2, open_units=0)])  # fmt: skip


def test_a_count_older_than_the_return_proves_that_it_was_not_put_back() -> None:
    [case] = found("X35", returned(NOON - 2 * DAY, counted=NOON - 3 * DAY))
    assert (case["subject"], case["exposed_minor"]) == ("R1/1", 2 * 500)
    assert "has not moved" in json.loads(case["evidence"])["evidence_used"]


def test_a_count_that_moved_since_a_fresh_return_or_one_to_dispose_of_is_no_case() -> None:
    assert subjects("X35", returned(NOON - 2 * DAY, counted=NOON - DAY)) == []
    assert subjects("X35", returned(NOON - 2 * HOUR, counted=NOON - 3 * DAY)) == []
    assert subjects("X35", returned(NOON - 2 * DAY, counted=NOON - 3 * DAY, disposition="dispose")) == []


def test_what_only_the_channel_received_is_believed_after_a_day() -> None:
    [case] = found("X35", returned(None, counted=NOON, disposition=None))
    assert (case["suggested"], case["hold_seconds"]) == ("take_back_return", 86_400)


def test_what_the_owner_received_and_did_not_put_away_is_found_after_a_day() -> None:
    back = {
        "entity": "storefront/7", "return_id": "R1", "line_id": "1", "sku": "MUG", "units": 2, "status": "received",
        "received_at": NOON - 2 * DAY, "location": "NORTH", "disposition": "restock",
    }  # fmt: skip
    tables = {"stock_position": stock("MUG", "NORTH", 5), "order_line": [a_line("7", "MUG", 2, open_units=0)]}
    assert subjects("X35", seen(return_line=[back], **tables)) == ["R1/1"]
    assert subjects("X35", seen(return_line=[{**back, "received_at": NOON - HOUR}], **tables)) == []
    assert (
        subjects("X35", View(facts=facts(return_line=[back], **tables), now=NOON)) == []
    )  # it still has its day there


# ---- X14 unmapped codes


def a_code(sku: str, connection: str, name: str = "", gtin: str | None = None) -> Raw:
    """State that a system knows an item."""
    return {"entity": sku, "connection": connection, "name": name, "gtin": gtin}


CATALOGUE = [a_code("SKU-001", "erp", "Mug red"), a_code("SKU-002", "erp", "Bowl blue", "4006381333931")]


def suggested(case: Raw) -> list[tuple[str, str]]:
    """Give what a case suggests, with why."""
    return [(s["code"], s["why"]) for s in json.loads(case["evidence"])["suggestions"]]


def test_a_code_that_the_catalogue_lacks_is_found_with_what_is_sold_under_it() -> None:
    lines = [a_line("7", "sku001", 2), a_line("8", "SKU-002", 1)]
    [case] = found("X14", seen(order_line=lines, item_code=CATALOGUE))
    assert (case["subject"], case["exposed_minor"], case["suggested"]) == ("storefront/sku/sku001", 1000, "map_code")
    assert suggested(case)[0] == ("SKU-001", "code 100% alike")


def test_the_same_barcode_is_the_best_reason_and_a_like_name_is_one() -> None:
    theirs = [a_code("X9", "storefront", "Soup bowl", "4006381333931"), a_code("Y9", "storefront", "Red mug")]
    bowl, mug = found("X14", seen(item_code=[*CATALOGUE, *theirs]))
    assert suggested(bowl)[0] == ("SKU-002", "same barcode 4006381333931")
    assert suggested(mug) == [("SKU-001", "name 100% alike")]


def test_before_the_catalogue_was_read_nobody_can_say_what_it_lacks() -> None:
    assert subjects("X14", seen(item_code=[a_code("X9", "storefront")], order_line=[a_line("7", "X9", 1)])) == []
    alone = View(facts=facts(item_code=CATALOGUE), now=NOON)
    assert detectors()["X14"].missing(alone) == ("catalogue",)


def test_a_place_that_the_owner_of_the_stock_does_not_have_is_found_by_its_name() -> None:
    tables = {
        "level": [a_level("SKU-001", "sloc_1", 5)],
        "stock_position": stock("SKU-001", "NORTH", 5) + stock("SKU-001", "SOUTH", 5),
        "location": [{"entity": "sloc_1", "name": "North DC"}, {"entity": "NORTH", "name": "North"},
                     {"entity": "SOUTH", "name": "South"}],
        "item_code": CATALOGUE,
    }  # fmt: skip
    [case] = found("X14", seen(**tables))
    assert case["subject"] == "storefront/location/sloc_1"
    assert [code for code, _ in suggested(case)] == ["NORTH", "SOUTH"]


# ---- X01 and X10 where a shop sells from levels of its own


ALONE = {
    "storefront": Account(
        connection="storefront", system="medusa", orders_from="storefront", stock_from="storefront",
        items_from="storefront",
    )
}  # fmt: skip


def alone(**tables: list[Raw]) -> View:
    """See facts of a shop that is its own warehouse."""
    return View(facts=facts(item=[an_item("MUG")], **tables), now=NOON, accounts=ALONE)


def unpacked(order: str, units: int, hours: int) -> Raw:
    """State a paid order that nobody packed yet."""
    return a_line(order, "MUG", units, location=None, stage="placed", placed=NOON - hours * HOUR,
                  stage_since=NOON - hours * HOUR, ship_by=None)  # fmt: skip


def test_a_level_below_what_is_reserved_on_it_is_owed_to_the_youngest_orders() -> None:
    orders = [unpacked("1", 3, 9), unpacked("2", 2, 5), unpacked("3", 1, 1)]
    short = alone(level=[a_level("MUG", "NORTH", 4, reserved=6)], order_line=orders,
                  stock_position=stock("MUG", "NORTH", 4, allocated=6))  # fmt: skip
    [case] = found("X01", short)
    assert (case["subject"], case["suggested"]) == ("MUG@NORTH", "delist_product")
    evidence = json.loads(case["evidence"])
    assert (evidence["short_units"], evidence["orders_without_stock"]) == (2, ["2", "3"])
    assert case["exposed_minor"] == 2 * 500
    enough = alone(level=[a_level("MUG", "NORTH", 6, reserved=6)], order_line=orders)
    assert subjects("X01", enough) == []


def test_what_is_packed_is_off_its_level_and_owed_nothing_more() -> None:
    packed = a_line("1", "MUG", 3, stage="packed")
    off = {"entity": "storefront/1", "connection": "storefront", "fulfilment": "f", "line_id": "1", "sku": "MUG",
           "units": 3, "location": "NORTH", "told": False}  # fmt: skip
    view = alone(level=[a_level("MUG", "NORTH", 1)], order_line=[packed], fulfilment_line=[off],
                 stock_position=stock("MUG", "NORTH", 1))  # fmt: skip
    assert subjects("X01", view) == []


def test_units_that_somebody_reserved_by_hand_are_owed_to_no_order() -> None:
    view = alone(level=[a_level("MUG", "NORTH", 4, reserved=6)], order_line=[a_line("1", "CUP", 3)],
                 stock_position=stock("MUG", "NORTH", 4))  # fmt: skip
    assert subjects("X01", view) == []


def test_a_paid_order_that_nobody_packs_is_stuck_in_a_shop_that_is_its_own_warehouse() -> None:
    level = [a_level("MUG", "NORTH", 40)]
    [case] = found("X10", alone(level=level, order_line=[unpacked("1", 3, 40), unpacked("2", 1, 5)]))
    assert (case["subject"], case["suggested"]) == ("storefront/1", None)
    assert subjects("X10", seen(level=level, order_line=[unpacked("1", 3, 40)])) == []  # its ERP has not begun


def test_what_is_suggested_for_a_stuck_order_is_what_its_warehouse_can_be_asked() -> None:
    def suggested(connection: str, *, allocated: bool) -> str | None:
        work = {"entity": "storefront/1", "work": "1", "connection": connection, "status": "released",
                "allocated": allocated}  # fmt: skip
        late = a_line("1", "MUG", 3, ship_by=NOON - HOUR)
        suggests: str | None = found("X10", seen(order_line=[late], open_work=[work]))[0]["suggested"]
        return suggests

    assert (suggested("erp", allocated=False), suggested("erp", allocated=True)) == ("assign_shipment", None)
    assert suggested("elsewhere", allocated=False) == "expedite_order"


def test_of_two_documents_the_one_that_is_worked_on_stays() -> None:
    draft = a_sale("7", "S7", 1000, at=NOON - 2 * HOUR, status="draft")
    [case] = found("X12", seen(sale=[draft, a_sale("7", "S8", 1000, at=NOON - HOUR)]))
    assert json.loads(case["evidence"])["extra"] == ["S7"]
