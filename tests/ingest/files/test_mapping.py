"""A mapping is checked before a file is opened; every complaint says where, what was expected and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import ConfigError
from ingest.files.convert import NUMERIC
from ingest.files.events import BUILDERS
from ingest.files.mapping import parse_mapping, read_mapping
from ingest.files.statements import STATEMENTS
from tests.ingest.files.factories import ORDER_LINES, a_mapping


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, "a.toml")
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert old in ORDER_LINES
    return refused(ORDER_LINES.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("states =", "state =", "state: there is no such key; did you mean 'states'?"),
        ('"order_line"', '"order_lines"', "'order_lines' is nothing a row can state; did you mean 'order_line'?"),
        ("sku =", "skus =", "fields.skus: a order_line has no such field; did you mean 'sku'?"),
        ('sku = "SKU"\n', "", "fields: a order_line needs sku; give each a column or a constant"),
        ('time_zone = "UTC"', 'time_zone = "London"', "file: time_zone 'London' is not known"),
        ('time_zone = "UTC"', 'tim_zone = "UTC"', "file.tim_zone: there is no such key; did you mean 'time_zone'?"),
        ('units = "Units"', 'units = { colum = "Units" }', "fields.units.colum: there is no such key; did you mean"),
        ('units = "Units"', 'units = { column = "Units", constant = 1 }', "give one of column, columns, field"),
        ('units = "Units"', "units = { upper = true }", "fields.units: says nothing of where it comes from"),
        ('units = "Units"', 'units = { column = "Units", sign = "plus" }', "invalid enum value 'plus'"),
        ('units = "Units"', 'units = { column = "Units", times = "pack" }', "there is no field 'pack'"),
        ('connection = "shop"', 'connection = "my/shop"', "connection: 'my/shop'"),
        ('connection = "shop"', "connection = shop", "is no TOML"),
    ],
)
def test_a_wrong_key_is_named_with_the_one_that_was_meant(old: str, new: str, said: str) -> None:
    assert said in changed(old, new)
    assert changed(old, new).startswith("a.toml")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[rows]]\nname = "x"\nwhen = "unit < 0"\nignore = "y"', "'unit < 0' asks for 'unit': did you mean 'units'?"),
        ('[[rows]]\nname = "x"\nwhen = "units is big"\nignore = "y"', "'units is big' is no condition; write such as"),
        ('[[rows]]\nname = "x"\nwhen = "units < 0"', "rows 'x': give either states"),
        (
            '[[rows]]\nname = "x"\nwhen = "units < 0"\nstates = "return"',
            "rows 'x': a return needs return, requested_at",
        ),
        ('[link]\nsame = ["sku"]', "link: needs rows that state a return"),
        ('[file]\nfill_by = "Order"', "Cannot declare"),
        ('[join.x]\nfile = "x.csv"', "join.x"),
    ],
)
def test_rules_links_and_joins_are_checked_too(more: str, said: str) -> None:
    assert said in refused(f"{ORDER_LINES}\n{more}")


def test_a_mapping_that_is_not_there_or_is_no_text_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the mapping"):
        read_mapping(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        read_mapping(tmp_path / "bad.toml")


def test_the_identity_of_an_order_line_is_order_sku_price_and_occurrence_unless_the_file_numbers_its_lines() -> None:
    assert a_mapping().identity == {"order_line": ("order", "sku", "unit_price")}
    numbered = ORDER_LINES.replace("[fields]", '[fields]\nline = "Line"')
    assert a_mapping(numbered).identity == {"order_line": ("order", "line")}
    declared = ORDER_LINES.replace("states =", 'identity = ["order", "sku"]\nstates =')
    assert a_mapping(declared).identity == {"order_line": ("order", "sku")}


def test_every_statement_can_be_built_and_equal_fields_are_read_alike_in_all_of_them() -> None:
    assert set(BUILDERS) == set(STATEMENTS)
    for name in {field for statement in STATEMENTS.values() for field in statement.fields}:
        kinds = {s.fields[name].kind in NUMERIC for s in STATEMENTS.values() if name in s.fields}
        assert len(kinds) == 1, name
    for statement in STATEMENTS.values():
        assert {*statement.identity, *([statement.document] if statement.document else [])} <= set(statement.fields)


def test_the_mappings_that_come_with_fillwell_are_right() -> None:
    for file in (Path(__file__).parents[3] / "ingest" / "files" / "mappings").glob("*.toml"):
        assert read_mapping(file).connection == file.stem
