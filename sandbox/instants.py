"""Instants are whole microseconds since 1970 in UTC; text is RFC 3339 with offset."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DATE = EPOCH.date()


@functools.lru_cache(maxsize=4096)
def day_text(day: int) -> str:
    """Write the date of a day counted from 1970."""
    return (EPOCH_DATE + timedelta(days=day)).isoformat()


@functools.lru_cache(maxsize=86_400)
def time_text(second: int) -> str:
    """Write the time of a second of a day."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def text(instant: int) -> str:
    """Write an instant as RFC 3339, with microseconds only when there are some."""
    seconds, micros = divmod(instant, SECOND)
    day, second = divmod(seconds, 86_400)
    fraction = f".{micros:06d}" if micros else ""
    return f"{day_text(day)}T{time_text(second)}{fraction}+00:00"


def micros_of(moment: datetime) -> int:
    """Turn an aware datetime into an instant."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def parse(written: str) -> int:
    """Read an instant; a time without offset is refused."""
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset")
    return micros_of(moment)


def next_at_hour(instant: int, hour: int) -> int:
    """Find the first moment after an instant at which the clock shows this full hour."""
    due = instant - instant % DAY + hour * HOUR
    return due if due > instant else due + DAY
