"""What a row states: sentinels, signs, translations, rules; what cannot be taken is a dead letter with its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from data.clock import from_micros
from data.errors import ConfigError
from data.events import ItemStated, OrderLineStated, ReturnStated, StockStated
from ingest.files.mapping import Mapping
from tests.ingest.files.factories import ORDER_LINES, a_mapping, a_plan, classes, good_rows, lines_file

DAY = "2026-05-03 10:00"


def field(line: str, old: str) -> Mapping:
    assert old in ORDER_LINES
    return a_mapping(ORDER_LINES.replace(old, line))


def test_a_row_becomes_an_order_line(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, lines_file(f"1001, A1 ,2,2.50,{DAY}"))
    [record] = plan.received(0, 1, observed_at=7)
    [event] = record.events
    assert isinstance(event, OrderLineStated)
    assert (event.order, event.channel, event.currency) == ("shop/1001", "web", "EUR")
    assert (event.line.line, event.line.sku, event.line.units) == ("A1|2.5|1", "A1", 2)
    assert event.line.unit_price == Decimal("2.5")
    assert (record.key, record.place, record.observed_at) == ("1001|A1|2.5|1", "a.csv:2", 7)
    assert from_micros(record.version) == event.placed_at == plan.instant


@pytest.mark.parametrize(
    ("row", "error_class"),
    [
        (f",A,1,1,{DAY}", "missing"), (f"1,A,x,1,{DAY}", "number"), (f"1,A,1.5,1,{DAY}", "number"),
        (f'1,A,1,"1,5",{DAY}', "number"), (f"1,#REF!,1,1,{DAY}", "damaged_key"),
        (f"1,5.01E+12,1,1,{DAY}", "damaged_key"),
        ("1,A,1,1,soon", "time"), (f"1,A,-1,1,{DAY}", "sign"), (f"1,A,0,1,{DAY}", "sign"), (f"1,A,1,-1,{DAY}", "sign"),
        (f"1,A,1,NaN,{DAY}", "number"), (f"1,A,1,Infinity,{DAY}", "number"), ("1,A,1", "cells"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_taken_is_a_dead_letter_with_line_and_class(
    tmp_path: Path, row: str, error_class: str
) -> None:
    good = [f"{n},B,1,1,{DAY}" for n in range(2, 8)]
    plan = a_plan(tmp_path, lines_file(*good[:3], row, *good[3:]))
    assert classes(plan) == [(5, error_class)]
    assert plan.dead_letters()[0].message.startswith("line 5")
    assert len(good_rows(plan)) == 6
    assert plan.rows == 7


def test_every_row_has_exactly_one_record_however_it_is_cut(tmp_path: Path) -> None:
    rows = [f"{n},A,{n % 3},1,{DAY}" if n % 7 else f"{n},A,1" for n in range(50)]
    plan = a_plan(tmp_path, lines_file(*rows))
    whole = plan.received(0, plan.rows, observed_at=1)
    parts = [r for start in range(0, plan.rows, 9) for r in plan.received(start, start + 9, observed_at=1)]
    assert [(r.key, r.raw, r.events) for r in parts] == [(r.key, r.raw, r.events) for r in whole]
    assert len(whole) == plan.rows == 50


def test_sentinels_are_missing_and_counted(tmp_path: Path) -> None:
    mapping = field(
        'country = { column = "Country", missing = ["Unspecified", "See *"] }\norder = "Order"', 'order = "Order"'
    )
    rows = (f"1,A,1,1,{DAY},Unspecified", f"2,A,1,1,{DAY},See row 4", f"3,A,1,1,{DAY},France", f"4,A,1,1,{DAY},see x")
    plan = a_plan(tmp_path, lines_file(*rows, header="Order,SKU,Units,Price,Placed,Country"), mapping)
    assert [row["country"] for row in good_rows(plan)] == [None, None, "France", None]
    assert plan.notes.sentinels == {"country: Unspecified": 1, "country: See *": 2}


def test_values_are_translated_and_codes_made_alike(tmp_path: Path) -> None:
    mapping = field('sku = { column = "SKU", upper = true, trim = "\'", values = { none = "MISC" } }', 'sku = "SKU"')
    plan = a_plan(tmp_path, lines_file(f"1,85123a,1,1,{DAY}", f"2,'75008,1,1,{DAY}", f"3,none,1,1,{DAY}"), mapping)
    assert [row["sku"] for row in good_rows(plan)] == ["85123A", "75008", "MISC"]


def test_a_value_may_depend_on_other_fields(tmp_path: Path) -> None:
    cases = '{ constant = "web", cases = [{ when = ["units >= 100", "[Country] = UK"], value = "trade" }] }'
    mapping = field(f"channel = {cases}", 'channel = { constant = "web" }')
    rows = (f"1,A,100,1,{DAY},UK", f"2,A,100,1,{DAY},FR", f"3,A,9,1,{DAY},UK")
    plan = a_plan(tmp_path, lines_file(*rows, header="Order,SKU,Units,Price,Placed,Country"), mapping)
    assert [row["channel"] for row in good_rows(plan)] == ["trade", "web", "web"]


def test_a_unit_price_may_be_the_line_total_per_unit_and_a_sign_may_be_turned(tmp_path: Path) -> None:
    mapping = field(
        'unit_price = { column = "Price", per = "units" }\nunits = { column = "Units", sign = "negate" }',
        'units = "Units"\nunit_price = "Price"',
    )
    plan = a_plan(tmp_path, lines_file(f"1,A,-3,10,{DAY}", f"2,A,-4,10,{DAY}"), mapping)
    assert [row["unit_price"] for row in good_rows(plan)] == ["3.333333333", "2.5"]


RULES = """
[[rows]]
name = "adjustment"
when = ["units < 0", "order starts with ADJ"]
ignore = "a correction of stock"

