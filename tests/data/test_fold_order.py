"""Orders as one would work them out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from data.events import Cost, Event
from data.facts import ENTITY, TABLES, Row, Rows
from data.fold.order import fold_order
from data.fold.reference import Reference
from data.fold.settle import Stated
from tests.factories import (
    DAY,
    HOUR,
    NOON,
    a_line,
    a_parcel,
    a_payment,
    a_return,
    a_work,
    an_inspection,
    an_order,
    an_order_line,
    key_of,
    told,
)

COSTS = Reference({"A": [Cost(date(2026, 1, 1), Decimal("1.00"))], "B": [Cost(date(2026, 1, 1), Decimal("3.00"))]})
ORDER = "shop/1001"


def fold(*events: Event, reference: Reference = COSTS) -> Rows:
    stated = [
        Stated("shop", type(event).__name__, key_of(event), 1, n, n.to_bytes(16, "big"), None, event)
        for n, event in enumerate(events)
    ]
    return fold_order(ORDER, stated, reference)


def named(table: str, row: Row) -> dict[str, Any]:
    return dict(zip([ENTITY, *TABLES[table].columns], row, strict=True))


def lines(rows: Rows) -> dict[str, dict[str, Any]]:
    return {row["line_id"]: row for row in (named("order_line", r) for r in rows["order_line"])}


def ledger(rows: Rows, *columns: str, entry: str) -> list[tuple[Any, ...]]:
    found = [named("line_amount", row) for row in rows["line_amount"]]
    return [tuple(row[c] for c in columns) for row in found if row["entry"] == entry]


def total(rows: Rows, column: str) -> int:
    return sum(named("line_amount", row)[column] for row in rows["line_amount"])


def only(rows: Sequence[Any]) -> Any:  # noqa: ANN401 -- whatever the one row is
    [one] = rows
    return one


def test_a_partial_shipment_leaves_the_rest_open() -> None:
    # 10 ordered, 6 leave in time, 3 a day after the promise: first pass 6, on time 6, shipped 9, open 1.
    order = an_order(ORDER, a_line(units=10), ship_by=NOON + 2 * HOUR)
    rows = fold(
        order,
        a_parcel("P1", ORDER, ("1", "A", 6), handed_over_at=NOON + HOUR),
        a_parcel("P2", ORDER, ("1", "A", 3), handed_over_at=NOON + DAY),
    )
    line = lines(rows)["1"]
    assert (line["first_shipment_units"], line["shipped_units"], line["on_time_units"], line["open_units"]) == (
        6,
        9,
        6,
        1,
    )
    assert (line["first_shipped_at"], line["last_shipped_at"]) == (NOON + HOUR, NOON + DAY)


def first_pass(*events: Event) -> tuple[int, ...]:
    """Fold an order of 5 of A and 3 of B, promised for two days later; units of each in the first shipment."""
    order = an_order(ORDER, a_line("1", "A", 5), a_line("2", "B", 3), ship_by=NOON + 2 * DAY)
    return tuple(line["first_shipment_units"] for line in lines(fold(order, *events)).values())


NORTH_SENDS_A = a_parcel("P1", ORDER, ("1", "A", 5), handed_over_at=NOON + 6 * HOUR)
NORTH_IS_ASKED = a_work("W1", ORDER, ("1", "A", 5), status="shipped")


def south_sends_b(after: timedelta, units: int = 3) -> Event:
    return a_parcel(f"P-{after}", ORDER, ("2", "B", units), location="SOUTH", handed_over_at=NOON + after)


def test_what_two_warehouses_were_asked_at_once_is_one_first_shipment_though_one_takes_a_day_longer() -> None:
    asked = a_work("W2", ORDER, ("2", "B", 3), location="SOUTH", status="shipped")
    assert first_pass(NORTH_IS_ASKED, asked, NORTH_SENDS_A, south_sends_b(DAY + 6 * HOUR)) == (5, 3)
    assert first_pass(NORTH_IS_ASKED, asked, NORTH_SENDS_A, south_sends_b(5 * DAY)) == (5, 3), "whatever the date"


def test_a_warehouse_that_is_asked_only_after_another_fell_short_is_a_second_pass() -> None:
    later = a_work("W2", ORDER, ("2", "B", 3), location="SOUTH", status="shipped", released_at=NOON + DAY)
    assert first_pass(NORTH_IS_ASKED, later, NORTH_SENDS_A, south_sends_b(DAY + 6 * HOUR)) == (5, 0)


def test_work_that_was_cancelled_for_a_shortage_does_not_vouch_for_what_replaces_it() -> None:
    nothing_picked = a_work("W2", ORDER, ("2", "B", 3), location="SOUTH", status="cancelled")
    again = a_work("W2-B", ORDER, ("2", "B", 3), location="SOUTH", status="shipped", released_at=NOON + DAY)
    assert first_pass(NORTH_IS_ASKED, nothing_picked, again, NORTH_SENDS_A, south_sends_b(DAY + 6 * HOUR)) == (5, 0)


def test_of_a_split_line_each_warehouses_first_run_counts_and_its_backorder_does_not() -> None:
    # B: 1 of 3 leaves SOUTH on its first run, an hour of it later still the same run; 1 on backorder the day after.
    asked = a_work("W2", ORDER, ("2", "B", 2), location="SOUTH", status="shipped")
    backorder = a_work("W2-B", ORDER, ("2", "B", 1), location="SOUTH", status="shipped", released_at=NOON + DAY)
    left = [south_sends_b(6 * HOUR, 1), south_sends_b(7 * HOUR, 1), south_sends_b(DAY + 6 * HOUR, 1)]
    assert first_pass(NORTH_IS_ASKED, asked, backorder, NORTH_SENDS_A, *left) == (5, 2)


def test_where_the_work_is_not_known_another_location_counts_if_it_kept_the_promise() -> None:
    assert first_pass(NORTH_SENDS_A, south_sends_b(2 * DAY)) == (5, 3)
    assert first_pass(NORTH_SENDS_A, south_sends_b(2 * DAY + HOUR)) == (5, 0)


def test_a_part_cancelled_without_a_cause_was_for_want_of_supply_where_the_warehouse_was_short() -> None:
    order = an_order(ORDER, a_line("1", "A", 5, cancelled_units=2), a_line("2", "B", 3, cancelled_units=3))
    waited = a_work("W1-B", ORDER, ("1", "A", 2), status="cancelled", released_at=None)
    found = lines(fold(order, a_work("W1", ORDER, ("1", "A", 3)), waited))
    assert [(line["cancelled_units"], line["cancel_cause"]) for line in found.values()] == [(2, "supply"), (3, None)]
    untold = lines(fold(order, waited))["1"]
    assert untold["cancel_cause"] is None, "a warehouse that never tells release times tells nothing of shortage either"


def test_a_shipment_in_the_very_moment_of_the_promise_is_on_time() -> None:
    order = an_order(ORDER, a_line(units=2), ship_by=NOON + HOUR)
    rows = fold(order, a_parcel("P1", ORDER, ("1", "A", 2), handed_over_at=NOON + HOUR))
    assert lines(rows)["1"]["on_time_units"] == 2


def test_what_the_parts_of_a_line_earn_sums_to_the_line() -> None:
    # 7 x 1.43 = 10.01, discount 1.00, shipping 2.00, fee 0.50, in parcels of 3, 3 and 1.
    # gross by cumulative share: 1001*3//7 = 429, 1001*6//7 = 858 -> 429, 429, 143; discount 42, 43, 15.
    order = an_order(ORDER, a_line(units=7, price="1.43", discount_minor=100), shipping_minor=200)
    parcels = [
        a_parcel(f"P{n}", ORDER, ("1", "A", units), handed_over_at=NOON + n * HOUR, freight_minor=100)
        for n, units in enumerate((3, 3, 1), 1)
    ]
    rows = fold(order, *parcels, a_payment("FEE", ORDER, 50, kind="fee", fee_kind="payment"))
    assert ledger(rows, "gross_minor", "discount_minor", entry="sale") == [(429, 42), (429, 43), (143, 15)]
    assert (total(rows, "gross_minor"), total(rows, "discount_minor")) == (1001, 100)
    assert (total(rows, "shipping_minor"), total(rows, "payment_fee_minor"), total(rows, "freight_minor")) == (
        200,
        50,
        300,
    )
    assert total(rows, "cogs_minor") == 700  # 7 at 1.00


def test_a_parcels_freight_is_booked_with_that_parcel_and_split_by_value() -> None:
    # P1 holds A worth 2 x 2.55 = 510 and B worth 999: 100 pence split 510:999 = 33.8 : 66.2 -> 34 and 66.
    order = an_order(ORDER, a_line("1", "A", 4, "2.55"), a_line("2", "B", 1, "9.99"))
    rows = fold(order, a_parcel("P1", ORDER, ("1", "A", 2), ("2", "B", 1), freight_minor=100))
    assert ledger(rows, "line_id", "freight_minor", entry="sale") == [("1", 34), ("2", 66)]


def test_the_orders_own_amounts_are_spread_to_the_penny() -> None:
    # Three equal lines of 3.33: shipping 1.00 -> 34, 33, 33 by the largest remainder, the earlier line first.
    order = an_order(ORDER, *(a_line(str(n), "A", 1, "3.33") for n in (1, 2, 3)), shipping_minor=100)
    rows = fold(order, a_parcel("P1", ORDER, *((str(n), "A", 1) for n in (1, 2, 3))))
    assert ledger(rows, "shipping_minor", entry="sale") == [(34,), (33,), (33,)]


def test_an_order_cancelled_in_part_earns_what_is_left_of_it() -> None:
    # 10 at 1.00, 4 cancelled, 6 shipped: gross 6.00; the shipping of 0.90 falls on the 6 that left.
    order = an_order(ORDER, a_line(units=10, price="1.00", cancelled_units=4), shipping_minor=90)
    rows = fold(order, a_parcel("P1", ORDER, ("1", "A", 6)))
    assert ledger(rows, "units", "gross_minor", "shipping_minor", entry="sale") == [(6, 600, 90)]
    line = lines(rows)["1"]
    assert (line["cancelled_units"], line["open_units"], line["stage"]) == (4, 0, "shipped")


def test_what_was_shipped_of_a_cancelled_order_stays_shipped() -> None:
    # 5 ordered, 2 shipped, then cancelled: 3 cancelled.
    order = an_order(ORDER, a_line(units=5), cancelled_at=NOON + DAY, cancel_cause="supply")
    line = lines(fold(order, a_parcel("P1", ORDER, ("1", "A", 2))))["1"]
    assert (line["shipped_units"], line["cancelled_units"], line["open_units"]) == (2, 3, 0)
    assert (line["cancel_cause"], line["cancelled_at"]) == ("supply", NOON + DAY)


def excused(cause: str, *events: Event, at: datetime = NOON + HOUR) -> int:
    order = an_order(ORDER, a_line(units=5), ship_by=NOON + DAY, cancelled_at=at, cancel_cause=cause)
    return int(lines(fold(order, *events))["1"]["excused_units"])


def test_a_customers_early_cancellation_is_excused() -> None:
    assert excused("customer") == 5


def test_a_cancellation_for_want_of_supply_is_never_excused() -> None:
    assert excused("supply") == 0


def test_a_customers_cancellation_after_the_promise_is_a_failure() -> None:
    assert excused("customer", at=NOON + DAY) == 0


def test_a_customers_cancellation_after_release_or_backorder_is_a_failure() -> None:
    parts = ("1", "A", 5)
    assert excused("customer", a_work("W1", ORDER, parts, released_at=NOON)) == 0
    assert (
        excused("customer", a_work("W1", ORDER, parts, status="backordered", released_at=None, status_since=NOON)) == 0
    )
    assert excused("customer", a_work("W1", ORDER, parts, released_at=NOON + 2 * HOUR)) == 5  # cancelled before that


def test_a_refund_is_booked_on_its_own_date_on_what_came_back() -> None:
    # A 2 x 2.55 and B 1 x 9.99 shipped; B comes back and 9.99 is refunded twenty days later: all on line 2.
    order = an_order(ORDER, a_line("1", "A", 2, "2.55"), a_line("2", "B", 1, "9.99"))
    refund = a_payment("PAY2", ORDER, 999, kind="refund", at=NOON + 20 * DAY)
    rows = fold(
        order, a_parcel("P1", ORDER, ("1", "A", 2), ("2", "B", 1)), a_return("R1", ORDER, ("2", "B", 1)), refund
    )
    assert ledger(rows, "line_id", "refund_minor", "posted_at", "placed_at", entry="refund") == [
        ("2", 999, NOON + 20 * DAY, NOON)
    ]
    assert lines(rows)["2"]["returned_units"] == 1


def test_a_refund_beyond_what_came_back_falls_on_all_that_was_sold() -> None:
    # 15.09 sold; B (9.99) came back; 14.99 is refunded: 9.99 on B, the other 5.00 by value 510:999 -> 1.69 and 3.31.
    order = an_order(ORDER, a_line("1", "A", 2, "2.55"), a_line("2", "B", 1, "9.99"))
    refund = a_payment("PAY2", ORDER, 1499, kind="refund", at=NOON + 20 * DAY)
    rows = fold(
        order, a_parcel("P1", ORDER, ("1", "A", 2), ("2", "B", 1)), a_return("R1", ORDER, ("2", "B", 1)), refund
    )
    assert sorted(ledger(rows, "line_id", "refund_minor", entry="refund")) == [("1", 169), ("2", 999 + 331)]


def test_money_back_for_cancelled_units_takes_no_sale_back() -> None:
    # 10 at 1.00 paid, 4 cancelled and refunded: 6.00 were sold, nothing of it is refunded.
    order = an_order(ORDER, a_line(units=10, price="1.00", cancelled_units=4))
    refund = a_payment("PAY2", ORDER, 400, kind="refund", at=NOON + DAY)
    rows = fold(order, a_parcel("P1", ORDER, ("1", "A", 6)), refund)
    assert (total(rows, "gross_minor"), total(rows, "refund_minor")) == (600, 0)


def test_tax_is_no_part_of_a_refunded_sale() -> None:
    # 2 x 5.00 and 2.00 tax: one comes back, 6.00 is refunded, of which 5.00 was the sale.
    order = an_order(ORDER, a_line(units=2, price="5.00", tax_minor=200))
    refund = a_payment("PAY2", ORDER, 600, kind="refund", at=NOON + 20 * DAY)
    rows = fold(order, a_parcel("P1", ORDER), a_return("R1", ORDER), refund)
    assert total(rows, "refund_minor") == 500


def test_restocked_goods_give_their_cost_back_and_disposed_ones_are_written_down() -> None:
    # 3 B left at 3.00; one is restocked, one disposed: cost -6.00, written down 3.00.
    order = an_order(ORDER, a_line("1", "B", 3, "9.99"))
    parts = (("1", "B", 1), ("1", "B", 1))
    rows = fold(
        order,
        a_parcel("P1", ORDER, ("1", "B", 3)),
        a_return("R1", ORDER, ("1", "B", 2)),
        an_inspection("I1", "R1", ORDER, *parts, dispositions=("restock", "dispose")),
    )
    assert ledger(rows, "cogs_minor", "write_down_minor", entry="return") == [(-300, 0), (-300, 300)]
    assert total(rows, "cogs_minor") == 900 - 600


def test_goods_come_back_at_the_cost_they_left_with() -> None:
    # 2 left at 1.00 in March, 2 at 1.50 in April; three come back: 1.00 + 1.00 + 1.50 = 3.50.
    april = datetime(2026, 4, 2, tzinfo=UTC)
    costs = Reference({"A": [Cost(date(2026, 1, 1), Decimal("1.00")), Cost(date(2026, 4, 1), Decimal("1.50"))]})
    rows = fold(
        an_order(ORDER, a_line(units=4)),
        a_parcel("P1", ORDER, ("1", "A", 2)),
        a_parcel("P2", ORDER, ("1", "A", 2), handed_over_at=april),
        a_return("R1", ORDER, ("1", "A", 3)),
        an_inspection("I1", "R1", ORDER, ("1", "A", 3)),
        reference=costs,
    )
    assert ledger(rows, "cogs_minor", entry="sale") == [(200,), (300,)]
    assert ledger(rows, "cogs_minor", entry="return") == [(-350,)]


def test_a_sale_without_a_known_cost_is_uncosted_not_free() -> None:
    order = an_order(ORDER, a_line("1", "Z", 2, "5.00", discount_minor=50))
    rows = fold(order, a_parcel("P1", ORDER, ("1", "Z", 2)))
    assert ledger(rows, "cogs_minor", "uncosted_minor", entry="sale") == [(0, 950)]


def test_a_cost_in_another_currency_is_no_cost_of_this_sale() -> None:
    costs = Reference(COSTS.costs, {"A": "EUR"})
    rows = fold(an_order(ORDER, a_line(units=2, price="5.00")), a_parcel("P1", ORDER, ("1", "A", 2)), reference=costs)
    assert ledger(rows, "cogs_minor", "uncosted_minor", entry="sale") == [(0, 1000)]


def test_money_that_moved_in_another_currency_is_booked_in_its_own() -> None:
    # 2 of A at 5.00: fees of 1.00 GBP and 2.50 EUR, refunds of 3.00 GBP and 4.00 EUR; nothing is converted.
    rows = fold(
        an_order(ORDER, a_line(units=2, price="5.00")), a_parcel("P1", ORDER, ("1", "A", 2)),
        a_payment("F1", ORDER, 100, kind="fee", fee_kind="marketplace"),
        a_payment("F2", ORDER, 250, kind="fee", fee_kind="marketplace", currency="EUR"),
        a_payment("R1", ORDER, 300, kind="refund"), a_payment("R2", ORDER, 400, kind="refund", currency="EUR"),
    )  # fmt: skip
    assert ledger(rows, "currency", "marketplace_fee_minor", entry="sale") == [("GBP", 100)]
    assert ledger(rows, "currency", "marketplace_fee_minor", entry="fee") == [("EUR", 250)]
    assert sorted(ledger(rows, "currency", "refund_minor", entry="refund")) == [("EUR", 400), ("GBP", 300)]


def test_what_was_spent_in_another_currency_is_booked_in_its_own_on_its_own_day() -> None:
    # 2 of A at 5.00 GBP: a parcel for 650 yen, picked for 0.90 EUR, taken back for 1.20 EUR.
    rows = fold(
        an_order(ORDER, a_line(units=2, price="5.00")),
        a_work("W1", ORDER, packed_at=NOON, handling_minor=90, currency="EUR"),
        a_parcel("P1", ORDER, ("1", "A", 2), freight_minor=650, currency="JPY"),
        a_return("R1", ORDER, ("1", "A", 2)),
        an_inspection("I1", "R1", ORDER, ("1", "A", 2), cost_minor=120, currency="EUR"),
    )
    amounts = ("freight_minor", "handling_minor", "return_cost_minor")
    assert ledger(rows, *amounts, entry="sale") == [(0, 0, 0)]
    assert ledger(rows, "return_cost_minor", entry="return") == [(0,)]
    booked = ledger(rows, "currency", *amounts, entry="cost")
    assert sorted(booked) == [("EUR", 0, 0, 120), ("EUR", 0, 90, 0), ("JPY", 650, 0, 0)]
    assert (NOON,) in ledger(rows, "posted_at", entry="cost")


def test_work_that_was_only_released_has_cost_nothing_yet_in_any_currency() -> None:
    released = a_work("W1", ORDER, handling_minor=90, currency="EUR")
    assert ledger(fold(an_order(ORDER, a_line()), released), "handling_minor", entry="cost") == []


def test_what_was_spent_in_a_currency_that_nobody_named_is_the_orders() -> None:
    rows = fold(an_order(ORDER, a_line()), a_parcel("P1", ORDER, ("1", "A", 2), freight_minor=65, currency=""))
    assert ledger(rows, "currency", "freight_minor", entry="sale") == [("GBP", 65)]
    assert ledger(rows, "currency", entry="cost") == []


def test_what_a_return_costs_is_booked_with_its_inspection_and_split_by_units() -> None:
    # 3 of A and 1 of B came back for 4.01 together: 401 pence by 3:1 are 301 and 100.
    order = an_order(ORDER, a_line("1", "A", 3), a_line("2", "B", 1))
    parts = (("1", "A", 3), ("2", "B", 1))
    rows = fold(
        order, a_parcel("P1", ORDER, *parts), a_return("R1", ORDER, *parts),
        an_inspection("I1", "R1", ORDER, *parts, dispositions=("restock", "restock"), cost_minor=401),
    )  # fmt: skip
    assert ledger(rows, "line_id", "return_cost_minor", entry="return") == [("1", 301), ("2", 100)]


def test_a_service_line_is_rendered_with_the_first_parcel_and_needs_no_cost() -> None:
    order = an_order(ORDER, a_line(), a_line("2", "POST", 1, "4.00", kind="service"))
    assert fold(order)["line_amount"] == []
    rows = fold(order, a_parcel("P1", ORDER))
    assert ledger(rows, "line_id", "posted_at", "gross_minor", "uncosted_minor", entry="sale") == [
        ("1", NOON + HOUR, 510, 0),
        ("2", NOON + HOUR, 400, 0),
    ]
    assert lines(rows)["2"]["open_units"] == 0


def test_the_fees_of_an_order_cancelled_whole_are_still_paid() -> None:
    order = an_order(ORDER, cancelled_at=NOON + HOUR, cancel_cause="customer")
    fee = a_payment("FEE", ORDER, 30, kind="fee", fee_kind="marketplace")
    refund = a_payment("PAY2", ORDER, 510, kind="refund", at=NOON + DAY)
    rows = fold(order, a_payment("PAY1", ORDER, 510), fee, refund)
    assert ledger(rows, "marketplace_fee_minor", "posted_at", entry="fee") == [(30, NOON)]
    assert (total(rows, "gross_minor"), total(rows, "refund_minor")) == (0, 0)
    assert lines(rows)["1"]["stage"] == "cancelled"


def test_an_order_told_line_by_line_is_shipped_when_its_file_says_so() -> None:
    first = an_order_line(ORDER, a_line("A|1", "A", 2), shipped_at=NOON + HOUR, ship_by=NOON + DAY)
    second = an_order_line(ORDER, a_line("B|1", "B", 1), shipped_at=NOON + 2 * DAY, ship_by=NOON + DAY)
    rows = fold(first, second)
    found = lines(rows)
    assert (found["A|1"]["first_shipment_units"], found["A|1"]["on_time_units"]) == (2, 2)
    assert (found["B|1"]["first_shipment_units"], found["B|1"]["on_time_units"]) == (0, 0)
    assert rows["shipment_line"] == []
    assert total(rows, "gross_minor") == 510 + 255


def test_a_return_from_a_file_is_refunded_by_what_the_file_says() -> None:
    line = an_order_line(ORDER, a_line("A|1", "A", 2), shipped_at=NOON + HOUR)
    back = a_return("C1", ORDER, ("A|1", "A", 1), refunded_minor=255)
    rows = fold(line, back)
    assert ledger(rows, "line_id", "refund_minor", "posted_at", entry="refund") == [("A|1", 255, NOON + 10 * DAY)]
    assert named("return_line", only(rows["return_line"]))["linked"] is True
    assert fold(line, back, a_payment("PAY2", ORDER, 255, kind="refund"))["line_amount"] != []
    assert total(fold(line, back, a_payment("PAY2", ORDER, 255, kind="refund")), "refund_minor") == 255  # never both


def test_a_return_that_found_no_order_is_booked_on_its_own_date_and_said_to_be_unlinked() -> None:
    rows = fold(a_return("C2", ORDER, ("", "A", 3), refunded_minor=765, channel="web", currency="GBP"))
    row = named("return_line", only(rows["return_line"]))
    assert (row["linked"], row["channel"], row["units"]) == (False, "web", 3)
    assert ledger(rows, "refund_minor", "posted_at", "placed_at", entry="refund") == [(765, NOON + 10 * DAY, None)]


def test_a_return_that_was_only_asked_for_has_not_returned() -> None:
    order = an_order(ORDER)
    asked = fold(order, a_parcel("P1", ORDER), a_return("R1", ORDER, status="requested"))
    assert lines(asked)["1"]["returned_units"] == 0
    seen = fold(
        order, a_parcel("P1", ORDER), a_return("R1", ORDER, status="requested"), an_inspection("I1", "R1", ORDER)
    )
    assert lines(seen)["1"]["returned_units"] == 1


def test_the_channel_is_told_of_the_units_in_its_own_fulfilments() -> None:
    order = an_order(ORDER, a_line(units=3), fulfilments=(told("T-P1", ("1", "A", 2)),))
    rows = fold(order, a_parcel("P1", ORDER, ("1", "A", 2)), a_parcel("P2", ORDER, ("1", "A", 1)))
    assert lines(rows)["1"]["told_units"] == 2
    parcels = [named("shipment_line", row) for row in rows["shipment_line"]]
    assert [(p["tracking"], p["told_at"]) for p in parcels] == [("T-P1", NOON + HOUR), ("T-P2", None)]
    assert {p["currency"] for p in parcels} == {order.currency}


def test_an_open_line_stands_where_its_least_advanced_work_stands() -> None:
    order = an_order(ORDER, a_line(units=3))
    packed = a_work("W1", ORDER, ("1", "A", 2), status="packed", status_since=NOON + HOUR)
    short = a_work("W2", ORDER, ("1", "A", 1), status="backordered", location="SOUTH", released_at=None)
    line = lines(fold(order, packed, short))["1"]
    assert (line["stage"], line["location"]) == ("backordered", "NORTH")  # responsible: allocated first
    assert lines(fold(order))["1"]["stage"] == "placed"
    assert lines(fold(an_order(ORDER, hold="address"), packed))["1"]["stage"] == "held"
    assert lines(fold(an_order(ORDER, paid=False)))["1"]["stage"] == "unpaid"


def test_a_test_order_leaves_nothing() -> None:
    assert fold(an_order(ORDER, is_test=True), a_parcel("P1", ORDER), a_payment("PAY1", ORDER)) == {}


def test_more_shipped_than_ordered_is_never_paid_for() -> None:
    rows = fold(
        an_order(ORDER, a_line(units=2)), a_parcel("P1", ORDER, ("1", "A", 2)), a_parcel("P2", ORDER, ("1", "A", 1))
    )
    assert (total(rows, "gross_minor"), total(rows, "units"), total(rows, "cogs_minor")) == (510, 3, 300)


def test_work_that_is_still_to_be_done_is_listed_with_who_does_it() -> None:
    rows = fold(
        an_order(ORDER, a_line(units=3)),
        a_work("W1", ORDER, ("1", "A", 2), status="picking", priority=9),
        a_work("W2", ORDER, ("1", "A", 1), status="shipped"),
        a_work("W3", ORDER, ("1", "A", 1), status="cancelled"),
    )
    work = named("open_work", only(rows["open_work"]))
    assert (work["work"], work["connection"], work["location"], work["status"], work["priority"]) == (
        "W1", "shop", "NORTH", "picking", 9,
    )  # fmt: skip
