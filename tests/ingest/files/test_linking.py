"""Joined files never multiply rows; returns find the order they reverse; identities do not depend on row order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import ConfigError
from ingest.files.mapping import Mapping
from ingest.files.plan import Plan, choose_inputs, plan_import
from tests.ingest.files.factories import KEY, NOW, ORDER_LINES, a_mapping, a_plan, classes, good_rows, lines_file

RETURNS = """
[[rows]]
name = "came back"
when = "order starts with C"
states = "return"
[rows.fields]
return = "Order"
order = false
requested_at = { field = "placed_at" }
units = { column = "Units", sign = "negate" }

[link]
same = ["sku"]
"""


def linked(plan: Plan) -> list[tuple[object, object]]:
    return [(row["return"], row["order"]) for row in good_rows(plan, "return")]


def on(day: int) -> str:
    return f"2026-05-{day:02} 10:00"


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([f"1,A,5,1,{on(1)}", f"2,A,5,1,{on(2)}", f"C1,A,-5,1,{on(3)}"], "2"),
        ([f"1,A,5,1,{on(1)}", f"2,A,3,1,{on(2)}", f"C1,A,-5,1,{on(3)}"], "1"),
        ([f"1,A,5,1,{on(4)}", f"C1,A,-5,1,{on(3)}"], None),
        ([f"1,B,5,1,{on(1)}", f"C1,A,-5,1,{on(3)}"], None),
        ([f"1,A,5,1,{on(3)}", f"C1,A,-5,1,{on(3)}"], "1"),
    ],
    ids=["the latest", "enough units", "not a later one", "the same item", "minutes later on the same clock"],
)
def test_a_return_is_linked_to_the_latest_earlier_line_with_enough_units(
    tmp_path: Path, rows: list[str], order: str | None
) -> None:
    plan = a_plan(tmp_path, lines_file(*rows), a_mapping(more=RETURNS))
    assert linked(plan) == [("C1", order)]
    assert (plan.linked, plan.unlinked) == ((1, 0) if order else (0, 1))


def test_units_that_came_back_cannot_come_back_again(tmp_path: Path) -> None:
    rows = (f"1,A,5,1,{on(1)}", f"C1,A,-3,1,{on(2)}", f"C2,A,-3,1,{on(3)}", f"C3,A,-2,1,{on(4)}")
    assert linked(a_plan(tmp_path, lines_file(*rows), a_mapping(more=RETURNS))) == [
        ("C1", "1"),
        ("C2", None),
        ("C3", "1"),
    ]


def test_an_unlinked_return_is_a_dead_letter_where_the_mapping_says_so(tmp_path: Path) -> None:
    mapping = a_mapping(more=RETURNS + 'otherwise = "dead_letter"\n')
    assert classes(a_plan(tmp_path, lines_file(f"C1,A,-3,1,{on(2)}"), mapping)) == [(2, "unlinked")]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "C1", "C2"]), st.sampled_from(["A", "B"]), st.integers(1, 3),
        st.sampled_from(["1", "1.0", "2.5"]), st.integers(1, 4),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(rows=ROWS, data=st.data())
def test_whatever_the_order_of_rows_they_state_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int, str, int]], data: st.DataObject
) -> None:
    written = [f"{o},{s},{-u if o[0] == 'C' else u},{p},{on(d)}" for o, s, u, p, d in rows]
    shuffled = data.draw(st.permutations(written))
    folder = tmp_path_factory.mktemp("rows")
    for repeats in ("lines", "duplicates"):
        mapping = a_mapping(ORDER_LINES.replace("states =", f'repeats = "{repeats}"\nstates ='), RETURNS)
        facts = [
            sorted(
                (r.key, r.events[0].__repr__())
                for r in a_plan(folder, lines_file(*order), mapping).received(0, 99, observed_at=1)
            )
            for order in (written, shuffled)
        ]
        assert facts[0] == facts[1]
        keys = [key for key, _ in facts[0]]
        assert len(set(keys)) == (len(keys) if repeats == "lines" else len(set(facts[0])))


def test_equal_lines_are_real_or_the_same_row_twice_as_the_mapping_says(tmp_path: Path) -> None:
    content = lines_file(*[f"1,A,2,2.55,{on(1)}"] * 2, f"1,A,3,2.550,{on(1)}")
    assert [r["*key"] for r in good_rows(a_plan(tmp_path, content))] == ["1|A|2.55|1", "1|A|2.55|2", "1|A|2.55|3"]
    duplicates = a_mapping(ORDER_LINES.replace("states =", 'repeats = "duplicates"\nstates ='))
    keys = [r["*key"] for r in good_rows(a_plan(tmp_path, content, duplicates))]
    assert keys == ["1|A|2.55|1", "1|A|2.55|1", "1|A|2.55|2"]


def test_no_two_identities_look_alike(tmp_path: Path) -> None:
    rows = (f"1|A,B,1,1,{on(1)}", f"1,A|B,1,1,{on(1)}", f"1\\,A|B,1,1,{on(1)}")
    assert len({r["*key"] for r in good_rows(a_plan(tmp_path, lines_file(*rows)))}) == 3


JOINED = """
connection = "shop"
states = "order_line"
[file]
time_zone = "UTC"
[join.head]
file = "heads*.csv"
on = { Order = "No" }
[fields]
order = "Order"
sku = "SKU"
units = "Units"
unit_price = "Price"
placed_at = "head.Placed"
channel = "head.Channel"
currency = { constant = "EUR" }
"""


def joined(folder: Path, heads: str, mapping: Mapping | None = None) -> Plan:
    (folder / "heads_1.csv").write_text(heads)
    (folder / "lines.csv").write_text("Order,SKU,Units,Price\n1,A,1,1\n2,B,1,1\n1,C,1,1\n")
    told = mapping or a_mapping(JOINED)
    [inputs] = choose_inputs([folder], told)
    return plan_import(inputs, told, key=KEY, now=NOW)


def test_columns_of_a_second_file_are_looked_up(tmp_path: Path) -> None:
    plan = joined(tmp_path, f"No,Placed,Channel\n1,{on(1)},web\n2,{on(2)},shop\n3,{on(3)},web\n")
    assert [(r["order"], r["channel"]) for r in good_rows(plan)] == [("1", "web"), ("2", "shop"), ("1", "web")]
    assert plan.about["join head"] == "3 rows of heads_1.csv; 1 unused"


def test_different_master_rows_of_one_key_are_refused_because_they_would_multiply_rows(
    tmp_path: Path,
) -> None:
    twice = f"No,Placed,Channel\n1,{on(1)},web\n1,{on(1)},web\n2,{on(2)},web\n"
    assert len(good_rows(joined(tmp_path, twice))) == 3
    other = f"No,Placed,Channel\n1,{on(1)},web\n2,{on(2)},web\n1,{on(1)},shop\n"
    with pytest.raises(ConfigError, match="1 keys with several different rows, such as '1' on lines 2 and 4"):
        joined(tmp_path, other)
    last = a_mapping(JOINED.replace('file = "heads', 'duplicates = "last"\nfile = "heads'))
    assert {r["channel"] for r in good_rows(joined(tmp_path, other, last)) if r["order"] == "1"} == {"shop"}


def test_a_row_without_a_partner_is_a_dead_letter_unless_none_is_needed(tmp_path: Path) -> None:
    heads = f"No,Placed,Channel\n1,{on(1)},web\n"
    assert classes(joined(tmp_path, heads)) == [(3, "unmatched")]
    free = JOINED.replace('file = "heads', 'required = false\nfile = "heads')
    assert classes(joined(tmp_path, heads, a_mapping(free))) == [(3, "missing")]


def test_a_joined_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("Order,SKU,Units,Price\n1,A,1,1\n")
    with pytest.raises(ConfigError, match=r"join.head: no file fits 'heads\*.csv'"):
        choose_inputs([tmp_path / "lines.csv"], a_mapping(JOINED))
