"""Exact money: decimals in, integer minor units inside, allocations that sum to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

#: ISO 4217 currencies whose minor unit is not a hundredth.
EXPONENTS = {
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "CLP": 0,
    "ISK": 0,
    "BHD": 3,
    "KWD": 3,
    "OMR": 3,
    "TND": 3,
    "JOD": 3,
}


def minor_exponent(currency: str) -> int:
    """Give the number of decimals of a currency's minor unit."""
    return EXPONENTS.get(currency, 2)


@lru_cache(maxsize=65_536)  # prices repeat, and decimals are slow
def to_minor(amount: Decimal, currency: str) -> int:
    """Round a decimal amount in major units to integer minor units, half to even."""
    exponent = minor_exponent(currency)
    return int(amount.scaleb(exponent).to_integral_value(rounding=ROUND_HALF_EVEN))


def written(minor: int, currency: str) -> str:
    """Write an amount with its currency's code and decimals, as in a sentence: GBP 1,234.50."""
    return f"{currency} {to_major(minor, currency):,f}"


def to_major(minor: int, currency: str) -> Decimal:
    """Give an amount in minor units as a decimal in major units."""
    return Decimal(minor).scaleb(-minor_exponent(currency))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` by weight with the largest remainder, so that the parts sum to it.

    Equal remainders go to the earlier part. Where all weights are zero the first part takes all.
    """
    whole = sum(weights)
    if whole == 0:
        return [total, *([0] * (len(weights) - 1))] if weights else []
    sign = -1 if total < 0 else 1
    rest = abs(total)
    parts = [rest * weight // whole for weight in weights]
    missing = rest - sum(parts)
    if missing:
        order = sorted(range(len(weights)), key=lambda i: (-(rest * weights[i] % whole), i))
        for i in order[:missing]:
            parts[i] += 1
    return parts if sign > 0 else [-part for part in parts]


def is_same_currency(currency: str | None, other: str | None) -> bool:
    """Tell whether two amounts may be reckoned together; one whose currency nobody named is taken for the other's."""
    return not currency or not other or currency == other
