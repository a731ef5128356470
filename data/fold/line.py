"""What is known of an order and its lines while it is folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from data.events import OrderLine
from data.fold.reference import Reference
from data.money import minor_exponent


@dataclass(slots=True)
class Head:
    """The order's own fields."""

    order: str
    channel: str
    currency: str
    placed_at: datetime
    connection: str
    customer: str | None
    country: str | None
    simulated: bool
    hold: str | None = None
    paid: bool = True
    cancelled_at: datetime | None = None
    cancel_cause: str | None = None
    shipping_minor: int = 0


@dataclass(slots=True)
class Sent:
    """Units of a line that left together, with their share of what the parcel cost."""

    at: datetime
    units: int
    freight_minor: int = 0


@dataclass(slots=True)
class Line:
    """One line: what was ordered and what became of it."""

    stated: OrderLine
    gross_minor: int
    net_minor: int
    ship_by: datetime | None = None
    promise: str | None = None
    cancelled: int = 0
    cancel_cause: str | None = None
    excused: int = 0  #: cancelled units that leave the denominators of service rates
    shipped: int = 0
    first_shipment: int = 0
    on_time: int = 0
    told: int = 0
    returned: int = 0
    location: str | None = None
    stage: str = "placed"
    stage_since: datetime | None = None
    sent: list[Sent] = field(default_factory=list)  #: in the order of time
    shipping_minor: int = 0
    payment_fee_minor: int = 0
    marketplace_fee_minor: int = 0
    handling_minor: int = 0

    @property
    def due(self) -> int:
        """Units that are still to be shipped or were."""
        return self.stated.units - self.cancelled

    @property
    def is_service(self) -> bool:
        """Postage, fees: no stock and no parcel."""
        return self.stated.kind == "service"

    @property
    def first_shipped_at(self) -> datetime | None:
        """When the first of its units left."""
        return self.sent[0].at if self.sent else None

    @property
    def last_shipped_at(self) -> datetime | None:
        """When the last of its units so far left."""
        return self.sent[-1].at if self.sent else None

    def value(self, units: int) -> int:
        """Net value of some of its units, in minor units of currency."""
        return self.net_minor * units // self.stated.units if self.stated.units else 0

    def charged(self, units: int) -> int:
        """What the customer paid for some of its units, tax included."""
        return (self.net_minor + self.stated.tax_minor) * units // self.stated.units if self.stated.units else 0


@dataclass(slots=True)
class Costs:
    """What the units of a line cost, in the order in which they left: each at the cost in force on that day."""

    parts: list[tuple[int, Decimal]] | None  #: (units, unit cost in minor units); None where a cost is unknown

    @classmethod
    def of(cls, line: Line, reference: Reference, currency: str) -> Costs:
        """Look the costs of a line's shipments up, in its currency."""
        parts, exponent = [], minor_exponent(currency)
        for sent in line.sent:
            cost = reference.unit_cost(line.stated.sku, sent.at.date(), currency)
            if cost is None:
                return cls(None)
            parts.append((sent.units, cost.scaleb(exponent)))
        return cls(parts)

    def between(self, before: int, upto: int) -> int:
        """Cost of the units after the first `before` up to the first `upto`; parts of a line sum to the whole."""
        if not self.parts:
            return 0
        return _whole(self._of_first(upto)) - _whole(self._of_first(before))

    def _of_first(self, units: int) -> Decimal:
        total = Decimal(0)
        for part, cost in self.parts or ():
            taken = min(units, part)
            total += cost * taken
            units -= taken
        return total


def share(lines: Sequence[Line], component: str, parts: Sequence[int]) -> None:
    """Add each line's part to one of its amounts."""
    for line, part in zip(lines, parts, strict=True):
        setattr(line, component, getattr(line, component) + part)


def _whole(amount: Decimal) -> int:
    return int(amount.to_integral_value(rounding=ROUND_HALF_EVEN))
