"""Numbers, money and times in words: the same on every screen and in every export."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from data.money import minor_exponent, to_major

NOTHING = "\N{EM DASH}"  #: what is not known is never shown as zero

_SCALES = ((Decimal(1_000_000_000), "B"), (Decimal(1_000_000), "M"), (Decimal(1_000), "k"))
_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥"}


def count(number: float | None, decimals: int = 0) -> str:
    """Write a number in full with thousands separators."""
    return NOTHING if number is None else f"{number:,.{decimals}f}"


def compact(number: float | Decimal | None) -> str:
    """Write a number with three significant digits and its scale: 184k, 1.25M."""
    if number is None:
        return NOTHING
    amount = Decimal(number)
    for size, letter in _SCALES:
        if abs(amount) >= size:
            scaled = amount / size
            decimals = max(0, 3 - len(str(int(abs(scaled)))))
            return f"{scaled:,.{decimals}f}{letter}"
    return f"{amount:,.0f}"


def field(name: str) -> str:
    """Name what is stored under a technical name: an amount is no longer in minor units when it is shown."""
    return name.removesuffix("_minor").replace("_", " ")


def money(minor: int | None, currency: str) -> str:
    """Write an amount exactly, with the currency's sign, or its code where it has none."""
    if minor is None:
        return NOTHING
    text = f"{abs(to_major(minor, currency)):,.{minor_exponent(currency)}f}"
    return f"{'-' if minor < 0 else ''}{symbol(currency)}{text}"


def money_compact(minor: float | None, currency: str) -> str:
    """Write an amount in three digits, for cards and sentences."""
    if minor is None:
        return NOTHING
    text = compact(abs(to_major(round(minor), currency)))
    return f"{'-' if minor < 0 else ''}{symbol(currency)}{text}"


def symbol(currency: str) -> str:
    """Give the currency's sign, or its code and a space."""
    return _SIGNS.get(currency) or (f"{currency} " if currency else "")


def percent(ratio: float | None, decimals: int = 1) -> str:
    """Write a ratio as a percentage."""
    return NOTHING if ratio is None else f"{ratio * 100:,.{decimals}f}%"


def instant(at: datetime | None) -> str:
    """Write a time to the minute, in UTC."""
    return NOTHING if at is None else f"{at:%-d %b %Y %H:%M}"


def day(at: datetime | None) -> str:
    """Write a day."""
    return NOTHING if at is None else f"{at:%-d %b %Y}"


def span(length: timedelta) -> str:
    """Write how long something lasts, in its two largest units at most."""
    seconds = int(abs(length).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 48 * 3600:
        hours, minutes = seconds // 3600, seconds % 3600 // 60
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{seconds // 86400} days"


def ago(at: datetime | None, now: datetime) -> str:
    """Write how long ago something was; a time ahead of the clock reads *in …*."""
    if at is None:
        return "never"
    return f"in {span(at - now)}" if at > now + timedelta(seconds=1) else f"{span(now - at)} ago"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: 1 order, 2 orders."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: list[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
