"""What each detector finds, and what it leaves alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from actions.registry import detectors
from actions.view import View
from tests.actions.factories import (
    MINUTE,
    NOON,
    Raw,
    a_line,
    a_listing,
    a_schedule,
    a_status,
    a_view,
    an_item,
    facts,
    stock,
)

HOUR = timedelta(hours=1)


def found(detector: str, view: View, *, opening: bool = True) -> list[dict[str, Any]]:
    """Run one detector and give its findings."""
    rows = detectors()[detector].findings(view).to_dicts()
    return [row for row in rows if row["opens"]] if opening else rows


def subjects(detector: str, view: View) -> list[str]:
    """Name what a detector finds."""
    return [row["subject"] for row in found(detector, view)]


# ---- X02 listing drift


def listed(quantity: int, on_hand: int = 42, *, active: bool = True) -> View:
    """Offer a quantity of an item of which the channel's rule allows on_hand - 2."""
    return a_view(listing=[a_listing("MUG", quantity, active=active)], stock_position=stock("MUG", "NORTH", on_hand))


@pytest.mark.parametrize("quantity", [40, 44, 36])
def test_a_listing_within_ten_percent_of_its_stock_is_no_drift(quantity: int) -> None:
    assert subjects("X02", listed(quantity)) == []


@pytest.mark.parametrize("quantity", [45, 35, 0, 500])
def test_a_listing_beyond_ten_percent_of_its_stock_drifts(quantity: int) -> None:
    assert subjects("X02", listed(quantity)) == ["web:MUG"]


def test_a_title_writes_units_as_every_screen_does() -> None:
    [case] = found("X02", a_view(listing=[a_listing("22134", 1280)], stock_position=stock("22134", "NORTH", 42)))
    assert case["title"] == "web offers 1,280 of 22134, not 40"


def test_for_small_stock_two_units_are_tolerated() -> None:
    assert subjects("X02", listed(7, on_hand=7)) == []
    assert subjects("X02", listed(8, on_hand=7)) == ["web:MUG"]


def test_the_cap_and_the_buffer_bound_what_a_listing_should_offer() -> None:
    assert subjects("X02", listed(100, on_hand=10_000)) == []
    assert subjects("X02", listed(0, on_hand=1)) == []


def test_stock_of_all_the_channels_locations_counts_less_what_is_promised_or_damaged() -> None:
    pools = [*stock("MUG", "NORTH", 30, allocated=10, damaged=3), *stock("MUG", "SOUTH", 20, quarantined=5)]
    elsewhere = stock("MUG", "3PL", 999)
    view = a_view(listing=[a_listing("MUG", 90)], stock_position=[*pools, *elsewhere])
    [drift] = found("X02", view)
    assert json.loads(drift["ours"]) == {"quantity": 30}
    assert json.loads(drift["evidence"])["pools"] == {"NORTH": 17, "SOUTH": 15}


def test_an_inactive_listing_sells_nothing_and_is_left_alone() -> None:
    assert subjects("X02", listed(500, active=False)) == []


def test_a_listing_whose_stock_nobody_counted_is_unknown_and_no_case() -> None:
    assert subjects("X02", a_view(listing=[a_listing("MUG", 50)], stock_position=stock("CUP", "NORTH", 5))) == []


def test_half_the_threshold_keeps_a_drift_but_opens_none() -> None:
    view = listed(43)
    assert subjects("X02", view) == []
    assert [row["subject"] for row in found("X02", view, opening=False)] == ["web:MUG"]


def test_a_drift_must_last_where_the_stock_moved_after_the_listing_was_read() -> None:
    def seen(counted: timedelta) -> int:
        held = facts(listing=[a_listing("MUG", 90)], stock_position=stock("MUG", "NORTH", 42, at=NOON - counted))
        streams = (a_status("storefront", "listings", NOON), a_status("warehouse", "stock", NOON))
        [drift] = found("X02", View(facts=held, now=NOON, statuses=streams))
        return int(drift["hold_seconds"])

    assert seen(timedelta(seconds=121)) == 0
    assert seen(timedelta(seconds=60)) > 0


