"""A file in the log: a batch that is counted in full, goes on where it was killed, supersedes and can be taken back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import RequestError
from data.events import OrderLineStated, decode
from data.log import tables as t
from data.log.batches import withdraw_batch
from data.log.dead_letters import list_dead_letters, replay
from data.log.status import StreamStatus, statuses
from data.publish import facts_hash, open_facts, publish
from data.store import Store
from ingest.files import load as loading
from ingest.files.events import PARSER
from ingest.files.kept import kept
from ingest.files.load import Imported, load
from ingest.files.mapping import Mapping
from ingest.files.replay import parse_again
from tests.ingest.files.factories import KEY, NOW, ORDER_LINES, a_mapping, a_plan, a_store, lines_file

DAY = "2026-05-03 10:00"
MANY = [f"{n // 3},{'ABC'[n % 3]},{n % 4 + 1},2.50,{DAY}" for n in range(700)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path / "home")


def bring(store: Store, folder: Path, content: str, *, mapping: Mapping | None = None, days: int = 0) -> Imported:
    """Import a file; `days` later than the last one."""
    at = NOW + timedelta(days=days)
    return load(store, a_plan(folder, content, mapping), now=at)


def stream(store: Store) -> StreamStatus:
    with store.log.read() as conn:
        [found] = statuses(conn)
    return found


def hash_of(store: Store) -> str:
    publish(store, now=NOW)
    return facts_hash(open_facts(store))


def units(store: Store) -> dict[str, int]:
    publish(store, now=NOW)
    lines = open_facts(store).rows("order_line").collect()
    return {f"{order}/{line}": n for order, line, n in lines.select("entity", "line_id", "ordered_units").iter_rows()}


def test_a_file_delivered_twice_is_counted_in_full_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    first = bring(store, tmp_path, lines_file(*MANY, "bad row"))
    assert (first.tally.accepted, first.tally.dead_letters, first.rows) == (700, 1, 701)
    before = hash_of(store)
    again = bring(store, tmp_path, lines_file(*MANY, "bad row"), days=1)
    assert (again.tally.duplicates, again.tally.dead_letters) == (700, 1)
    now = stream(store)
    assert (now.received, now.accepted, now.duplicates, now.dead_letters) == (1402, 700, 700, 2)
    assert hash_of(store) == before


def test_what_a_newer_export_lacks_of_the_orders_that_it_covers_is_gone(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, lines_file(f"1,A,2,1,{DAY}", f"1,B,1,1,{DAY}", f"2,A,1,1,{DAY}"))
    newer = bring(store, tmp_path, lines_file(f"1,A,5,1,{DAY}", "3,A,1,1,2026-05-09 10:00"), days=1)
    assert newer.removed == 1
    assert units(store) == {"shop/1/A|1|1": 5, "shop/2/A|1|1": 1, "shop/3/A|1|1": 1}


def test_an_older_export_that_comes_late_changes_nothing_newer(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, lines_file(f"1,A,5,1,{DAY}", "3,A,1,1,2026-05-09 10:00"))
    bring(store, tmp_path, lines_file(f"1,A,2,1,{DAY}", f"1,B,1,1,{DAY}"), days=1)
    assert units(store) == {"shop/1/A|1|1": 5, "shop/3/A|1|1": 1}


def test_an_order_with_a_row_that_cannot_be_read_loses_nothing(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, lines_file(f"1,A,2,1,{DAY}", f"1,B,1,1,{DAY}"))
    newer = bring(store, tmp_path, lines_file(f"1,A,2,1,{DAY}", f"1,B,x,1,{DAY}", "3,A,1,1,2026-05-09 10:00"), days=1)
    assert newer.removed == 0
    assert "shop/1/B|1|1" in units(store)


def test_withdrawing_an_import_restores_the_figures_from_before(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, lines_file(f"1,A,2,1,{DAY}", f"1,B,1,1,{DAY}"))
    before = hash_of(store)
    newer = bring(store, tmp_path, lines_file(f"1,A,5,1,{DAY}", "3,A,1,1,2026-05-09 10:00"), days=1)
    assert hash_of(store) != before
    with store.log.write() as conn:
        withdraw_batch(conn, newer.batch, now=NOW + timedelta(days=2))
    assert hash_of(store) == before


LINES = st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("AB"), st.integers(1, 3)), min_size=1, max_size=6)


@settings(max_examples=6, deadline=None)
@given(files=st.lists(LINES, min_size=1, max_size=3), data=st.data())
def test_exports_in_any_order_and_repeated_give_the_same_facts(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[str, str, int]]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("exports")
    contents = [
        lines_file(*(f"{o},{s},{u},1,{DAY}" for o, s, u in rows), f"9,Z,1,1,2026-06-{day:02} 10:00")
        for day, rows in enumerate(files, 1)
    ]
    orders = [contents, [*data.draw(st.permutations(contents)), data.draw(st.sampled_from(contents))]]
    hashes = set()
    for number, order in enumerate(orders):
        store = a_store(folder / str(number))
        for day, content in enumerate(order):
            bring(store, folder, content, days=day)
        hashes.add(hash_of(store))
    assert len(hashes) == 1


@pytest.mark.parametrize("size", [1, 7, 250])
def test_however_large_the_transactions_the_facts_are_the_same(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = lines_file(*MANY[:60], *MANY[:20], "bad")
    whole = a_store(tmp_path / "whole")
    bring(whole, tmp_path, rows)
    monkeypatch.setattr(loading, "FEWEST", size)
    monkeypatch.setattr(loading, "MOST", size)
    parts = a_store(tmp_path / "parts")
    bring(parts, tmp_path, rows)
    assert hash_of(parts) == hash_of(whole)
    assert stream(parts).received == stream(whole).received == 81


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.ingest.files.factories import NOW, a_plan, a_store
from ingest.files import load as loading

def die(what, done, total):
    if done >= 300:
        os.kill(os.getpid(), signal.SIGKILL)

loading.MOST = 100
home, folder = map(Path, sys.argv[1:])
loading.load(a_store(home), a_plan(folder, (folder / "rows.csv").read_text()), now=NOW, progress=die)
"""


