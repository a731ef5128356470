"""The how-to is followed to the letter, and the reference names everything that there is."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

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


def test_the_reference_names_every_key_and_every_statement() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for shape in (FileSpec, FieldSpec, JoinSpec, LinkSpec, RowRule, PersonalSpec):
        for field in msgspec.structs.fields(shape):
            assert f"`{field.name}`" in text, f"{shape.__name__}.{field.name}"
    assert text.endswith(MARK + statements_table()), "run python -m tests.ingest.files.reference"
