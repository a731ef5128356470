"""Read values as people and systems write them: exact, checked, with one clear sentence where it fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from data.canonical import LARGEST, decimal, utc
from data.errors import RecordInvalid

FIRST_YEAR, LAST_YEAR = 1990, 2100
_WHOLE = re.compile(r"[-+]?\d{1,18}")
_AMOUNT = re.compile(r"[-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,2})?")


def amount(value: str | float | Decimal, field: str) -> Decimal:
    """Read an amount; `1.10` and `1.1` are the same, NaN and infinities are none.

    A float is read as it is written, so that 0.1 is a tenth.
    """
    if isinstance(value, bool) or value is None:
        raise RecordInvalid(f"{field} is {value!r}; an amount was expected", error_class="number")
    text = str(value).strip()
    if not isinstance(value, Decimal) and not _AMOUNT.fullmatch(text):
        raise RecordInvalid(f"{field} is {text[:40]!r}; an amount such as 12.50 was expected", error_class="number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(text)
    except InvalidOperation as error:
        raise RecordInvalid(f"{field} is {text[:40]!r}; an amount was expected", error_class="number") from error
    return decimal(number, field)


def instant(value: str | datetime, field: str) -> datetime:
    """Read a time with its offset and give it in UTC; a naive one and years outside 1990 to 2100 are refused."""
    if isinstance(value, datetime):
        at = value
    else:
        try:
            at = datetime.fromisoformat(value.strip())
        except (ValueError, AttributeError) as error:
            raise RecordInvalid(
                f"{field} is {str(value)[:40]!r}; a time such as 2026-03-01T09:30:00+00:00 was expected",
                error_class="time",
            ) from error
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise RecordInvalid(
            f"{field} is in the year {at.year}; a year from {FIRST_YEAR} to {LAST_YEAR} was expected",
            error_class="time",
        )
    return utc(at, field).astimezone(UTC)


def whole(value: str | int, field: str) -> int:
    """Read a whole number; `3.0` from a spreadsheet is 3, `3.5` is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        text = str(value).strip()
        text = text.removesuffix(".0")
        if isinstance(value, bool) or not _WHOLE.fullmatch(text):
            raise RecordInvalid(f"{field} is {str(value)[:40]!r}; a whole number was expected", error_class="number")
        number = int(text)
    if abs(number) > LARGEST:
        raise RecordInvalid(f"{field} is {number}; a number up to {LARGEST} was expected", error_class="number")
    return number
