"""`fillwell metrics`, as a user types it, over a store on disk."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.metrics import commands
from data.clock import to_micros
from data.events import OrderLine, OrderLineStated
from data.log.append import Received, append, prepare, source_id
from data.publish import publish
from data.settings import read_settings
from data.store import Store, open_store

MONDAY = datetime(2026, 3, 9, 10, tzinfo=UTC)
BROUGHT_IN = datetime(2026, 3, 20, tzinfo=UTC)


def bring_in(store: Store, order: str, at: datetime, *, units: int = 1, shipped: bool = True) -> None:
    """Receive one order of mugs."""
    line = OrderLine(line="1", sku="MUG", units=units, unit_price=Decimal("2.50"))
    stated = OrderLineStated(
        order=order, channel="web", placed_at=MONDAY, currency="GBP", line=line,
        shipped_at=MONDAY + timedelta(hours=5) if shipped else None, ship_by=MONDAY + timedelta(days=1),
        promise="given",
    )  # fmt: skip
    with store.log.write() as conn:
        received = Received(key=order, raw=order.encode(), observed_at=to_micros(at), events=(stated,))
        append(conn, source_id(conn, "shop", "orders"), prepare([received]), received_at=to_micros(at), parser=1)
    publish(store, now=at)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A workspace with an order that left in time; the program finds it by its environment."""
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    store = open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine")
    bring_in(store, "A", BROUGHT_IN, units=3)
    return store


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands, [*arguments])
    return result.exit_code, result.stdout, result.stderr


def show(*arguments: str) -> list[dict[str, Any]]:
    code, out, _ = run("show", *arguments, "--format", "json")
    assert code == 0
    found: list[dict[str, Any]] = json.loads(out)
    return found


def test_every_metric_is_listed() -> None:
    code, out, _ = run("list", "--format", "json")
    assert code == 0
    assert {"orders", "cm2", "on_time_fill_rate_units"} <= {row["name"] for row in json.loads(out)}


@pytest.mark.usefixtures("shop")
def test_a_figure_comes_with_its_sums_its_state_and_its_publication() -> None:
    [figure] = show("on_time_fill_rate_units", "--by", "channel", "--from", "2026-03-01", "--to", "2026-04-01")
    assert (figure["channel"], figure["value"], figure["numerator"], figure["denominator"]) == ("web", 1.0, 3, 3)
    assert (figure["unit"], figure["publication"]) == ("percent", 1)
    assert figure["from"] == "2026-03-01T00:00:00+00:00"
    assert figure["to"] == "2026-03-31T23:00:00+00:00"  # British Summer Time


@pytest.mark.usefixtures("shop")
def test_the_rows_of_a_figure_can_be_listed() -> None:
    rows = show("units_ordered", "--rows", "--where", "channel=web")
    assert [(row["entity"], row["sku"], row["numerator"]) for row in rows] == [("A", "MUG", 3)]


@pytest.mark.usefixtures("shop")
def test_money_is_minor_units_for_programs_and_pounds_for_people() -> None:
    [figure] = show("net_sales_placed")
    assert (figure["value"], figure["unit"], figure["currency"]) == (750, "money_minor", "GBP")
    assert "£7.50" in run("show", "net_sales_placed")[1]


@pytest.mark.usefixtures("shop")
def test_a_spreadsheet_gets_the_same_figures() -> None:
    _, out, _ = run("show", "orders", "--by", "channel,day", "--format", "csv")
    [row] = csv.DictReader(out.splitlines())
    assert (row["channel"], row["day"], row["value"]) == ("web", "2026-03-09", "1")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("dimension", "group"), [("day", "2026-03-09"), ("channel", "web")])
def test_a_dimension_that_is_named_twice_splits_once(dimension: str, group: str) -> None:
    [figure] = show("orders", "--by", f"{dimension},{dimension}")
    assert (figure[dimension], figure["value"]) == (group, 1)


def test_the_past_is_answered_as_it_was_known_then(shop: Store) -> None:
    bring_in(shop, "B", BROUGHT_IN + timedelta(days=2), shipped=False)
    assert [figure["value"] for figure in show("orders")] == [2]
    [then] = show("orders", "--as-of", "2026-03-21")
    assert (then["value"], then["at"]) == (1, "2026-03-21T00:00:00+00:00")
    [before] = show("orders", "--as-of", "2026-03-19T12:00+00:00")
    assert (before["value"], before["state"]) == (None, "not_armed")


def test_what_late_data_changed_since_a_figure_was_shown_is_marked(shop: Store) -> None:
    bring_in(shop, "B", BROUGHT_IN + timedelta(days=2))
    week = ("orders", "--from", "2026-03-09", "--to", "2026-03-16")
    [figure] = show(*week, "--shown-at", "2026-03-21")
    assert (figure["value"], figure["state"]) == (2, "restated")
    assert "publication 1 showed 1; late data changed it by 1" in figure["reasons"]
    assert show(*week)[0]["state"] == "value"


@pytest.mark.usefixtures("shop")
def test_a_figure_is_compared_with_the_window_before_or_with_a_year_earlier() -> None:
    [week] = show("orders", "--from", "2026-03-09", "--to", "2026-03-16", "--against", "previous")
    assert (week["value"], week["before"]["from"], week["why"]) == (
        1, "2026-03-02T00:00:00+00:00", "there was no figure before",
    )  # fmt: skip
    [year] = show("orders", "--from", "2027-03-08", "--to", "2027-03-15", "--against", "year")
    assert (year["before"]["value"], year["before"]["from"]) == (1, "2026-03-09T00:00:00+00:00")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ordes"], "there is no metric 'ordes'; did you mean orders"),
        (["orders", "--by", "colour"], "orders has no dimension 'colour'"),
        (["orders", "--where", "web"], "--where web: give a dimension and its value"),
        (["orders", "--where", "colour=red"], "orders has no dimension 'colour'"),
        (["orders", "--from", "March"], "--from March: give a day such as 2026-01-31"),
        (["orders", "--from", "2026-03-01T10:00"], "has no offset"),
        (["orders", "--from", "2026-03-02", "--to", "2026-03-01"], "its end is exclusive and must be later"),
        (["orders", "--against", "year"], "--against needs a window to compare"),
        (["open_orders", "--from", "2026-03-02"], "open_orders is a state at one moment"),
        (["orders", "--zone", "Mars/Base", "--from", "2026-03-02"], "there is no time zone 'Mars/Base'"),
        (["orders", "--zone", "Mars/Base"], "there is no time zone 'Mars/Base'"),
        (["orders", "--zone", "Europe"], "there is no time zone 'Europe'"),
    ],
)
def test_a_wrong_question_is_answered_in_one_sentence(arguments: list[str], said: str) -> None:
    code, out, err = run("show", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_answered_says_what_would_bring_it() -> None:
    [figure] = show("cm2")
    assert (figure["value"], figure["state"]) == (None, "not_armed")
    assert "needs unit costs: connect the ERP or import items with their costs" in figure["reasons"]
