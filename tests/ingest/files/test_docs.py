"""The how-to is followed to the letter, and the reference names everything that there is."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import msgspec
import pytest

from app.__main__ import main
from ingest.files.mapping import FieldSpec, FileSpec, JoinSpec, LinkSpec, PersonalSpec, RowRule, parse_mapping
from tests.ingest.files.factories import a_plan, classes, good_rows
from tests.ingest.files.reference import MARK, PAGE, statements_table

HOW_TO = PAGE.parents[1] / "how-to" / "map-a-file.md"


def block(kind: str) -> str:
    found = re.search(rf"```{kind}[^\n]*\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_how_to_brings_its_file_in_as_it_says(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, block("csv"), parse_mapping(block("toml"), "shop.toml"))
    assert plan.rules == {"test order": 1, "return": 1, "otherwise": 3}
    assert [(row["order"], row["sku"], row["unit_price"]) for row in good_rows(plan)] == [
        ("1001", "A-7", "1234.5"), ("1001", "B-9", "12"),
    ]  # fmt: skip
    assert [row["order"] for row in good_rows(plan, "return")] == ["1001"]
    assert classes(plan) == [(5, "missing")]
    assert plan.dead_letters()[0].message == "line 5: units is missing"
    assert "dropped as personal: Ship to name" in plan.notes.warnings
    assert plan.instant.month == 5


def test_every_command_of_the_how_to_works_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path / "home"))
    (tmp_path / "orders_may.csv").write_text(block("csv"), encoding="utf-8")
    (tmp_path / "shop.toml").write_text(block("toml"), encoding="utf-8")
    listed: dict[str, str] = {}
    for command in re.findall(r"^\$ fillwell (.+)$", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE):
        words = [listed.get(word, word) for word in shlex.split(command, comments=True)]
        with pytest.raises(SystemExit) as ended:
            main([*words, "--format", "json"])
        out, err = capsys.readouterr()
        assert ended.value.code == 0, f"{command}\n{err}"
        [row] = json.loads(out)
        listed.update({name.upper(): str(row[name]) for name in ("record", "batch") if row.get(name)})
        if "edit" in words:
            assert row["outcome"] == "accepted"


def test_the_reference_names_every_key_and_every_statement() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for shape in (FileSpec, FieldSpec, JoinSpec, LinkSpec, RowRule, PersonalSpec):
        for field in msgspec.structs.fields(shape):
            assert f"`{field.name}`" in text, f"{shape.__name__}.{field.name}"
    assert text.endswith(MARK + statements_table()), "run python -m tests.ingest.files.reference"