def test_only_what_is_likely_sold_of_an_overlisting_is_at_stake() -> None:
    quiet = found("X02", listed(500))[0]
    fast = a_view(
        listing=[a_listing("MUG", 500)],
        stock_position=stock("MUG", "NORTH", 12),
        item=[an_item("MUG")],
        order_line=[a_line("1", "MUG", 28 * 20, open_units=0, stage="shipped")],
    )
    busy = found("X02", fast)[0]
    assert quiet["expected_loss_minor"] == 0
    assert busy["exposed_minor"] == 10 * 500  # twenty a day are sold, ten are there
    assert busy["expected_loss_minor"] == 10 * (300 + 500)


# ---- X01 oversold


def owed(*lines: Raw, on_hand: int = 5, others: list[Raw] | None = None, damaged: int = 0) -> View:
    """Owe these lines from NORTH, which holds so much."""
    held = [*stock("MUG", "NORTH", on_hand, damaged=damaged), *(others or [])]
    return a_view(order_line=list(lines), stock_position=held, item=[an_item("MUG")])


def test_more_open_demand_than_can_be_sold_is_oversold_whether_it_is_allocated_or_not() -> None:
    lines = [a_line("1", "MUG", 4), a_line("2", "MUG", 2, stage="backordered")]
    assert subjects("X01", owed(*lines)) == ["MUG@NORTH"]
    assert subjects("X01", owed(*lines, on_hand=6)) == []
    assert subjects("X01", owed(*lines, on_hand=7, damaged=2)) == ["MUG@NORTH"]


@pytest.mark.parametrize("stage", ["held", "unpaid", "shipped", "cancelled"])
def test_what_nobody_may_ship_is_no_demand(stage: str) -> None:
    assert subjects("X01", owed(a_line("1", "MUG", 50, stage=stage))) == []


def test_the_line_with_the_earliest_promise_gets_the_stock_and_the_rest_is_at_risk() -> None:
    late = a_line("1", "MUG", 4, ship_by=NOON + 9 * HOUR)
    soon = a_line("2", "MUG", 4, ship_by=NOON + 2 * HOUR)
    [case] = found("X01", owed(late, soon))
    assert json.loads(case["lines"]) == [["storefront/1/1", 3 * 500, round(0.3 * (3 * 300 + 300))]]


def test_it_is_moved_from_where_there_is_enough_and_ordered_where_there_is_not() -> None:
    line = a_line("1", "MUG", 9)
    plenty, little = stock("MUG", "SOUTH", 4), stock("MUG", "SOUTH", 3)
    assert found("X01", owed(line, others=plenty))[0]["suggested"] == "create_transfer_draft"
    assert found("X01", owed(line, others=little))[0]["suggested"] == "create_purchase_draft"


def test_a_count_that_is_newer_than_the_orders_we_know_must_last() -> None:
    """What left a moment ago is already off the shelf, while its order still looks open."""
    held = facts(order_line=[a_line("1", "MUG", 9)], stock_position=stock("MUG", "NORTH", 0, at=NOON))
    behind = (a_status("warehouse", "shipments", NOON - MINUTE), a_status("warehouse", "work", NOON))
    assert found("X01", View(facts=held, now=NOON, statuses=behind))[0]["hold_seconds"] > 0
    level = (a_status("warehouse", "shipments", NOON), a_status("warehouse", "work", NOON))
    assert found("X01", View(facts=held, now=NOON, statuses=level))[0]["hold_seconds"] == 0


# ---- X10 stuck


def test_an_order_past_its_ship_by_is_stuck() -> None:
    late = a_line("1", "MUG", 2, ship_by=NOON - MINUTE)
    fine = a_line("2", "MUG", 2, ship_by=NOON + MINUTE)
    assert subjects("X10", a_view(order_line=[late, fine])) == ["storefront/1"]


