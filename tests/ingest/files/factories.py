"""Small files and mappings in which only what a test is about is stated."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from data.settings import read_settings
from data.store import Store, open_store
from ingest.files.mapping import Mapping, parse_mapping
from ingest.files.plan import Inputs, Plan, plan_import

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = b"a key of a test"

ORDER_LINES = """
connection = "shop"
states = "order_line"

[file]
time_zone = "UTC"

[fields]
order = "Order"
sku = "SKU"
units = "Units"
unit_price = "Price"
placed_at = "Placed"
channel = { constant = "web" }
currency = { constant = "EUR" }
"""

HEADER = "Order,SKU,Units,Price,Placed"


def a_mapping(text: str = ORDER_LINES, more: str = "") -> Mapping:
    """Make a mapping; `more` is added at its end."""
    return parse_mapping(f"{text}\n{more}", "a.toml")


def lines_file(*rows: str, header: str = HEADER) -> str:
    """Write a file of order lines."""
    return "\n".join([header, *rows]) + "\n"


def a_plan(folder: Path, content: str | bytes, mapping: Mapping | None = None, *, name: str = "a.csv") -> Plan:
    """Plan the import of a file with this content."""
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return plan_import(Inputs(file, {}), mapping or a_mapping(), key=KEY, now=NOW)


def good_rows(plan: Plan, states: str = "order_line") -> list[dict[str, object]]:
    """Give the rows that can be taken, in the order of the file."""
    frames = [group.frame for group in plan.groups if group.states == states]
    return [row for frame in frames for row in frame.to_dicts() if row["*error"] is None]


def classes(plan: Plan) -> list[tuple[int, str]]:
    """Give line and class of every dead letter."""
    return [(bad.line, bad.error_class) for bad in plan.dead_letters()]


def a_store(home: Path) -> Store:
    """Open an empty workspace."""
    return open_store(read_settings({"FILLWELL_HOME": str(home)}), "mine")
