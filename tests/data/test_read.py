"""Values as people write them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import RecordInvalid
from data.events import decode, encode
from data.read import amount, instant, whole
from tests.factories import a_line, an_order

SPELT = [("1.10", "1.1"), ("1e2", "100"), (" .5 ", "0.5"), (0.1, "0.1"), ("-0.00", "0")]


@pytest.mark.parametrize(("text", "value"), SPELT)
def test_an_amount_has_one_spelling(text: str | float, value: str) -> None:
    assert str(amount(text, "price")) == value


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1,5", "", "1e99", "0x1", "12 GBP", float("nan"), float("inf")])
def test_what_is_no_amount_is_refused_in_a_sentence(text: str | float) -> None:
    with pytest.raises(RecordInvalid, match=r"price is .* was expected"):
        amount(text, "price")


def test_a_time_is_given_in_utc() -> None:
    assert instant("2026-03-01T09:30:00+02:00", "at") == datetime(2026, 3, 1, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-03-01T09:30:00", "1989-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "yesterday", ""]
)
def test_a_naive_time_and_one_of_another_age_are_refused(text: str) -> None:
    with pytest.raises(RecordInvalid, match=r"^at "):
        instant(text, "at")


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("3.0", 3), (" -4 ", -4), (5, 5)])
def test_a_whole_number_is_read(text: str | int, value: int) -> None:
    assert whole(text, "units") == value


@pytest.mark.parametrize("text", ["3.5", "three", "", 10**14, True, "9" * 19])
def test_what_is_no_whole_number_is_refused(text: Any) -> None:  # noqa: ANN401 -- whatever arrives
    with pytest.raises(RecordInvalid, match="units is"):
        whole(text, "units")


@given(
    price=st.decimals(min_value=-(10**9), max_value=10**9, places=4),
    zeros=st.integers(0, 4),
    hours=st.integers(-12, 12),
    at=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 -- given an offset below
)
def test_equal_events_are_equal_bytes(price: Decimal, zeros: int, hours: int, at: datetime) -> None:
    here = at.replace(tzinfo=UTC)
    there = here.astimezone(timezone(timedelta(hours=hours)))
    spelt = price.quantize(Decimal(1).scaleb(-4 - zeros))
    one = encode(an_order("o", a_line(price=str(price)), placed_at=here))
    assert encode(an_order("o", a_line(price=str(spelt)), placed_at=there)) == one
    assert encode(decode(one)) == one


@given(st.text(max_size=30))
def test_reading_any_text_gives_a_value_or_a_sentence(text: str) -> None:
    readers: tuple[Callable[[str, str], object], ...] = (amount, instant, whole)
    for read in readers:
        with suppress(RecordInvalid):
            assert read(text, "field") is not None