def test_an_import_that_was_killed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = lines_file(*MANY)
    (tmp_path / "rows.csv").write_text(content)
    monkeypatch.setattr(loading, "FEWEST", 100)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = KILLED.replace("loading.MOST = 100", "loading.MOST = loading.FEWEST = 100")
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "home", tmp_path], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    store = a_store(tmp_path / "home")
    assert stream(store).received == 300
    rest = bring(store, tmp_path, content)
    assert (rest.resumed_at, rest.tally.accepted, stream(store).received) == (300, 700, 700)
    other = a_store(tmp_path / "other")
    bring(other, tmp_path, content)
    assert hash_of(store) == hash_of(other)


def test_an_import_stops_where_another_one_into_the_same_stream_began(store: Store, tmp_path: Path) -> None:
    plan = a_plan(tmp_path, lines_file(*MANY))

    def other(_what: str, done: int, _total: int) -> None:
        if done < len(MANY):
            bring(store, tmp_path, lines_file(f"1,A,2,1,{DAY}"))

    with pytest.raises(RequestError, match=r"another import into shop order_lines began"):
        load(store, plan, now=NOW, progress=other)
    assert bring(store, tmp_path, lines_file(*MANY), days=1).rows == 700


def test_a_corrected_dead_letter_becomes_the_row_that_it_was_meant_to_be(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, lines_file(f"1,A,2,1,{DAY}", f"1,A,x,1,{DAY}", f"1,#REF!,1,1,{DAY}"))
    with store.log.read() as conn:
        first, second = list_dead_letters(conn)
    known = kept(store, "shop", "order_lines")
    with store.log.write() as conn:
        parse = parse_again(conn, known.mapping("kept"), known.formats, key=KEY)
        assert replay(conn, second.id, parse, at=1, parser=PARSER).outcome == "dead_letter"
        edited = first.body.replace(b'"x"', b'"2"')
        assert replay(conn, first.id, parse, at=1, parser=PARSER, edited=edited).outcome == "accepted"
        assert replay(conn, first.id, parse, at=1, parser=PARSER, edited=edited).outcome == "accepted"
    assert units(store) == {"shop/1/A|1|1": 2, "shop/1/A|1|2": 2}
    now = stream(store)
    assert (now.received, now.accepted, now.dead_letters) == (3, 2, 1)


def test_formulas_and_markup_are_stored_as_text(store: Store, tmp_path: Path) -> None:
    text = """
connection = "shop"
states = "order_line"
[file]
time_zone = "UTC"
[fields]
order = "Order"
sku = "SKU"
title = "Title"
units = "Units"
unit_price = "Price"
placed_at = "Placed"
channel = { constant = "web" }
currency = { constant = "EUR" }
"""
    titles = ['=HYPERLINK(""http://x"")', "<img src=x onerror=alert(1)>", "@SUM(A1)", "'; DROP TABLE record; --"]
    rows = [f'{n},A,"{title}",1,1,{DAY}' for n, title in enumerate(titles)]
    bring(store, tmp_path, lines_file(*rows, header="Order,SKU,Title,Units,Price,Placed"), mapping=a_mapping(text))
    with store.log.read() as conn:
        events = [
            decode(bytes(body)) for body in conn.execute(sa.select(t.event.c.body).order_by(t.event.c.id)).scalars()
        ]
    kept_titles = [e.line.title for e in events if isinstance(e, OrderLineStated)]
    assert kept_titles == [title.replace('""', '"') for title in titles]


RETURNS = """
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
[link]
same = ["sku"]
"""


def test_a_refund_is_booked_on_the_line_that_came_back_and_an_unlinked_one_on_its_own(
    store: Store, tmp_path: Path
) -> None:
    rows = (
        f"1,A,2,3.00,{DAY}",
        f"1,B,2,5.00,{DAY}",
        f"C1,B,-1,5.00,{DAY}",
        f"C2,A,-1,3.00,{DAY}",
        f"C3,Z,-1,9.00,{DAY}",
    )
    shipped = ORDER_LINES.replace("[fields]", '[fields]\nshipped_at = { field = "placed_at" }')
    bring(store, tmp_path, lines_file(*rows), mapping=a_mapping(shipped, RETURNS))
    publish(store, now=NOW)
    ledger = open_facts(store).rows("line_amount").collect().filter(pl.col("entry") == "refund")
    refunds = {(order, sku): minor for order, sku, minor in ledger.select("entity", "sku", "refund_minor").iter_rows()}
    assert refunds == {("shop/1", "B"): 500, ("shop/1", "A"): 300, ("shop/C3", "Z"): 900}
