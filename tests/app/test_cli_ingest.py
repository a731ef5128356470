"""The command line of files: dry run, import, status, withdrawal, dead letters; one sentence where it goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from actions import audit
from actions.desk import open_desk
from app.__main__ import main
from data.clock import to_micros
from data.errors import RecordInvalid
from data.log.append import Received, append, prepare, source_id
from data.log.persons import store_secret
from data.publish import facts_hash, open_facts, publish
from data.settings import read_settings
from data.store import Store, open_store
from ingest.personal import without_persons
from tests.factories import NOON, a_payment, an_order, received

MAPPING = """
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
ROWS = "Order,SKU,Units,Price,Placed,Note\n1,A,2,2.50,2026-05-03 10:00,=1+1\n1,B,x,1.00,2026-05-03 10:00,\n"


class Desk:
    """Runs commands in a home of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        (folder / "m.toml").write_text(MAPPING)
        (folder / "rows.csv").write_text(ROWS)

    def run(self, *words: str, code: int = 0) -> tuple[Any, str]:
        """Run `fillwell ingest …`; give what it printed, read as JSON, and what it told."""
        with pytest.raises(SystemExit) as ended:
            main(["ingest", *words, *(["--format", "json"] if code == 0 else [])])
        out, err = self.capsys.readouterr()
        assert ended.value.code == code, err
        return (json.loads(out) if out else None), err

    def store(self) -> Store:
        """Open the workspace that the commands work on."""
        return open_store(read_settings({"FILLWELL_HOME": str(self.folder / "home")}), "mine")

    def files(self, *words: str) -> tuple[Any, str]:
        """Bring the rows in."""
        return self.run("files", "--mapping", str(self.folder / "m.toml"), str(self.folder / "rows.csv"), *words)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path / "home"))
    return Desk(tmp_path, capsys)


def test_a_dry_run_tells_the_bad_rows_with_their_lines_and_stores_nothing(desk: Desk) -> None:
    [found], told = desk.files("--dry-run")
    assert (found["rows"], found["good"], found["dead_letters"]) == (2, 1, 1)
    assert found["first_bad"][0]["line"] == 3
    assert "line 3: units: 'x' is no number" in told
    assert "not used: Note" in told
    assert not (desk.folder / "home").exists()


def test_a_file_that_is_not_there_leaves_no_empty_workspace_behind(desk: Desk) -> None:
    (desk.folder / "rows.csv").unlink()
    _, told = desk.run(
        "files", "--mapping", str(desk.folder / "m.toml"), str(desk.folder / "m.toml"), str(desk.folder / "rows.csv"),
        code=1,
    )  # fmt: skip
    assert told == f"fillwell: cannot read {desk.folder / 'rows.csv'}: No such file or directory\n"
    assert not (desk.folder / "home").exists()


def test_a_dry_run_tells_people_what_the_rows_are_read_as_and_the_bad_ones_once(desk: Desk) -> None:
    with pytest.raises(SystemExit):
        main(["ingest", "files", "--mapping", str(desk.folder / "m.toml"), str(desk.folder / "rows.csv"), "--dry-run"])
    table, told = desk.capsys.readouterr()
    assert table.splitlines()[0].split()[-1] == "read_as"
    assert table.rstrip().endswith("order_line 2")
    assert "units" not in table
    assert "1 of the 2 rows cannot be taken, whatever rule they fall under:" in told


def test_files_are_brought_in_counted_mended_and_taken_back(desk: Desk) -> None:
    [done], _ = desk.files()
    assert (done["accepted"], done["dead_letters"], done["batch"]) == (1, 1, 1)
    [again], _ = desk.files()
    assert (again["accepted"], again["duplicates"], again["dead_letters"]) == (0, 1, 1)
    [status], _ = desk.run("status")
    assert status["received"] == 4
    assert status["received"] == sum(status[n] for n in ("accepted", "duplicates", "conflicts", "dead_letters"))
    bad, _ = desk.run("dead-letters", "list")
    assert [(row["place"], row["class"]) for row in bad] == [("rows.csv:3", "number")] * 2
    [shown], _ = desk.run("dead-letters", "show", str(bad[0]["record"]))
    assert shown["cells"]["Units"] == "x"
    [mended], _ = desk.run("dead-letters", "edit", str(bad[0]["record"]), "--set", "Units=3")
    assert mended["outcome"] == "accepted"
    [still], _ = desk.run("dead-letters", "replay", "--class", "number")
    assert (still["outcome"], still["record"]) == ("dead_letter", bad[1]["record"])
    [taken], _ = desk.run("withdraw", "2")
    assert taken["batch"] == 2
    batches, _ = desk.run("batches")
    assert [(b["batch"], b["status"]) for b in batches] == [(2, "withdrawn"), (1, "closed")]


def test_a_replay_is_told_in_one_sentence_done_once_and_written_down(desk: Desk) -> None:
    (desk.folder / "rows.csv").write_text(
        "Order,SKU,Units,Price,Placed\n1,A,x,1,2026-05-03 10:00\n2,B,1,1,2026-05-03 10:00\n3,C,1,?,2026-05-03 10:00\n"
    )
    desk.files()
    [group], _ = desk.run("dead-letters", "list", "--by-class")
    assert (group["connection"], group["class"], group["letters"]) == ("shop", "number", 2)
    assert group["place"] == "rows.csv:4"
    first, second = desk.run("dead-letters", "list")[0]
    [shown], _ = desk.run("dead-letters", "show", str(first["record"]))
    assert shown["expected"] == "Line 2: units: 'x' is no number with the decimal mark '.'."
    (desk.folder / "right.json").write_text(
        '{"Order":"1","SKU":"A","Units":"2","Price":"1","Placed":"2026-05-03 10:00"}'
    )
    right = str(desk.folder / "right.json")
    [mended], told = desk.run("dead-letters", "edit", str(first["record"]), "--file", right)
    assert (mended["outcome"], told.splitlines()[-1]) == ("accepted", "1 replayed: 1 accepted")
    both = (str(first["record"]), str(second["record"]))
    _, told = desk.run("dead-letters", "replay", *both)
    said = "1 replayed: 1 still bad: line 4: unit_price: '?' is no number"
    assert said in told
    assert "1 needed no replay (accepted)" in told
    [status], _ = desk.run("status")
    assert (status["received"], status["accepted"], status["dead_letters"]) == (3, 2, 1)
    written = audit.entries(open_desk(desk.store()))
    assert [entry["what"] for entry in written] == ["dead_letters_replayed", "dead_letters_replayed"]
    assert (written[0]["by"], written[0]["entry"]) == ("local", "cli")


def test_a_wrong_correction_leaves_the_record_and_its_reason_as_they_were(desk: Desk) -> None:
    desk.files()
    [bad], _ = desk.run("dead-letters", "list")
    [still], told = desk.run("dead-letters", "edit", str(bad["record"]), "--set", "Units=y")
    assert still["outcome"] == "dead_letter"
    assert "'y' is no number" in told
    assert desk.run("dead-letters", "list")[0] == [bad]


def test_a_record_that_was_understood_is_not_corrected_and_is_not_called_bad(desk: Desk) -> None:
    desk.files()
    [shown], _ = desk.run("dead-letters", "show", "1")
    assert (shown["outcome"], shown["expected"]) == ("accepted", "It is understood.")
    _, told = desk.run("dead-letters", "edit", "1", "--set", "Units=1", code=1)
    assert told == "fillwell: record 1 is no dead letter but accepted; there is nothing to correct\n"
    assert desk.run("status")[0][0]["accepted"] == 1


def test_a_row_that_was_corrected_or_set_aside_is_nobodys_work_when_its_file_comes_again(desk: Desk) -> None:
    rows = ["1,A,x,1,2026-05-03 10:00"] * 3 + ["total,,x,,"]
    (desk.folder / "rows.csv").write_text("\n".join(["Order,SKU,Units,Price,Placed", *rows]) + "\n")
    desk.files()
    one, other, _, total = (str(row["record"]) for row in desk.run("dead-letters", "list")[0])
    for record in (one, other):
        desk.run("dead-letters", "edit", record, "--set", "Units=3")
    with pytest.raises(SystemExit):
        main(["ingest", "dead-letters", "dismiss", total, "--why", "a totals row"])
    desk.capsys.readouterr()
    before = facts_hash(open_facts(desk.store()))
    for times in (1, 2):
        [again], _ = desk.files()
        assert (again["accepted"], again["duplicates"], again["dead_letters"]) == (0, 2, 2)
        assert facts_hash(open_facts(desk.store())) == before
        asked = [row["place"] for row in desk.run("dead-letters", "list")[0]]
        assert asked == ["rows.csv:4"] * (1 + times), "only the row that nobody corrected"
        [status], _ = desk.run("status")
        assert status["received"] == sum(status[n] for n in ("accepted", "duplicates", "conflicts", "dead_letters"))
    read, _ = desk.run("reparse", "shop")
    assert (read[0]["changed"], read[0]["outcomes"]) == (0, {})


def test_a_row_that_only_the_log_refused_stays_corrected_too(desk: Desk) -> None:
    (desk.folder / "rows.csv").write_text("Order,SKU,Units,Price,Placed\n1,A,2,5000000000000,2026-05-03 10:00\n")
    desk.files()
    [bad], _ = desk.run("dead-letters", "list")
    desk.run("dead-letters", "edit", str(bad["record"]), "--set", "Price=5.00")
    [again], _ = desk.files()
    assert (again["accepted"], again["duplicates"], again["dead_letters"]) == (0, 1, 0)


def test_freight_whose_currency_no_column_names_is_the_orders(desk: Desk) -> None:
    desk.files()
    (desk.folder / "m.toml").write_text(
        'connection = "depot"\nstates = "shipment"\nauthority = "shop"\n[file]\ntime_zone = "UTC"\n[fields]\n'
        'parcel = "Parcel"\norder = "Order"\nsku = "SKU"\nunits = "Units"\nfreight = "Freight"\n'
        'handed_over_at = "Left"\n'
        'location = { constant = "NORTH" }\ncarrier = { constant = "POST" }\n'
    )
    (desk.folder / "rows.csv").write_text("Parcel,Order,SKU,Units,Freight,Left\nP1,1,A,2,0.80,2026-05-03 12:00\n")
    [found], _ = desk.files()
    assert (found["accepted"], found["dead_letters"]) == (1, 0)
    [sold] = open_facts(desk.store()).frame("line_amount").to_dicts()
    assert (sold["entry"], sold["currency"], sold["freight_minor"]) == ("sale", "EUR", 80)


def test_a_correction_outlives_the_import_that_it_was_made_in(desk: Desk) -> None:
    desk.files()
    [bad], _ = desk.run("dead-letters", "list")
    desk.run("dead-letters", "edit", str(bad["record"]), "--set", "Units=3")
    before = open_facts(desk.store()).frame("order_line").select("entity", "sku", "ordered_units").sort(pl.all())
    desk.files()
    desk.run("withdraw", "1")
    after = open_facts(desk.store()).frame("order_line").select("entity", "sku", "ordered_units").sort(pl.all())
    assert after.rows() == before.rows() == [("shop/1", "A", 2), ("shop/1", "B", 3)]
    assert desk.run("reparse", "shop")[0][0]["changed"] == 0
    desk.run("withdraw", "2")
    [third], _ = desk.files()
    assert (third["accepted"], third["dead_letters"]) == (2, 0)
    assert desk.run("reparse", "shop")[0][0]["changed"] == 0


def test_a_correction_names_a_column_that_the_file_has(desk: Desk) -> None:
    (desk.folder / "rows.csv").write_text(ROWS + "2,C,1\n")
    desk.files()
    bad, short = (str(row["record"]) for row in desk.run("dead-letters", "list")[0])
    for wrong, said in (("Unist=3", "there is no column 'Unist'; "), ("Units", "write COLUMN=TEXT; ")):
        _, told = desk.run("dead-letters", "edit", bad, "--set", wrong, code=1)
        assert told == f"fillwell: --set '{wrong}': {said}the record has Order, SKU, Units, Price, Placed, Note\n"
    [mended], _ = desk.run("dead-letters", "edit", bad, "--set", "units=3")
    assert mended["outcome"] == "accepted", "capitals do not matter, as in a mapping"
    [mended], _ = desk.run("dead-letters", "edit", short, "--set", "Price=1", "--set", "Placed=2026-05-03 10:00")
    assert mended["outcome"] == "accepted", "a cell that the row came without is given, too"


def test_what_is_not_there_or_may_not_be_is_refused_in_one_sentence(desk: Desk) -> None:
    desk.files()
    for words, said in (
        (["dead-letters", "replay", "99"], "there is no record 99"),
        (["dead-letters", "replay", "--class", "number", "--as", "eve"], "there is no user 'eve'"),
        (["conflicts", "--decide", "shop/payments/PAY1", "--holds", "00"], "was not stated in two ways"),
        (["conflicts", "--decide", "PAY1"], "give --decide CONNECTION/STREAM/KEY"),
        (["erase", "nowhere", "eve@example.test"], "there is no connection 'nowhere'; there are: shop"),
        (["erase", "shop", "eve@example.test"], "nothing is stored under that in shop"),
        (["reparse", "nowhere"], "there is no connection 'nowhere'"),
        (["reparse", "shop", "payments"], "shop has no stream 'payments'; it has order_lines"),
    ):
        _, told = desk.run(*words, code=1)
        assert said in told
        assert "Traceback" not in told


def test_a_movement_stated_in_two_ways_is_decided_once_and_the_figures_follow(desk: Desk) -> None:
    desk.files()
    store = desk.store()
    with store.log.write() as conn:
        source = source_id(conn, "shop", "payments")
        both = [received(a_payment("PAY1", amount_minor=amount)) for amount in (510, 520)]
        append(conn, source, prepare(both), received_at=to_micros(NOON), parser=1)
    publish(store, now=NOON)
    contents, _ = desk.run("conflicts")
    assert {c["movement"] for c in contents} == {"shop/payments/PAY1"}
    assert {c["says"] for c in contents} == {"amount £5.10", "amount £5.20"}
    [other] = [c for c in contents if not c["holds"]]
    decide = ("conflicts", "--decide", other["movement"], "--holds", other["content"][:12])
    [done], _ = desk.run(*decide)
    assert "holds; the figures follow it" in done["said"]
    assert f"£{open_facts(store).frame('payment')['amount_minor'][0] / 100:.2f}" in other["says"]
    assert desk.run("conflicts")[0] == []
    assert {c["decided_by"] for c in desk.run("conflicts", "--decided")[0]} == {"local"}
    [again], _ = desk.run(*decide)
    assert "it was decided so already" in again["said"]
    assert [e["what"] for e in audit.entries(open_desk(store))] == ["conflict_decided"]


def a_person_is_known(store: Store) -> None:
    """Bring in two orders of one buyer: one that is read, one that is not whole and so still names them."""
    good = b'{"id":"1","version":1,"customer":{"id":"c7","email":"eve@example.test","name":"Eve Doe"}}'
    raw, persons = without_persons(
        good, ("customer.email", "customer.name"), connection="shop", secret=store_secret(store.facts.parent)
    )
    broken = b'{"id":"2","customer":{"email":"Eve@Example.test","name":"Eve Doe"}'
    items = [
        Received(key="1", raw=raw, observed_at=to_micros(NOON), events=(an_order("shop/1"),), persons=persons),
        Received(
            key="2", raw=broken, observed_at=to_micros(NOON), error=RecordInvalid("not whole", error_class="json")
        ),
    ]
    with store.log.write() as conn:
        append(conn, source_id(conn, "shop", "orders"), prepare(items), received_at=to_micros(NOON), parser=1)
    publish(store, now=NOON)


def test_a_person_is_erased_only_when_somebody_confirms_and_the_log_says_so_without_naming_them(desk: Desk) -> None:
    desk.files()
    store = desk.store()
    a_person_is_known(store)
    before = facts_hash(open_facts(store))
    _, told = desk.run("erase", "shop", "eve@example.test", code=1)
    assert "found in shop: 1 entry of personal data (email, name) and 1 record in clear text" in told
    assert "nothing was erased" in told
    [done], told = desk.run("erase", "shop", "eve@example.test", "--yes")
    assert (done["entries"], done["records"]) == (1, 1)
    home = desk.folder / "home"
    assert [f for f in home.rglob("*") if f.is_file() and b"eve@example" in f.read_bytes().lower()] == []
    assert facts_hash(open_facts(store)) == before
    written = audit.entries(open_desk(store))
    assert [entry["what"] for entry in written] == ["erased", "erasure_asked"]
    assert "eve" not in json.dumps([entry["detail"] for entry in written]).lower()
    _, told = desk.run("erase", "shop", "eve@example.test", "--yes", code=1)
    assert "nothing is stored under that" in told


def test_an_import_is_read_anew_by_a_corrected_mapping_as_if_it_had_been_there_from_the_start(desk: Desk) -> None:
    rows = [f'{n},A,{n},"2,50",2026-05-03 10:00' for n in (1, 1, 2)]
    (desk.folder / "rows.csv").write_text("\n".join(["Order,SKU,Units,Price,Placed", *rows]) + "\n")
    desk.files()
    assert desk.run("status")[0][0]["dead_letters"] == 3
    right = desk.folder / "right.toml"
    right.write_text(MAPPING.replace('"Price"', '{ column = "Price", decimal = "," }'))
    dry, _ = desk.run("reparse", "shop", "--mapping", str(right), "--dry-run")
    assert dry[0]["outcomes"] == {"dead_letter -> accepted": 3}
    assert dry[0]["fact_rows"]["order_line"] == {"added": 3, "removed": 0}
    assert desk.run("status")[0][0]["dead_letters"] == 3
    done, told = desk.run("reparse", "shop", "--mapping", str(right))
    assert (done[0]["records"], done[0]["changed"]) == (3, 3)
    assert "shop/order_lines read anew: 3 of 3" in told
    lines = open_facts(desk.store()).frame("order_line").select("entity", "ordered_units", "net_minor").sort(pl.all())
    assert lines.rows() == [("shop/1", 1, 250), ("shop/1", 1, 250), ("shop/2", 2, 500)], (
        "equal lines count each, as in their file"
    )
    again, _ = desk.run("reparse", "shop")
    assert again[0]["changed"] == 0, "the corrected mapping was kept"


def test_letters_replayed_together_by_a_corrected_mapping_count_each_like_rows_of_their_file(desk: Desk) -> None:
    rows = [f'{n},A,{n},"2,50",2026-05-03 10:00' for n in (1, 1, 1, 2)]
    (desk.folder / "rows.csv").write_text("\n".join(["Order,SKU,Units,Price,Placed", *rows]) + "\n")
    desk.files()
    right = desk.folder / "right.toml"
    right.write_text(MAPPING.replace('"Price"', '{ column = "Price", decimal = "," }'))
    done, told = desk.run("dead-letters", "replay", "--class", "number", "--mapping", str(right))
    assert "4 replayed: 4 accepted" in told
    assert len(done) == 4
    lines = open_facts(desk.store()).frame("order_line").select("entity", "ordered_units").sort(pl.all())
    assert lines.rows() == [("shop/1", 1), ("shop/1", 1), ("shop/1", 1), ("shop/2", 2)]


def test_a_dead_letter_that_nobody_needs_is_set_aside(desk: Desk) -> None:
    desk.files()
    [bad], _ = desk.run("dead-letters", "list")
    with pytest.raises(SystemExit):
        main(["ingest", "dead-letters", "dismiss", str(bad["record"]), "--why", "a test row"])
    desk.capsys.readouterr()
    assert desk.run("dead-letters", "list")[0] == []
    assert len(desk.run("dead-letters", "list", "--dismissed")[0]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["files", "--mapping", "nothing", "x.csv"], "there is no mapping 'nothing'"),
        (["files", "--mapping", "nothing.toml", "x.csv"], "cannot read the mapping nothing.toml"),
        (["files", "--mapping", "online_retail", "no/such.csv"], "cannot read no/such.csv"),
        (["files", "--mapping", "online_retail", "--as-of-instant", "today", "x.csv"], "'today' is no time"),
        (["status"], "there is no workspace 'mine'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(desk: Desk, words: list[str], said: str) -> None:
    _, told = desk.run(*words, code=1)
    assert said in told
    assert "Traceback" not in told
