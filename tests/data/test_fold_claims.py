"""Two systems about one thing: each keeps its own word, and only the owner's word is the merchant's stock."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from data.events import (
    ChannelFulfilment,
    ChannelPacked,
    Event,
    ItemStated,
    LevelStated,
    LotAt,
    LotStated,
    OrderPointStated,
    SaleLine,
    SaleStated,
    StockStated,
    TermsStated,
    Units,
    entities,
)
from data.facts import ENTITY, TABLES, Rows
from data.fold.fold import fold
from data.fold.reference import Reference
from data.fold.settle import Stated
from tests.factories import NOON, a_line, a_return, a_work, an_inspection, an_item, an_order


def folded(*said: tuple[str, Event]) -> Rows:
    """Fold what connections say of one entity."""
    [(kind, entity)] = {entities(event)[0] for _, event in said}
    stated = [
        Stated(connection, type(event).__name__, str(n), 1, n, bytes([n]), None, event)
        for n, (connection, event) in enumerate(said)
    ]
    return fold(kind, entity, stated, Reference())


def named(rows: Rows, table: str) -> list[dict[str, object]]:
    return [dict(zip([ENTITY, *TABLES[table].columns], row, strict=True)) for row in rows[table]]


def test_a_channels_own_level_stands_beside_the_stock_and_is_no_part_of_it() -> None:
    rows = folded(
        ("erp", StockStated(sku="A", location="EAST", on_hand=9, allocated=2, counted_at=NOON)),
        ("shop", LevelStated(sku="A", location="EAST", stocked=11, reserved=5, held=3, level="lv1", counted_at=NOON)),
    )
    assert {row["connection"] for row in named(rows, "stock_position")} == {"erp"}
    [level] = named(rows, "level")
    assert (level["connection"], level["stocked_units"], level["reserved_units"], level["held_units"]) == (
        "shop", 11, 5, 3,
    )  # fmt: skip


def test_every_document_of_the_erp_for_an_order_is_kept_with_its_lines() -> None:
    def sale(number: str) -> SaleStated:
        return SaleStated(
            order="shop/7", sale=number, status="open", total_minor=500, currency="EUR", created_at=NOON, reference="7",
            lines=(SaleLine("1", "A", 2, 500),),
        )  # fmt: skip

    rows = folded(("erp", sale("S1")), ("erp", sale("S2")), ("shop", an_order("shop/7", a_line(), total_minor=510)))
    assert [row["sale"] for row in named(rows, "sale")] == ["S1", "S2"]
    assert [(row["sale"], row["sku"], row["units"]) for row in named(rows, "sale_line")] == [
        ("S1", "A", 2),
        ("S2", "A", 2),
    ]
    assert [row["total_minor"] for row in named(rows, "order_total")] == [510]


def test_what_a_channel_packed_and_what_it_calls_shipped_are_both_off_its_levels() -> None:
    shipped = ChannelFulfilment(
        fulfilment="F1", told_at=NOON, tracking="T1", lines=(Units("1", "A", 1),), location="EAST"
    )
    packed = ChannelPacked(fulfilment="F2", packed_at=NOON, lines=(Units("1", "A", 2),), location="WEST")
    rows = folded(("shop", an_order("shop/7", a_line(units=4), fulfilments=(shipped,), packed=(packed,))))
    assert [
        (row["fulfilment"], row["location"], row["units"], row["told"]) for row in named(rows, "fulfilment_line")
    ] == [
        ("F1", "EAST", 1, True),
        ("F2", "WEST", 2, False),
    ]
    assert [row["told_units"] for row in named(rows, "order_line")] == [1]


def test_a_return_bears_the_number_under_which_it_was_taken_in_and_work_whether_its_stock_is_set_aside() -> None:
    rows = folded(
        ("shop", an_order("shop/7", a_line(units=2))),
        ("shop", a_return("R1", "shop/7")),
        ("erp", an_inspection("I9", "R1", "shop/7")),
        ("erp", a_work("W1", "shop/7", allocated=True)),
    )
    assert [row["inspection"] for row in named(rows, "return_line")] == ["I9"]
    assert [row["allocated"] for row in named(rows, "open_work")] == [True]


def test_what_a_supplier_asks_is_in_the_units_of_its_own_currency() -> None:
    def asked(price: str, currency: str) -> object:
        stated = TermsStated(supplier="KILN", sku="A", unit_cost=Decimal(price), currency=currency)
        [row] = named(folded(("erp", stated)), "terms")
        return row["unit_cost_minor"], row["currency"]

    assert [asked("1200", "JPY"), asked("1.255", "KWD"), asked("1.25", "GBP")] == [
        (1_200, "JPY"), (1_255, "KWD"), (125, "GBP"),
    ]  # fmt: skip


def test_a_price_in_another_currency_than_the_cost_is_left_out_not_relabelled() -> None:
    # A shop states a price of 20.00 EUR, and the ERP, which keeps its books in yen, a cost of 900.
    price = ItemStated(sku="A", name="Mug", list_price=Decimal(20), currency="EUR")
    [both] = named(folded(("shop", price), ("tryton", an_item("A", ("2026-01-01", "900"), currency="JPY"))), "item")
    assert (both["list_price_minor"], both["unit_cost_minor"], both["currency"]) == (None, 900, "JPY")
    [alone] = named(folded(("shop", price)), "item")
    assert (alone["list_price_minor"], alone["unit_cost_minor"], alone["currency"]) == (2000, None, "EUR")


def test_an_item_remembers_which_systems_know_its_code() -> None:
    rows = folded(
        ("erp", ItemStated(sku="A", name="Mug", gtin="4006381333931")), ("shop", ItemStated(sku="A", name="The mug"))
    )
    assert [(row["connection"], row["gtin"]) for row in named(rows, "item_code")] == [
        ("erp", "4006381333931"),
        ("shop", None),
    ]


def test_lots_and_order_points_are_the_erps_own_word() -> None:
    held = (LotAt("EAST", 3), LotAt("WEST", 1))
    lot = LotStated(lot="erp/4", sku="A", number="L4", held=held, expires_on=date(2026, 9, 1))
    assert [(row["location"], row["units"]) for row in named(folded(("erp", lot)), "lot")] == [("EAST", 3), ("WEST", 1)]
    point = OrderPointStated(order_point="erp/1", sku="A", location="EAST", minimum=5, target=20)
    assert [(row["minimum"], row["target"]) for row in named(folded(("erp", point)), "order_point")] == [(5, 20)]
