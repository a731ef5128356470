"""The forecast on the command line, over a real store."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.forecast import commands
from data.clock import to_micros
from data.events import (
    Cost,
    Event,
    ItemStated,
    OrderLine,
    OrderStated,
    PurchaseLine,
    PurchaseStated,
    StockStated,
    SupplierStated,
    encode,
)
from data.log.append import Received, append, prepare, source_id
from data.publish import publish
from data.settings import read_settings
from data.store import open_store
from forecasting.keep import Projection, save_projection
from forecasting.projection import MODEL, project
from tests.forecasting.factories import A_DAY, NOW, TODAY, a_shop, orders_a_day, stock


def _events() -> list[Event]:
    orders: list[Event] = [
        OrderStated(
            order=f"shop/{n}",
            channel="web",
            placed_at=datetime.combine(TODAY - n * A_DAY, time(12), NOW.tzinfo),
            currency="GBP",
            lines=(OrderLine(line="1", sku="MUG", units=2, unit_price=Decimal("5.00")),),
        )
        for n in range(1, 130)
    ]
    return [
        *orders,
        ItemStated(
            sku="MUG", name="Mug", supplier="KILN", currency="GBP", costs=(Cost(TODAY - 400 * A_DAY, Decimal("2.00")),)
        ),
        SupplierStated(supplier="KILN", name="Kiln", lead_time_days=14),
        StockStated(sku="MUG", location="NORTH", on_hand=20, counted_at=NOW),
        PurchaseStated(
            purchase="1",
            supplier="KILN",
            location="NORTH",
            status="received",
            created_at=NOW - timedelta(days=90),
            lines=(PurchaseLine(line="1", sku="MUG", ordered=10, received=10),),
        ),
    ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in which two mugs a day are sold and twenty are left."""
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    monkeypatch.delenv("FILLWELL_DATABASE_URL", raising=False)
    store = open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine")
    items = [
        Received(key=str(n), raw=encode(event), observed_at=to_micros(NOW), events=(event,))
        for n, event in enumerate(_events())
    ]
    with store.log.write() as conn:
        append(conn, source_id(conn, "shop", "all"), prepare(items), received_at=to_micros(NOW), parser=1)
    publish(store, now=NOW)
    store.close()
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("home")
def test_it_shows_what_runs_out_as_a_table_json_and_csv() -> None:
    assert "MUG" in run("show")
    [row] = json.loads(run("show", "--sku", "MUG", "--format", "json"))
    assert row["p_stockout"] > 0.9
    assert row["suggestion"] == "order"
    [line] = csv.DictReader(io.StringIO(run("show", "--location", "NORTH", "--format", "csv")))
    assert line["sku"] == "MUG"


@pytest.mark.usefixtures("home")
def test_a_misspelled_filter_is_told_what_there_is() -> None:
    for option, there in (("--location", "NORTH"), ("--sku", "MUG")):
        result = CliRunner().invoke(commands, ["show", option, "nope"])
        assert (result.exit_code, result.stdout) == (0, "nothing found\n")
        assert result.stderr == f"nothing here is of {option[2:]} 'nope'; there are: {there}\n"


@pytest.mark.usefixtures("home")
def test_it_explains_a_suggestion_step_by_step() -> None:
    steps = json.loads(run("show", "--why", "--format", "json"))
    assert [step["step"] for step in steps][-1] == "order"
    assert {step["sku"] for step in steps} == {"MUG"}


@pytest.mark.usefixtures("home")
def test_it_judges_itself_beside_the_baseline() -> None:
    models = [
        row["model"] for row in json.loads(run("backtest", "--horizon", "7", "--origins", "2", "--format", "json"))
    ]
    assert models == [MODEL, "seasonal naive", "days of cover"]
    assert json.loads(run("backtest", "--reliability", "--format", "json"))


def test_a_kept_projection_of_the_same_publication_is_shown_as_it_is(home: Path) -> None:
    kept = project(a_shop(order_line=orders_a_day(2, sku="KEPT"), stock_position=stock(20, sku="KEPT")), now=NOW)
    folder = home / "workspaces" / "mine"
    save_projection(folder, Projection(kept, 1, NOW, NOW))
    assert "KEPT" in run("show")
    save_projection(folder, Projection(kept, 99, NOW, NOW))
    assert "KEPT" not in run("show"), "a projection of another publication is not this one's"
