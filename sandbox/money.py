"""Money is counted in mills (a tenth of a penny) and written as a decimal string in pounds."""

from __future__ import annotations

import functools

MILLS_PER_PENNY = 10
MILLS_PER_POUND = 1000
CURRENCY = "GBP"


@functools.lru_cache(maxsize=65536)
def pounds(mills: int) -> str:
    """Write an amount, with the third decimal only when it is not zero."""
    sign = "-" if mills < 0 else ""
    whole, rest = divmod(abs(mills), MILLS_PER_POUND)
    if rest % MILLS_PER_PENNY:
        return f"{sign}{whole}.{rest:03d}"
    return f"{sign}{whole}.{rest // MILLS_PER_PENNY:02d}"


def mills(written: str) -> int:
    """Read an amount that `pounds` wrote."""
    whole, _, decimals = written.lstrip("-").partition(".")
    amount = int(whole) * MILLS_PER_POUND + int(decimals.ljust(3, "0"))
    return -amount if written.startswith("-") else amount


def share(amount: int, per_mille: int) -> int:
    """Take a share of an amount, rounded to whole pennies."""
    return round(amount * per_mille / 1000 / MILLS_PER_PENNY) * MILLS_PER_PENNY
