"""One cell's text to a value: numbers, codes, times. Pure; what cannot be read says why and what was expected."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import translate
from functools import lru_cache
from zoneinfo import ZoneInfo


class CellError(ValueError):
    """A cell that cannot be read; `error_class` groups it with others of its kind."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class


_BLANK = " \t\r\n\f\v\u00a0\u202f\u2007\u200b\ufeff"
_MINUS, _QUOTE = "\u2212", "\u2019"
_CURRENCY = r"(?:[A-Z]{0,3}[$€£¥₹₩₽₺₫₪฿]|[A-Z]{3}|kr\.?|zł|Kč|Ft|Fr\.)?"
_GAP = rf"[{_BLANK}]*"
_NUMBER = re.compile(
    rf"(?P<open>\()?{_GAP}(?P<sign>[-+{_MINUS}]?){_GAP}{_CURRENCY}{_GAP}(?P<sign2>[-+{_MINUS}]?){_GAP}"
    rf"(?P<digits>[\d.,'{_QUOTE}{_BLANK}]*\d[.,]?)(?P<power>[eE][-+]?\d{{1,3}})?{_GAP}{_CURRENCY}{_GAP}(?P<after>-)?(?P<close>\))?"
)
_GROUPED = r"\d+|\d{1,3}(?:%s\d{2,3})*%s\d{3}"
#: What a spreadsheet leaves where a key was.
_DAMAGED = re.compile(r"#(?:REF!|N/A|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!)|\d(?:[.,]\d+)?E\+\d+|#+", re.IGNORECASE)
_FLAGS = {"yes": True, "true": True, "1": True, "y": True, "no": False, "false": False, "0": False, "n": False}


def trimmed(text: str, also: str = "") -> str:
    """Take blanks of every kind off both ends, and the characters in `also`."""
    return text.strip(_BLANK).strip(also).strip(_BLANK) if also else text.strip(_BLANK)


@lru_cache(maxsize=256)
def pattern(missing: tuple[str, ...]) -> re.Pattern[str] | None:
    """Compile patterns in which `*` stands for any text; None where there are none."""
    if not missing:
        return None
    escaped = (re.sub(r"[\[\]?]", lambda found: f"[{found[0]}]", text) for text in missing)
    return re.compile("|".join(translate(text) for text in escaped), re.IGNORECASE)


def read_number(text: str, decimal: str = ".") -> Decimal:
    """Read a number as people write it: `1.234,56`, `£1,234.50`, `(12.50)`, `12.50-`.

    Raises:
        CellError: it is none with this decimal mark.
    """
    found = _NUMBER.fullmatch(text)
    written = found["digits"].strip(_BLANK) if found else ""
    whole, _, fraction = written.rpartition(decimal) if decimal in written else (written, "", "")
    groups = "," if decimal == "." else "."
    shapes = (_GROUPED % (re.escape(mark), re.escape(mark)) for mark in (groups, "'", _QUOTE, " ", "\u00a0", "\u202f"))
    if found is None or (whole and not re.fullmatch("|".join(shapes), whole)) or not re.fullmatch(r"\d*", fraction):
        raise CellError("number", f"{text!r} is no number with the decimal mark {decimal!r}{_hint(text, decimal)}")
    digits = re.sub(r"\D", "", whole)
    number = Decimal(f"{digits or '0'}.{fraction or '0'}{found['power'] or ''}")
    signs = [found["sign"], found["sign2"], found["after"]]
    if bool(found["open"]) != bool(found["close"]) or sum(bool(sign) for sign in signs) > 1:
        raise CellError("number", f"{text!r} has a sign that cannot be read; write such as -12.50")
    return -number if found["open"] or any(sign in ("-", _MINUS) for sign in signs if sign) else number


def _hint(text: str, decimal: str) -> str:
    other = "," if decimal == "." else "."
    return f"; where {other!r} is the decimal mark, say decimal = {other!r}" if other in text else ""


def read_whole(text: str, decimal: str = ".") -> int:
    """Read a whole number; 12.0 is one.

    Raises:
        CellError: it is none.
    """
    number = read_number(text, decimal)
    if number != number.to_integral_value() or abs(number) >= 2**62:
        raise CellError("number", f"{text!r} is no whole number")
    return int(number)


def read_code(text: str, *, whole: bool = False) -> str:
    """Read an identifying text; `whole` undoes what makes 17850.0 of 17850.

    Raises:
        CellError: a spreadsheet damaged it.
    """
    if whole and re.fullmatch(r"-?\d+\.0+", text):
        return text.partition(".")[0]
    if _DAMAGED.fullmatch(text):
        raise CellError("damaged_key", f"{text!r} is what a spreadsheet made of a key; the key itself was expected")
    return text


def read_flag(text: str) -> bool:
    """Read yes or no.

    Raises:
        CellError: it is neither.
    """
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise CellError("value", f"{text!r} is neither yes nor no")
    return flag


def read_time(text: str, formats: tuple[str, ...], *, first: bool) -> datetime:
    """Read a time, naive where it has no offset, by the declared formats or else as ISO 8601.

    Raises:
        CellError: it has none of the formats, or two of them read it differently (`first` takes the first then).
    """
    found: list[datetime] = []
    for shape in formats:
        if (at := by_format(text, shape)) is not None and at not in found:
            found.append(at)
            if first:
                break
    if not formats and (at := by_iso(text)) is not None:
        found.append(at)
    if not found:
        raise CellError("time", f"{text!r} is no time; {' or '.join(formats) or 'ISO 8601'} was expected")
    if len(found) > 1:
        raise CellError(
            "ambiguous_time", f"{text!r} is {found[0].date()} or {found[1].date()}, by which format is read"
        )
    return found[0]


def by_format(text: str, shape: str) -> datetime | None:
    """Read a time by one format; `epoch_seconds` and `epoch_millis` count from 1970."""
    try:
        if shape in ("epoch_seconds", "epoch_millis"):
            micros = int(Decimal(text) * (1_000_000 if shape == "epoch_seconds" else 1_000))
            return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
        return datetime.strptime(text, shape)  # noqa: DTZ007 -- the zone is given apart
    except (ValueError, ArithmeticError, OSError):
        return None


def by_iso(text: str) -> datetime | None:
    """Read a time as ISO 8601, also with a blank before the offset."""
    if not text[:4].isdigit() or len(text) < 8:
        return None
    try:
        return datetime.fromisoformat(re.sub(r" (?=[+-]\d\d:?\d\d$|Z$)", "", text))
    except ValueError:
        return None


def in_zone(at: datetime, zone: str | None, text: str) -> datetime:
    """Give the UTC time of a wall clock's time; the earlier one where the clock was put back.

    Raises:
        CellError: no zone is known, or the clock skipped this time.
    """
    if at.tzinfo is None:
        if zone is None:
            raise CellError("zone", f"the time {text!r} has no offset and no time_zone is declared")
        local = at.replace(tzinfo=ZoneInfo(zone))
        if local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != at:
            raise CellError("time", f"{text!r} never was in {zone}: the clocks skipped it")
        at = local
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise CellError("time", f"{text!r} is outside of the calendar") from error


def read_day(text: str, formats: tuple[str, ...], *, first: bool) -> date:
    """Read a day.

    Raises:
        CellError: it is none, or two formats read it differently.
    """
    return read_time(text, formats, first=first).date()
