"""The command line of files: dry run, import, status, withdrawal, dead letters; one sentence where it goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import main

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