def test_a_stuck_order_is_called_by_its_number_and_opens_with_its_own_action() -> None:
    late = [a_line("536558", "MUG", 3, ship_by=NOON - HOUR), a_line("536558", "CUP", 4, line="2")]
    [case] = found("X10", a_view(order_line=late))
    assert case["title"] == "order 536558 released at NORTH for 5 h, late"
    assert json.loads(case["evidence"])["open_lines"] == ["3 of MUG", "4 of CUP"]
    assert case["suggested"] == "expedite_order"


def test_work_that_stands_still_for_thirty_hours_is_stuck_before_its_ship_by() -> None:
    still = a_line("1", "MUG", 2, stage="picked", stage_since=NOON - 31 * HOUR)
    moving = a_line("2", "MUG", 2, stage="picked", stage_since=NOON - 29 * HOUR)
    assert subjects("X10", a_view(order_line=[still, moving])) == ["storefront/1"]


@pytest.mark.parametrize("stage", ["held", "unpaid", "backordered", "placed"])
def test_an_order_that_cannot_move_by_itself_is_not_stuck(stage: str) -> None:
    line = a_line("1", "MUG", 2, ship_by=NOON - HOUR, stage=stage, hold="address" if stage == "held" else None)
    assert subjects("X10", a_view(order_line=[line])) == []


def test_since_the_last_message_an_order_is_unknown_and_not_late() -> None:
    line = a_line("1", "MUG", 2, ship_by=NOON - HOUR)
    silent = View(facts=facts(order_line=[line]), now=NOON, statuses=[a_status("warehouse", "work", NOON - 2 * HOUR)])
    assert subjects("X10", silent) == []


def test_a_stage_in_which_many_are_late_is_one_case_with_the_orders_inside() -> None:
    late = [a_line(f"{n}", "MUG", 1, ship_by=NOON - HOUR) for n in range(12)]
    [case] = found("X10", a_view(order_line=late))
    assert case["subject"] == "NORTH/released"
    assert len(json.loads(case["members"])) == 12
    assert len(json.loads(case["lines"])) == 12


def test_few_late_ones_among_many_are_cases_of_their_own() -> None:
    late = [a_line(f"{n}", "MUG", 1, ship_by=NOON - HOUR) for n in range(12)]
    fine = [a_line(f"1{n}", "MUG", 1) for n in range(100, 200)]
    assert len(subjects("X10", a_view(order_line=[*late, *fine]))) == 12


# ---- X22 shipped, not told


def a_parcel(order: str, *, left: timedelta = HOUR, told: bool = False, **more: object) -> Raw:
    """Hand a parcel over some time ago."""
    return {
        "entity": f"storefront/{order}", "parcel": f"p{order}", "line_id": "1", "sku": "MUG", "channel": "web",
        "units": 2, "location": "NORTH", "carrier": "swift", "tracking": f"T{order}", "handed_over_at": NOON - left,
        "told_at": NOON if told else None, "net_minor": 1000, **more,
    }  # fmt: skip


def test_a_parcel_that_left_half_an_hour_ago_must_be_known_to_its_channel() -> None:
    def said(parcel: Raw) -> list[str]:
        return subjects("X22", a_view(order_line=[a_line("1", "MUG", 2)], shipment_line=[parcel]))

    assert said(a_parcel("1")) == ["storefront/1"]
    assert said(a_parcel("1", told=True)) == []
    assert said(a_parcel("1", left=29 * MINUTE)) == []
    assert said(a_parcel("1", channel=None)) == []


def test_a_channel_that_was_not_heard_since_may_know_the_parcel() -> None:
    held = facts(order_line=[a_line("1", "MUG", 2)], shipment_line=[a_parcel("1")])
    old = View(facts=held, now=NOON, statuses=[a_status("storefront", "orders", NOON - 40 * MINUTE)])
    assert subjects("X22", old) == []


