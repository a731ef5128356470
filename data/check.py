"""What an event must be so that it can be folded: what a type cannot say is said here, at the door."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from data.errors import RecordInvalid
from data.events import Event, InspectionStated, OrderLine, OrderLineStated, OrderStated, StockMonthStated

_MONTH = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])")
LARGEST_VALUE = Decimal(10) ** 12  #: of one line, in major units


def check(event: Event) -> None:
    """Refuse an event that contradicts itself; its numbers must be finite, which `encode` sees to.

    Raises:
        RecordInvalid: the sentence says what and where.
    """
    match event:
        case OrderStated():
            _distinct((line.line for line in event.lines), len(event.lines), f"order {event.order}")
            for line in event.lines:
                _line(line, event.order)
        case OrderLineStated():
            _line(event.line, event.order)
        case InspectionStated():
            if len(event.dispositions) != len(event.lines):
                raise RecordInvalid(
                    f"inspection {event.inspection} has {len(event.lines)} lines and {len(event.dispositions)} "
                    "dispositions; one for each line was expected"
                )
        case StockMonthStated():
            if not _MONTH.fullmatch(event.month) or len(event.closing) > 31:
                raise RecordInvalid(
                    f"stock of {event.sku} at {event.location}: month {event.month!r} with {len(event.closing)} days; "
                    "YYYY-MM and at most 31 days were expected"
                )


def _distinct(names: Iterable[str], number: int, where: str) -> None:
    if number > 1 and len(set(names)) != number:
        raise RecordInvalid(f"{where} has two lines with one id; every line needs its own")


def _line(line: OrderLine, order: str) -> None:
    if line.units < 0 or line.cancelled_units < 0:
        raise RecordInvalid(f"order {order}, line {line.line}: units are negative; a return is not an order line")
    plausible = line.units < 10_000 and -10_000_000 < line.unit_price < 10_000_000  # most lines: decimals are slow
    if not plausible and abs(line.unit_price * line.units) > LARGEST_VALUE:
        raise RecordInvalid(f"order {order}, line {line.line} is worth more than {LARGEST_VALUE}; that is a mistake")
