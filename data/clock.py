"""One business clock, injected; transport time (signatures, timeouts, leases) is always real."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]  #: answers the business time: aware, UTC

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    """Tell the real time."""
    return datetime.now(UTC)


def offset_clock(ahead_by: timedelta) -> Clock:
    """Tell real time shifted by a remote clock's lead, as measured."""
    return lambda: system_clock() + ahead_by


def to_micros(at: datetime) -> int:
    """Give the microseconds since 1970 of an aware time; exact, unlike `timestamp()`."""
    return (at - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Give back the aware UTC time of `to_micros`."""
    return EPOCH + timedelta(microseconds=micros)
