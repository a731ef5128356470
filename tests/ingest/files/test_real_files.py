"""Real files as they lie, each row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from data.events import Event, OrderLineStated, ParcelStated, PurchaseStated
from data.log.status import statuses
from data.publish import open_facts, publish
from ingest.files.load import load
from ingest.files.mapping import read_mapping
from ingest.files.plan import Plan, choose_inputs, plan_import
from tests.ingest.files.factories import KEY, NOW, a_store, good_rows

HERE = Path(__file__).parent
SHIPPED = HERE.parents[2] / "ingest" / "files" / "mappings"

pytestmark = [pytest.mark.datasets, pytest.mark.timeout(600)]


def plan_of(paths: list[Path], mapping: Path) -> Plan:
    told = read_mapping(mapping)
    [inputs] = choose_inputs(paths, told)
    return plan_import(inputs, told, key=KEY, now=NOW)


def events(plan: Plan) -> Iterator[Event]:
    for start in range(0, plan.rows, 20_000):
        for record in plan.received(start, start + 20_000, observed_at=1):
            yield from record.events


@pytest.mark.slow
def test_online_retail_is_accounted_for_row_by_row_and_delivered_again_adds_nothing(
    datasets: Path, tmp_path: Path
) -> None:
    plan = plan_of([datasets / "online_retail"], SHIPPED / "online_retail.toml")
    assert plan.rows == 541_909
    assert plan.count_dead_letters() == 0
    assert plan.rules == {
        "bad debt": 3, "cancellation": 9_288, "stock adjustment": 1_336, "without a price": 1_179, "otherwise": 530_103,
    }  # fmt: skip
    assert (plan.linked, plan.unlinked) == (7_470, 1_818)
    assert len({row["sku"] for row in good_rows(plan)}) < 3_958  # codes are upper-cased; some only ever had no price
    store = a_store(tmp_path)
    first = load(store, plan, now=NOW)
    assert (first.tally.accepted, first.tally.received) == (541_909, 541_909)
    again = load(store, plan, now=NOW + timedelta(days=1))
    assert (again.tally.accepted, again.tally.duplicates, again.removed) == (0, 541_909, 0)
    with store.log.read() as conn:
        [stream] = statuses(conn)
    assert (stream.received, stream.accepted, stream.duplicates) == (1_083_818, 541_909, 541_909)
    publish(store, now=NOW)
    facts = open_facts(store)
    lines = facts.rows("order_line").collect()
    assert (lines["entity"].n_unique(), lines.height) == (19_959, 530_103)
    assert (
        lines.filter(pl.col("shipped_units") == pl.col("ordered_units") - pl.col("cancelled_units")).height == 530_103
    )
    returns = facts.rows("return_line").collect()
    assert Counter(returns["linked"].to_list()) == {True: 7_470, False: 1_818}
    amounts = facts.rows("line_amount").select(pl.col("gross_minor", "refund_minor").sum()).collect()
    assert amounts.row(0) == (1_065_562_248, 89_681_249)


@pytest.mark.slow
def test_dataco_names_lose_their_blanks_and_prices_are_line_totals_per_unit(datasets: Path) -> None:
    plan = plan_of([datasets / "dataco"], HERE / "dataco_lines.toml")
    assert (plan.rows, plan.count_dead_letters()) == (180_519, 0)
    rows = good_rows(plan)
    assert len({row["order"] for row in rows}) == 65_752
    assert all(row["title"] == str(row["title"]).strip() for row in rows)
    lines = [e for e in events(plan) if isinstance(e, OrderLineStated)]
    sales = sum(e.line.unit_price * e.line.units for e in lines)
    stated = pl.read_parquet(datasets / "dataco" / "lines.parquet")["Sales"].sum()
    assert abs(float(sales) - float(stated)) < 1


def test_adventureworks_purchases_join_three_files_without_header(datasets: Path) -> None:
    folder = datasets / "adventureworks_oltp"
    plan = plan_of([folder / "PurchaseOrderDetail.csv"], HERE / "adventureworks_purchases.toml")
    assert (plan.rows, plan.count_dead_letters()) == (8_845, 0)
    orders = [e for e in events(plan) if isinstance(e, PurchaseStated)]
    assert len({e.purchase for e in orders}) == 4_012
    assert sum(e.lines[0].received < e.lines[0].ordered for e in orders) == 380


def test_scms_with_bare_carriage_returns_sentinels_and_two_date_formats(datasets: Path) -> None:
    plan = plan_of([datasets / "scms"], HERE / "scms_purchases.toml")
    assert (plan.rows, plan.count_dead_letters()) == (10_324, 0)
    assert plan.notes.sentinels["sent_at: N/A - From RDC"] == 5_404
    assert sum(isinstance(e, PurchaseStated) for e in events(plan)) == 10_324


def test_scms_freight_that_is_counted_on_another_row_is_no_number(datasets: Path) -> None:
    plan = plan_of([datasets / "scms"], HERE / "scms_shipments.toml")
    assert (plan.rows, plan.count_dead_letters()) == (10_324, 0)
    assert plan.notes.sentinels["freight: See *"] + 1_442 + 239 == 4_126
    parcels = [e for e in events(plan) if isinstance(e, ParcelStated)]
    assert sum(e.freight_minor > 0 for e in parcels) == 10_324 - 4_126
