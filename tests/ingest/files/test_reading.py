"""Files of any delimiter, encoding and line ending are read; what cannot be read is told, never lost."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from data.errors import ConfigError
from ingest.files.mapping import FileSpec
from ingest.files.read import FileTable, read_content

WANTED = ["Order", "SKU", "Name"]
ROWS = [("Order", "SKU", "Name"), ("1", "A", "Tür"), ("2", "B", "naïve £5")]


def text_of(delimiter: str = ",", ending: str = "\n") -> str:
    return "".join(delimiter.join(row) + ending for row in ROWS)


def read(content: bytes | str, **spec: object) -> FileTable:
    raw = content if isinstance(content, bytes) else content.encode()
    return read_content(raw, "a.csv", FileSpec(**spec), WANTED)  # type: ignore[arg-type]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~"])
def test_the_delimiter_is_found_out(delimiter: str) -> None:
    assert read(text_of(delimiter)).frame.rows() == ROWS[1:]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way_even_with_a_bare_carriage_return(ending: str) -> None:
    table = read(text_of(ending=ending))
    assert table.frame.rows() == ROWS[1:]
    assert table.lines == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_the_encoding_is_found_out(encoding: str) -> None:
    assert read(text_of().encode(encoding)).frame.rows() == ROWS[1:]


def test_a_declared_encoding_is_taken_at_its_word() -> None:
    assert read("Order,SKU,Name\n1,A,Ж\n".encode("cp1251"), encoding="cp1251").frame["Name"].to_list() == ["Ж"]
    with pytest.raises(ConfigError, match="no encoding 'latin-99'"):
        read(text_of(), encoding="latin-99")


def test_one_damaged_byte_costs_one_row_and_not_the_encoding_of_the_others() -> None:
    many = "".join(f"{n},A,Größe\n" for n in range(30)).encode()
    table = read(b"Order,SKU,Name\n" + many + b"31,B,bad \xff byte\n")
    assert table.frame.height == 30
    assert [(bad.line, bad.error_class) for bad in table.bad] == [(32, "encoding")]
    assert table.bad[0].cells["Name"] == "bad \\udcff byte"


def test_title_rows_above_the_header_and_blank_lines_are_no_rows() -> None:
    table = read("Stock list of 3 May\n\nWarehouse,North\nOrder,SKU,Name\n1,A,x\n\n,,\n2,B,y\n")
    assert table.frame.rows() == [("1", "A", "x"), ("2", "B", "y")]
    assert table.about["header"] == "line 4"
    assert table.lines == [5, 8]
    assert table.blank == 2


def test_a_file_without_a_header_takes_the_names_given() -> None:
    assert read("1\tA\tx\n2\tB\ty\n", names=("Order", "SKU", "Name")).frame["SKU"].to_list() == ["A", "B"]


def test_a_file_of_other_columns_is_refused_with_what_was_found() -> None:
    with pytest.raises(ConfigError, match="none of the columns Name, Order, SKU stands in its first 60 rows"):
        read("a,b,c\n1,2,3\n")


def test_excel_may_say_the_delimiter_on_the_first_line() -> None:
    assert read("sep=;\nOrder;SKU;Name\n1;A;x,y\n").frame.rows() == [("1", "A", "x,y")]


def test_repeated_and_empty_column_names_get_names_of_their_own() -> None:
    assert read("Order,SKU,Name,Name,\n1,A,x,y,z\n").frame.columns == ["Order", "SKU", "Name", "Name (2)", "column 5"]


def test_rows_of_another_width_are_listed_with_their_lines() -> None:
    table = read("Order,SKU,Name\n1,A,x\n2,B\n3,C,y,extra\n4,D,z,,\n")
    assert table.frame.rows() == [("1", "A", "x"), ("4", "D", "z")]
    assert [(bad.line, bad.error_class) for bad in table.bad] == [(3, "cells"), (4, "cells")]
    assert table.bad[1].cells == {"Order": "3", "SKU": "C", "Name": "y", "*extra": ["extra"]}
    assert read("Order,SKU,Name\n2,B\n", short_rows="fill").frame.rows() == [("2", "B", "")]


def test_a_quoted_cell_may_hold_delimiters_quotes_and_line_ends() -> None:
    table = read('Order,SKU,Name\n1,A,"5"" disk, black\nand red"\n2,B,y\n')
    assert table.frame["Name"].to_list() == ['5" disk, black\nand red', "y"]
    assert table.lines == [2, 4]


@pytest.mark.parametrize("stray", ['2,B,"never closed', '"2,B,y', '2,"B,y'])
def test_a_stray_quote_costs_its_own_row_and_no_other(stray: str) -> None:
    table = read(f'Order,SKU,Name\n1,A,x\n{stray}\n3,C,z\n4,D,"w"\n')
    assert table.frame["Order"].to_list() == ["1", "3", "4"]
    assert [(bad.line, bad.error_class) for bad in table.bad] == [(3, "row")]


def test_where_nothing_is_quoted_quotes_are_text() -> None:
    assert read('Order,SKU,Name\n1,A,"x\n', quote="").frame["Name"].to_list() == ['"x']


def test_formulas_and_markup_are_text() -> None:
    table = read("Order,SKU,Name\n1,A,=1+1\n2,B,<script>alert(1)</script>\n3,C,\"=cmd|' /C calc'!A0\"\n")
    assert table.frame["Name"].to_list() == ["=1+1", "<script>alert(1)</script>", "=cmd|' /C calc'!A0"]


def test_json_lines_keep_their_digits_and_flatten_nested_objects() -> None:
    lines = [
        {"Order": 12345678901234567890, "SKU": "A", "price": 2.50, "buyer": {"id": 7}, "tags": ["x"], "paid": True},
        {"Order": 2, "SKU": None},
    ]
    text = "\n".join([json.dumps(lines[0]).replace("2.5", "2.50"), "{broken", "[1]", "", json.dumps(lines[1])])
    table = read(text)
    assert table.frame.rows(named=True)[0] == {
        "Order": "12345678901234567890", "SKU": "A", "price": "2.50", "buyer.id": "7", "tags": '["x"]', "paid": "true",
    }  # fmt: skip
    assert table.frame["SKU"].to_list() == ["A", None]
    assert [(bad.line, bad.error_class) for bad in table.bad] == [(2, "json"), (3, "json")]
    assert table.rows == 4


def test_parquet_and_gzip_are_recognised_by_their_content(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    pl.DataFrame({"Order": [1, 2], "Price": [2.55, None]}).write_parquet(file)
    assert read(file.read_bytes()).frame.rows() == [("1", "2.55"), ("2", None)]
    assert read(gzip.compress(text_of().encode())).frame.rows() == ROWS[1:]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"PK\x03\x04rest", "save the sheet as CSV"), (b"PAR1rest", "cannot be read"),
     (b"\x1f\x8bdamaged", "is damaged")],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_one_sentence(content: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(content)


def test_fields_given_on_the_first_row_of_an_order_only_are_filled_down() -> None:
    table = read("Order,SKU,Name\n1,A,x\n1,B,\n2,C,\n", fill_down=("Name",), fill_by="Order")
    assert table.frame["Name"].to_list() == ["x", "x", None]


def test_payment_card_numbers_are_masked_and_barcodes_are_not() -> None:
    table = read("Order,SKU,Name\n1,5901234123457,paid by 4111 1111 1111 1111\n2,B,4111111111111112\n")
    assert table.frame.rows() == [("1", "5901234123457", "paid by 4111 11** **** 1111"), ("2", "B", "4111111111111112")]
