"""Tryton's typed JSON: decimals, dates, times and spans of time travel as objects that name their class."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from data.clock import from_micros, to_micros

_TIME = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class Moment(msgspec.Struct, frozen=True, tag_field="__class__", tag="datetime", gc=False):
    """A time; Tryton keeps UTC and says no zone."""

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0

    @property
    def at(self) -> datetime:
        """Give the aware time."""
        return datetime(
            self.year, self.month, self.day, self.hour, self.minute, self.second, self.microsecond, tzinfo=UTC
        )


class Day(msgspec.Struct, frozen=True, tag_field="__class__", tag="date", gc=False):
    """A calendar day."""

    year: int
    month: int
    day: int

    @property
    def on(self) -> date:
        """Give the day."""
        return date(self.year, self.month, self.day)

    @property
    def at(self) -> datetime:
        """Give the beginning of the day, UTC: Tryton says no more of it."""
        return datetime(self.year, self.month, self.day, tzinfo=UTC)


class Number(msgspec.Struct, frozen=True, tag_field="__class__", tag="Decimal", gc=False):
    """An exact decimal."""

    decimal: str


class Span(msgspec.Struct, frozen=True, tag_field="__class__", tag="timedelta", gc=False):
    """A span of time."""

    seconds: float


def encode(value: object) -> bytes:
    """Write a call's body."""
    return json.dumps(value, default=_typed, separators=(",", ":")).encode()


def decode(body: bytes) -> Any:  # noqa: ANN401 -- JSON of any shape
    """Read an answer with its types; times come back aware, UTC."""
    return json.loads(body, object_hook=_plain)


def typed(micros: int) -> dict[str, object]:
    """Write a time in microseconds as Tryton does."""
    found = _typed(from_micros(micros))
    assert isinstance(found, dict)  # noqa: S101 -- of a time this is so
    return found


def newest(raw: bytes) -> int | None:
    """Give the newest `last_modified_at` in a record and its parts, in microseconds; None where there is none."""
    found = max((tuple(map(int, m.groups())) for m in _STAMP.finditer(raw)), default=None)
    if found is None:
        return None
    year, month, day, hour, minute, second, micro = found
    try:
        return to_micros(datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC))
    except ValueError:
        return None


#: Every stamp of a record as Tryton writes it: its encoder keeps this order and no blanks.
_STAMP = re.compile(
    rb'"last_modified_at":\s*\{"__class__":\s*"datetime",\s*'
    + rb",\s*".join(rb'"' + part.encode() + rb'":\s*(\d{1,6})' for part in _TIME)
)


def _typed(value: object) -> object:
    match value:
        case datetime():
            at = value.astimezone(UTC) if value.tzinfo else value
            return {"__class__": "datetime", **{part: getattr(at, part) for part in _TIME}}
        case date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case msgspec.Raw():
            return json.loads(bytes(value))
        case _:
            raise TypeError(f"{type(value).__name__} cannot be said to Tryton")


def _plain(found: dict[str, Any]) -> object:
    match found.get("__class__"):
        case "datetime":
            year, month, day, *rest = (int(found[part]) for part in _TIME)
            return datetime(year, month, day, rest[0], rest[1], rest[2], rest[3], UTC)
        case "date":
            return date(found["year"], found["month"], found["day"])
        case "timedelta":
            return timedelta(seconds=found["seconds"])
        case "Decimal":
            return Decimal(found["decimal"])
        case _:
            return found
