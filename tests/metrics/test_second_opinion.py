"""Fill rates and CM2 reckoned a second time, row by row in plain Python, from the definitions alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hypothesis import given, settings

from metrics.answer import answer
from metrics.window import Window
from tests.metrics.drawn import published, tables
from tests.metrics.factories import DAY, NOON, Row, told

WINDOW = Window(NOON, NOON + 12 * DAY)


def in_window(row: Row, time: str) -> bool:
    return row[time] is not None and WINDOW.start <= row[time] < WINDOW.end


def still_wanted(line: Row) -> int:
    """Count the units that the customer was owed."""
    return 0 if line["kind"] == "service" else int(line["ordered_units"] - line["excused_units"])


def fill(lines: Iterable[Row], time: str, sent: str, promise: str | None) -> dict[str, tuple[int, int]]:
    """Reckon a fill rate by units, lines and orders: (filled, owed)."""
    units, owed, whole_lines, all_lines = 0, 0, 0, 0
    by_order: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in lines:
        wanted = still_wanted(line)
        if wanted == 0 or not in_window(line, time) or (promise and line["promise"] != promise):
            continue
        filled = min(line[sent], wanted)
        units, owed = units + filled, owed + wanted
        whole_lines, all_lines = whole_lines + (filled == wanted), all_lines + 1
        by_order[line["entity"]].append((filled, wanted))
    whole_orders = sum(all(filled == wanted for filled, wanted in parts) for parts in by_order.values())
    return {"units": (units, owed), "lines": (whole_lines, all_lines), "orders": (whole_orders, len(by_order))}


@settings(max_examples=60, deadline=None)
@given(tables())
def test_two_implementations_of_the_fill_rates_agree(drawn: dict[str, list[Row]]) -> None:
    facts, lines = published(drawn), drawn["order_line"]
    for name, expected in (
        ("first_pass_fill_rate", fill(lines, "placed_at", "first_shipment_units", None)),
        ("on_time_fill_rate", fill(lines, "ship_by", "on_time_units", "given")),
        ("on_time_fill_rate_policy", fill(lines, "ship_by", "on_time_units", "policy")),
    ):
        for grain, (filled, owed) in expected.items():
            [figure] = answer(told(facts), f"{name}_{grain}", window=WINDOW)
            assert (figure.numerator or 0, figure.denominator or 0) == (filled, owed)
            assert figure.value == (filled / owed if owed else None)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_two_implementations_of_the_second_margin_agree(drawn: dict[str, list[Row]]) -> None:
    expected: dict[tuple[str | None, str], int] = {}
    for row in drawn["line_amount"]:
        if in_window(row, "posted_at") and row["uncosted_minor"] == 0:
            net = row["gross_minor"] - row["discount_minor"] - row["refund_minor"]
            costs = ("cogs", "payment_fee", "marketplace_fee", "freight", "handling", "return_cost", "write_down")
            margin = net + row["shipping_minor"] - sum(row[f"{cost}_minor"] for cost in costs)
            key = (row["channel"], row["currency"])
            expected[key] = expected.get(key, 0) + margin
    found = answer(told(published(drawn)), "cm2", window=WINDOW, by=["channel", "currency"])
    assert {(f.dimensions["channel"], str(f.dimensions["currency"])): f.value for f in found} == expected