# ---- X37 projected stockout


def projected(probability: float, **more: object) -> View:
    """Project one item."""
    row = {
        "sku": "MUG", "location": "NORTH", "p_stockout": probability, "stockout_on": NOON.date(),
        "expected_lost_margin_minor": 900, "expected_lost_units": 3.0, "suggestion": "order", "suggested_units": 24,
        "supplier": "KILN", "suggested_from": None, "next_receipt_on": None, "arithmetic": "[]", "available": 4,
        "currency": "GBP", "unit_margin_minor": 300, **more,
    }  # fmt: skip
    return View(
        facts=facts(order_line=[a_line("1", "MUG", 1)], stock_position=stock("MUG", "NORTH", 4)), now=NOON,
        projection=pl.DataFrame([row]),
    )  # fmt: skip


def test_a_probable_stockout_opens_a_case_and_half_as_probable_a_one_keeps_it() -> None:
    assert subjects("X37", projected(0.85)) == ["MUG@NORTH"]
    assert subjects("X37", projected(0.5)) == []
    assert len(found("X37", projected(0.5), opening=False)) == 1
    assert found("X37", projected(0.3), opening=False) == []


def test_what_is_projected_is_our_arithmetic_and_only_the_stock_is_the_remotes_word() -> None:
    [case] = found("X37", projected(0.85))
    assert json.loads(case["ours"]) == {"probability": 0.85, "stockout_on": str(NOON.date())}
    assert json.loads(case["remote"]) == {"available": 4}


def test_how_likely_a_stockout_is_stands_in_whole_percent() -> None:
    titles = [found("X37", projected(p))[0]["title"] for p in (0.85, 0.998)]
    assert [title.split("(")[1] for title in titles] == ["P 85%)", "P 100%)"]


def test_the_projections_own_suggestion_is_the_action() -> None:
    assert found("X37", projected(0.9))[0]["suggested"] == "create_purchase_draft"
    assert found("X37", projected(0.9, suggestion="transfer"))[0]["suggested"] == "create_transfer_draft"
    assert found("X37", projected(0.9, suggestion="none"))[0]["suggested"] is None


# ---- X46 feed late


def heard(**ages: timedelta) -> View:
    """Hear streams of the storefront so long ago; each is expected every minute with five minutes' grace."""
    return View(
        facts=facts(),
        now=NOON,
        statuses=[a_status("storefront", stream, NOON - age) for stream, age in ages.items()],
        schedules=[a_schedule("storefront", stream) for stream in ("orders", "listings")],
    )


def test_a_stream_is_late_after_its_schedule_and_its_grace() -> None:
    assert subjects("X46", heard(orders=6 * MINUTE, listings=MINUTE)) == []
    assert subjects("X46", heard(orders=7 * MINUTE, listings=MINUTE)) == ["storefront/orders"]


def test_a_system_whose_streams_are_all_late_is_one_case() -> None:
    assert subjects("X46", heard(orders=HOUR, listings=2 * HOUR)) == ["storefront"]


def test_a_stream_that_never_spoke_is_late() -> None:
    assert subjects("X46", heard(listings=MINUTE)) == ["storefront/orders"]


# ---- all


@pytest.mark.parametrize("name", sorted(detectors()))
def test_a_detector_without_its_inputs_says_what_it_needs(name: str) -> None:
    detector = detectors()[name]
    empty = View(facts=facts(channel=[]), now=NOON)
    assert set(detector.missing(empty)) == set(detector.needs)


@pytest.mark.parametrize("name", sorted(detectors()))
def test_a_detector_finds_nothing_in_a_quiet_shop(name: str) -> None:
    quiet = a_view(
        listing=[a_listing("MUG", 40)],
        stock_position=stock("MUG", "NORTH", 42),
        order_line=[a_line("1", "MUG", 2)],
        shipment_line=[a_parcel("1", told=True)],
    )
    assert found(name, quiet, opening=False) == []
