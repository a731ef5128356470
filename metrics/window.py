"""Windows of time: half-open, [start, end), with days that begin at midnight in the business time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data.errors import RequestError

ZONE = "Europe/London"


@dataclass(frozen=True)
class Window:
    """All moments from `start` up to, not including, `end`; both aware."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise RequestError("a window's ends need an offset or a time zone; give one, such as +00:00")
        if self.end <= self.start:
            raise RequestError(
                f"the window ends ({self.end.isoformat()}) before it begins ({self.start.isoformat()}); "
                "its end is exclusive and must be later"
            )

    @classmethod
    def days(cls, first: date, after: date, zone: str = ZONE) -> Window:
        """Span whole local days from `first` up to, not including, `after`."""
        return cls(midnight(first, zone), midnight(after, zone))

    @classmethod
    def last_days(cls, count: int, now: datetime, zone: str = ZONE) -> Window:
        """Span the last so many whole local days; today, which is not over, is not among them."""
        today = now.astimezone(zone_of(zone)).date()
        return cls.days(today - timedelta(days=count), today, zone)

    def previous(self, zone: str = ZONE) -> Window:
        """Give the window of the same length just before: whole months before whole months, days before days."""
        first, after = (at.astimezone(zone_of(zone)) for at in (self.start, self.end))
        if first.time() != time(0) or after.time() != time(0):
            return Window(self.start - (self.end - self.start), self.start)
        if first.day == after.day == 1:
            months = (after.year - first.year) * 12 + after.month - first.month
            return Window.days(months_before(first.date(), months), first.date(), zone)
        return Window.days(first.date() - (after.date() - first.date()), first.date(), zone)

    def year_before(self, zone: str = ZONE) -> Window:
        """Give the window 52 weeks earlier, on the same days of the week and the same local hours."""
        ends = (at.astimezone(zone_of(zone)) for at in (self.start, self.end))
        start, end = ((at - timedelta(weeks=52)).astimezone(UTC) for at in ends)
        return Window(start, end)


def midnight(day: date, zone: str = ZONE) -> datetime:
    """Give the moment at which a local day begins, in UTC; a day of a clock change is 23 or 25 hours long."""
    return datetime.combine(day, time(0), zone_of(zone)).astimezone(UTC)


def zone_of(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: half a name, as Europe is, names a folder
        raise RequestError(f"there is no time zone {name!r}; use an IANA name such as Europe/London") from error


def months_before(first: date, count: int) -> date:
    """Give the first of the month so many months before the month of a day."""
    index = first.year * 12 + first.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def periods(window: Window, grain: str, zone: str = ZONE) -> list[date]:
    """Name the first day of each day, week (from Monday) or month that a window touches."""
    local = zone_of(zone)
    last = (window.end - timedelta(microseconds=1)).astimezone(local).date()
    at = begins(window.start.astimezone(local).date(), grain)
    found = []
    while at <= last:
        found.append(at)
        at = begins(at + timedelta(days={"day": 1, "week": 7, "month": 31}[grain]), grain)
    return found


def begins(day: date, grain: str) -> date:
    """Give the first day of the period that a day lies in."""
    if grain == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if grain == "week" else day
