"""One cell at a time: numbers as people write them, codes that spreadsheets damaged, times in many formats."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from ingest.files.cells import CellError, in_zone, pattern, read_code, read_number, read_time, read_whole, trimmed
from ingest.files.convert import written
from ingest.files.formats import infer_formats


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.234,56", ",", "1234.56"), ("1,234.56", ".", "1234.56"), ("£1,234.50", ".", "1234.50"),
        ("12,5 €", ",", "12.5"),
        ("EUR 12", ".", "12"), ("R$ 3,10", ",", "3.10"), ("(12.50)", ".", "-12.50"), ("12.50-", ".", "-12.50"),
        ("\u221212", ".", "-12"), ("-£3", ".", "-3"), ("1 234,5", ",", "1234.5"), ("1'234.50", ".", "1234.50"),
        ("1\u00a0234", ".", "1234"), (".5", ".", "0.5"), ("5.", ".", "5"), ("1e-7", ".", "1e-7"), ("+7", ".", "7"),
        ("12,34,567.8", ".", "1234567.8"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, decimal: str, number: str) -> None:
    assert read_number(text, decimal) == Decimal(number)


@pytest.mark.parametrize("text", ["1,23", "12 cs", "abc", "1.2.3", "--5", "(5", "NaN", "inf", "1,2345", "", "£", "1-2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(CellError):
        read_number(text)


def test_a_number_with_the_other_decimal_mark_says_what_to_declare() -> None:
    with pytest.raises(CellError, match="say decimal = ','"):
        read_number("1,5")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_survives_being_written_and_read(number: Decimal) -> None:
    assert read_number(written(number)) == number
    assert read_number(f"{number:,}") == number


def test_twelve_point_zero_is_a_whole_number_and_twelve_and_a_half_is_none() -> None:
    assert read_whole("12.0") == 12
    with pytest.raises(CellError, match="no whole number"):
        read_whole("12.5")


@pytest.mark.parametrize("text", ["#REF!", "#N/A", "5.01E+12", "5E+10", "########"])
def test_keys_that_a_spreadsheet_damaged_are_refused(text: str) -> None:
    with pytest.raises(CellError) as caught:
        read_code(text)
    assert caught.value.error_class == "damaged_key"


def test_codes_keep_leading_zeros_and_lose_a_decimal_only_where_told() -> None:
    assert read_code("00123") == "00123"
    assert read_code("17850.0") == "17850.0"
    assert read_code("17850.0", whole=True) == "17850"


def test_blanks_of_every_kind_and_declared_apostrophes_are_taken_off() -> None:
    assert trimmed("\u00a0 75008\t") == "75008"
    assert trimmed("'75008", "'") == "75008"
    assert trimmed("'=1+1") == "'=1+1"


def test_a_star_in_a_sentinel_stands_for_any_text_and_nothing_else_is_special() -> None:
    found = pattern(("See *", "N/A [1]?"))
    assert found is not None
    assert found.fullmatch("See ASN-93 (ID#:1281)")
    assert found.fullmatch("n/a [1]?")
    assert not found.fullmatch("N/A 1x")


@pytest.mark.parametrize(
    ("text", "formats", "iso"),
    [
        ("2010-12-01 08:26:00.000000", (), "2010-12-01T08:26:00"),
        ("2026-11-19 18:00:00 +0100", (), "2026-11-19T18:00:00+01:00"),
        ("2-Jun-06", ("%d-%b-%y",), "2006-06-02T00:00:00"),
        ("11/13/06", ("%d/%m/%y", "%m/%d/%y"), "2006-11-13T00:00:00"),
        ("5/5/06", ("%d/%m/%y", "%m/%d/%y"), "2006-05-05T00:00:00"),
        ("0", ("epoch_seconds",), "1970-01-01T00:00:00+00:00"),
        ("1500", ("epoch_millis",), "1970-01-01T00:00:01.500000+00:00"),
    ],
)  # fmt: skip
def test_times_are_read_by_declared_formats_or_as_iso(text: str, formats: tuple[str, ...], iso: str) -> None:
    assert read_time(text, formats, first=False).isoformat() == iso


def test_a_day_that_two_declared_formats_read_differently_is_set_aside_unless_an_order_is_declared() -> None:
    formats = ("%d/%m/%y", "%m/%d/%y")
    with pytest.raises(CellError) as caught:
        read_time("03/04/06", formats, first=False)
    assert caught.value.error_class == "ambiguous_time"
    assert read_time("03/04/06", formats, first=True).month == 4


def test_a_wall_clock_is_read_in_its_zone_and_a_skipped_hour_never_was() -> None:
    def at(text: str) -> str:
        return in_zone(read_time(text, (), first=False), "Europe/London", text).isoformat()

    assert at("2011-07-01 12:00") == "2011-07-01T11:00:00+00:00"
    assert at("2011-10-30 01:30") == "2011-10-30T00:30:00+00:00"
    with pytest.raises(CellError, match="the clocks skipped it"):
        at("2011-03-27 01:30")


@pytest.mark.parametrize(
    ("cells", "formats"),
    [
        (["2026-01-02", "2026-01-03 10:00"], ()), (["31/01/2026", "01/02/2026"], ("%d/%m/%Y",)),
        (["01/31/2026", "01/02/2026"], ("%m/%d/%Y",)), (["2-Jun-06", "14-Nov-06"], ("%d-%b-%y",)),
        (["1.2.2026 8:05", "31.1.2026 18:05"], ("%d.%m.%Y %H:%M",)), ([], ()),
    ],
)  # fmt: skip
def test_the_format_of_a_column_is_found_out_where_only_one_fits(cells: list[str], formats: tuple[str, ...]) -> None:
    assert infer_formats(cells, "column 'Date'") == formats


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["01/02/2026", "03/04/2026"], "day/month and as month/day"),
        (["31/01/2026", "01/31/2026", "01/02/2026"], "several ways"),
        (["yesterday", "soon"], "declare formats"),
    ],
)
def test_a_column_that_can_be_read_in_two_ways_is_refused_until_declared(cells: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        infer_formats(cells, "column 'Date'")