[[rows]]
name = "came back"
when = "units < 0"
states = "return"
[rows.fields]
return = "Order"
order = false
requested_at = { field = "placed_at" }
units = { column = "Units", sign = "negate" }
refunded = { column = "Price", times = "units" }
"""


def test_rules_say_what_rows_state_and_the_user_sees_the_counts(tmp_path: Path) -> None:
    rows = (f"ADJ1,A,-5,0,{DAY}", f"R1,A,-2,1.5,{DAY}", f"1,A,2,1.5,{DAY}")
    plan = a_plan(tmp_path, lines_file(*rows), a_mapping(more=RULES))
    assert plan.rules == {"adjustment": 1, "came back": 1, "otherwise": 1}
    ignored, back, line = plan.received(0, 3, observed_at=1)
    assert ignored.events == ()
    assert ignored.error is None
    [event] = back.events
    assert isinstance(event, ReturnStated)
    assert (event.order, event.refunded_minor, event.channel, event.currency) == ("shop/R1", 300, "web", "EUR")
    assert isinstance(line.events[0], OrderLineStated)


def test_columns_nobody_asked_for_are_a_warning_and_missing_optional_ones_too(tmp_path: Path) -> None:
    mapping = field('country = "Country"\norder = "Order"', 'order = "Order"')
    plan = a_plan(tmp_path, lines_file(f"1,A,1,1,{DAY},x", header="order,sku ,Units,PRICE,Placed,Colour"), mapping)
    assert "not used: Colour" in plan.notes.warnings
    assert "country is missing everywhere: the file has no column Country" in plan.notes.warnings
    assert good_rows(plan)[0]["country"] is None


def test_a_needed_column_that_is_missing_is_refused_with_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fields.sku: the file has no column 'SKU'; it has Order, Code, Units"):
        a_plan(tmp_path, lines_file(f"1,A,1,1,{DAY}", header="Order,Code,Units,Price,Placed"))


def test_times_without_an_offset_need_a_zone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"times without an offset, such as .*declare time_zone"):
        a_plan(tmp_path, lines_file(f"1,A,1,1,{DAY}"), field("", 'time_zone = "UTC"'))


def test_days_that_can_be_read_in_two_ways_are_refused_until_declared(tmp_path: Path) -> None:
    content = lines_file("1,A,1,1,03/04/2026")
    with pytest.raises(ConfigError, match="day/month and as month/day"):
        a_plan(tmp_path, content)
    declared = field('placed_at = { column = "Placed", formats = ["%d/%m/%Y"] }', 'placed_at = "Placed"')
    assert a_plan(tmp_path, content, declared).instant.month == 4


def test_personal_columns_are_dropped_and_customers_become_pseudonyms(tmp_path: Path) -> None:
    header = "Order,SKU,Units,Price,Placed,Email,Billing Name,Shipping Street,Phone"
    row = f"1,A,1,1,{DAY},Ann@Example.com,Ann Lee,1 High St,+44 1"
    mapping = field('customer = { column = "Email", pseudonym = true }\norder = "Order"', 'order = "Order"')
    plan = a_plan(tmp_path, lines_file(row, row.replace("Ann@E", "ann@e"), header=header), mapping)
    first, _ = plan.received(0, 2, observed_at=1)
    assert b"Ann" not in first.raw
    assert b"High St" not in first.raw
    assert b"+44" not in first.raw
    customers = {row["customer"] for row in good_rows(plan)}
    assert len(customers) == 1
    assert customers.pop() in first.raw.decode()  # type: ignore[operator]
    assert "dropped as personal: Billing Name, Shipping Street, Phone" in plan.notes.warnings


def test_the_version_is_the_latest_time_inside_unless_it_is_said(tmp_path: Path) -> None:
    rows = (f"1,A,1,1,{DAY}", "2,A,1,1,2026-05-09 10:00")
    assert a_plan(tmp_path, lines_file(*rows)).instant.day == 9
    said = ORDER_LINES.replace("states =", 'export_instant = "2026-06-01T00:00:00Z"\nstates =')
    assert a_plan(tmp_path, lines_file(*rows), a_mapping(said)).instant.month == 6
    with pytest.raises(ConfigError, match="is still to come"):
        a_plan(tmp_path, lines_file("1,A,1,1,2091-01-01 10:00"))


def test_lines_shipped_long_after_their_order_are_told(tmp_path: Path) -> None:
    mapping = field('shipped_at = "Shipped"\norder = "Order"', 'order = "Order"')
    header = "Order,SKU,Units,Price,Placed,Shipped"
    rows = (f"1,A,1,1,{DAY},2026-05-04", "2,A,1,1,2020-05-03,2025-10-25", f"3,A,1,1,{DAY},2026-05-01")
    plan = a_plan(tmp_path, lines_file(*rows, header=header), mapping)
    assert any(
        "2 rows were shipped before they were ordered or more than a year after: line 3" in w
        for w in plan.notes.warnings
    )


STOCK = """
connection = "wms"
states = "stock"
export_instant = "2026-05-03T10:00:00Z"
[fields]
sku = "SKU"
location = { constant = "WH1" }
on_hand = { column = "On hand", values = { "not stocked" = "" } }
"""


def test_a_count_may_be_below_zero_and_what_is_not_stocked_is_no_count(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, "SKU,On hand\nA,-3\nB,not stocked\nC,4\n", a_mapping(STOCK))
    [below, _, _] = plan.received(0, 3, observed_at=1)
    assert isinstance(below.events[0], StockStated)
    assert (below.key, below.events[0].on_hand) == ("A|WH1", -3)
    assert classes(plan) == [(3, "missing")]
    assert plan.covered() == set()


def test_a_file_that_counts_one_item_twice_contradicts_itself(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, "SKU,On hand\nA,3\nB,1\nA,4\nB,1\n", a_mapping(STOCK))
    assert classes(plan) == [(2, "contradiction"), (4, "contradiction")]
    assert [row["sku"] for row in good_rows(plan, "stock")] == ["B", "B"]


COSTS = """
connection = "erp"
states = "cost"
export_instant = "2026-05-03T10:00:00Z"
[fields]
sku = "SKU"
unit_cost = "Cost"
effective_from = "From"
currency = { constant = "EUR" }
"""


def test_costs_may_stand_a_row_a_day(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, "SKU,Cost,From\nA,1.20,2026-01-01\nA,1.30,2026-02-01\n", a_mapping(COSTS))
    events = [r.events[0] for r in plan.received(0, 2, observed_at=1)]
    assert [(e.costs[0].effective_from.month, e.costs[0].unit_cost) for e in events if isinstance(e, ItemStated)] == [
        (1, Decimal("1.2")), (2, Decimal("1.3")),
    ]  # fmt: skip


def test_the_mark_of_a_second_table_glued_below_the_first_is_a_dead_letter(tmp_path: Path) -> None:
    rows = (f"1,A,1,1,{DAY}", "Order,SKU,Units,Price,Placed", f"2,A,1,1,{DAY}", "Supplier,City", "X,Rome")
    plan = a_plan(tmp_path, lines_file(*rows, *(f"{n},A,1,1,{DAY}" for n in range(3, 9))))
    assert classes(plan) == [(3, "number"), (5, "cells"), (6, "cells")]
    assert len(good_rows(plan)) == 8
