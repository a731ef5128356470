"""A warehouse that keeps lines of its own is met by item: what it does counts for the lines that were ordered."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from data.events import Units
from data.fold.link import by_line, by_return, work_by_line
from tests.data.test_fold_order import fold, lines, named, only
from tests.factories import HOUR, NOON, a_line, a_parcel, a_return, a_work, an_inspection, an_order

ORDERED = {"l1": ("A", 2), "l2": ("A", 3), "l3": ("B", 1)}
ORDER = an_order(lines=(a_line("l1", sku="A", units=2), a_line("l2", sku="A", units=3), a_line("l3", sku="B", units=1)))


def test_what_an_erp_ships_by_its_own_lines_leaves_the_orders_lines() -> None:
    parcel = a_parcel("P1", "shop/1001", ("71", "A", 4), ("72", "B", 1))
    rows = fold(ORDER, a_work("7", "shop/1001", ("71", "A", 5), ("72", "B", 1), status="shipped"), parcel)
    found = lines(rows)
    assert {name: (line["shipped_units"], line["open_units"]) for name, line in found.items()} == {
        "l1": (2, 0), "l2": (2, 1), "l3": (1, 0),
    }  # fmt: skip
    assert found["l1"]["location"] == "NORTH"
    shipped = [named("shipment_line", row) for row in rows["shipment_line"]]
    assert [(row["line_id"], row["units"]) for row in shipped] == [("l1", 2), ("l2", 2), ("l3", 1)]


def test_the_stage_of_work_by_own_lines_is_the_orders() -> None:
    rows = fold(ORDER, a_work("7", "shop/1001", ("71", "A", 5), ("72", "B", 1), status="picked"))
    assert {line["stage"] for line in lines(rows).values()} == {"picked"}


def test_two_parcels_serve_one_line_after_the_other() -> None:
    parcels = [
        a_parcel("P1", "shop/1001", ("71", "A", 3)),
        a_parcel("P2", "shop/1001", ("71", "A", 2), handed_over_at=NOON + 2 * HOUR),
    ]
    assert [p.lines for p in by_line(parcels, ORDERED)] == [
        (Units("l1", "A", 2), Units("l2", "A", 1)), (Units("l2", "A", 2),),
    ]  # fmt: skip


def test_more_than_was_ordered_stays_with_the_last_line_of_the_item() -> None:
    [parcel] = by_line([a_parcel("P1", "shop/1001", ("71", "A", 9))], ORDERED)
    assert parcel.lines == (Units("l1", "A", 2), Units("l2", "A", 7))


def test_an_item_that_the_order_lacks_keeps_its_line() -> None:
    [parcel] = by_line([a_parcel("P1", "shop/1001", ("71", "Z", 1))], ORDERED)
    assert parcel.lines == (Units("71", "Z", 1),)


def test_cancelled_work_does_not_take_the_place_of_what_followed_it() -> None:
    works = [
        a_work("1", "shop/1001", ("71", "A", 2), status="cancelled"), a_work("2", "shop/1001", ("71", "A", 2)),
    ]  # fmt: skip
    assert [w.lines for w in work_by_line(works, ORDERED)] == [(Units("l1", "A", 2),), (Units("l1", "A", 2),)]


@given(st.lists(st.tuples(st.sampled_from(["71", "72", "l1", "l3"]), st.sampled_from("ABZ"), st.integers(0, 9))))
def test_linking_never_changes_how_many_units_of_an_item_left(parts: list[tuple[str, str, int]]) -> None:
    parcels = [a_parcel(f"P{n}", "shop/1001", part) for n, part in enumerate(parts)]
    linked = by_line(parcels, ORDERED)
    assert [sum(u.units for u in p.lines) for p in linked] == [units for _, _, units in parts]
    assert all({u.sku for u in p.lines} == {sku} for p, (_, sku, _) in zip(linked, parts, strict=True))


def test_an_inspection_under_the_erps_number_is_of_the_return_that_announced_these_units() -> None:
    asked = [
        a_return("R1", "shop/1001", ("l1", "A", 2)),
        a_return("R2", "shop/1001", ("l2", "A", 1), requested_at=NOON + timedelta(days=11)),
    ]
    found = an_inspection("9", "erp/return-9", "shop/1001", ("81", "A", 1), dispositions=("dispose",))
    [linked] = by_return([found], asked)
    assert (linked.return_, linked.lines, linked.dispositions) == ("R2", (Units("l2", "A", 1),), ("dispose",))
    rows = [named("return_line", row) for row in fold(ORDER, *asked, found)["return_line"]]
    assert {row["return_id"]: row["disposition"] for row in rows} == {"R1": None, "R2": "dispose"}


def test_each_return_has_one_inspection_and_an_unannounced_one_stays_alone() -> None:
    asked = [a_return("R1", "shop/1001", ("l1", "A", 1))]
    found = [an_inspection(str(n), f"erp/return-{n}", "shop/1001", ("81", "A", 1)) for n in (8, 9)]
    other = an_inspection("7", "erp/return-7", "shop/1001", ("81", "Z", 1))
    assert [i.return_ for i in by_return([*found, other], asked)] == ["R1", "erp/return-9", "erp/return-7"]


def test_an_inspection_that_names_the_return_but_not_its_lines_is_met_by_item() -> None:
    asked = a_return("R1", "shop/1001", ("l1", "A", 1), ("l3", "B", 1))
    found = an_inspection("9", "R1", "shop/1001", ("81", "B", 1), ("82", "A", 1), dispositions=("dispose", "restock"))
    [linked] = by_return([found], [asked])
    assert dict(zip([u.line for u in linked.lines], linked.dispositions, strict=True)) == {
        "l3": "dispose", "l1": "restock",
    }  # fmt: skip
    assert only(by_return([linked], [asked])) is linked
